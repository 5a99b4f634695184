"""What anybody may read of a repository here: records, collections, where it stands."""

from typing import Any

from freehold.pds import repositories
from freehold.pds.accounts import Account
from freehold.pds.repositories import Head
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.database import Database

Record = dict[str, Any]


class RecordNotFound(Refused):
    """Nothing stands there, or not in that version."""

    name = "RecordNotFound"
    say = "There is no such record."


class Reads:
    """The read side of one network's repositories."""

    def __init__(self, truth: Database) -> None:
        self._truth = truth

    def record(self, account: Account, path: str, wanted: Cid | None = None) -> tuple[Cid, Record]:
        """The record at `path`; only that version if `wanted` says which. Raises RecordNotFound."""
        with self._truth.reading() as tx:
            found = repositories.record(tx, account.id, path)
        if found is None or (wanted is not None and found[0] != wanted):
            raise RecordNotFound(f"Could not locate record: at://{account.did}/{path}")
        return found[0], cbor.decode_json(found[1])

    def records(
        self, account: Account, collection: str, limit: int, cursor: str | None, oldest_first: bool
    ) -> list[tuple[str, Cid, Record]]:
        """A page of (rkey, CID, record) of a collection, newest key first unless `oldest_first`."""
        with self._truth.reading() as tx:
            rows = repositories.records(tx, account.id, collection, limit, cursor, oldest_first)
        return [(rkey, cid, cbor.decode_json(data)) for rkey, cid, data in rows]

    def collections(self, account: Account) -> list[str]:
        """The collections that hold a record."""
        with self._truth.reading() as tx:
            return repositories.collections(tx, account.id)

    def head(self, account: Account) -> Head:
        """Where the repository stands. Raises RepoNotFound."""
        with self._truth.reading() as tx:
            return repositories.require_head(tx, account.id)

    def repositories(self, cursor: str | None, limit: int) -> list[tuple[Account, Head]]:
        """A page of all repositories in the order of joining. cursor: the last account id of the page before."""
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise InvalidRequest("That cursor is not one of ours.")
        with self._truth.reading() as tx:
            rows = tx.run(
                "SELECT a.id, a.did, a.handle, a.role, a.status, a.created_at, h.commit_cid, h.rev, h.root, h.block"
                " FROM account a JOIN repo_head h ON h.repo = a.id WHERE a.id > :after ORDER BY a.id LIMIT :n",
                after=int(cursor or 0),
                n=limit,
            )
        return [(Account(*row[:6]), Head(Cid(row[6]), row[7], Cid(row[8]), bytes(row[9]))) for row in rows]
