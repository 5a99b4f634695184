"""Members of a host alone see at once what they wrote, though the AppView elsewhere has not read it yet.

The AppView is a real HTTP peer that says what the test wants it to say, and up to which revision.
Source: https://atproto.com/specs/repository#repo-revisions
"""

import gzip
import json
from contextlib import asynccontextmanager
from urllib.parse import quote

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from freehold.api import read_after_write
from freehold.api.proxy import MOST_AT_ONCE
from freehold.protocol.tid import tid_encode
from freehold.store.clock import now_micros
from support.inside import HOUR, served
from support.network import PROFILE, Person, refused
from support.pictures import png
from support.servers import application

TIMELINE, AUTHOR = "app.bsky.feed.getTimeline", "app.bsky.feed.getAuthorFeed"
LIKES, THREAD, POSTS = "app.bsky.feed.getActorLikes", "app.bsky.feed.getPostThread", "app.bsky.feed.getPosts"
GET_PROFILE, PROFILES = "app.bsky.actor.getProfile", "app.bsky.actor.getProfiles"
LONG_AGO = "2024-02-03T04:05:06.789Z"
CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"


class AppView:
    """Says what is set for a method (JSON, bytes, or either by the query; None: not found), and what it has read."""

    def __init__(self):
        self.url, self.rev, self.says, self.asked, self.status = "", None, {}, [], 200
        self.headers = {}

    @property
    def did(self):
        return "did:web:" + self.url.removeprefix("http://").replace(":", quote(":"))

    def document(self, request: Request):
        entry = {"id": "#bsky_appview", "type": "BskyAppView", "serviceEndpoint": self.url}
        return JSONResponse({"id": self.did, "service": [entry]})

    async def answer(self, request: Request):
        nsid = request.path_params["nsid"]
        self.asked.append((nsid, request))
        said = self.says.get(nsid)
        said = said(request.query_params) if callable(said) else said
        rev = {"atproto-repo-rev": self.rev} if self.rev else {}
        if said is None:
            return JSONResponse({"error": "NotFound", "message": "Post not found"}, 400, headers=rev)
        body = said if isinstance(said, bytes) else json.dumps(said, indent=1).encode()
        return Response(body, self.status, {**rev, "content-type": "application/json", **self.headers})


@pytest.fixture
async def appview():
    view = AppView()
    routes = [Route("/.well-known/did.json", view.document), Route("/xrpc/{nsid}", view.answer)]
    async with application(Starlette(routes=routes)) as url:
        view.url = url.replace("127.0.0.1", "localhost")
        yield view


@asynccontextmanager
async def host_of(tmp_path, shared, appview):
    settings = {"host_only": True, "outside_appview": f"{appview.did}#bsky_appview"}
    async with (
        served(tmp_path / "town", shared, **settings) as site,
        httpx.AsyncClient(base_url=site.place.base_url) as http,
    ):
        yield site, http


@pytest.fixture
async def host(tmp_path, shared, appview):
    async with host_of(tmp_path, shared, appview) as (site, http):
        yield site, http


@pytest.fixture
async def alice(host, appview):
    """A member, all of whose repository the AppView has read."""
    site, http = host
    alice = await Person.join(http)
    alice.site = site
    alice.first = await alice.post("read long ago")
    appview.rev = alice.first.rev
    appview.says[GET_PROFILE] = {"did": alice.did, "handle": alice.handle, "displayName": "Alice", "followersCount": 3}
    return alice


def basic(did="did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", handle="else.where", **more):
    return {"did": did, "handle": handle, **more}


def seen(rkey="old", at=LONG_AGO, author=None, **more):
    """A post as the AppView shows it."""
    author = author or basic()
    record = {"$type": "app.bsky.feed.post", "text": "hello", "createdAt": LONG_AGO}
    uri = f"at://{author['did']}/app.bsky.feed.post/{rkey}"
    return {"uri": uri, "cid": CID, "author": author, "record": record, "indexedAt": at, "likeCount": 7, **more}


