"""The two logs of a network: `event`, which all the world may read, and `private_event`, which never leaves.

Tables: event, private_event. Rows are appended inside the transaction of the change that they tell of; since one writer
commits one group after the other, the order of the numbers is the order of the commits and no reader by cursor skips.
Numbers rise by one and an undone write leaves no gap; each log counts for itself, so that the public numbers betray
nothing of the private ones. The newest row of each is never cut: the next number comes from it, and none is used twice.
Source: https://atproto.com/specs/sync#firehose
"""

from collections.abc import AsyncIterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import apsw
import msgspec

from freehold.protocol.syntax import format_datetime
from freehold.store.connection import BUSY_MS
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.tx import Row, Tx
from freehold.stream import finding, frames
from freehold.stream.bell import Bell
from freehold.stream.recent import Changed, Event, Recent, Told

__all__ = [
    "Changed",
    "Event",
    "Log",
    "Private",
    "Said",
    "Told",
    "append",
    "append_all",
    "append_private",
    "cut",
    "leap",
    "newest_in",
    "replace",
]

PublicKind = Literal["commit", "sync", "identity", "account"]

READ_MAX_BYTES = 4_000_000
PATIENCE_SECONDS = 30.0
CUT_MAX_ROWS = 1_000
MARK_BYTES = 7

SCHEMA: tuple[Migration, ...] = (
    Migration(
        "stream-1-logs",
        """
        CREATE TABLE event (
            seq INTEGER PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('commit', 'sync', 'identity', 'account')),
            did TEXT NOT NULL,
            at BIGINT NOT NULL,
            bytes_so_far BIGINT NOT NULL,
            frame BLOB NOT NULL
        );
        CREATE TABLE private_event (
            seq INTEGER PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind NOT IN ('commit', 'sync', 'identity', 'account')),
            did TEXT NOT NULL,
            at BIGINT NOT NULL,
            body BLOB NOT NULL
        );
        """,
    ),
    *finding.SCHEMA,
)


class Private(NamedTuple):
    """An event that stays inside. body: JSON, as it was appended."""

    seq: int
    kind: str
    did: str
    at: int
    body: dict[str, Any]


Said = tuple[str, dict[str, Any], Told | None]
"""DID, payload, and what is told of an event, as `append` has them."""


def append(tx: Tx, kind: PublicKind, did: str, payload: dict[str, Any], told: Told | None = None) -> int:
    """Tell the world, as the last act of a write; the event's seq.

    payload: the message without `seq` and `time`, which are added here; CIDs as `Cid`, blocks as bytes. told: the same
    of a commit, for those who follow it in this process.
    """
    return append_all(tx, kind, [(did, payload, told)])[0]


def append_all(tx: Tx, kind: PublicKind, said: Sequence[Said]) -> list[int]:
    """The same of several events, in order."""
    seq, so_far, last = tx.known.get("stream.newest") or _newest_event(tx)
    if tx.now < last:
        finding.note_set_back(tx, seq + 1, last)
    rows = []
    for did, payload, told in said:
        seq += 1
        frame = frames.encode(kind, {**payload, "seq": seq, "time": _time(tx.now)})
        so_far += len(frame)
        rows.append((seq, kind, did, tx.now, so_far, frame))
        tx.tell_each("stream.appended", Event(seq, kind, did, tx.now, frame, told))
    tx.many("INSERT INTO event (seq, kind, did, at, bytes_so_far, frame) VALUES (?, ?, ?, ?, ?, ?)", rows)
    tx.known["stream.newest"] = seq, so_far, tx.now
    tx.tell("stream.public", seq)
    return [row[0] for row in rows]


_time = lru_cache(maxsize=4)(format_datetime)  # the writes of one group share it


def _newest_event(tx: Tx) -> tuple[int, int, int]:
    """(seq, bytes so far, when) of the newest event, zeros when there is none."""
    return tx.one("SELECT seq, bytes_so_far, at FROM event ORDER BY seq DESC LIMIT 1") or (0, 0, 0)


