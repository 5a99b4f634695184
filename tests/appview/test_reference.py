"""The views equal the reference: on random networks, for every reader, also made anew and after a restart.

`support.reference` says slowly what each reader must see; `support.reference.worlds` makes the networks. Every view is
read to its end, in small pages.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import freehold.appview.index
from freehold.protocol.refused import Refused
from support.parish import Parish, Person
from support.reference.feeds import Feeds
from support.reference.people import People
from support.reference.threads import Threads
from support.reference.trimmed import difference, trimmed
from support.reference.truth import Truth
from support.reference.worlds import WORDS, Deed, World, deeds

FILTERS = ("posts_with_replies", "posts_no_replies", "posts_with_media", "posts_with_video", "posts_and_author_threads")
SORTS = ("oldest", "newest", "top")
_PAGES_MOST = 200
PIECES = 20
"""Into which the long round of 300 networks is cut: each draws its own, and each worker of the tests takes the next."""


class Reader(Feeds, People, Threads):
    """All that the reference says to one reader."""


class Asked:
    """One reader, of the product and of the reference. Each method asks both and holds them against each other."""

    def __init__(self, world: World, truth: Truth, viewer: Person | None, place: int = 0, every: int = 1) -> None:
        """every: of the posts, ask about each so-many'th only, from the one at `place`."""
        self.world, self.truth, self.viewer = world, truth, viewer
        self.place, self.every = place, every
        self.reader = Reader(truth, viewer.did if viewer else None)

    def ask(self, name: str, **params: Any) -> Any:
        return self.world.parish.look(name, self.viewer, **params)

    def pages(self, name: str, key: str, limit: int, **params: Any) -> list[Any]:
        """A view to its end."""
        found: list[Any] = []
        cursor = None
        for _ in range(_PAGES_MOST):
            answer = self.ask(name, limit=limit, cursor=cursor, **params)
            found += answer[key]
            cursor = answer.get("cursor")
            if cursor is None:
                return found
        raise AssertionError(f"{name} does not end")

    def same(self, found: Any, expected: Any, *about: Any) -> None:
        differs = difference(trimmed(found), expected)
        assert not differs, (self.viewer and self.viewer.name, *about, differs)

    def listed(self, name: str, key: str, expected: list[Any], limit: int = 4, **params: Any) -> None:
        self.same(self.pages(name, key, limit, **params), expected, name, params)

    # -- what is asked -------------------------------------------------------------------------------------------------

    def everything(self) -> None:
        if self.viewer is not None:
            self.own()
        shown = [did for did in self.world.parish.people if self.truth.shown(did)]
        for place, did in enumerate(shown):
            self.person(did, FILTERS[place % len(FILTERS) :] + FILTERS[: place % len(FILTERS)])
        self.same(self.ask("actor.getProfiles", actors=shown)["profiles"], [*map(self.reader.detailed, shown)])
        uris = sorted({ref.uri for ref in self.world.refs})
        for uri in uris[self.place % self.every :: self.every]:
            self.post(uri)
        posts = [post for uri in uris if (post := self.reader.readable(uri)) and not self.reader.blocked(post.did)]
        self.same(self.ask("feed.getPosts", uris=uris)["posts"], [*map(self.reader.post, posts)], "getPosts")
        for word in WORDS[:2]:
            self.listed("feed.searchPosts", "posts", self.reader.found(word), 7, q=word)
            self.listed("feed.searchPosts", "posts", self.reader.best(word), 5, q=word, sort="top")
        for uri in self.truth.lists:
            if self.truth.shown(uri.split("/")[2]):
                self.listed("feed.getListFeed", "feed", self.reader.list_feed(uri), list=uri)

    def own(self) -> None:
        """What only a member has."""
        reader = self.reader
        self.listed("feed.getTimeline", "feed", reader.timeline(), 3)
        self.listed("feed.getActorLikes", "feed", reader.liked(), actor=reader.me)
        for name, key, people in (
            ("getMutes", "mutes", reader.muted_people),
            ("getBlocks", "blocks", reader.blocked_people),
        ):
            found = self.pages(f"graph.{name}", key, 2)
            assert sorted(view["did"] for view in found) == sorted(people()), name
        news = self.pages("notification.listNotifications", "notifications", 5)
        expected = [{**note, "author": reader.basic(note["author"])} for note in reader.news()]
        differs = difference(
            [_told(note | {"author": trimmed(note["author"])}) for note in news], [_told(note) for note in expected]
        )
        assert not differs, (self.viewer and self.viewer.name, "listNotifications", differs)
        self.same(self.ask("notification.getUnreadCount"), {"count": len(expected)}, "getUnreadCount")

    def person(self, did: str, filters: tuple[str, ...]) -> None:
        """What there is about one who is shown."""
        reader = self.reader
        if reader.me is not None and reader.blocked(did):
            with pytest.raises(Refused) as caught:
                self.ask("feed.getAuthorFeed", actor=did)
            assert caught.value.name == ("BlockedActor" if reader.blocking(reader.me, did) else "BlockedByActor")
        else:
            for filter in filters[: 1 + (reader.me is None or reader.me == did)]:
                self.listed("feed.getAuthorFeed", "feed", reader.author_feed(did, filter), 3, actor=did, filter=filter)
            with_pin = reader.author_feed(did, filters[2], pins=True)
            found = self.ask("feed.getAuthorFeed", actor=did, limit=100, filter=filters[2], includePins=True)
            self.same(found["feed"], with_pin, "pins", did, filters[2])
        self.listed("graph.getFollowers", "followers", reader.followers(did), 2, actor=did)
        self.listed("graph.getFollows", "follows", reader.follows_of(did), 2, actor=did)
        if reader.me is not None:
            self.listed("graph.getKnownFollowers", "followers", reader.known_followers(did), 2, actor=did)

    def post(self, uri: str) -> None:
        """What there is about a post, there or not."""
        reader = self.reader
        likes = self.pages("feed.getLikes", "likes", 2, uri=uri)
        self.same([like["actor"] for like in likes], reader.likers(uri), "getLikes", uri)
        self.listed("feed.getRepostedBy", "repostedBy", reader.reposters(uri), 2, uri=uri)
        self.listed("feed.getQuotes", "posts", reader.quotes(uri), 2, uri=uri)
        post, number = self.truth.posts.get(uri), len(uri + str(reader.me)) + sum(map(ord, uri[-3:]))
        below, branching, sort = number % 4, number % 3 + 1, SORTS[number % 3]
        flat = self.ask("unspecced.getPostThreadV2", anchor=uri, below=below, branchingFactor=branching, sort=sort)
        if post is None or not reader._there(post):
            assert trimmed(flat)["thread"][0]["value"] == {"$type": "app.bsky.unspecced.defs#threadItemNotFound"}
            with pytest.raises(Refused, match="Post not found"):
                self.ask("feed.getPostThread", uri=uri)
            return
        expected = reader.thread_v2(post, below, branching, sort)
        self.same({name: flat[name] for name in expected}, expected, "getPostThreadV2", uri, below, branching, sort)
        others = self.ask("unspecced.getPostThreadOtherV2", anchor=uri)["thread"]
        self.same(others, reader.other_v2(post), "getPostThreadOtherV2", uri)
        if reader.readable(uri) is not None:
            tree = self.ask("feed.getPostThread", uri=uri, depth=below, parentHeight=branching)["thread"]
            self.same(tree, reader.thread(post, below, branching), "getPostThread", uri, below, branching)


