"""What is private to a member is seen by nobody else: every app.bsky call that there is, asked by everybody.

A small world is made; every call is answered to each kind of viewer; then one member does everything that only they
should see, by every procedure that there is, and every call is answered again. To others nothing at all has changed, to
the member it has; and when they take it all back, it is as it was. A call that is not named here fails the test.
"""

import re
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import httpx
import pytest

from freehold.api.app import METHODS
from freehold.cli import dev
from freehold.site import Site
from support.network import Caller, Person, Ref, Refusal, now
from support.pages import sign_in

B = "app.bsky."
Params = dict[str, Any]


class World(NamedTuple):
    """alice is the member whose privacy it is; bob is blocked by her, carol a stranger; dora is written about."""

    http: httpx.AsyncClient
    alice: Person
    bob: Person
    carol: Person
    dora: Person
    post: Ref
    theirs: Ref
    people: Ref
    pack: Ref
    feed: Ref
    own_feeds: list[str]


@pytest.fixture
async def world(http: httpx.AsyncClient) -> World:
    alice, bob, carol, dora = [await Person.join(http, name) for name in ("alice", "bob", "carol", "dora")]
    post, theirs = await alice.post("bread"), await dora.post("more bread")
    await alice.follow(dora)
    await carol.follow(alice)
    await dora.follow(alice)
    await dora.repost(post)
    await dora.reply("an answer", post)
    await alice.reply("another", theirs)
    await alice.like(theirs)
    await bob.like(post)
    quote = {"$type": B + "embed.record", "record": post.strong}
    await dora.post("look at bread", embed=quote)
    record = {"name": "Bakers", "purpose": B + "graph.defs#modlist", "createdAt": now()}
    people = await carol.create(B + "graph.list", record)
    for one in (alice, dora):
        item = {"list": people.uri, "subject": one.did, "createdAt": now()}
        await carol.create(B + "graph.listitem", item)
    pack = await carol.create(B + "graph.starterpack", {"name": "Bakers", "list": people.uri, "createdAt": now()})
    feed = await carol.create(B + "feed.generator", {"did": carol.did, "displayName": "Bread", "createdAt": now()})
    await alice.create(B + "graph.block", {"subject": bob.did, "createdAt": now()})
    own_feeds = [one["uri"] for one in (await carol.get(B + "feed.describeFeedGenerator"))["feeds"]]
    return World(http, alice, bob, carol, dora, post, theirs, people, pack, feed, own_feeds)


# -- every call that reads ---------------------------------------------------------------------------------------------


