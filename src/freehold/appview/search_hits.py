"""Which posts a search finds: the newest first, or those first that stand first by what readers did with them.

Both read a full-text index from its last row down and stop when the page is full: what it costs follows the page, and
not how many posts there are. Where several terms must meet (words that never stand together, or `x -x`) there is no
such promise, so those are looked for in one stretch of time after another, each longer than the last, until the time
for it is spent; then the page says from where to go on, full or not.
"""

import time
from collections.abc import Container, Iterable
from typing import Any, NamedTuple

from freehold.appview.asked import FAR
from freehold.appview.chains import Chains
from freehold.appview.moments import TIE_BITS
from freehold.store.tx import Tx

PATIENCE_NANOS = 10_000_000
"""How long one search may look, of CPU, before it begins on another stretch."""
NEAR = 30_000
"""Items that arrived within the first stretch, about."""
_LONGER = 3
_LOOKS = 500
"""How many posts a page of the best passes over that stand elsewhere, or weighs where the time is bounded; and how many
are read at once where only some authors' count."""
_ROUNDS = 4
_HIT = (
    "SELECT rowid FROM {} WHERE {} MATCH :match AND rowid < :before AND rowid >= :after"
    " ORDER BY rowid DESC LIMIT :limit"
)
_NEWEST = (
    "SELECT hit.rowid, feed_item.post, feed_item.author, warm_post.stands"
    f" FROM ({_HIT.format('post_search', 'post_search')}) AS hit"
    " CROSS JOIN feed_item ON feed_item.moment = hit.rowid LEFT JOIN warm_post ON warm_post.post = feed_item.post"
)
_BEST = (
    f"SELECT hit.rowid, post.id, post.author, hit.rowid FROM ({_HIT.format('post_top', 'post_top')}) AS hit"
    " CROSS JOIN warm_post ON warm_post.stands = hit.rowid CROSS JOIN post ON post.id = warm_post.post"
)


class Asked(NamedTuple):
    """A full-text query. meeting: whether several terms must meet. after, before: bounds on moments. by: whose posts
    alone count; None for everybody's."""

    match: str
    meeting: bool
    after: int
    before: int
    by: Container[int] | None


class Hit(NamedTuple):
    """A post that was found. place: where in the index. stands: where it stands by its heat, None for no heat."""

    place: int
    post: int
    author: int
    stands: int | None


class Found(NamedTuple):
    """A page. next: the place before which to go on; None at the end."""

    hits: list[Hit]
    next: int | None


class Finder:
    """Looks for one query. chains: the newest items in memory, which say how densely posts come."""

    def __init__(self, tx: Tx, chains: Chains, asked: Asked) -> None:
        self._tx = tx
        self._chains = chains
        self._asked = asked
        self._until = time.thread_time_ns() + PATIENCE_NANOS

    def newest(self, limit: int, before: int) -> Found:
        """Newest first."""
        return self._read(_NEWEST, limit, self._asked.after, min(before, self._asked.before))

    def best(self, limit: int, before: int) -> Found:
        """Those first that stand first, of all there are; where the time is bounded, of the newest within it."""
        if self._asked.after or self._asked.before != FAR:
            return self._best_within(limit, before)
        warm = self._read(_BEST, limit, 0, before)
        floor = warm.next or 0
        cold, floor = self._without_heat(limit, floor, before)
        hits = sorted([hit for hit in warm.hits if hit.place >= floor] + cold, reverse=True)[:limit]
        return Found(hits, hits[-1].place if len(hits) == limit else floor or None)

    def _without_heat(self, limit: int, floor: int, before: int) -> tuple[list[Hit], int]:
        """(the newest hits without heat from a place on, the place from which on they are all)."""
        found: list[Hit] = []
        for _ in range(max(_LOOKS // (2 * limit), 1)):
            page = self._read(_NEWEST, 2 * limit, floor, before)
            found += [hit for hit in page.hits if hit.stands is None]
            if page.next is None or len(found) >= limit:
                return found, floor
            before = page.next
            if self._spent:
                break
        return found, before

    def _best_within(self, limit: int, before: int) -> Found:
        newest = self.newest(_LOOKS, FAR).hits
        standing = [hit if hit.stands is None else hit._replace(place=hit.stands) for hit in newest]
        hits = sorted((hit for hit in standing if hit.place < before), reverse=True)
        return Found(hits[:limit], hits[limit - 1].place if len(hits) > limit else None)

    def _read(self, sql: str, limit: int, after: int, before: int) -> Found:
        """Hits within bounds, from the last one down."""
        if not self._asked.meeting:
            return self._rows(sql, limit, after, before)
        return self._stretch_by_stretch(sql, limit, after, before)

    def _stretch_by_stretch(self, sql: str, limit: int, after: int, before: int) -> Found:
        first, last = self._ends(sql is _BEST)
        after, before = max(after, first), min(before, last + 1)
        length, hits = self._first_stretch(), list[Hit]()
        while before > after:
            low = max(before - length, after)
            page = self._rows(sql, limit - len(hits), low, before)
            hits += page.hits
            if page.next is not None:
                return Found(hits, page.next)
            if low > after and self._spent:
                return Found(hits, low)
            before, length = low, length * _LONGER
        return Found(hits, None)

    @property
    def _spent(self) -> bool:
        return time.thread_time_ns() > self._until

    def _rows(self, sql: str, limit: int, after: int, before: int) -> Found:
        match, by = self._asked.match, self._asked.by
        if by is None:
            hits = _hits(self._tx.run(sql, match=match, limit=limit, after=after, before=before))
            return Found(hits, hits[-1].place if len(hits) == limit else None)
        found: list[Hit] = []
        for _ in range(_ROUNDS):
            hits = _hits(self._tx.run(sql, match=match, limit=_LOOKS, after=after, before=before))
            found += [hit for hit in hits if hit.author in by]
            if len(found) >= limit:
                return Found(found[:limit], found[limit - 1].place)
            if len(hits) < _LOOKS:
                return Found(found, None)
            before = hits[-1].place
        return Found(found, before)

    def _ends(self, ranked: bool) -> tuple[int, int]:
        """The first and the last place of an index."""
        table = "warm_post" if ranked else "feed_item"
        column = "stands" if ranked else "moment"
        ends = self._tx.one(f"SELECT (SELECT min({column}) FROM {table}), (SELECT max({column}) FROM {table})")
        assert ends is not None
        return ends[0] or 0, ends[1] or 0

    def _first_stretch(self) -> int:
        """As long as the last NEAR items took to arrive; for ever where there are fewer."""
        arrived = self._chains.moment
        if len(arrived) <= NEAR:
            return FAR
        return max(arrived[-1] - max(arrived[-NEAR : 100 - NEAR]), 1 << TIE_BITS)


def _hits(rows: Iterable[tuple[Any, ...]]) -> list[Hit]:
    return sorted((Hit._make(row) for row in rows), reverse=True)