def strong(post):
    return {"uri": post["uri"], "cid": post["cid"]}


def texts(feed):
    return [item["post"]["record"]["text"] for item in feed["feed"]]


async def fetch(person, nsid, **params):
    """The answer, which has to hold against its lexicon, and how far the AppView is said to be behind."""
    got = await person.ask(nsid, **params)
    person.site.catalog.output(nsid).check(got.json())
    return got.json(), got.headers.get("atproto-upstream-lag")


async def untouched(person, appview, nsid, **params):
    """Whether the answer is, byte for byte, what the AppView said."""
    got = await person.http.get(f"/xrpc/{nsid}", params=params, headers=person._headers())
    said = appview.says[nsid]
    body = said if isinstance(said, bytes) else json.dumps(said, indent=1).encode()
    return (got.content, got.status_code) == (body, appview.status) and "atproto-upstream-lag" not in got.headers


async def test_a_post_is_seen_at_once_in_timeline_and_own_feed(alice, appview):
    appview.says[TIMELINE] = appview.says[AUTHOR] = {"feed": [{"post": seen()}], "cursor": "more"}
    post = await alice.post("just now")
    await alice.post("and now")
    for nsid, params in ((TIMELINE, {}), (AUTHOR, {"actor": alice.did}), (AUTHOR, {"actor": alice.handle.upper()})):
        feed, lag = await fetch(alice, nsid, **params)
        assert texts(feed) == ["and now", "just now", "hello"]
        assert 0 <= int(lag) < 60_000
        view = feed["feed"][1]["post"]
        assert (view["uri"], view["cid"], view["likeCount"]) == (post.uri, post.cid, 0)
        assert view["author"] == {"did": alice.did, "handle": alice.handle, "displayName": "Alice"}
        assert feed["cursor"] == "more"


async def test_posts_stand_by_their_time_below_what_is_newer_and_pinned_and_none_twice(alice, appview):
    first, second = await alice.post("one"), await alice.post("two")
    author = basic(alice.did, alice.handle)
    pinned = {"post": seen("pin", author=author), "reason": {"$type": "app.bsky.feed.defs#reasonPin"}}
    known = {"post": seen(second.rkey, "2035-01-01T00:00:00Z", author)}
    later = {"post": seen("late", "2036-01-01T00:00:00+00:00")}
    appview.says[AUTHOR] = {"feed": [pinned, later, known, {"post": seen()}]}
    feed, _ = await fetch(alice, AUTHOR, actor=alice.did)
    assert [item["post"]["uri"].split("/")[-1] for item in feed["feed"]] == [
        "pin", "late", second.rkey, first.rkey, "old"
    ]  # fmt: skip


async def test_a_page_further_down_is_left_alone_and_an_empty_feed_is_filled(alice, appview):
    await alice.post("mine")
    appview.says[TIMELINE] = {"feed": [{"post": seen()}]}
    assert await untouched(alice, appview, TIMELINE, cursor="x")
    appview.says[TIMELINE] = {"feed": []}
    assert texts((await fetch(alice, TIMELINE))[0]) == ["mine"]
    appview.says[TIMELINE] = {"feed": [{"post": seen(at="2035-01-01T00:00:00Z")}], "cursor": "older ones"}
    assert await untouched(alice, appview, TIMELINE)


async def test_an_own_feed_holds_what_its_filter_asks_for(alice, appview):
    appview.says[AUTHOR] = {"feed": []}
    mine = await alice.post("plain")
    await alice.reply("to myself", mine)
    await alice.post("to you", reply={"root": strong(seen()), "parent": strong(seen())})
    blob = await alice.upload(png(60, 40))
    await alice.post_picture(blob, "picture")
    wanted = {
        "posts_no_replies": ["picture", "plain"],
        "posts_and_author_threads": ["picture", "to myself", "plain"],
        "posts_with_media": ["picture"],
        "posts_with_replies": ["picture", "to you", "to myself", "plain"],
    }
    for name, expected in wanted.items():
        assert texts((await fetch(alice, AUTHOR, actor=alice.did, filter=name))[0]) == expected
    assert await untouched(alice, appview, AUTHOR, actor=alice.did, filter="posts_with_video")


