"""Feeds of other services: who is told who asks, what is shown of their answers, and what becomes of bad ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from atproto import verify_jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from freehold.feeds import foreign
from freehold.protocol.diddoc import read as read_document
from support.inside import served
from support.network import Caller, Person, Ref, now, refused
from support.servers import application

GENERATOR = "app.bsky.feed.generator"
GET = "app.bsky.feed.getFeed"


class Service:
    """A feed service of somebody's. answer: what it says instead of the skeleton. slow: set when it may answer."""

    def __init__(self) -> None:
        self.calls: list[Request] = []
        self.url = ""
        self.offers: list[str] = []
        self.answer: Response | None = None
        self.skeleton: Any = {"feed": []}
        self.slow, self.asked = asyncio.Event(), asyncio.Event()
        self.slow.set()

    @property
    def did(self) -> str:
        return "did:web:" + self.url.removeprefix("http://").replace(":", quote(":"))

    async def document(self, request: Request) -> Response:
        endpoint = {"id": "#bsky_fg", "type": "BskyFeedGenerator", "serviceEndpoint": self.url}
        return JSONResponse({"id": self.did, "service": [endpoint]})

    async def feed(self, request: Request) -> Response:
        self.calls.append(request)
        self.asked.set()
        await self.slow.wait()
        return self.answer or JSONResponse(self.skeleton)

    async def describe(self, request: Request) -> Response:
        return JSONResponse({"did": self.did, "feeds": [{"uri": uri} for uri in self.offers]})


@asynccontextmanager
async def feed_service() -> AsyncIterator[Service]:
    service = Service()
    routes = [
        Route("/.well-known/did.json", service.document),
        Route(f"/xrpc/{foreign.SKELETON}", service.feed),
        Route(f"/xrpc/{foreign.DESCRIBE}", service.describe),
    ]
    async with application(Starlette(routes=routes)) as url:
        service.url = url.replace("127.0.0.1", "localhost")
        yield service


@pytest.fixture
async def there(tmp_path, shared):
    """(service, alice, bob, alice's record of a feed of the service)."""
    async with (
        feed_service() as service,
        served(tmp_path / "town", shared) as site,
        httpx.AsyncClient(base_url=site.place.base_url) as http,
    ):
        alice, bob = await Person.join(http), await Person.join(http)
        yield service, alice, bob, await declared(alice, service.did)


async def declared(person: Person, did: str) -> Ref:
    return await person.create(GENERATOR, {"did": did, "displayName": "Bread", "createdAt": now()})


async def test_another_service_picks_and_the_reader_sees_what_is_here(there):
    service, alice, bob, feed = there
    one, two = await alice.post("one"), await bob.post("two")
    echo = await alice.repost(two)
    service.skeleton = {
        "feed": [
            {"post": two.uri, "reason": {"$type": "app.bsky.feed.defs#skeletonReasonRepost", "repost": echo.uri}},
            {"post": "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3kabcdefghijk"},
            {"post": one.uri, "reason": {"$type": "app.bsky.feed.defs#skeletonReasonPin"}, "feedContext": "because"},
            {"post": two.uri, "reason": {"$type": "app.bsky.feed.defs#skeletonReasonRepost", "repost": one.uri}},
            {"post": two.uri},
        ],
        "cursor": "on and on",
        "reqId": "r1",
    }
    answer = await bob.get(GET, feed=feed.uri, limit=4, cursor="before")
    assert [item["post"]["uri"] for item in answer["feed"]] == [two.uri, one.uri]
    assert answer["feed"][0]["reason"]["by"]["did"] == alice.did
    assert answer["feed"][1]["reason"]["$type"].endswith("#reasonPin")
    assert (answer["feed"][1]["feedContext"], answer["feed"][1]["reqId"]) == ("because", "r1")
    assert answer["cursor"] == "on and on"
    assert dict(service.calls[0].query_params) == {"feed": feed.uri, "limit": "4", "cursor": "before"}
    await bob.do("app.bsky.graph.muteActor", actor=alice.did)
    assert (await bob.get(GET, feed=feed.uri, limit=4))["feed"] == []


