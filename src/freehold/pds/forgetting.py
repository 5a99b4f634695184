"""What is deleted or replaced leaves the stream a day later, and not only when its event is cut after 72 hours.

A commit's event carries the records that it brought. When one of them goes, the commit is noted, in the transaction
that deletes; a while later (`event_forget_hours`: who reads the stream live, or was away for a night, has had it by
then) its event says no more than `#sync`: the signed commit, and no record. Who comes from a cursor before it fetches
the repository anew, as after any reset, and finds there what still stands. An event from which a single block were
missing would be whole for nobody: programs that verify refuse it, with every other record that it brought. So nothing
of a deleted record is in the database file any more after that, nor in the bases that archives make from then on.

An event is found by its commit's revision, which is a time, as `stream.finding` says; also after a clock was set back.
Table: superseded. Source: https://atproto.com/specs/sync#firehose
"""

from collections.abc import Iterable, Sequence

from freehold.protocol.tid import tid_decode
from freehold.repo import car
from freehold.repo.diff import Op
from freehold.store.migrations import Migration
from freehold.store.tx import Tx
from freehold.stream import finding
from freehold.stream import log as stream

SCHEMA = (
    Migration(
        "pds-100-superseded",
        """
        CREATE TABLE superseded (
            at BIGINT NOT NULL,
            did TEXT NOT NULL,
            rev TEXT NOT NULL,
            PRIMARY KEY (at, did, rev)
        );
        """,
    ),
)

NEAR_MICROS = 1_000_000
"""How far a revision may be ahead of its event: those of one moment are given a microsecond each."""
SWEPT_AT_ONCE = 100
AT_ONCE = 0
"""The moment from which on an event that nobody is shown any more may be forgotten."""


def superseded(tx: Tx, repo: int, ops: Sequence[Op]) -> set[str]:
    """The revisions of the commits that brought what these changes are about to replace or delete."""
    paths = [op.path for op in ops if op.prev is not None]
    sql = "SELECT rev FROM repo_record WHERE repo = :repo AND path = :path"
    return {row[0] for path in paths if (row := tx.one(sql, repo=repo, path=path)) is not None}


def all_of(tx: Tx, repo: int) -> set[str]:
    """Those of everything, for a repository that goes."""
    return {rev for (rev,) in tx.each("SELECT DISTINCT rev FROM repo_record WHERE repo = :repo", repo=repo)}


def note(tx: Tx, did: str, revs: Iterable[str], at: int) -> None:
    """Let the events of these commits, as far as they are still kept, be forgotten when `at` is long enough ago."""
    oldest = finding.oldest_time(tx)
    rows = [{"at": at, "did": did, "rev": rev} for rev in revs if tid_decode(rev)[0] >= oldest]
    tx.many("INSERT INTO superseded (at, did, rev) VALUES (:at, :did, :rev) ON CONFLICT DO NOTHING", rows)


def sweep(tx: Tx, before: int) -> int:
    """Forget, of what was noted before a moment, the events of some commits; how many there were."""
    rows = tx.run(
        "SELECT at, did, rev FROM superseded WHERE at < :before ORDER BY at LIMIT :n", before=before, n=SWEPT_AT_ONCE
    )
    for at, did, rev in rows:
        _forget(tx, did, rev)
        tx.run("DELETE FROM superseded WHERE at = :at AND did = :did AND rev = :rev", at=at, did=did, rev=rev)
    return len(rows)


def _forget(tx: Tx, did: str, rev: str) -> None:
    for seq, payload in finding.commits_near(tx, did, tid_decode(rev)[0], NEAR_MICROS):
        if payload["rev"] == rev:
            reader = car.CarReader()
            blocks = dict(reader.feed(payload["blocks"]))
            head = payload["commit"]
            said = {"did": did, "rev": rev, "blocks": car.header([head]) + car.block(head, blocks[head])}
            stream.replace(tx, seq, "sync", {**said, "seq": seq, "time": payload["time"]})
            return
