"""Resting, coming back, leaving for good; and what a move needs to know of an account.

Source: https://atproto.com/guides/account-lifecycle, https://atproto.com/guides/account-migration
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from freehold.identity.resolver import Identity
from freehold.pds import private, repositories
from freehold.pds.accounts import Account, Accounts
from freehold.pds.confirmations import Confirmations
from freehold.pds.membership import Members
from freehold.pds.second_factor import SecondFactor
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.database import Database
from freehold.store.tx import Tx


class PointsElsewhere(InvalidRequest):
    """The DID document does not name this host and the account's key here."""


class Inventory(NamedTuple):
    """What is here of an account. blocks: of the repository, commit and records included."""

    commit: str
    rev: str
    blocks: int
    records: int
    private_values: int
    blobs_named: int
    blobs_here: int


class Standing:
    """How accounts of one network rest, wake and end. base_url: where this host is. follow: lets our log of a DID say
    what other directories say."""

    def __init__(
        self,
        truth: Database,
        accounts: Accounts,
        members: Members,
        identity: Identity,
        confirmations: Confirmations,
        factors: SecondFactor,
        base_url: str,
        clock: Callable[[], int],
        follow: Callable[[str], Awaitable[object]],
    ) -> None:
        self._truth = truth
        self._accounts = accounts
        self._members = members
        self._identity = identity
        self._confirmations = confirmations
        self._factors = factors
        self._base_url = base_url
        self._clock = clock
        self._follow = follow

    async def assure_points_here(self, account: Account) -> None:
        """Does the DID document, as it is now, name this host and the account's key? Raises PointsElsewhere and what
        resolving raises."""
        await self._follow(account.did)
        self._identity.forget(account.did)
        document = await self._identity.did_document(account.did)
        with self._truth.reading() as tx:
            key = self._accounts.key_of(tx, account.id).did_key
        if document.pds != self._base_url:
            raise PointsElsewhere("The DID document does not name this host as its PDS yet.", did=account.did)
        if document.signing_key != key:
            raise PointsElsewhere("The DID document does not name the key that signs here yet.", did=account.did)

    async def points_here(self, account: Account) -> bool:
        """The same as an answer; False where nobody answers for the DID."""
        try:
            await self.assure_points_here(account)
        except Refused:
            return False
        return True

    async def activate(self, account: Account) -> None:
        """Let a deactivated account speak again. Raises PointsElsewhere and what resolving raises."""
        if account.status != "deactivated":
            return
        await self.assure_points_here(account)
        await self._members.set_status(account, None)

    async def deactivate(self, account: Account, delete_after: int | None = None) -> None:
        """Let an account rest. delete_after: micros since 1970 UTC, when it may be deleted if it still rests."""
        if delete_after is not None and delete_after <= self._clock():
            raise InvalidRequest("deleteAfter must be in the future.")
        await self._members.set_status(account, "deactivated")
        await self._truth.write(lambda tx: self._accounts.set_delete_after(tx, account, delete_after))

    async def delete(self, did: str, password: str, code: str) -> None:
        """End an account for good, on its password and the code that was sent where one can be, else that of its second
        factor if it has one. Raises WrongPassword, InvalidCode, ExpiredCode, FactorNeeded, WrongFactor."""
        account = await self._members.check_password(did, password)
        if self._confirmations.reaches(account):
            await self._confirmations.confirm(account, "delete account", code)
        else:
            await self._factors.assure(account, code)
        await self._members.delete(account)

    async def delete_due(self) -> None:
        """Delete the resting accounts whose time has come."""
        with self._truth.reading() as tx:
            rows = tx.run(
                "SELECT did FROM account WHERE delete_after <= :now AND status = 'deactivated' LIMIT 100",
                now=tx.now,
            )
        for (did,) in rows:
            await self._members.delete(self._accounts.one(did))

    def inventory(self, account: Account) -> Inventory:
        """Count what is here of an account."""
        with self._truth.reading() as tx:
            head = repositories.require_head(tx, account.id)
            nodes, records, named, here = (
                _count(tx, sql, account.id)
                for sql in (
                    "SELECT count(*) FROM repo_node WHERE repo = :id",
                    "SELECT count(*) FROM repo_record WHERE repo = :id",
                    "SELECT count(DISTINCT cid) FROM blob_use WHERE repo = :id",
                    "SELECT count(*) FROM blob b WHERE repo = :id AND EXISTS"
                    " (SELECT 1 FROM blob_use u WHERE u.repo = b.repo AND u.cid = b.cid)",
                )
            )
            values = _count(tx, "SELECT count(DISTINCT cid) FROM repo_record WHERE repo = :id", account.id)
            private_values = len(private.preferences(tx, self._accounts.seal, account))
        return Inventory(str(head.commit), head.rev, 1 + nodes + values, records, private_values, named, here)


def _count(tx: Tx, sql: str, account_id: int) -> int:
    row = tx.one(sql, id=account_id)
    return int(row[0]) if row else 0
