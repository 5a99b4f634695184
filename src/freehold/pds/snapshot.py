"""Everything that an index is made of, as it stands: for a rebuild from the repositories.

It is read page by page, so that nobody holds up the folding of the log for long; what changes meanwhile is in the
stream.
"""

from collections.abc import Iterator
from typing import Any

from freehold.pds import kept, private, repositories, verifiers
from freehold.pds.accounts import Account, Accounts
from freehold.pds.repositories import records_after
from freehold.pds.takedowns import ACCOUNT
from freehold.protocol.cid import Cid
from freehold.store.database import Database

PAGE = 500
Kept = dict[str, Any]


class Snapshot:
    """Reads one network's truth."""

    def __init__(self, truth: Database, accounts: Accounts) -> None:
        self._truth = truth
        self._accounts = accounts

    def accounts(self) -> Iterator[Account]:
        """Every account that has a repository, in the order of joining."""
        after = 0
        while page := self._accounts.page(after, PAGE):
            yield from page
            after = page[-1].id

    def records(self, account: Account) -> Iterator[tuple[str, Cid, bytes]]:
        """(path, CID, DAG-CBOR) of every record, in order of path."""
        after = ""
        while page := self._records_after(account, after):
            yield from page
            after = page[-1][0]

    def _records_after(self, account: Account, path: str) -> list[tuple[str, Cid, bytes]]:
        with self._truth.reading() as tx:
            return records_after(tx, account.id, path, PAGE)

    def record(self, did: str, path: str) -> tuple[Cid, bytes] | None:
        """One record as it stands; None where there is none."""
        account = self._accounts.find(did)
        if account is None:
            return None
        with self._truth.reading() as tx:
            return repositories.record(tx, account.id, path)

    def rev(self, account: Account) -> str | None:
        """The revision that the repository has reached. Ask before `records`: those are then no older."""
        with self._truth.reading() as tx:
            head = repositories.head(tx, account.id)
        return head.rev if head is not None else None

    def muted_by(self, did: str) -> list[tuple[str, int]]:
        """Whom a member mutes, and since when."""
        account = self._accounts.find(did)
        if account is None:
            return []
        with self._truth.reading() as tx:
            return private.mutes(tx, self._accounts.seal, account.id)

    def kept_by(self, did: str) -> tuple[Kept, Kept, Kept, Kept, list[str]]:
        """What a member keeps for themselves, as `kept.for_index` has it, and to which labelers they listen."""
        account = self._accounts.find(did)
        if account is None:
            return {}, {}, {}, {}, []
        seal = self._accounts.seal
        with self._truth.reading() as tx:
            listened = private.labelers_in(private.preferences(tx, seal, account))
            return *kept.for_index(tx, seal, account.id), listened

    def private(self) -> Iterator[tuple[str, str, dict[str, object]]]:
        """Who mutes and verifies, what is down and was seen: (kind, DID, body) as the private log would tell it."""
        with self._truth.reading() as tx:
            for did in private.who_mute(tx):
                yield "mute", did, {}
            for did, subject in tx.each("SELECT did, subject FROM takedown"):
                if "/" in subject or subject == ACCOUNT:  # the index knows nothing of blobs
                    yield "takedown", did, {"subject": subject, "on": True}
            for did in verifiers.all_of(tx):
                yield "verifier", did, {"on": True}
            for did, at in tx.each("SELECT a.did, s.at FROM seen s JOIN account a ON a.id = s.account"):
                yield "seen", did, {"at": at}
