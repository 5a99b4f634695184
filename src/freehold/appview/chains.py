"""The home timeline's index in memory: the feed items of the last days, each linked to its author's one before.

Flat arrays over *places* (0, 1, 2 … in order of arrival): `moment[place]` and what stands there, `prev[place]`: the
author's item before it in time, `jump[place]`: one further back (skew-binary jump pointers), so that an old cursor
over a busy author is found in logarithmic time. `last[actor]` is where an actor's chain begins. A read takes the heads
of the reader's follows and merges the chains, newest first: its cost follows the page and the number of follows, never
the number of items.

One thread writes, others read at the same time: an item is complete before a chain points at it. An item that comes
late (an old post moved in) is linked in where it belongs. Its neighbours' jumps then no longer halve the way, so a
chain with many such items gets new jumps, at a cost spread over them.
Source: DESIGN.md §5; Myers, "An applicative random-access stack", 1983
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heapreplace

from freehold.appview.batch import FeedItem

NONE = -1
LOOKS_PER_ITEM = 20
"""How many items a read passes over for each that it returns, before it stops and leaves the rest to the next page."""
_PATCHES_BORNE = 64
_PLACE_BITS = 32
_PLACE = (1 << _PLACE_BITS) - 1

Wanted = Callable[[int, int, int], bool]
"""Says by (author, parent_author, root_author) of an item whether the reader is to have it."""


class Chains:
    """The items at or after `since` (a moment; 0: all there are). Feed it oldest first where possible."""

    def __init__(self, since: int = 0) -> None:
        self.since = since
        self.moment = array("q")
        self.post = array("q")
        self.actor = array("i")
        self.author = array("i")
        self.parent_author = array("i")
        self.root_author = array("i")
        self.prev = array("i")
        self.jump = array("i")
        self.depth = array("i")
        self.last = array("i")
        self._patches: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.moment)

    # -- writing -----------------------------------------------------------------------------------------------------

    def add(self, item: FeedItem) -> None:
        """Link an item into its actor's chain, in the place of one at the same moment. Older than `since`: left out."""
        if item.moment < self.since:
            return
        if item.actor >= len(self.last):
            self.last.extend([NONE] * (item.actor + 1 - len(self.last)))
        head = self.last[item.actor]
        if head == NONE or self.moment[head] < item.moment:
            self.last[item.actor] = self._append(item, head)
            return
        after, before = self._around(head, item.moment)
        if self.moment[after] == item.moment:
            self._fill(after, item)
        else:
            self.prev[after] = self._append(item, before)
            self._patched(item.actor)

    def begin(self, rows: Sequence[tuple[int, int, int, int, int, int]]) -> None:
        """Take the first items, the oldest first, each as a FeedItem's fields: what `add` would do, a tenth as dear."""
        if not rows:
            return
        moments, actors, posts, authors, parents, roots = zip(*rows, strict=True)
        columns = (self.moment, self.actor, self.post, self.author, self.parent_author, self.root_author)
        for column, values in zip(columns, (moments, actors, posts, authors, parents, roots), strict=True):
            column.extend(values)
        last = [NONE] * (max(actors) + 1)
        prev, jump, depth = [NONE] * len(rows), [NONE] * len(rows), [0] * len(rows)
        for place, actor in enumerate(actors):
            before = last[actor]
            last[actor] = place
            if before == NONE:
                continue
            prev[place], depth[place] = before, depth[before] + 1
            near = jump[before]
            far = jump[near] if near != NONE else NONE
            even = far != NONE and depth[before] - depth[near] == depth[near] - depth[far]
            jump[place] = far if even else before
        for kept, made in ((self.last, last), (self.prev, prev), (self.jump, jump), (self.depth, depth)):
            kept.extend(made)

    def remove(self, actor: int, moment: int) -> None:
        """Blank an item: it keeps its place in the chain and is passed over by reads."""
        place = self._at(actor, moment)
        if place != NONE:
            self.post[place] = 0

    def _append(self, item: FeedItem, prev: int) -> int:
        place = len(self.moment)
        self.post.append(item.post)
        self.actor.append(item.actor)
        self.author.append(item.author)
        self.parent_author.append(item.parent_author)
        self.root_author.append(item.root_author)
        self.prev.append(prev)
        jump, depth = self._jump_from(prev)
        self.jump.append(jump)
        self.depth.append(depth)
        self.moment.append(item.moment)
        return place

    def _fill(self, place: int, item: FeedItem) -> None:
        self.author[place] = item.author
        self.parent_author[place] = item.parent_author
        self.root_author[place] = item.root_author
        self.post[place] = item.post

    def _jump_from(self, prev: int) -> tuple[int, int]:
        """(jump, depth) of an item after `prev`: over two jumps from there if they are equally long, else to `prev`."""
        if prev == NONE:
            return NONE, 0
        near = self.jump[prev]
        far = self.jump[near] if near != NONE else NONE
        depth = self.depth
        if near != NONE and far != NONE and depth[prev] - depth[near] == depth[near] - depth[far]:
            return far, depth[prev] + 1
        return prev, depth[prev] + 1

    def _patched(self, actor: int) -> None:
        patches = self._patches.get(actor, 0) + 1
        self._patches[actor] = patches
        if patches > _PATCHES_BORNE and patches * 16 > self.depth[self.last[actor]]:
            self._relink(actor)
            del self._patches[actor]

    def _relink(self, actor: int) -> None:
        """Give a chain the jumps that it would have, had its items come in order."""
        places = []
        place = self.last[actor]
        while place != NONE:
            places.append(place)
            place = self.prev[place]
        for place in reversed(places):
            self.jump[place], self.depth[place] = self._jump_from(self.prev[place])

    # -- finding -----------------------------------------------------------------------------------------------------

    def _around(self, place: int, moment: int) -> tuple[int, int]:
        """(the oldest place of a chain at or after `moment`, the one before that), from a `place` at or after it."""
        at, prev, jump = self.moment, self.prev, self.jump
        while True:
            far = jump[place]
            if far != NONE and at[far] >= moment:
                place = far
                continue
            near = prev[place]
            if near == NONE or at[near] < moment:
                return place, near
            place = near

    def _at(self, actor: int, moment: int) -> int:
        if actor >= len(self.last) or self.last[actor] == NONE or self.moment[self.last[actor]] < moment:
            return NONE
        place, _ = self._around(self.last[actor], moment)
        return place if self.moment[place] == moment else NONE

    def heads(self, actors: Iterable[int], before: int | None) -> list[int]:
        """The newest place of each actor's chain, before the moment `before` if given."""
        last, known = self.last, len(self.last)
        heads = [place for actor in actors if actor < known and (place := last[actor]) != NONE]
        if before is None:
            return heads
        at = self.moment
        found = (place if at[place] < before else self._around(place, before)[1] for place in heads)
        return [place for place in found if place != NONE]

    # -- reading -----------------------------------------------------------------------------------------------------

    def newest(
        self, actors: Iterable[int], limit: int, before: int | None, wanted: Wanted
    ) -> tuple[list[int], int | None]:
        """The places of the newest `limit` items of these actors that are `wanted`, newest first.

        And the moment that the read has reached, to go on `before` it; None when it has come to the end of every chain.
        """
        at, prev, post = self.moment, self.prev, self.post
        author, parent, root = self.author, self.parent_author, self.root_author
        looks = limit * LOOKS_PER_ITEM
        newest = [place - (at[place] << _PLACE_BITS) for place in self.heads(actors, before)]
        heapify(newest)  # by moment, the last first; one number each, which is compared in half the time of two
        found: list[int] = []
        while newest:
            place = newest[0] & _PLACE
            older = prev[place]
            if older != NONE:
                heapreplace(newest, older - (at[older] << _PLACE_BITS))
            else:
                heappop(newest)
            if post[place] and wanted(author[place], parent[place], root[place]):
                found.append(place)
            looks -= 1
            if len(found) == limit or not looks:
                return found, at[place]
        return found, None
