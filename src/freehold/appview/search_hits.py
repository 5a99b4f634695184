"""Which posts a search finds: the newest first, or those first that stand first by what readers did with them.

Both read a full-text index from its last row down and stop when the page is full: what it costs follows the page, and
not how many posts there are. Where several terms must meet (words that never stand together) there is no such promise:
SQLite looks at the bounds of a search where it has found something, so what finds nothing has gone through all that the
rarest term finds. A search that takes longer than PATIENCE_NANOS is therefore given up and refused.
"""

from collections.abc import Container, Iterable
from typing import Any, NamedTuple

from freehold.appview.asked import FAR, BadQuery
from freehold.store.tx import TookTooLong, Tx

PATIENCE_NANOS = 100_000_000
"""How long one search may look, of CPU. Most find a page in a hundredth of that; where the file is not in memory, in a
third."""
_LOOKS = 500
"""How many posts a page of the best passes over that stand elsewhere, or weighs where the time is bounded; and how many
are read at once where only some authors' count."""
_ROUNDS = 2
_HIT = (
    "SELECT rowid FROM {} WHERE {} MATCH :match AND rowid < :before AND rowid >= :after"
    " ORDER BY rowid DESC LIMIT :limit"
)
_NEWEST = (
    f"SELECT hit.rowid, feed_item.post, feed_item.author FROM ({_HIT.format('post_search', 'post_search')}) AS hit"
    " CROSS JOIN feed_item ON feed_item.moment = hit.rowid"
)
_BEST = (
    f"SELECT hit.rowid, post.id, post.author FROM ({_HIT.format('post_top', 'post_top')}) AS hit"
    " CROSS JOIN warm_post ON warm_post.stands = hit.rowid CROSS JOIN post ON post.id = warm_post.post"
)
_STANDS = "SELECT post, stands FROM warm_post WHERE post IN (SELECT value FROM json_each(:ids))"


class Asked(NamedTuple):
    """A full-text query. after, before: bounds on moments. by: whose posts alone count; None for everybody's."""

    match: str
    after: int
    before: int
    by: Container[int] | None


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
    finder = _Finder(tx, asked)
    try:
        with tx.within(PATIENCE_NANOS):
            return finder.best(limit, before) if best else finder.newest(limit, before)
    except TookTooLong:
        raise BadQuery(
            "Posts that are all of that are too hard to find. Ask for something else, or for less."
        ) from None


class _Finder:
    """Looks for one query."""

    def __init__(self, tx: Tx, asked: Asked) -> None:
        self._tx = tx
        self._asked = asked

    def newest(self, limit: int, before: int) -> Found:
        """Newest first."""
        return self._rows(_NEWEST, limit, self._asked.after, min(before, self._asked.before))

    def best(self, limit: int, before: int) -> Found:
        """Those first that stand first, of all there are; where the time is bounded, of the newest within it."""
        if self._asked.after or self._asked.before != FAR:
            return self._best_within(limit, before)
        warm = self._rows(_BEST, limit, 0, before)
        floor = warm.next or 0
        cold, floor = self._without_heat(limit, floor, before)
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
        return found, before

    def _best_within(self, limit: int, before: int) -> Found:
        newest = self.newest(_LOOKS, FAR).hits
        stands = self._stands(newest)
        standing = [hit._replace(place=stands.get(hit.post, hit.place)) for hit in newest]
        hits = sorted((hit for hit in standing if hit.place < before), reverse=True)
        return Found(hits[:limit], hits[limit - 1].place if len(hits) > limit else None)

    def _stands(self, hits: list[Hit]) -> dict[int, int]:
        """Where those of these posts stand that have heat, by their ids."""
        return dict(self._tx.run(_STANDS, ids=str([hit.post for hit in hits])))

    def _rows(self, sql: str, limit: int, after: int, before: int) -> Found:
        """Hits within bounds, from the last one down."""
        match, by = self._asked.match, self._asked.by
        if by is not None:
            return self._rows_by(by, sql, limit, after, before)
        hits = _hits(self._tx.run(sql, match=match, limit=limit, after=after, before=before))
        return Found(hits, hits[-1].place if len(hits) == limit else None)

    def _rows_by(self, by: Container[int], sql: str, limit: int, after: int, before: int) -> Found:
        """The same of these authors' posts."""
        found: list[Hit] = []
        for _ in range(_ROUNDS):
            rows = self._tx.run(sql, match=self._asked.match, limit=_LOOKS, after=after, before=before)
            found += _hits(row for row in rows if row[2] in by)
            if len(found) >= limit:
                return Found(found[:limit], found[limit - 1].place)
            if len(rows) < _LOOKS:
                return Found(found, None)
            before = min(row[0] for row in rows)
        return Found(found, before)


def _hits(rows: Iterable[tuple[Any, ...]]) -> list[Hit]:
    return sorted((Hit._make(row) for row in rows), reverse=True)