def _told(note: Any) -> Any:
    """A notification, to compare."""
    return {"author": note["author"], **{name: note.get(name) for name in ("uri", "reason", "reasonSubject")}}


def compare(world: World, every: int, turn: int = 0) -> None:
    """Hold the answers to every reader against the reference; see `Asked` for `every`. turn: where to begin."""
    world.parish.settle()
    truth = Truth(world.parish, world.labels)
    for place, viewer in enumerate((None, *truth.active())):
        Asked(world, truth, viewer, place + turn, every).everything()


def live(folder: Path, told: list[Deed], monkeypatch: pytest.MonkeyPatch, *, hot: int, every: int = 1) -> None:
    """Have deeds done, and compare: as the index followed them, after a restart with a hot window of `hot` items, and
    when it was made anew from the repositories."""
    world = World(Parish(folder))
    try:
        for place, deed in enumerate(told):
            world.do(deed)
            if place == len(told) // 2:
                compare(world, every * 3)  # so that memory holds what must change
        compare(world, every)
        with monkeypatch.context() as patched:
            patched.setattr(freehold.appview.index, "ITEMS_IN_MEMORY", hot)
            world.parish.restart()
            world.attend()
            compare(world, every, 1)
        world.parish.index.rebuild()
        compare(world, every, 2)
    finally:
        world.parish.close()


QUICK = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)


@settings(QUICK, max_examples=4)
@given(told=deeds(25, 40), hot=st.integers(1, 12))
def test_every_reader_sees_what_the_reference_says(told: list[Deed], hot: int):
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        live(Path(folder), told, monkeypatch, hot=hot, every=6)


@pytest.mark.long
@pytest.mark.parametrize("piece", range(PIECES))
@settings(QUICK, max_examples=300 // PIECES)
@given(told=deeds(20, 140), hot=st.integers(1, 60))
def test_every_reader_sees_what_the_reference_says_in_many_and_large_networks(piece: int, told: list[Deed], hot: int):
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        live(Path(folder), told, monkeypatch, hot=hot)