def queries(w: World) -> dict[str, list[Params]]:
    """What each query is asked, about alice and about what her private acts are about."""
    actors = [{"actor": one.did} for one in (w.alice, w.dora, w.carol)]
    posts = [{"uri": ref.uri} for ref in (w.post, w.theirs)]
    everybody = [one.did for one in (w.alice, w.bob, w.carol, w.dora)]
    return {
        "actor.getPreferences": [{}],
        "actor.getProfile": actors,
        "actor.getProfiles": [{"actors": everybody}],
        "actor.getSuggestions": [{}],
        "actor.searchActors": [{"q": "alice"}, {"q": "dora"}],
        "actor.searchActorsTypeahead": [{"q": "d"}],
        "ageassurance.getConfig": [{}],
        "ageassurance.getState": [{"countryCode": "PT"}],
        "bookmark.getBookmarks": [{}],
        "draft.getDrafts": [{}],
        "feed.getActorFeeds": actors,
        "feed.getActorLikes": actors,
        "feed.getAuthorFeed": actors,
        "feed.describeFeedGenerator": [{}],
        "feed.getFeed": [{"feed": uri} for uri in (w.feed.uri, DISCOVER, *w.own_feeds)],
        "feed.getFeedGenerator": [{"feed": w.feed.uri}],
        "feed.getFeedGenerators": [{"feeds": [w.feed.uri, *w.own_feeds]}],
        "feed.getFeedSkeleton": [{"feed": uri} for uri in w.own_feeds],
        "feed.getLikes": posts,
        "feed.getListFeed": [{"list": w.people.uri}],
        "feed.getPostThread": posts,
        "feed.getPosts": [{"uris": [w.post.uri, w.theirs.uri]}],
        "feed.getQuotes": posts,
        "feed.getRepostedBy": posts,
        "feed.getTimeline": [{}],
        "feed.searchPosts": [{"q": "bread"}],
        "feed.searchPostsV2": [{"query": "bread"}],
        "graph.getActorStarterPacks": actors,
        "graph.getBlocks": [{}],
        "graph.getFollowers": actors,
        "graph.getFollows": actors,
        "graph.getKnownFollowers": actors,
        "graph.getList": [{"list": w.people.uri}],
        "graph.getListBlocks": [{}],
        "graph.getListMutes": [{}],
        "graph.getLists": actors,
        "graph.getListsWithMembership": actors,
        "graph.getMutes": [{}],
        "graph.getRelationships": [{"actor": one.did, "others": everybody} for one in (w.alice, w.dora)],
        "graph.getStarterPack": [{"starterPack": w.pack.uri}],
        "graph.getStarterPacks": [{"uris": [w.pack.uri]}],
        "graph.getStarterPacksWithMembership": actors,
        "graph.getSuggestedFollowsByActor": actors,
        "graph.searchStarterPacks": [{"q": "bakers"}],
        "graph.searchStarterPacksV2": [{"q": "bakers"}],
        "labeler.getServices": [{"dids": [w.carol.did]}],
        "notification.getPreferences": [{}],
        "notification.getUnreadCount": [{}],
        "notification.listActivitySubscriptions": [{}],
        "notification.listNotifications": [{}],
        "feed.getSuggestedFeeds": [{}],
        "unspecced.getAgeAssuranceState": [{}],
        "unspecced.getConfig": [{}],
        "unspecced.getOnboardingSuggestedStarterPacks": [{}],
        "unspecced.getPopularFeedGenerators": [{}, {"query": "bread"}],
        "unspecced.getSuggestedFeeds": [{}],
        "unspecced.getSuggestedOnboardingUsers": [{}],
        "unspecced.getSuggestedStarterPacks": [{}],
        "unspecced.getSuggestedUsers": [{}],
        "unspecced.getSuggestedUsersForDiscover": [{}],
        "unspecced.getSuggestedUsersForExplore": [{}],
        "unspecced.getSuggestedUsersForSeeMore": [{}],
        "unspecced.getTrendingTopics": [{}],
        "unspecced.getTrends": [{}],
        "unspecced.getPostThreadOtherV2": [{"anchor": w.post.uri}, {"anchor": w.theirs.uri}],
        "unspecced.getPostThreadV2": [{"anchor": w.post.uri}, {"anchor": w.theirs.uri}],
    }


DISCOVER = "at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.generator/whats-hot"

TELL_HER = {
    "actor.getPreferences",
    "actor.getProfile",
    "bookmark.getBookmarks",
    "draft.getDrafts",
    "feed.getPosts",
    "feed.getTimeline",
    "graph.getList",
    "graph.getListMutes",
    "graph.getMutes",
    "notification.getPreferences",
    "notification.getUnreadCount",
    "notification.listActivitySubscriptions",
    "notification.listNotifications",
    "unspecced.getPostThreadV2",
}
"""Calls whose answer to the member herself her private acts must change, or the test would prove nothing."""

# -- every call that does something ------------------------------------------------------------------------------------

PUSH = {"serviceDid": "did:web:push.test", "token": "x", "platform": "web", "appId": "x"}