def leap(tx: Tx, count: int) -> None:
    """Let the next public event, which the caller appends in this transaction, have a number so much higher."""
    newest, so_far, last = tx.known.get("stream.newest") or _newest_event(tx)
    tx.known["stream.newest"] = newest + count, so_far, last


def append_private(tx: Tx, kind: str, did: str, body: dict[str, Any]) -> int:
    """Tell the rooms of this network; the event's seq in the private log. body: JSON; seal secrets before."""
    newest = tx.one("SELECT seq FROM private_event ORDER BY seq DESC LIMIT 1")
    seq: int = newest[0] + 1 if newest else 1
    tx.run(
        "INSERT INTO private_event (seq, kind, did, at, body) VALUES (:seq, :kind, :did, :at, :body)",
        seq=seq,
        kind=kind,
        did=did,
        at=tx.now,
        body=msgspec.json.encode(body),
    )
    tx.tell("stream.private", seq)
    return seq


def cut(tx: Tx, before_micros: int, max_bytes: int, limit: int = CUT_MAX_ROWS) -> int:
    """Drop the oldest events of both logs: those before a time, and public ones beyond so many bytes in all.

    At most `limit` rows of each, so that writers do not wait long: call again until it answers 0 (rows dropped).
    """
    newest = tx.one("SELECT seq, bytes_so_far FROM event ORDER BY seq DESC LIMIT 1")
    dropped = 0
    if newest is not None:
        oldest = tx.run("SELECT seq, at, bytes_so_far FROM event ORDER BY seq LIMIT :limit", limit=limit)
        too_much = newest[1] - max_bytes
        gone = takewhile(lambda row: row[0] < newest[0] and (row[1] < before_micros or row[2] <= too_much), oldest)
        dropped += _drop(tx, "DELETE FROM event WHERE seq <= :seq", list(gone))
        if dropped:
            tx.tell("stream.rewritten", newest[0])
    private = tx.run("SELECT seq, at FROM private_event ORDER BY seq LIMIT :limit", limit=limit + 1)
    gone = takewhile(lambda row: row[1] < before_micros, private[:-1])
    return dropped + _drop(tx, "DELETE FROM private_event WHERE seq <= :seq", list(gone))


def _drop(tx: Tx, sql: str, gone: list[Row]) -> int:
    if not gone:
        return 0
    tx.run(sql, seq=gone[-1][0])
    return tx.changes()


def replace(tx: Tx, seq: int, kind: PublicKind, payload: dict[str, Any]) -> None:
    """Let an event say something else than it did, under the same number."""
    frame = frames.encode(kind, payload)
    tx.run("UPDATE event SET kind = :kind, frame = :frame WHERE seq = :seq", seq=seq, kind=kind, frame=frame)
    tx.tell("stream.rewritten", seq)


