"""Which posts a search finds: the newest first, or those first that stand first by what readers did with them.

Both read a full-text index from its last row down and stop when the page is full: what it costs follows the page, and
not how many posts there are. Where several terms must meet (words that never stand together) there is no such promise:
SQLite looks at the bounds of a search where it has found something, so what finds nothing has gone through all that the
rarest term finds. What is not found within TRY_NANOS is therefore looked for again in one stretch of time after
another, from the last one down: the mark of a stretch (see `words`) bounds all terms beside it. A page may then be
short, or empty, and say where to go on. What takes too long for a single stretch is refused.

Where only some authors' posts count, the first hits are looked through for theirs; where those are rare, and the
authors few, the marks of the authors find them, however far apart they lie.
"""

from collections.abc import Sequence
from typing import NamedTuple

from freehold.appview.asked import FAR, BadQuery
from freehold.appview.words import STRETCH_BITS, any_of, author_mark, stretch_mark
from freehold.store.tx import TookTooLong, Tx

TRY_NANOS = 30_000_000
"""How long one search may look, of CPU, before it is made by stretches. Most find a page in a twentieth of that."""
STRETCHES_NANOS = 30_000_000
"""And how long it may look in one index by stretches."""
STRETCHES_MOST = 64
"""Looked at together: 13 days. Twice as many each time, as long as that finds little."""
MARKED_AT_ONCE, MARKED_MOST = 40, 300
"""So few authors are found by their marks, without looking through anything; so many, where theirs are rare."""
MARK_LOOKS = 20
"""An author's mark costs as much as looking at so many hits: 20 µs in an index that was merged today, else up to 60."""
_LOOKS = 500
"""How many posts a page of the best passes over that stand elsewhere, or weighs where the time is bounded; and how many
are looked through at once for some authors'."""
_FIRST_LOOKS, _LOOKS_MOST = 100, 1_000
"""Hits that are looked through for some authors': at first, to see how rare they are, and where they have no marks."""
_HIT = (
    "SELECT rowid FROM {} WHERE {} MATCH :match AND rowid < :before AND rowid >= :after"
    " ORDER BY rowid DESC LIMIT :limit"
)


class _Order(NamedTuple):
    """hits: SQL for the hits in an order. last: for the last place before another, of any post."""

    hits: str
    last: str


_NEWEST = _Order(
    f"SELECT hit.rowid, feed_item.post, feed_item.author FROM ({_HIT.format('post_search', 'post_search')}) AS hit"
    " CROSS JOIN feed_item ON feed_item.moment = hit.rowid",
    "SELECT max(moment) FROM feed_item WHERE moment < :before",
)
_BEST = _Order(
    f"SELECT hit.rowid, warm_post.post, warm_post.author FROM ({_HIT.format('post_top', 'post_top')}) AS hit"
    " CROSS JOIN warm_post ON warm_post.stands = hit.rowid",
    "SELECT max(stands) FROM warm_post WHERE stands < :before",
)
_STANDS = "SELECT post, stands FROM warm_post WHERE post IN (SELECT value FROM json_each(:ids))"


class Asked(NamedTuple):
    """What is looked for. wanted: terms of FTS5, joined by AND; unwanted: by OR, or nothing. after, before: bounds on
    moments. by: whose posts alone count; None for everybody's."""

    wanted: str
    unwanted: str
    after: int
    before: int
    by: frozenset[int] | None

    def match(self, *more: Sequence[str]) -> str:
        """In the language of FTS5. more: marks, of each of which posts must have any."""
        wanted = " AND ".join((self.wanted, *map(any_of, more)))
        return f"({wanted}) NOT ({self.unwanted})" if self.unwanted else wanted


class Hit(NamedTuple):
    """A post that was found. place: where in the index that was asked."""

    place: int
    post: int
    author: int


class Found(NamedTuple):
    """A page. next: the place before which to go on; None at the end."""

    hits: list[Hit]
    next: int | None


def find(tx: Tx, asked: Asked, limit: int, before: int, *, best: bool) -> Found:
    """A page before a place: the newest first, or the best. Raises BadQuery for what takes too long."""
    try:
        try:
            with tx.within(TRY_NANOS):
                return _Finder(tx, asked).page(limit, before, best=best)
        except TookTooLong:
            return _Finder(tx, asked, by_stretches=True).page(limit, before, best=best)
    except TookTooLong:
        raise BadQuery(
            "Posts that are all of that are too hard to find. Ask for something else, or for less."
        ) from None


