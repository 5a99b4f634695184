"""An account comes from a host that is gone: a backup of its repository, and a rotation key of the member's own.

Nobody at the old host is asked. The key signs the identity over to this host, here and now; what a lower key did within
the last 72 hours (a hostile host taking the key out, or ending the identity) is taken back by it. The key itself is
used and kept nowhere. Each step may be done again after a kill.
Source: https://atproto.com/guides/account-migration, https://web.plc.directory/spec/v0.1/did-plc
"""

from collections.abc import Callable, Sequence

from freehold.identity.operations import Operations, last_naming, rotation_keys
from freehold.pds.accounts import Account, Accounts
from freehold.pds.arriving import Arrived, Arriving, Fetch, Progress
from freehold.pds.backup import Backup, BadBackup
from freehold.pds.membership import Application
from freehold.pds.moving_in import MovingIn, assure_rests
from freehold.pds.plc_requests import PlcRequests
from freehold.pds.standing import Standing
from freehold.protocol import plc
from freehold.protocol.keys import SigningKey
from freehold.protocol.plc import Entry
from freehold.protocol.plcform import MAX_ROTATION_KEYS
from freehold.repo import commit
from freehold.repo.commit import BadCommit, Commit


class Rescue:
    """Brings accounts of dead hosts to one network. clock: micros since 1970 UTC."""

    def __init__(
        self,
        accounts: Accounts,
        moving_in: MovingIn,
        arriving: Arriving,
        operations: Operations,
        plc_requests: PlcRequests,
        standing: Standing,
        clock: Callable[[], int],
    ) -> None:
        self._accounts = accounts
        self._moving_in = moving_in
        self._arriving = arriving
        self._operations = operations
        self._plc_requests = plc_requests
        self._standing = standing
        self._clock = clock

    async def examine(self, backup: Backup, key: SigningKey) -> Account | None:
        """Can this backup and key bring the account here at all? The account, if it waits here from an earlier try.

        Raises BadBackup, KeyHasNoRight, AlreadyHere, NotPlc, NotRegistered, BadOperation, upstream refusals.
        """
        signed = backup.commit()
        await self._operations.follow(signed.did)
        entries = await self._operations.entries(signed.did)
        self._operations.sign_by(signed.did, entries, key, {}, self._clock())
        assure_signed(signed, entries)
        account = self._accounts.find(signed.did)
        if account is not None:
            assure_rests(account)
        return account

    async def bring(
        self, backup: Backup, key: SigningKey, given: Application, elsewhere: Fetch | None, progress: Progress
    ) -> Arrived:
        """Bring the account here and wake it. given: its handle and password here, if it is not here yet. elsewhere:
        where to look for blobs that the backup lacks. Raises as `examine` and what joining raises."""
        account = await self.examine(backup, key)
        if account is None:
            account = (await self._moving_in.admit(backup.commit().did, given)).account
        records = await self._arriving.repository(account, backup.repository(), progress)
        lacking = await self._arriving.blobs(account, backup.blob, progress)
        if lacking and elsewhere is not None:
            lacking = await self._arriving.blobs(account, elsewhere, progress)
        kept = backup.private()
        if kept:
            await self._arriving.settings(account, kept.get("preferences", ()), kept.get("mutes", ()), kept.get("kept"))
        if not await self._standing.points_here(account):
            await self._point_here(account, key)
        await self._standing.activate(account)
        return Arrived(self._accounts.one(account.did), records, lacking)

    async def _point_here(self, account: Account, key: SigningKey) -> None:
        """New signing key, new endpoint, this network's rotation keys below the one that signs and those above it."""
        changes, entries = self._plc_requests.recommended(account), await self._operations.entries(account.did)
        named = rotation_keys(last_naming(account.did, entries, key.did_key).operation)
        above, ours = named[: named.index(key.did_key)], changes["rotationKeys"]
        ranked = (*above[: MAX_ROTATION_KEYS - 1 - len(ours)], key.did_key, *ours)
        changes["rotationKeys"] = list(dict.fromkeys(ranked))
        signed = self._operations.sign_by(account.did, entries, key, changes, self._clock())
        await self._operations.submit(account.did, signed)


def assure_signed(signed: Commit, entries: Sequence[Entry]) -> None:
    """A key that the identity named at some time must have signed the repository. Raises BadBackup."""
    states = [plc.modern(entry.operation) for entry in entries if entry.operation["type"] != "plc_tombstone"]
    for key in {state["verificationMethods"].get("atproto") for state in states} - {None}:
        try:
            commit.verify(signed, key)
        except BadCommit:
            continue
        return
    raise BadBackup("No key that this identity ever named has signed the repository in that backup.", did=signed.did)
