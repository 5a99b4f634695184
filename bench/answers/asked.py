"""What is asked, and of whom: every view that both answer, by everybody who stands differently to what it shows.

A parameter names a person (`@name`) or a record (`$name`); `Names.filled` puts in what they are called on a server.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from bench.answers.hamlet import PEOPLE, POST, Hamlet
from bench.answers.life import THREAD

ACTOR, FEED, GRAPH = "app.bsky.actor.", "app.bsky.feed.", "app.bsky.graph."
NOTICES, UNSPECCED = "app.bsky.notification.", "app.bsky.unspecced."
MANY = ("alice", "bob", "dan", "eve", "ned", "")
"""Who blocks, who gets on with all, who is blocked by and blocks whom they read, a stranger, and nobody."""
FEW = ("alice", "bob", "")
FILTERS = (
    "posts_with_replies",
    "posts_no_replies",
    "posts_with_media",
    "posts_and_author_threads",
)
NOBODY = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"


class Asked(NamedTuple):
    """One question. who: nobody, if empty."""

    who: str
    nsid: str
    params: dict[str, Any]

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.who or 'nobody'}: {given}"


def questions(hamlet: Hamlet) -> Iterator[Asked]:
    """All of them. A page is always the largest, as where pages end is a server's own affair."""
    yield from _of_people()
    yield from _of_posts([f"${name}" for name, ref in hamlet.refs.items() if f"/{POST}/" in ref["uri"]])
    yield from _of_things()
    yield from _of_oneself()
    yield from _that_are_refused()


def _of_people() -> Iterator[Asked]:
    everybody = [f"@{name}" for name in PEOPLE]
    for who in MANY:
        yield Asked(who, ACTOR + "getProfiles", {"actors": everybody})
        yield Asked(who, GRAPH + "getRelationships", {"actor": "@alice", "others": everybody[1:]})
    for who, actor in product(MANY, everybody):
        yield Asked(who, ACTOR + "getProfile", {"actor": actor})
        for name in ("getFollowers", "getFollows", "getLists", "getActorStarterPacks"):
            yield Asked(who, GRAPH + name, {"actor": actor, "limit": 100})
        yield Asked(who, FEED + "getActorFeeds", {"actor": actor, "limit": 100})
    for who, actor, which in product(FEW, everybody, FILTERS):
        yield Asked(who, FEED + "getAuthorFeed", {"actor": actor, "filter": which, "includePins": True, "limit": 100})


def _of_posts(posts: list[str]) -> Iterator[Asked]:
    for who, uri in product(MANY, posts):
        yield Asked(who, FEED + "getPosts", {"uris": uri})
        yield Asked(who, FEED + "getPostThread", {"uri": uri})
        yield Asked(who, UNSPECCED + "getPostThreadV2", {"anchor": uri})
        yield Asked(who, UNSPECCED + "getPostThreadOtherV2", {"anchor": uri})
    for who, uri, name in product(FEW, posts, ("getLikes", "getRepostedBy", "getQuotes")):
        yield Asked(who, FEED + name, {"uri": uri, "limit": 100})
    for who, sort, below, branching in product(FEW, ("oldest", "newest", "top"), (0, 1, 3), (1, 10)):
        params = {"anchor": f"${THREAD}", "sort": sort, "below": below, "branchingFactor": branching}
        yield Asked(who, UNSPECCED + "getPostThreadV2", params)


def _of_things() -> Iterator[Asked]:
    for who, name in product(MANY, ("friends", "shunned", "noisy", "pack's people", "eve's")):
        yield Asked(who, GRAPH + "getList", {"list": f"${name}", "limit": 100})
        yield Asked(who, FEED + "getListFeed", {"list": f"${name}", "limit": 100})
    for who in MANY:
        yield Asked(who, GRAPH + "getStarterPack", {"starterPack": "$pack"})
        yield Asked(who, GRAPH + "getStarterPacks", {"uris": ["$pack", "$friends"]})
        yield Asked(who, FEED + "getFeedGenerators", {"feeds": ["$alice's feed", "$eve's feed", "$hello"]})
        yield Asked(who, "app.bsky.labeler.getServices", {"dids": ["@max", "@bob"], "detailed": True})


def _of_oneself() -> Iterator[Asked]:
    for who in PEOPLE:
        if who != "ivy":
            yield Asked(who, FEED + "getTimeline", {"limit": 100})
            yield Asked(who, NOTICES + "listNotifications", {"limit": 100})
            yield Asked(who, NOTICES + "getPreferences", {})
            yield Asked(who, NOTICES + "listActivitySubscriptions", {"limit": 100})
            yield Asked(who, "app.bsky.bookmark.getBookmarks", {"limit": 100})
            yield Asked(who, FEED + "getActorLikes", {"actor": f"@{who}", "limit": 100})
            for name in ("getMutes", "getBlocks", "getListMutes", "getListBlocks"):
                yield Asked(who, GRAPH + name, {"limit": 100})
    for who, actor in product(("alice", "bob", "eve"), PEOPLE):
        yield Asked(who, GRAPH + "getListsWithMembership", {"actor": f"@{actor}", "limit": 100})
        yield Asked(who, GRAPH + "getStarterPacksWithMembership", {"actor": f"@{actor}", "limit": 100})
        yield Asked(who, GRAPH + "getKnownFollowers", {"actor": f"@{actor}", "limit": 100})


def _that_are_refused() -> Iterator[Asked]:
    for actor in (NOBODY, "nobody.test", "no name"):
        for nsid in (ACTOR + "getProfile", FEED + "getAuthorFeed", GRAPH + "getFollowers", GRAPH + "getLists"):
            yield Asked("bob", nsid, {"actor": actor})
    for who in ("alice", "dan", "eve", "gus"):
        yield Asked(who, FEED + "getAuthorFeed", {"actor": "@eve" if who == "alice" else "@alice"})
    for limit in (0, 101):
        yield Asked("bob", FEED + "getAuthorFeed", {"actor": "@alice", "limit": limit})
    for uri in ("not a uri", f"at://{NOBODY}/{POST}/3kaaaaaaaaa2a"):
        yield Asked("bob", FEED + "getPostThread", {"uri": uri})
        yield Asked("bob", FEED + "getPosts", {"uris": uri})
        yield Asked("bob", GRAPH + "getList", {"list": uri})
        yield Asked("bob", GRAPH + "getStarterPack", {"starterPack": uri})
    for nsid in (FEED + "getTimeline", NOTICES + "listNotifications", GRAPH + "getMutes", "app.bsky.none.getSuch"):
        yield Asked("", nsid, {})