def newest_in(path: Path) -> tuple[int, int]:
    """The newest numbers in both logs of a file that may be anybody's copy: who has higher ones knows more.

    Zeros where there is none. The file is opened to read only. Raises apsw.Error.
    """
    connection = apsw.Connection(f"file:{quote(str(path))}?mode=ro", apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    try:
        connection.set_busy_timeout(BUSY_MS)
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'private_event'").fetchall():
            return 0, 0
        found = connection.execute("SELECT (SELECT max(seq) FROM event), (SELECT max(seq) FROM private_event)")
        public, private = found.fetchall()[0]
    finally:
        connection.close()
    return int(public or 0), int(private or 0)


class Log:
    """Reads both logs of a database and wakes their followers.

    last, last_private: newest acknowledged seq, 0 when there is none. bell: rung once after each group that told
    anything.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self.bell = Bell()
        self._recent = Recent()
        self._private_row: tuple[int, Row | None] = (0, None)
        with db.reading() as tx:
            self.last = _newest(tx, "SELECT max(seq) FROM event")
            self.last_private = _newest(tx, "SELECT max(seq) FROM private_event")
        if not db.read_only:
            db.listen(self._heard)
            db.on_rest(self._recent.clear)

    def _heard(self, told: dict[str, Any]) -> None:
        if "stream.rewritten" in told:
            self._recent.clear()
        else:
            self._recent.add(told.get("stream.appended", ()))
        self.last = told.get("stream.public", self.last)
        self.last_private = told.get("stream.private", self.last_private)
        if "stream.public" in told or "stream.private" in told:
            self.bell.ring()

    def oldest(self) -> int:
        """Seq of the oldest public event that is still kept; `last + 1` when there is none.

        Who stands at a cursor below `oldest() - 1` has missed something.
        """
        with self._db.reading() as tx:
            row = tx.one("SELECT min(seq) FROM event")
        return self.last + 1 if row is None or row[0] is None else int(row[0])

    def mark(self, seq: int, private_seq: int) -> int | None:
        """A number that tells this history from any other with events of these numbers: a hash of what of the two never
        changes. None when one of them is not kept any more.
        """
        event = self._recent.get(seq)
        public = (event.did, event.kind, event.at) if event else self._row("event", seq)
        if self._private_row[0] != private_seq:
            self._private_row = private_seq, self._row("private_event", private_seq)
        private = self._private_row[1]
        if (seq and public is None) or (private_seq and private is None):
            return None
        return int.from_bytes(blake2b(repr((public, private)).encode(), digest_size=MARK_BYTES).digest(), "big")

    def _row(self, table: str, seq: int) -> Row | None:
        """What never changes of an event; None when it is not kept."""
        if not seq:
            return None
        with self._db.reading() as tx:
            return tx.one(f"SELECT did, kind, at FROM {table} WHERE seq = :seq", seq=seq)

    def read(self, after: int, limit: int = 500, max_bytes: int | None = None) -> list[Event]:
        """Public events with a seq above `after`, oldest first: at most `limit`, some `max_bytes` (4 MB) of frames.

        None above `last`: what is committed and not acknowledged yet, because a standby has to have it first, may still
        be lost, and nobody may hear of it.
        """
        enough = max_bytes or READ_MAX_BYTES
        recent = self._recent.after(after, self.last, limit, enough)
        if recent is not None:
            return recent
        events: list[Event] = []
        size = 0
        with self._db.reading() as tx:
            for row in tx.each(
                "SELECT seq, kind, did, at, frame FROM event WHERE seq > :after AND seq <= :last"
                " ORDER BY seq LIMIT :limit",
                after=after,
                last=self.last,
                limit=limit,
            ):
                events.append(Event(*row))
                size += len(row[4])
                if size >= enough:
                    break
        return events

    def read_private(self, after: int, limit: int = 500) -> list[Private]:
        """Private events with a seq above `after` in the private log, oldest first."""
        with self._db.reading() as tx:
            rows = tx.run(
                "SELECT seq, kind, did, at, body FROM private_event WHERE seq > :after AND seq <= :last"
                " ORDER BY seq LIMIT :limit",
                after=after,
                last=self.last_private,
                limit=limit,
            )
        return [Private(seq, kind, did, at, msgspec.json.decode(body)) for seq, kind, did, at, body in rows]

    async def follow(self, after: int, batch: int = 500) -> AsyncIterator[list[Event]]:
        """Public events after a cursor, old ones and then new ones as they come, for ever: one path for both."""
        while True:
            stroke = self.bell.next  # taken before the read: a later append rings this very stroke
            events = self.read(after, batch)
            if events:
                after = events[-1].seq
                yield events
            else:
                await stroke.wait(PATIENCE_SECONDS)


def _newest(tx: Tx, sql: str) -> int:
    row = tx.one(sql)
    return int(row[0]) if row is not None and row[0] is not None else 0