async def test_pictures_links_and_quotes_are_shown(alice, appview):
    blob = await alice.upload(png(60, 40))
    images = {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": "a boat"}]}
    external = {"uri": "https://example.com/", "title": "T", "description": "D", "thumb": blob}
    quote = {"$type": "app.bsky.embed.record", "record": strong(seen())}
    gone = {"$type": "app.bsky.embed.record", "record": strong(seen("gone"))}
    both = {"$type": "app.bsky.embed.recordWithMedia", "record": {"record": strong(seen())}, "media": images}
    for embed in (images, {"$type": "app.bsky.embed.external", "external": external}, quote, gone, both):
        await alice.post("x", embed=embed)
    appview.says |= {TIMELINE: {"feed": []}, POSTS: {"posts": [seen()]}}
    feed, _ = await fetch(alice, TIMELINE)
    mixed, absent, quoted, card, picture = [item["post"]["embed"] for item in feed["feed"]]
    cid = blob["ref"]["$link"]
    assert (await alice.http.get(picture["images"][0]["thumb"])).headers["content-type"].startswith("image/")
    assert cid in card["external"]["thumb"]
    assert quoted["record"]["value"]["text"] == mixed["record"]["record"]["value"]["text"] == "hello"
    assert absent["record"]["notFound"] is True
    assert mixed["media"]["images"][0]["alt"] == "a boat"
    assert [nsid for nsid, _ in appview.asked] == [TIMELINE, GET_PROFILE, POSTS]
    appview.says[POSTS] = {"posts": "no list"}
    feed, _ = await fetch(alice, TIMELINE)
    assert "embed" not in feed["feed"][2]["post"]  # it cannot be known


async def test_own_replies_are_seen_in_a_thread(alice, appview):
    node = {"$type": "app.bsky.feed.defs#threadViewPost"}
    lower = {**node, "post": seen("lower"), "replies": []}
    appview.says[THREAD] = {"thread": {**node, "post": seen(), "replies": [lower]}}
    ref = {"root": strong(seen()), "parent": strong(seen("lower"))}
    reply = await alice.post("my answer", reply=ref)
    await alice.post("more", reply={"root": strong(seen()), "parent": reply.strong})
    await alice.post("elsewhere", reply={"root": strong(seen("no")), "parent": strong(seen("no"))})
    said, lag = await fetch(alice, THREAD, uri=seen()["uri"])
    answer = said["thread"]["replies"][0]["replies"][0]
    assert answer["post"]["record"]["text"] == "my answer"
    assert [below["post"]["record"]["text"] for below in answer["replies"]] == ["more"]
    assert lag is not None
    appview.says[THREAD] = {"thread": {**node, "post": seen("another")}}
    assert await untouched(alice, appview, THREAD, uri=seen("another")["uri"])


async def test_a_thread_that_the_appview_does_not_know_is_built(alice, appview):
    first = await alice.post("the first")
    second = await alice.reply("the second", first)
    third = await alice.reply("the third", second, first)
    said, _ = await fetch(alice, THREAD, uri=second.uri.replace(alice.did, alice.handle))
    assert said["thread"]["post"]["uri"] == second.uri
    assert said["thread"]["parent"]["post"]["uri"] == first.uri
    assert said["thread"]["replies"][0]["post"]["uri"] == third.uri
    with refused("NotFound", say="Post not found"):
        await alice.get(THREAD, uri=seen()["uri"])
    with refused("NotFound", say="Post not found"):
        await alice.get(THREAD, uri=f"{first.uri}x")
    with refused("NotFound"):
        await alice.get(THREAD, uri="at://no where")


async def test_what_is_above_a_new_reply_comes_from_the_appview(alice, appview):
    reply = await alice.post("an answer", reply={"root": strong(seen()), "parent": strong(seen())})
    parent = {"thread": {"$type": "app.bsky.feed.defs#threadViewPost", "post": seen()}}
    appview.says[THREAD] = lambda query: parent if query["uri"] == seen()["uri"] else None
    said, lag = await fetch(alice, THREAD, uri=reply.uri, parentHeight=5)
    assert (said["thread"]["parent"], lag is None) == (parent["thread"], False)
    assert appview.asked[-1][1].query_params["parentHeight"] == "5"
    appview.says[THREAD] = None
    assert "parent" not in (await fetch(alice, THREAD, uri=reply.uri))[0]["thread"]


async def test_a_post_that_names_itself_as_its_parent_ends(alice, appview):
    ref = {"uri": f"at://{alice.did}/app.bsky.feed.post/3zzzzzzzzzz22", "cid": CID}
    record = {"text": "round", "createdAt": LONG_AGO, "reply": {"root": ref, "parent": ref}}
    await alice.create("app.bsky.feed.post", record, rkey="3zzzzzzzzzz22")
    assert (await fetch(alice, THREAD, uri=ref["uri"]))[0]["thread"]["post"]["record"]["text"] == "round"


async def test_a_changed_profile_is_seen_at_once(alice, appview):
    blob = await alice.upload(png(60, 40))
    record = {"displayName": "Alice B.", "description": "new words", "avatar": blob, "banner": blob}
    await alice.put(PROFILE, "self", record)
    author = basic(alice.did, alice.handle, displayName="Alice")
    appview.says |= {PROFILES: {"profiles": [author, basic()]}, LIKES: {"feed": [{"post": seen(author=author)}]}}
    view, lag = await fetch(alice, GET_PROFILE, actor=alice.did)
    assert (view["displayName"], view["description"], view["followersCount"]) == ("Alice B.", "new words", 3)
    assert (
        (await alice.http.get(view["avatar"])).status_code == (await alice.http.get(view["banner"])).status_code == 200
    )
    assert lag is not None
    mine, other = (await fetch(alice, PROFILES, actors=[alice.did, basic()["did"]]))[0]["profiles"]
    assert (mine["displayName"], other) == ("Alice B.", basic())
    assert (await fetch(alice, LIKES, actor=alice.did))[0]["feed"][0]["post"]["author"]["displayName"] == "Alice B."
    appview.says[GET_PROFILE] = basic()
    assert await untouched(alice, appview, GET_PROFILE, actor=basic()["did"])


async def test_whoever_wrote_nothing_newer_gets_the_very_same_bytes(alice, appview):
    appview.says[TIMELINE] = {"feed": [{"post": seen()}]}
    assert await untouched(alice, appview, TIMELINE)
    post = await alice.post("now read")
    appview.rev = post.rev
    assert await untouched(alice, appview, TIMELINE)
    await alice.follow(alice)  # neither a post nor the profile
    assert await untouched(alice, appview, TIMELINE)
    assert [nsid for nsid, _ in appview.asked] == [TIMELINE] * 3


async def test_anothers_posts_are_not_added(alice, appview):
    bob = await Person.join(alice.http)
    await bob.post("by bob")
    appview.says |= {TIMELINE: {"feed": []}, AUTHOR: {"feed": []}}
    assert await untouched(alice, appview, TIMELINE)
    await alice.post("by alice")
    assert await untouched(alice, appview, AUTHOR, actor=bob.did)


@pytest.mark.parametrize("rev", [None, "", "yesterday", "zzzzzzzzzzzzz", "3zzzzzzzzzzzz"])
async def test_an_appview_that_says_no_revision_is_left_alone(alice, appview, rev):
    await alice.post("new")
    appview.says[TIMELINE], appview.rev = {"feed": []}, rev
    assert await untouched(alice, appview, TIMELINE)


@pytest.mark.parametrize(
    "said",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"feed": 1}', b'{"feed": [1]}', b'{"feed": [{"post": {}}]}',
     b'{"feed": [], "more": 1' + b"0" * 400 + b"}", b"[" * 100_000, b'{"feed": [' + b'{"post":' * 5_000]
)  # fmt: skip
async def test_what_is_not_as_the_lexicon_says_passes(alice, appview, said):
    await alice.post("new")
    for nsid in (TIMELINE, AUTHOR, GET_PROFILE, PROFILES, THREAD, LIKES):
        appview.says[nsid] = said
        if not (nsid in (TIMELINE, AUTHOR) and b'"more"' in said):
            assert await untouched(alice, appview, nsid, actor=alice.did, actors=alice.did, uri=seen()["uri"])
        else:
            got = await alice.ask(nsid, actor=alice.did)
            assert got.status_code == 200


