"""What is deleted or replaced leaves the stream at once, and not only when its event is cut after 72 hours.

A commit's event carries the records that it brought. When one of them goes, its block is taken out of that event, in
the transaction that deletes it: who reads the stream from an old cursor gets the commit, whole but for what is no more,
and the event that says so later. The signature and the tree still prove everything; programs pass over a record that
is named and not there. So nothing of a deleted record is in the database file any more, nor in the bases that archives
make of it from then on.

An event is found by its commit's revision, which is a time: the log is in the order of times. After a clock was set
back it may not be found; then it goes with its window.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from freehold.protocol.cid import Cid
from freehold.protocol.tid import tid_decode
from freehold.repo import car
from freehold.repo.diff import Op
from freehold.store.tx import Tx
from freehold.stream import log as stream

NEAR_MICROS = 1_000_000
"""How far a revision may be ahead of its event: those of one moment are given a microsecond each."""

Superseded = tuple[str, bytes]
"""Revision of the commit that brought a record, and the record's CID."""


def superseded(tx: Tx, repo: int, ops: Sequence[Op]) -> list[Superseded]:
    """What these changes are about to replace or delete."""
    paths = [op.path for op in ops if op.prev is not None]
    found = (
        tx.one("SELECT rev, cid FROM repo_record WHERE repo = :repo AND path = :path", repo=repo, path=path)
        for path in paths
    )
    return [(rev, bytes(cid)) for rev, cid in filter(None, found)]


def all_of(tx: Tx, repo: int) -> list[Superseded]:
    """Everything, for a repository that goes."""
    return [(rev, bytes(cid)) for rev, cid in tx.each("SELECT rev, cid FROM repo_record WHERE repo = :repo", repo=repo)]


def leave_out(tx: Tx, did: str, repo: int, gone: Iterable[Superseded]) -> None:
    """Take these out of the events that carry them, but for what another record is that came with the same commit."""
    oldest = stream.oldest_time(tx)
    by_rev: dict[str, set[bytes]] = defaultdict(set)
    for rev, cid in gone:
        if tid_decode(rev)[0] >= oldest and not _stands(tx, repo, rev, cid):
            by_rev[rev].add(cid)
    for rev, cids in by_rev.items():
        for seq, payload in stream.commits_near(tx, did, tid_decode(rev)[0], NEAR_MICROS):
            if payload["rev"] == rev:
                blocks = without(payload["blocks"], cids)
                stream.replace(tx, seq, "commit", {**payload, "blocks": blocks})
                break


def without(blocks: bytes, cids: set[bytes]) -> bytes:
    """A CAR of ours without these blocks."""
    reader = car.CarReader()
    kept = reader.feed(blocks)
    parts = [car.header(reader.roots or [])]
    parts += [car.block(cid, data) for cid, data in kept if bytes(cid) not in cids]
    return b"".join(parts)


def _stands(tx: Tx, repo: int, rev: str, cid: bytes) -> bool:
    """Whether a record with this content that came with this commit is there."""
    sql = "SELECT 1 FROM repo_record WHERE repo = :repo AND cid = :cid AND rev = :rev LIMIT 1"
    return bool(tx.one(sql, repo=repo, cid=Cid(cid), rev=rev))