async def test_the_service_learns_who_asks_by_a_token_for_this_call_alone(there):
    service, _, bob, feed = there
    await bob.get(GET, feed=feed.uri, headers={"accept-language": "fr"})
    await Caller(bob.http).get(GET, feed=feed.uri)
    mine, strangers = service.calls
    assert mine.headers["accept-language"] == "fr"
    token = mine.headers["authorization"].removeprefix("Bearer ")
    document = read_document(bob.did, (await bob.http.get(f"/plc/{bob.did}")).json())
    claims = verify_jwt(token, lambda issuer, again: document.signing_key, own_did=service.did)
    assert (claims.iss, claims.aud, claims.lxm) == (bob.did, service.did, foreign.SKELETON)
    assert 0 < claims.exp - claims.iat <= 60
    assert "authorization" not in strangers.headers


WRONG = [
    (JSONResponse({"error": "UnknownFeed", "message": "none such"}, 400), "UnknownFeed", 400),
    (JSONResponse({"error": "AuthRequired", "message": "sign in"}, 401), "AuthRequired", 400),
    (JSONResponse({"error": "Oops", "message": "broken"}, 500), "UpstreamFailure", 502),
    (Response("<p>hello"), "UpstreamFailure", 502),
    (JSONResponse([]), "InvalidFeedResponse", 502),
    (JSONResponse({"feed": ["at://x"]}), "InvalidFeedResponse", 502),
    (JSONResponse({"feed": [], "cursor": 5}), "InvalidFeedResponse", 502),
    (Response(b"[" * 600_000), "UpstreamFailure", 502),
]


async def test_what_a_service_gets_wrong_has_a_name(there):
    service, alice, _, feed = there
    for answer, name, status in WRONG:
        service.answer = answer
        with refused(name, status):
            await alice.get(GET, feed=feed.uri)


async def test_a_service_that_is_silent_does_not_hold_readers(there, monkeypatch):
    service, alice, _, feed = there
    service.slow.clear()
    monkeypatch.setattr(foreign, "SECONDS", 0.3)
    with refused("UpstreamTimeout", 504):
        await alice.get(GET, feed=feed.uri)
    monkeypatch.setattr(foreign, "SECONDS", 20)
    monkeypatch.setattr(foreign, "MOST_OF_ONE", 1)
    service.asked.clear()
    waiting = asyncio.create_task(alice.get(GET, feed=feed.uri))
    await service.asked.wait()
    with refused("NotEnoughResources", 503):
        await alice.get(GET, feed=feed.uri)
    service.slow.set()
    assert (await waiting)["feed"] == []


async def test_a_feed_without_a_service_is_refused_as_the_official_appview_does(there):
    _, alice, _, _ = there
    nowhere = await declared(alice, "did:web:localhost%3A1")
    with refused("UpstreamFailure", 502):
        await alice.get(GET, feed=nowhere.uri)
    person = await declared(alice, alice.did)
    with refused("InvalidRequest", say="invalid feed generator service details"):
        await alice.get(GET, feed=person.uri)
    unknown = await declared(alice, "did:plc:ewvi7nxzyoun6zhxrhs64oiz")
    with refused("InvalidRequest", say="could not resolve identity"):
        await alice.get(GET, feed=unknown.uri)


async def test_whether_a_service_is_online_is_what_it_says_of_itself(there):
    _, alice, _, feed = there
    known = await alice.get("app.bsky.feed.getFeedGenerator", feed=feed.uri)
    assert (known["isOnline"], known["isValid"], known["view"]["displayName"]) == (True, False, "Bread")
    nowhere = await declared(alice, "did:web:localhost%3A1")
    dead = await alice.get("app.bsky.feed.getFeedGenerator", feed=nowhere.uri)
    assert (dead["isOnline"], dead["isValid"]) == (False, False)
    with refused("InvalidRequest", say="could not find feed"):
        await alice.get("app.bsky.feed.getFeedGenerator", feed=feed.uri + "x")