async def test_errors_and_other_types_pass(alice, appview):
    await alice.post("new")
    appview.says[TIMELINE], appview.status = {"error": "Broken", "message": "Oh."}, 503
    assert await untouched(alice, appview, TIMELINE)
    appview.says[TIMELINE], appview.status, appview.headers = {"feed": []}, 200, {"content-type": "text/html"}
    assert await untouched(alice, appview, TIMELINE)
    appview.headers = {"content-encoding": "br"}
    got = await alice.http.get(f"/xrpc/{TIMELINE}", headers=alice._headers({"accept-encoding": "br, zstd"}))
    assert "atproto-upstream-lag" not in got.headers
    assert appview.asked[-1][1].headers["accept-encoding"] == "identity"


async def test_an_answer_that_is_too_long_passes_and_a_packed_one_is_unpacked(alice, appview, monkeypatch):
    await alice.post("new")
    appview.says[TIMELINE] = {"feed": [{"post": seen(str(n))} for n in range(2_000)]}
    monkeypatch.setattr(read_after_write, "MOST_BYTES", 100_000)
    assert await untouched(alice, appview, TIMELINE)
    appview.says[TIMELINE] = gzip.compress(json.dumps({"feed": [{"post": seen()}]}).encode())
    appview.headers = {"content-encoding": "gzip"}
    assert texts((await fetch(alice, TIMELINE))[0]) == ["new", "hello"]


