"""The rotation keys that a member's DID has beside the network's: which stand, one made, one taken out.

In comes the member's password; out comes a new key, whose secret half is in the answer and nowhere else. It becomes the
first of all rotation keys, so that it can take back whatever a lower one does within 72 hours, this host's included.
Source: https://web.plc.directory/spec/v0.1/did-plc
"""

from typing import Any

from freehold.identity.change import Changes
from freehold.identity.operations import Operations
from freehold.identity.register import Register
from freehold.pds import recovery_keys
from freehold.pds.accounts import Account
from freehold.pds.membership import Members
from freehold.pds.recovery_keys import Made
from freehold.protocol import plc
from freehold.protocol.plcform import MAX_ROTATION_KEYS
from freehold.protocol.refused import InvalidRequest
from freehold.store.database import Database
from freehold.store.sealed import Seal


class TooManyKeys(InvalidRequest):
    """An identity names five rotation keys at most."""

    say = "Your identity names as many keys as it can. Replace one of them, or remove one."


class OwnKeys:
    """The recovery keys of one network's members."""

    def __init__(
        self,
        truth: Database,
        seal: Seal,
        members: Members,
        register: Register,
        operations: Operations,
        changes: Changes,
    ) -> None:
        self._truth = truth
        self._seal = seal
        self._members = members
        self._register = register
        self._operations = operations
        self._changes = changes

    async def standing(self, account: Account) -> list[str]:
        """The did:key texts of the member's own, highest first. Raises NotPlc for a did:web, upstream refusals."""
        newest = await self._operations.newest(account.did)
        with self._truth.reading() as tx:
            of_network = recovery_keys.network_keys(tx, self._seal, self._register.rotation_keys)
        return recovery_keys.standing(newest, of_network)

    async def make(self, account: Account, password: str, instead_of: str = "") -> Made:
        """A new key above all others. instead_of: the did:key of one of their own that goes. Raises WrongPassword,
        TooManyKeys, and what changing an identity raises."""
        await self._members.check_password(account.did, password)
        await self._operations.follow(account.did)
        made = recovery_keys.make()
        replaced = instead_of if instead_of in await self.standing(account) else ""
        kept = [key for key in await self._all(account) if key != replaced]
        if len(kept) >= MAX_ROTATION_KEYS:
            raise TooManyKeys
        await self._set(account, [made.did_key, *kept])
        return made

    async def remove(self, account: Account, password: str, did_key: str) -> None:
        """Take one of the member's own out; the network's stay. Raises WrongPassword, and as changing raises."""
        await self._members.check_password(account.did, password)
        await self._operations.follow(account.did)
        if did_key in await self.standing(account):
            await self._set(account, [key for key in await self._all(account) if key != did_key])

    async def _all(self, account: Account) -> list[str]:
        newest: dict[str, Any] = plc.modern(await self._operations.newest(account.did))
        return list(newest.get("rotationKeys", ()))

    async def _set(self, account: Account, keys: list[str]) -> None:
        await self._changes.make(account.did, lambda state: {"rotationKeys": keys})
