"""What ties a reader to the posts and people on a page, held in memory: their likes, their reposts, who follows them,
and how they stand to people, as JSON.

Ids are given in order of arrival. So of each reader the edges to the *newest* subjects are kept, down to a floor, and
whatever arrives later is covered too: a page of new posts asks the index nothing. What lies below the floor is asked.
The index tells every change after its commit (see `memory`).
"""

from collections.abc import Iterable
from typing import NamedTuple

from freehold.store.tx import Tx

KEPT_EACH = 500
STATES_KEPT = 1_000
_GROWN = 4 * KEPT_EACH

LIKED, REPOSTED, FOLLOWED_BY = 0, 1, 2


class Tie(NamedTuple):
    """One change. kind: LIKED or REPOSTED of a post by the reader, or FOLLOWED_BY: who follows them. key: the record's,
    None when it is gone."""

    kind: int
    reader: int
    other: int
    key: str | None


_NEWEST = (
    "SELECT subject, rkey FROM post_like WHERE actor = :me AND main = 1 ORDER BY subject DESC LIMIT :most",
    "SELECT subject, rkey FROM repost WHERE actor = :me AND main = 1 ORDER BY subject DESC LIMIT :most",
    "SELECT actor, rkey FROM follow WHERE subject = :me AND main = 1 LIMIT :most",
)
_THESE = (
    "SELECT subject, rkey FROM post_like WHERE actor = :me AND main = 1"
    " AND subject IN (SELECT value FROM json_each(:ids))",
    "SELECT subject, rkey FROM repost WHERE actor = :me AND main = 1"
    " AND subject IN (SELECT value FROM json_each(:ids))",
    "SELECT actor, rkey FROM follow WHERE subject = :me AND main = 1 AND actor IN (SELECT value FROM json_each(:ids))",
)
_NOWHERE = 1 << 62


class Ties:
    """Of one reader, by kind: other to record key of all ties at or above `floors[kind]`."""

    __slots__ = ("_stand", "floors", "keys", "reader")

    def __init__(self, tx: Tx, reader: int) -> None:
        self.reader = reader
        self.keys: list[dict[int, str]] = [dict(tx.run(sql, me=reader, most=KEPT_EACH)) for sql in _NEWEST]
        self.floors = [min(keys) if len(keys) == KEPT_EACH else 0 for keys in self.keys]
        if self.floors[FOLLOWED_BY]:  # they come in no order: with more than these, none are kept
            self.keys[FOLLOWED_BY], self.floors[FOLLOWED_BY] = {}, _NOWHERE
        self._stand: tuple[object, object, dict[int, bytes]] = None, None, {}

    def learn(self, tie: Tie) -> bool:
        """Take over a change; whether there is still room."""
        keys = self.keys[tie.kind]
        if tie.kind == FOLLOWED_BY:
            self._stand[2].pop(tie.other, None)
        if tie.key is None:
            keys.pop(tie.other, None)
        elif tie.other >= self.floors[tie.kind]:
            keys[tie.other] = tie.key
        return len(keys) <= _GROWN

    def states(self, circle: object, own: object) -> dict[int, bytes]:
        """Actor to app.bsky.actor.defs#viewerState, of whom the reader was shown since their circle and what they keep
        for themselves are these very objects."""
        of_circle, of_own, states = self._stand
        if of_circle is not circle or of_own is not own or len(states) > STATES_KEPT:
            states = {}
            self._stand = circle, own, states
        return states

    def to(self, tx: Tx, kind: int, others: Iterable[int]) -> dict[int, str]:
        """The ties of a kind to these others, and maybe to more."""
        floor = self.floors[kind]
        below = [other for other in others if other < floor] if floor else ()
        if not below:
            return self.keys[kind]
        return self.keys[kind] | dict(tx.run(_THESE[kind], me=self.reader, ids=str(below)))