async def test_of_many_new_posts_the_newest_ten_are_shown(alice, appview):
    for n in range(13):
        await alice.post(str(n))
    appview.says[TIMELINE] = {"feed": []}
    assert texts((await fetch(alice, TIMELINE))[0]) == [str(n) for n in range(12, 2, -1)]


async def test_a_deleted_post_and_one_taken_down_are_not_shown(alice, appview):
    gone, down = await alice.post("deleted"), await alice.post("taken down")
    await alice.delete(gone)
    await alice.site.truth.write(lambda tx: alice.site.takedowns.take_down(tx, alice.did, down.path))
    appview.says[TIMELINE] = {"feed": []}
    assert await untouched(alice, appview, TIMELINE)


async def test_a_repository_that_moved_in_is_no_news(alice, appview):
    two_hours_ago = tid_encode(now_micros() - 2 * HOUR, 5)
    await alice.create("app.bsky.feed.post", {"text": "old", "createdAt": LONG_AGO}, rkey=two_hours_ago)
    appview.rev = (await alice.delete(alice.first))["commit"]["rev"]
    car = (await alice.ask("com.atproto.sync.getRepo", did=alice.did)).content
    await alice.send("com.atproto.repo.importRepo", car, "application/vnd.ipld.car")
    assert (await alice.get("com.atproto.sync.getLatestCommit", did=alice.did))["rev"] > appview.rev
    appview.says[TIMELINE] = {"feed": []}
    assert await untouched(alice, appview, TIMELINE)


async def test_an_answer_that_breaks_off_is_refused_and_holds_no_place(alice, appview):
    await alice.post("new")
    appview.says[TIMELINE], appview.headers = {"feed": []}, {"content-length": "9", "connection": "close"}
    for _ in range(MOST_AT_ONCE + 1):
        with refused("UpstreamFailure", 502):
            await alice.get(TIMELINE)
