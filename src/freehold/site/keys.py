"""Every key put in the place of another while the network runs, and keys that members hold themselves."""

import asyncio

from freehold.identity.change import Changes
from freehold.pds.key_rotation import KeyRotation
from freehold.pds.own_keys import OwnKeys
from freehold.pds.plc_requests import PlcRequests
from freehold.pds.reclaiming import Reclaiming
from freehold.pds.relocation import JOB as MOVE_IDENTITY
from freehold.pds.relocation import MovesElsewhere
from freehold.pds.rotations import Rotations
from freehold.site.account_life import AccountLife
from freehold.site.ground import SEALED
from freehold.store.resealing import Resealing


class KeyChanges(AccountLife):
    """A host whose keys can be changed."""

    def _open_key_changes(self) -> None:
        truth, accounts = self.truth, self.accounts
        self.changes = Changes(truth, self.register, self.operations, self.publisher, self.identity, self.client)
        self.jobs.handles(MOVE_IDENTITY, MovesElsewhere(self.changes, accounts).perform)
        self.key_rotation = KeyRotation(
            truth, accounts, self.repositories, self.changes, self.seal, self.place.base_url
        )
        self.rotations = Rotations(
            truth=truth,
            seal=self.seal,
            accounts=accounts,
            tokens=self.tokens,
            register=self.register,
            changes=self.changes,
            signing=self.key_rotation,
            labeler=self.services.labeler,
            sign_labels=self.labels.sign_anew,
        )
        self.resealing = Resealing(truth, self.keyring, SEALED)
        self.rotating = asyncio.Lock()
        self.plc_requests = PlcRequests(truth, accounts, self.register, self.operations, self.confirmations)
        self.reclaiming = Reclaiming(accounts, self.register, self.operations, self.plc_requests, self.clock)
        self.own_keys = OwnKeys(truth, self.seal, self.members, self.register, self.operations, self.changes)