async def keep(w: World) -> str:
    """All that a member can do and nobody else may see; the id of the draft."""
    await w.alice.do(B + "graph.muteActor", actor=w.dora.did)
    await w.alice.do(B + "graph.muteActor", actor=w.bob.did, onlyReposts=True)
    await w.alice.do(B + "graph.muteActorList", list=w.people.uri)
    await w.alice.do(B + "graph.muteThread", root=w.post.uri)
    await w.alice.do(B + "bookmark.createBookmark", uri=w.theirs.uri, cid=w.theirs.cid)
    adult = {"$type": B + "actor.defs#adultContentPref", "enabled": True}
    words = {"$type": B + "actor.defs#mutedWordsPref", "items": [{"value": "look", "targets": ["content"]}]}
    hidden = {"$type": B + "actor.defs#hiddenPostsPref", "items": [w.theirs.uri]}
    await w.alice.do(B + "actor.putPreferences", preferences=[adult, words, hidden])
    await w.alice.do(B + "notification.updateSeen", seenAt=now())
    await w.alice.do(B + "notification.putPreferencesV2", like={"include": "all", "list": False, "push": False})
    wanted = {"post": True, "reply": True}
    await w.alice.do(B + "notification.putActivitySubscription", subject=w.carol.did, activitySubscription=wanted)
    for name in ("registerPush", "unregisterPush"):
        with pytest.raises(Refusal):
            await w.alice.do(B + f"notification.{name}", **PUSH)
    seen = {"item": w.theirs.uri, "event": "app.bsky.feed.defs#interactionSeen"}
    await w.alice.do(B + "feed.sendInteractions", interactions=[seen])
    draft: str = (await w.alice.do(B + "draft.createDraft", draft={"posts": [{"text": "a secret"}]}))["id"]
    await w.alice.do(B + "draft.updateDraft", draft={"id": draft, "draft": {"posts": [{"text": "a secret, kept"}]}})
    return draft


async def take_back(w: World, draft: str) -> None:
    """All of it but what was seen, which cannot be unseen."""
    await w.alice.do(B + "graph.unmuteActor", actor=w.dora.did)
    await w.alice.do(B + "graph.unmuteActor", actor=w.bob.did)
    await w.alice.do(B + "graph.unmuteActorList", list=w.people.uri)
    await w.alice.do(B + "graph.unmuteThread", root=w.post.uri)
    await w.alice.do(B + "bookmark.deleteBookmark", uri=w.theirs.uri)
    await w.alice.do(B + "actor.putPreferences", preferences=[])
    await w.alice.do(B + "notification.putPreferencesV2", like={"include": "all", "list": True, "push": True})
    neither = {"post": False, "reply": False}
    await w.alice.do(B + "notification.putActivitySubscription", subject=w.carol.did, activitySubscription=neither)
    await w.alice.do(B + "draft.deleteDraft", id=draft)


class Answers:
    """Every query, asked by one viewer: (status, words, revision) by (call, parameters)."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    async def read(self, w: World) -> dict[tuple[str, int], tuple[int, bytes, str | None]]:
        found = {}
        for name, asked in queries(w).items():
            for place, params in enumerate(asked):
                answer = await w.http.get(f"/xrpc/{B}{name}", params=params, headers=self.caller._headers())
                found[name, place] = (answer.status_code, answer.content, answer.headers.get("atproto-repo-rev"))
                assert answer.status_code < 500, (name, answer.text)
        return found


async def test_what_a_member_does_in_private_changes_no_answer_to_anybody_else(world: World, site: Site):
    alice = Answers(world.alice)
    others = {"blocked": world.bob, "stranger": world.carol, "written about": world.dora, "nobody": Caller(world.http)}
    before = {who: await Answers(caller).read(world) for who, caller in others.items()}
    hers, public = await alice.read(world), site.log.last
    draft = await keep(world)
    told = await alice.read(world)  # first, so that memory holds what is hers when the others ask
    for who, caller in others.items():
        assert await Answers(caller).read(world) == before[who], who
    changed = {name for (name, _), answer in told.items() if answer not in _of(hers, name)}
    assert changed >= TELL_HER, TELL_HER - changed
    assert site.log.last == public, "the world heard nothing"
    await take_back(world, draft)
    after = await alice.read(world)
    seen = {name for name in after if name[0].startswith("notification.")}
    assert {name: after[name] for name in after.keys() - seen} == {name: hers[name] for name in hers.keys() - seen}
    assert _without_seen(after["notification.listNotifications", 0]) == _without_seen(
        hers["notification.listNotifications", 0]
    )


def _of(answers: dict[tuple[str, int], Any], name: str) -> list[Any]:
    return [answer for (called, _), answer in answers.items() if called == name]


def _without_seen(answer: tuple[int, bytes, str | None]) -> list[Any]:
    listed = httpx.Response(200, content=answer[1]).json()["notifications"]
    return [{key: value for key, value in note.items() if key != "isRead"} for note in listed]


# -- the pages, too --------------------------------------------------------------------------------------------------


def pages(w: World) -> list[str]:
    """What is looked at: of alice, of what her private acts are about, and what everybody has."""
    people = [f"/@{one.handle}" for one in (w.alice, w.dora, w.carol)]
    posts = [f"/@{w.alice.handle}/p/{w.post.rkey}", f"/@{w.dora.handle}/p/{w.theirs.rkey}"]
    bakers = f"/@{w.carol.handle}/lists/{w.people.rkey}"
    return [
        *(
            "/",
            "/about",
            "/notices",
            "/search?q=bread",
            "/search?q=dora",
            "/feeds",
            "/settings",
            "/saved",
            "/settings/muted",
        ),
        *(f"/feeds/{name}" for name in ("discover", "friends", "photos", "local")),
        *(page + more for page in people for more in ("", "/replies", "/photos", "/followers", "/following", "/lists")),
        *(page + more for page in posts for more in ("", "/likes", "/echoes", "/quotes")),
        *(bakers, f"{bakers}/people", f"/@{w.carol.handle}/packs/{w.pack.rkey}"),
    ]


class Browser:
    """The pages as one person sees them; without their forms' tokens."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def read(self, w: World) -> dict[str, tuple[int, str]]:
        found = {page: await self.http.get(page) for page in pages(w)}
        assert not [page for page, answer in found.items() if answer.status_code >= 500]
        return {page: (answer.status_code, TOKEN.sub("", answer.text)) for page, answer in found.items()}


