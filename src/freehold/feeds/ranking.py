"""How a feed that does not go by time alone puts its items in order: each stands as if it were newer.

A post stands at its time, and `hours` later for each doubling of one more than its weight. So the order is a plain sum
that anybody can check, what is old goes down by itself, and where an item stands does not hang on when one looks: a
page goes on after the place where the one before it ended, for ever, whatever happens in between.
"""

from collections import Counter
from collections.abc import Iterable
from math import log2
from typing import Any, NamedTuple

from freehold.appview.asked import before_pair
from freehold.appview.feeds import Item
from freehold.appview.moments import TIE_BITS
from freehold.feeds.reasons import Why
from freehold.store.tx import Tx

HOUR_MICROS = 3_600_000_000
_ROWS = (
    "SELECT id, moment, author, likes, reposts, replies, quotes FROM post"
    " WHERE id IN (SELECT value FROM json_each(:ids)) AND moment IS NOT NULL AND parent IS NULL"
)


class Pick(NamedTuple):
    """An item of a feed and why it is there. by: the one friend that the reason names, 0 for none."""

    item: Item
    why: Why
    by: int = 0


class Standing(NamedTuple):
    """Where a pick stands: stands in micros, then the post's moment."""

    stands: int
    moment: int
    pick: Pick


class Counted(NamedTuple):
    """A post with its counts."""

    id: int
    moment: int
    author: int
    likes: int
    reposts: int
    replies: int
    quotes: int

    @property
    def weight(self) -> int:
        """An echo and a quote count twice: they carry a post on to others."""
        return self.likes + self.replies + 2 * (self.reposts + self.quotes)

    @property
    def item(self) -> Item:
        """As it stands in a feed."""
        return Item(self.moment, self.author, self.id)


def counted(tx: Tx, ids: Iterable[int]) -> list[Counted]:
    """Those of these posts that are here and answer nothing."""
    return [Counted._make(row) for row in tx.run(_ROWS, ids=str(list(ids)))]


def stands_at(moment: int, weight: float, hours: float) -> int:
    """The micros at which a post stands. weight: 0 or more."""
    return (moment >> TIE_BITS) + int(hours * HOUR_MICROS * log2(1 + weight))


def in_order(standings: Iterable[Standing]) -> list[Standing]:
    """The one that stands newest first."""
    return sorted(standings, key=_place, reverse=True)


def thinned(standings: Iterable[Standing], hours: float) -> list[Standing]:
    """In order, and of each author's posts of one day the second `hours` lower, the fourth twice that.

    They are counted from the day's first, so that what somebody posts later moves nothing that was there.
    """
    before: Counter[tuple[int, int]] = Counter()
    lowered = []
    for one in sorted(standings, key=lambda one: one.moment):
        day = one.pick.item.actor, (one.moment >> TIE_BITS) // (24 * HOUR_MICROS)
        before[day] += 1
        lowered.append(one._replace(stands=max(one.stands - int(hours * HOUR_MICROS * log2(before[day])), 0)))
    return in_order(lowered)


def after(standings: list[Standing], cursor: str | None) -> list[Standing]:
    """What comes after the place that a cursor names. Raises BadCursor."""
    reached = before_pair(cursor)
    return [one for one in standings if _place(one) < reached]


def cursor_of(last: Standing) -> str:
    """The place of an item, to go on after."""
    return f"{last.stands}.{last.moment}"


def _place(one: Standing) -> tuple[Any, ...]:
    return one.stands, one.moment
