"""Who wrote, follows, likes and reposts what in a network that nobody wrote: numbers only, drawn by chance.

**Synthetic**: no real data. Everything with a tail is drawn by rank = N u^SKEW, u even between 0 and 1: who writes, who
is followed, who likes. Members follow so many others on average, exponentially; the reader READER_FOLLOWS. The posts
stand evenly over DAYS days. REPLIES of them answer a post before them, near ones most; the last THREAD answer the first
post. Half the likes and reposts go to what is new just then, half to posts that are popular, whenever they came.
The same shape gives the same network.
"""

import random
from array import array
from typing import NamedTuple

SKEW = 3
REPLIES = 0.3
REPLIED_NEAR = 2_000
THREAD = 100
LIKES_EACH = 2
"""Likes for each post."""
REPOSTS_EACH = 0.1
DAYS = 7
BEGAN_MICROS = 1_780_000_000_000_000
MILLISECOND = 1_000
READER_FOLLOWS = 200
_PRIME = 2_147_483_647


class Shape(NamedTuple):
    """How many. follows_each: whom a member follows, on average. The thread hangs on the first post."""

    members: int
    posts: int
    follows_each: float

    @property
    def reader(self) -> int:
        """The member who reads: an ordinary one, but for whom they follow."""
        return self.members // 2

    def at(self, share: float) -> int:
        """The micros at which this share of the time is over, a whole millisecond."""
        return BEGAN_MICROS + int(share * DAYS * 86_400_000) * MILLISECOND

    def posted_at(self, post: int) -> int:
        """When a post was written; no two at the same time."""
        step = max(DAYS * 86_400_000 // self.posts, 1) * MILLISECOND
        return BEGAN_MICROS + post * step


class Edges(NamedTuple):
    """Likes or reposts. order: actor << 32 | number, sorted; subject: the post, by number."""

    order: array  # type: ignore[type-arg]
    subject: array  # type: ignore[type-arg]

    def at(self, shape: Shape, number: int) -> int:
        """When one of them was written."""
        return shape.at(number / len(self.subject))


class Drawn:
    """A network. author, parent, root: of each post, from place 1; 0 for none. follows: whom each member follows, one
    after the other, so many for each as `follows_of` says; likes_of, reposts_of, replies_of: counts of each post;
    followers_of, posts_of (reposts among them, as an index counts feeds, are in `reposts`): of each member."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._chance = random.Random(1).random
        self.author, self.parent, self.root = (array("I", bytes(4 * (shape.posts + 1))) for _ in range(3))
        self.replies_of = array("I", bytes(4 * (shape.posts + 1)))
        self.posts_of = array("I", bytes(4 * (shape.members + 1)))
        self._draw_posts()
        self.follows = array("I")
        self.follows_of, self.followers_of = (array("I", bytes(4 * (shape.members + 1))) for _ in range(2))
        self._draw_follows()
        self.likes, self.likes_of = self._edges(int(shape.posts * LIKES_EACH))
        self.reposts, self.reposts_of = self._edges(int(shape.posts * REPOSTS_EACH))

    def _skewed(self, most: int) -> int:
        """A rank from 1, the first by far the most often."""
        return 1 + int(most * self._chance() ** SKEW)

    def _draw_posts(self) -> None:
        posts, members, chance = self.shape.posts, self.shape.members, self._chance
        for id in range(1, posts + 1):
            author = 1 if id == 1 else 1 + int(members * chance() ** SKEW)
            self.author[id] = author
            self.posts_of[author] += 1
            if id == 1:
                continue
            in_thread = id > posts - THREAD
            if in_thread or chance() < REPLIES:
                parent = 1 if in_thread else max(id - 1 - int(REPLIED_NEAR * chance() ** SKEW), 1)
                self.parent[id], self.root[id] = parent, self.root[parent] or parent
                self.replies_of[parent] += 1

    def _draw_follows(self) -> None:
        members, chance = self.shape.members, random.Random(2)
        draw, some = chance.random, chance.expovariate
        for member in range(1, members + 1):
            most = READER_FOLLOWS if member == self.shape.reader else int(some(1) * self.shape.follows_each + 0.5)
            found = {1 + int(members * draw() ** SKEW) for _ in range(most)}
            found.discard(member)
            self.follows.extend(found)
            self.follows_of[member] = len(found)
            for other in found:
                self.followers_of[other] += 1

    def _edges(self, count: int) -> tuple[Edges, array]:  # type: ignore[type-arg]
        members, posts, chance = self.shape.members, self.shape.posts, self._chance
        seen: set[int] = set()
        subject, counts, order = array("I"), array("I", bytes(4 * (posts + 1))), array("Q")
        for number in range(count):
            there = max(posts * number // count, 1)
            if number & 1:
                post = there - int(min(there, posts // 10) * chance() ** SKEW)
            else:
                post = int(posts * chance() ** SKEW) * _PRIME % posts + 1
                post = post if post <= there else post % there + 1
            actor = 1 + int(members * chance() ** SKEW)
            if (pair := actor << 32 | post) not in seen:
                seen.add(pair)
                order.append(actor << 32 | len(subject))
                subject.append(post)
                counts[post] += 1
        return Edges(array("Q", sorted(order)), subject), counts
