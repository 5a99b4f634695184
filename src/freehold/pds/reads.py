"""What anybody may read of a repository here: records, collections, where it stands."""

from typing import Any, NamedTuple

import msgspec

from freehold.pds import repositories
from freehold.pds.accounts import Account
from freehold.pds.repositories import Head
from freehold.pds.takedowns import Takedowns
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.database import Database
from freehold.store.tx import Tx

Record = dict[str, Any]
Row = tuple[str, bytes, bytes]
"""Record key, CID, DAG-CBOR."""

RENDERED_KEPT = 16_384
RENDERED_MAX_BYTES = 1_024
"""Of a record whose JSON is kept: most are a few hundred bytes, and the larger ones are not to fill the memory."""


class RecordNotFound(Refused):
    """Nothing stands there, or not in that version."""

    name = "RecordNotFound"
    say = "There is no such record."


class Shown(NamedTuple):
    """A record as the doors show it. cid: as text; value: its JSON."""

    rkey: str
    cid: str
    value: msgspec.Raw


class Reads:
    """The read side of one network's repositories."""

    def __init__(self, truth: Database, takedowns: Takedowns) -> None:
        self._truth = truth
        self._takedowns = takedowns

    def record(self, account: Account, path: str) -> Record:
        """The record at `path`. Raises RecordNotFound."""
        record: Record = cbor.decode_json(self._find(account, path, None)[1])
        return record

    def shown(self, account: Account, path: str, wanted: Cid | None = None) -> Shown:
        """The record at `path` as JSON; only that version if `wanted` says which. Raises RecordNotFound."""
        if self._takedowns.ref_of(account.did, path) is not None:
            raise RecordNotFound(f"Could not locate record: at://{account.did}/{path}")
        return Shown(path.partition("/")[2], *_render(*self._find(account, path, wanted)))

    def page(
        self, account: Account, collection: str, limit: int, cursor: str | None, oldest_first: bool
    ) -> list[Shown]:
        """A page of a collection as JSON, newest key first unless `oldest_first`."""
        with self._truth.reading() as tx:
            rows = repositories.records(tx, account.id, collection, limit, cursor, oldest_first)
            if self._takedowns.any_of(account.did):
                rows = self._standing(tx, account, collection, rows, limit, oldest_first)
        return [Shown(rkey, *_render(cid, data)) for rkey, cid, data in rows]

    def _standing(
        self, tx: Tx, account: Account, collection: str, rows: list[Row], limit: int, oldest_first: bool
    ) -> list[Row]:
        """The page without what was taken down, filled up with what comes after it."""
        page: list[Row] = []
        while rows:
            page += [row for row in rows if self._takedowns.ref_of(account.did, f"{collection}/{row[0]}") is None]
            if len(page) == limit:
                break
            rows = repositories.records(tx, account.id, collection, limit - len(page), rows[-1][0], oldest_first)
        return page

    def _find(self, account: Account, path: str, wanted: Cid | None) -> tuple[Cid, bytes]:
        with self._truth.reading() as tx:
            found = repositories.record(tx, account.id, path)
        if found is None or (wanted is not None and found[0] != wanted):
            raise RecordNotFound(f"Could not locate record: at://{account.did}/{path}")
        return found

    def collections(self, account: Account) -> list[str]:
        """The collections that hold a record."""
        with self._truth.reading() as tx:
            return repositories.collections(tx, account.id)

    def head(self, account: Account) -> Head:
        """Where the repository stands. Raises RepoNotFound."""
        with self._truth.reading() as tx:
            return repositories.require_head(tx, account.id)

    def holding(self, collection: str, cursor: str | None, limit: int) -> list[tuple[int, str]]:
        """A page of (account id, DID) of the active accounts that have a record of the collection, as `repositories`
        pages."""
        with self._truth.reading() as tx:
            rows = tx.run(
                "SELECT a.id, a.did FROM account a WHERE a.id > :after AND a.status IS NULL AND EXISTS"
                " (SELECT 1 FROM repo_record r WHERE r.repo = a.id AND r.path > :first AND r.path < :last)"
                " ORDER BY a.id LIMIT :n",
                after=_after(cursor),
                first=f"{collection}/",
                last=f"{collection}0",  # the letter after the slash
                n=limit,
            )
        return [(int(id), str(did)) for id, did in rows]

    def repositories(self, cursor: str | None, limit: int) -> list[tuple[Account, Head]]:
        """A page of all repositories in the order of joining. cursor: the last account id of the page before."""
        with self._truth.reading() as tx:
            rows = tx.run(
                "SELECT a.id, a.did, a.handle, a.role, a.status, a.created_at, h.commit_cid, h.rev, h.root, h.block"
                " FROM account a JOIN repo_head h ON h.repo = a.id WHERE a.id > :after ORDER BY a.id LIMIT :n",
                after=_after(cursor),
                n=limit,
            )
        return [(Account(*row[:6]), Head(Cid(row[6]), row[7], Cid(row[8]), bytes(row[9]))) for row in rows]


def _after(cursor: str | None) -> int:
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidRequest("That cursor is not one of ours.")
    return int(cursor or 0)


def _render(cid: bytes, data: bytes) -> tuple[str, msgspec.Raw]:
    """CID and record as the doors say them. What a CID means never changes, so it need not be worked out twice."""
    rendered = _rendered.get(cid)
    if rendered is None:
        rendered = str(Cid(cid)), msgspec.Raw(msgspec.json.encode(cbor.decode_json(data)))
        if len(data) <= RENDERED_MAX_BYTES:
            if len(_rendered) >= RENDERED_KEPT:
                _rendered.pop(next(iter(_rendered)), None)  # the one that came first
            _rendered[cid] = rendered
    return rendered


_rendered: dict[bytes, tuple[str, msgspec.Raw]] = {}
