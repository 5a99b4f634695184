"""When a record came to be, and where its feed item stands among all others.

Both follow from the record and its key alone (never from when we read it, unless it claims the future), so that an
index rebuilt from the repositories equals one that followed the stream.
Source: https://atproto.com/specs/tid, and the rule "sort by the earlier of createdAt and indexedAt" of the official
AppView
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zlib import crc32

from freehold.protocol.syntax import format_datetime, is_tid
from freehold.protocol.tid import tid_decode
from freehold.store.tx import Tx

TIE_BITS = 10
_TIES = (1 << TIE_BITS) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = 60_000_000
_SPREAD = 1 << 20  # when a microsecond's places are all taken: how far ahead to look for the last taken one, about 1 ms


def created_at(record: dict[str, Any]) -> int | None:
    """`createdAt` in micros; None if it is missing, malformed or before 1970."""
    text = record.get("createdAt")
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None:
        return None
    return max((moment - _EPOCH) // _MICROSECOND, 0)


def came_and_sorts(rkey: str, record: dict[str, Any], now: int) -> tuple[int, int]:
    """(when the record came to be, the earlier of that and its createdAt), both in micros and at most `now`.

    It came at the time of its TID; without one, at its createdAt.
    """
    claimed = created_at(record)
    came = min(tid_decode(rkey)[0], now) if is_tid(rkey) else min(now if claimed is None else claimed, now)
    return came, came if claimed is None else min(claimed, came)


def moment_of(micros: int, rkey: str) -> int:
    """Where a feed item belongs: by its time, then by its key. Of records of one time, as those of an import, the order
    of their TIDs is kept, unless these lie a millisecond apart."""
    tie = sum(tid_decode(rkey)) if is_tid(rkey) else crc32(rkey.encode())
    return micros << TIE_BITS | tie & _TIES


def free_moment(tx: Tx, moment: int) -> int:
    """The first free place for a feed item that belongs at `moment`. (There are 2**10 to a microsecond.)"""
    return free_place(tx, "feed_item", "moment", moment)


def free_place(tx: Tx, table: str, column: str, place: int) -> int:
    """The first number from `place` on that stands in no row of a table's unique column."""
    while tx.one(f"SELECT 1 FROM {table} WHERE {column} = :place", place=place):
        last = tx.one(
            f"SELECT max({column}) FROM {table} WHERE {column} BETWEEN :place AND :far",
            place=place,
            far=place + _SPREAD,
        )
        assert last is not None
        place = last[0] + 1
    return place


def text_of(micros: int) -> str:
    """As `format_datetime` has it, `2026-11-21T20:02:11.123Z`, in a third of the time: a page shows a hundred."""
    minute, rest = divmod(micros, _MINUTE)
    return f"{_minute_text(minute)}:{rest // 1_000_000:02}.{rest // 1000 % 1000:03}Z"


@lru_cache(10_000)
def _minute_text(minute: int) -> str:
    return format_datetime(minute * _MINUTE)[:16]
