"""Where in the public log an event is, found by its time.

The log is in the order of times as far as the clock is. Where a clock was set back, a *stretch* ends and another one
begins, which is noted; within each the order holds, so that halves find a moment in it. A repository that was written
to while the clock was ahead goes on with revisions that are ahead, until the clock has reached them: the events of that
time are looked at one by one.
Table: event_set_back. In come transactions; `stream.log` says when a time goes back.
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import Any, NamedTuple

from freehold.store.migrations import Migration
from freehold.store.tx import Tx
from freehold.stream import frames

SCHEMA = (
    Migration(
        "stream-2-set-back",
        "CREATE TABLE event_set_back (seq INTEGER PRIMARY KEY, reached BIGINT NOT NULL);",
    ),
)


class Stretch(NamedTuple):
    """Events whose times rise. first, end: numbers, the end excluded. reached: the latest time before, in micros."""

    first: int
    end: int
    reached: int


def note_set_back(tx: Tx, seq: int, last: int) -> None:
    """The event `seq` happens, by the clock, before the last one, which happened at `last`."""
    tx.run(
        "INSERT INTO event_set_back (seq, reached)"
        " SELECT :seq, max(:last, coalesce(max(reached), 0)) FROM event_set_back",
        seq=seq,
        last=last,
    )


def oldest_time(tx: Tx) -> int:
    """When the oldest public event happened that is still kept, in micros; the present when there is none."""
    return min((at for each in stretches(tx) if (at := _time_from(tx, each.first)) is not None), default=tx.now)


def commits_near(tx: Tx, did: str, moment: int, near: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """(seq, payload) of the commits of `did` that happened up to `near` micros before a moment; or, where the clock had
    been ahead of that, before it was there again. Those of the last stretch come first, and of each the last one.
    """
    for first, end, reached in reversed(stretches(tx)):
        yield from _commits(tx, did, first, _first_after(tx, moment, first, end), moment - near)
        if reached >= moment - near:
            yield from _commits(tx, did, first, _first_after(tx, reached, first, end), 0)


def stretches(tx: Tx) -> list[Stretch]:
    """All that is kept, oldest first; none if nothing is."""
    oldest, newest = tx.one("SELECT min(seq), max(seq) FROM event") or (None, None)
    if oldest is None or newest is None:
        return []
    breaks = [(0, 0), *((int(seq), int(at)) for seq, at in tx.each("SELECT seq, reached FROM event_set_back"))]
    ends = [seq for seq, _ in breaks[1:]] + [newest + 1]
    return [
        Stretch(max(seq, oldest), end, reached)
        for (seq, reached), end in zip(breaks, ends, strict=True)
        if max(seq, oldest) < end
    ]


def _commits(tx: Tx, did: str, first: int, end: int, since: int) -> Iterator[tuple[int, dict[str, Any]]]:
    sql = "SELECT seq, at, did, kind FROM event WHERE seq >= :first AND seq < :end ORDER BY seq DESC"
    for seq, _, by, kind in takewhile(lambda row: row[1] >= since, tx.each(sql, first=first, end=end)):
        if (by, kind) == (did, "commit"):
            (frame,) = tx.one("SELECT frame FROM event WHERE seq = :seq", seq=seq) or (b"",)
            yield seq, frames.payload_of("commit", frame)


def _first_after(tx: Tx, moment: int, low: int, high: int) -> int:
    """The first number of a stretch from `low` on whose event happened after a moment; its end, `high`, if none did."""
    while low < high:
        middle = (low + high) // 2
        row = tx.one("SELECT seq, at FROM event WHERE seq >= :middle ORDER BY seq LIMIT 1", middle=middle)
        if row is None or row[0] >= high or row[1] > moment:
            high = middle
        else:
            low = int(row[0]) + 1
    return low


def _time_from(tx: Tx, seq: int) -> int | None:
    row = tx.one("SELECT at FROM event WHERE seq >= :seq ORDER BY seq LIMIT 1", seq=seq)
    return int(row[0]) if row else None