class _Finder:
    """Looks for one query. by_stretches: in one stretch of time after the other."""

    def __init__(self, tx: Tx, asked: Asked, *, by_stretches: bool = False) -> None:
        self._tx = tx
        self._asked = asked
        self._by_stretches = by_stretches

    def page(self, limit: int, before: int, *, best: bool) -> Found:
        """Raises TookTooLong."""
        if not best:
            return self._newest(limit, before)
        if self._asked.after or self._asked.before != FAR:
            return self._best_within(limit, before)
        return self._best(limit, before)

    def _newest(self, limit: int, before: int) -> Found:
        return self._rows(_NEWEST, limit, self._asked.after, min(before, self._asked.before))

    def _best(self, limit: int, before: int) -> Found:
        """Those first that stand first, of all there are."""
        warm = self._rows(_BEST, limit, 0, before)
        cold, floor = self._without_heat(limit, warm.next or 0, before)
        hits = sorted([hit for hit in warm.hits if hit.place >= floor] + cold, reverse=True)[:limit]
        return Found(hits, hits[-1].place if len(hits) == limit else floor or None)

    def _without_heat(self, limit: int, floor: int, before: int) -> tuple[list[Hit], int]:
        """(the newest hits without heat from a place on, the place from which on they are all)."""
        found: list[Hit] = []
        for _ in range(max(_LOOKS // (2 * limit), 1) if self._asked.by is None else 1):
            page = self._rows(_NEWEST, 2 * limit, floor, before)
            stands = self._stands(page.hits)
            found += [hit for hit in page.hits if hit.post not in stands]
            if page.next is None or len(found) >= limit:
                return found, floor
            before = page.next
            if len(page.hits) < 2 * limit:
                break
        return found, before

    def _best_within(self, limit: int, before: int) -> Found:
        """The best of the newest within bounded time."""
        newest = self._newest(_LOOKS, FAR)
        if self._by_stretches and newest.next is not None and len(newest.hits) < _LOOKS:
            raise TookTooLong
        stands = self._stands(newest.hits)
        standing = [hit._replace(place=stands.get(hit.post, hit.place)) for hit in newest.hits]
        hits = sorted((hit for hit in standing if hit.place < before), reverse=True)
        return Found(hits[:limit], hits[limit - 1].place if len(hits) > limit else None)

    def _stands(self, hits: list[Hit]) -> dict[int, int]:
        """Where those of these posts stand that have heat, by their ids."""
        return dict(self._tx.run(_STANDS, ids=str([hit.post for hit in hits])))

    # -- hits of one index ---------------------------------------------------------------------------------------------

    def _rows(self, order: _Order, limit: int, after: int, before: int) -> Found:
        """Hits within bounds, from the last one down: so many, or what there is, or what was found in time."""
        by = self._asked.by
        return self._walk(order, limit, after, before) if by is None else self._by(by, order, limit, after, before)

    def _by(self, by: frozenset[int], order: _Order, limit: int, after: int, before: int) -> Found:
        """The same of these authors' posts."""
        if len(by) <= MARKED_AT_ONCE:
            return self._marked(by, order, limit, after, before)
        found: list[Hit] = []
        worth = MARK_LOOKS * len(by) if len(by) <= MARKED_MOST else 0
        looked, looks = 0, _FIRST_LOOKS
        while looked < (worth or _LOOKS_MOST):
            page = self._walk(order, looks, after, before)
            found += [hit for hit in page.hits if hit.author in by]
            if len(found) >= limit:
                return Found(found[:limit], found[limit - 1].place)
            if page.next is None:
                return Found(found, None)
            before, looked = page.next, looked + len(page.hits)
            if len(page.hits) < looks or (worth and limit * looked > len(found) * worth):
                break
            looks = _LOOKS
        if not worth:
            return Found(found, before)
        rest = self._marked(by, order, limit - len(found), after, before)
        return Found(found + rest.hits, rest.next)

    def _marked(self, by: frozenset[int], order: _Order, limit: int, after: int, before: int) -> Found:
        """Those that have these authors' marks."""
        return self._walk(order, limit, after, before, list(map(author_mark, sorted(by)))) if by else Found([], None)

    def _walk(self, order: _Order, limit: int, after: int, before: int, *marks: Sequence[str]) -> Found:
        """Anybody's. marks: of each of which posts must have any."""
        if self._by_stretches:
            return self._walk_stretches(order, limit, after, before, *marks)
        return self._ask(order, self._asked.match(*marks), limit, after, before)

    def _walk_stretches(self, order: _Order, limit: int, after: int, before: int, *marks: Sequence[str]) -> Found:
        """The same, as far as it comes in time; at least to the end of one stretch or to a hit, or TookTooLong."""
        found, start, many = list[Hit](), before, 1
        try:
            with self._tx.within(STRETCHES_NANOS):
                while (last := self._last(order, before)) >= after:
                    stretch = last >> STRETCH_BITS
                    first = max(stretch - many + 1, 0)
                    match = self._asked.match(*marks, [stretch_mark(one) for one in range(first, stretch + 1)])
                    bottom = max(after, first << STRETCH_BITS)
                    part = self._ask(order, match, limit - len(found), bottom, before)
                    found += part.hits
                    if part.next is not None:
                        return Found(found, part.next)
                    before, many = bottom, min(2 * many, STRETCHES_MOST)
        except TookTooLong:
            if before == start:
                raise
            return Found(found, before)
        return Found(found, None)

    def _ask(self, order: _Order, match: str, limit: int, after: int, before: int) -> Found:
        """What SQLite finds; what it found in time, if that is anything."""
        hits = list[Hit]()
        try:
            for row in self._tx.each(order.hits, match=match, limit=limit, after=after, before=before):
                hits.append(Hit._make(row))
        except TookTooLong:
            if not hits:
                raise
            return Found(hits, hits[-1].place)
        return Found(hits, hits[-1].place if len(hits) == limit else None)

    def _last(self, order: _Order, before: int) -> int:
        """The last place before another where any post stands; -1 for none."""
        row = self._tx.one(order.last, before=before)
        return row[0] if row is not None and row[0] is not None else -1