TOKEN = re.compile(r'name="token" value="[^"]+"')


async def test_what_a_member_does_in_private_changes_no_page_of_anybody_else(world: World, site: Site):
    await dev.prepare(site)
    async with AsyncExitStack() as stack:

        async def browser(who: Person | None) -> Browser:
            http = httpx.AsyncClient(transport=world.http._transport, base_url=world.http.base_url)
            await stack.enter_async_context(http)
            if who is not None:
                await sign_in(http, who.handle)
            return Browser(http)

        alice, *others = [await browser(who) for who in (world.alice, world.bob, world.carol, world.dora, None)]
        for one in (alice, *others):
            await one.http.get("/notices")  # to read them is to have seen them
        before, hers = [await one.read(world) for one in others], await alice.read(world)
        assert [page for page, (status, _) in hers.items() if status != 200] == []
        await keep(world)
        told = await alice.read(world)
        assert {page for page in told if told[page] != hers[page]} >= {"/", "/saved", f"/@{world.dora.handle}"}
        for one, seen in zip(others, before, strict=True):
            assert await one.read(world) == seen


async def test_nobody_who_is_not_signed_in_does_or_reads_what_is_for_members(world: World):
    nobody = Caller(world.http)
    for method in METHODS:
        if method.nsid.startswith(B) and method.verb == "POST":
            answer = await world.http.post(f"/xrpc/{method.nsid}", json={})
            assert answer.status_code in (400, 401), method.nsid
            assert answer.json()["error"] in ("AuthMissing", "AuthenticationRequired", "InvalidRequest"), method.nsid
    private = ("getPreferences", "getBookmarks", "getDrafts", "getMutes", "getListMutes", "listNotifications")
    for name in queries(world):
        if name.endswith(private):
            with pytest.raises(Refusal) as caught:
                await nobody.get(B + name)
            assert caught.value.status == 401, name


async def test_every_call_there_is_takes_part(world: World, monkeypatch: pytest.MonkeyPatch):
    served = {method.nsid: method.verb for method in METHODS if method.nsid.startswith(B)}
    asked = {B + name for name in queries(world)}
    done: set[str] = set()
    do = Person.do

    async def noted(self: Person, nsid: str, *args: Any, **given: Any) -> Any:
        done.add(nsid)
        return await do(self, nsid, *args, **given)

    monkeypatch.setattr(Person, "do", noted)
    await take_back(world, await keep(world))
    assert {nsid for nsid, verb in served.items() if verb == "GET"} == asked
    assert {nsid for nsid, verb in served.items() if verb == "POST"} == {nsid for nsid in done if nsid.startswith(B)}
