"""What the room keeps in memory: ready-made pieces of views, and the chains of the home timeline.

A piece holds counts, so the index tells after each of its commits which posts, actors, circles and notices to forget.
A reader may have read before that commit and keep after it: so it says at which `generation` it read, and what is out
of date is not kept.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from freehold.appview.batch import Batch, Effect, Standing
from freehold.appview.chains import Chains
from freehold.appview.labelled import LabelsOf, nothing_said
from freehold.appview.pieces import ActorPiece, Circle, KeptBy, MutedBy, Own, PostPiece
from freehold.appview.ties import Ties

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

POSTS_KEPT = 20_000
ACTORS_KEPT = 40_000
"""A kilobyte each."""
CIRCLES_KEPT = 1_000
NOTICES_KEPT = 10_000
OWN_KEPT = 1_000
TIES_KEPT = 1_000
READERS_KEPT = 10_000
IDS_KEPT = 40_000
LISTS_KEPT = 1_000


class Kept(Generic[K, V]):
    """The last `most` values that were asked for, by key. Any thread may call."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.values: OrderedDict[K, V] = OrderedDict()
        self.get = self.values.get

    def put(self, key: K, value: V) -> None:
        """Keep a value; the one put first goes when there are too many."""
        self.values[key] = value
        if len(self.values) > self.most:
            try:
                self.values.popitem(last=False)
            except KeyError:
                return

    def forget(self, keys: Iterable[K]) -> None:
        """Drop what is kept under these keys."""
        for key in keys:
            self.values.pop(key, None)


class Memory:
    """One network's pieces and chains.

    muted_by: whom somebody mutes; kept_by: what they keep for themselves; labels_of: what labelers say of a subject.
    None of it is written in the index. members: who is on a list, by its id. ids: by DID. revs: of readers, by id: the
    revision of their repository that the index has come to.
    """

    def __init__(self, muted_by: MutedBy, kept_by: KeptBy = lambda did: ({}, {}, {}, {})) -> None:
        self.muted_by = muted_by
        self.kept_by = kept_by
        self.labels_of: LabelsOf = nothing_said
        self.generation = 0
        self.posts: Kept[int, PostPiece] = Kept(POSTS_KEPT)
        self.actors: Kept[int, ActorPiece] = Kept(ACTORS_KEPT)
        self.circles: Kept[int, Circle] = Kept(CIRCLES_KEPT)
        self.notices: Kept[int, bytes] = Kept(NOTICES_KEPT)
        self.own: Kept[int, Own] = Kept(OWN_KEPT)
        self.members: Kept[int, frozenset[int]] = Kept(LISTS_KEPT)
        self.ties: Kept[int, Ties] = Kept(TIES_KEPT)
        self.ids: Kept[str, int] = Kept(IDS_KEPT)
        self.revs: Kept[int, str] = Kept(READERS_KEPT)
        self.chains = Chains()

    def take_over(self, batch: Batch | Effect) -> None:
        """Learn what a committed batch changed. Called on the writer's thread, before anyone is told of the commit."""
        self.generation += 1
        self.posts.forget(batch.posts)
        self.actors.forget(batch.actors)
        self.circles.forget(batch.circles)
        if batch.newcomers:
            self._forget_circles(lambda circle: circle.mutes_strangers)
        if batch.lists:
            self.members.forget(batch.lists)
            self._forget_circles(lambda circle: not circle.lists.isdisjoint(batch.lists))
        self.own.forget(batch.own)
        for tie in batch.ties:
            ties = self.ties.get(tie.reader)
            if ties is not None and not ties.learn(tie):
                self.ties.forget((tie.reader,))
        self.notices.forget(batch.notices)
        for there, item in batch.feed:
            if there:
                self.chains.add(item)
            else:
                self.chains.remove(item.actor, item.moment)
        self._move_on(batch.standing)  # last: whoever is told a revision is shown it

    def _move_on(self, standing: Iterable[Standing]) -> None:
        """Let the pieces of those who wrote, or were followed, count what they count now: most are shown again soon."""
        for actor, rev, followers, follows, posts in standing:
            piece = self.actors.get(actor)
            if piece is not None:
                piece.followers, piece.follows, piece.posts = followers, follows, posts
            if rev is not None and actor in self.revs.values:
                self.revs.put(actor, rev)

    def _forget_circles(self, outdated: Callable[[Circle], bool]) -> None:
        self.circles.forget([id for id, circle in list(self.circles.values.items()) if outdated(circle)])

    def start_over(self, chains: Chains) -> None:
        """Forget everything, and use these chains from now on."""
        self.generation += 1
        self.chains = chains
        for kept in (self.posts, self.actors, self.circles, self.notices, self.own, self.members, self.ties):
            kept.values.clear()
        self.ids.values.clear()
        self.revs.values.clear()
