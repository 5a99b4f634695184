"""Calls that name a service: our own, adopted ones, and a foreign one that really is asked.

Source: https://atproto.com/specs/xrpc#service-proxying, https://atproto.com/specs/xrpc#inter-service-authentication-jwt
"""

import json
import socket
from base64 import urlsafe_b64decode
from contextlib import asynccontextmanager
from urllib.parse import quote

import httpx
import pytest
from atproto import verify_jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from freehold.protocol.diddoc import read as read_document
from support.inside import served
from support.network import Caller, Person, now, refused
from support.servers import application

ADOPTED = "did:web:api.bsky.app#bsky_appview"
PREFERENCE = {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": True}


def to(service):
    return {"atproto-proxy": service}


# --- answered here


@pytest.mark.parametrize("service", [ADOPTED, "did:web:api.bsky.app#bsky_notif", "did:web:api.bsky.chat#bsky_chat"])
async def test_calls_for_an_adopted_service_are_answered_here(network, alice, service):
    profile = await alice.get("app.bsky.actor.getProfile", headers=to(service), actor=alice.did)
    assert profile["handle"] == alice.handle
    assert (await alice.get("app.bsky.feed.getTimeline", headers=to(service)))["feed"] == []


async def test_what_official_apps_tell_of_a_reader_of_discover_stays_here(network, alice):
    seen = {"item": f"at://{alice.did}/app.bsky.feed.post/3k", "event": "app.bsky.feed.defs#interactionSeen"}
    there = to("did:web:discover.bsky.app#bsky_fg")  # official apps have it in their code
    assert await alice.do("app.bsky.feed.sendInteractions", headers=there, interactions=[seen]) == {}


async def test_our_own_appview_needs_no_hop(network, alice):
    service = f"{network.told['appview']}#bsky_appview"
    profile = await alice.get("app.bsky.actor.getProfile", headers=to(service), actor=alice.did)
    assert profile["did"] == alice.did


async def test_what_the_host_does_itself_is_never_passed_on(network, alice):
    there = to("did:web:nowhere.example#bsky_appview")
    assert (await alice.get("com.atproto.server.getSession", headers=there))["did"] == alice.did
    record = {"$type": "app.bsky.feed.post", "text": "here", "createdAt": now()}
    written = await alice.do(
        "com.atproto.repo.createRecord",
        headers=there,
        repo=alice.did,
        collection="app.bsky.feed.post",
        record=record,
    )
    rkey = written["uri"].rsplit("/", 1)[1]
    read = {"repo": alice.did, "collection": "app.bsky.feed.post", "rkey": rkey}
    assert (await alice.get("com.atproto.repo.getRecord", headers=there, **read))["cid"] == written["cid"]
    await alice.do("app.bsky.actor.putPreferences", headers=there, preferences=[PREFERENCE])
    assert (await alice.get("app.bsky.actor.getPreferences", headers=there))["preferences"] == [PREFERENCE]


async def test_a_chat_method_that_we_do_not_have_is_said_to_be_missing(alice):
    with refused("MethodNotImplemented", 501):
        await alice.get("chat.bsky.convo.getLog", headers=to("did:web:api.bsky.chat#bsky_chat"))


@pytest.mark.parametrize(
    "header", ["", "did:web:api.bsky.app", "#bsky_appview", "api.bsky.app#bsky_appview", "x" * 999]
)
async def test_a_header_that_names_no_service_is_refused(alice, header):
    with refused("InvalidRequest"):
        await alice.get("app.bsky.actor.getProfile", headers=to(header), actor=alice.did)


async def test_any_page_may_call_with_the_headers_that_apps_send(network, http):
    wanted = "authorization,content-type,atproto-proxy,atproto-accept-labelers,x-bsky-topics"
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": wanted,
    }
    for nsid in ("com.atproto.repo.createRecord", "app.bsky.feed.getTimeline"):
        allowed = await http.options(f"/xrpc/{nsid}", headers=asked)
        assert allowed.status_code == 204
        assert allowed.headers["access-control-allow-origin"] == "*"
        assert allowed.headers["access-control-allow-headers"] == wanted
    refusal = await http.get("/xrpc/app.bsky.feed.getTimeline", headers={"origin": "https://app.example"})
    assert (refusal.status_code, refusal.headers["access-control-allow-origin"]) == (401, "*")
    assert "access-control-allow-credentials" not in refusal.headers


# --- asked elsewhere


class Outside:
    """A foreign AppView: keeps what it was asked, says hello, or what the call wants to be said."""

    def __init__(self):
        self.calls = []
        self.url = ""

    @property
    def did(self):
        return "did:web:" + self.url.removeprefix("http://").replace(":", quote(":"))

    @property
    def service(self):
        return f"{self.did}#bsky_appview"

    def document(self, request: Request):
        endpoint = {"id": "#bsky_appview", "type": "BskyAppView", "serviceEndpoint": self.url}
        return JSONResponse({"id": self.did, "service": [endpoint]})

    async def answer(self, request: Request):
        self.calls.append((request, await request.body()))
        if request.query_params.get("actor") == "nobody.test":
            return JSONResponse({"error": "ProfileNotFound", "message": "Nobody."}, 404)
        hello = {"hello": request.path_params["nsid"], "query": str(request.query_params)}
        return JSONResponse(hello, headers={"atproto-repo-rev": "3kbcdefghij2m", "set-cookie": "a=b"})


@asynccontextmanager
async def outside_appview():
    outside = Outside()
    routes = [
        Route("/.well-known/did.json", outside.document),
        Route("/xrpc/{nsid}", outside.answer, methods=["GET", "POST"]),
    ]
    async with application(Starlette(routes=routes)) as url:
        outside.url = url.replace("127.0.0.1", "localhost")
        yield outside


@asynccontextmanager
async def host_and_outside(tmp_path, shared, **settings):
    """A network whose owner adopted nothing, a member of it, and an AppView elsewhere."""
    async with (
        outside_appview() as outside,
        served(tmp_path / "town", shared, **{"adopted_services": (), **settings}) as site,
        httpx.AsyncClient(base_url=site.place.base_url) as http,
    ):
        yield outside, await Person.join(http)


async def test_a_call_for_another_service_is_passed_on_in_the_members_name(tmp_path, shared):
    async with host_and_outside(tmp_path, shared) as (outside, alice):
        headers = to(outside.service) | {"accept-language": "fr", "cookie": "c=d", "x-more": "no"}
        said = await alice.ask("app.bsky.actor.getProfile", headers=headers, actor="some.body")
        assert said.json() == {"hello": "app.bsky.actor.getProfile", "query": "actor=some.body"}
        assert said.headers["atproto-repo-rev"] == "3kbcdefghij2m"
        assert "set-cookie" not in said.headers
        request, _ = outside.calls[0]
        assert request.headers["accept-language"] == "fr"
        assert not {"cookie", "x-more", "atproto-proxy"} & set(request.headers)
        await assure_speaks_for(alice, request, outside.service, "app.bsky.actor.getProfile")
        await alice.do("app.bsky.graph.muteActor", headers=to(outside.service), actor="some.body")
        request, body = outside.calls[1]
        assert (json.loads(body), request.headers["content-type"]) == ({"actor": "some.body"}, "application/json")
        with refused("ProfileNotFound", 404, "Nobody."):
            await alice.get("app.bsky.actor.getProfile", headers=to(outside.service), actor="nobody.test")


async def assure_speaks_for(person, request, audience, method):
    """The service token is the member's, for this service and method alone, and not the access token."""
    token = request.headers["authorization"].removeprefix("Bearer ")
    assert token != person.token
    header = json.loads(urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header == {"typ": "JWT", "alg": "ES256K"}
    document = read_document(person.did, (await person.http.get(f"/plc/{person.did}")).json())
    claims = verify_jwt(token, lambda issuer, again: document.signing_key, own_did=audience)
    assert (claims.iss, claims.aud, claims.lxm) == (person.did, audience, method)
    assert 0 < claims.exp - claims.iat <= 60
    assert claims.jti


async def test_nobody_and_the_silent_are_not_passed_on(tmp_path, shared):
    async with host_and_outside(tmp_path, shared) as (outside, alice):
        with refused("AuthMissing", 401):
            await Caller(alice.http).get("app.bsky.actor.getProfile", headers=to(outside.service), actor=alice.did)
        await alice.deactivate()
        with refused("RepoDeactivated"):
            await alice.get("app.bsky.actor.getProfile", headers=to(outside.service), actor=alice.did)
        assert outside.calls == []


async def test_services_that_cannot_be_reached_are_refused_by_name(tmp_path, shared):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    async with host_and_outside(tmp_path, shared) as (outside, alice):
        get = "app.bsky.actor.getProfile"
        with refused("DidNotFound"):
            await alice.get(get, headers=to(ADOPTED), actor=alice.did)
        with refused("InvalidRequest", say="no such service"):
            await alice.get(get, headers=to(f"{outside.did}#another"), actor=alice.did)
        with refused("UpstreamFailure", 502):
            await alice.get(get, headers=to(f"did:web:localhost%3A{closed}#bsky_appview"), actor=alice.did)
        mine = await alice.get(get, actor=alice.did)  # without the header it is ours
        assert mine["did"] == alice.did


async def test_a_host_without_views_asks_the_appview_that_its_owner_named(tmp_path, shared):
    async with outside_appview() as outside:
        settings = {"host_only": True, "outside_appview": outside.service}
        async with (
            served(tmp_path / "town", shared, **settings) as site,
            httpx.AsyncClient(base_url=site.place.base_url) as http,
        ):
            alice = await Person.join(http)
            said = await alice.get("app.bsky.feed.getTimeline", limit=3)
            assert said == {"hello": "app.bsky.feed.getTimeline", "query": "limit=3"}
            assert await alice.get("app.bsky.actor.getPreferences") == {"preferences": []}
            assert (await alice.post("kept here")).uri
            assert site.log.last > 1
            assert site.index.seq == 0  # nothing is indexed that nobody here is shown
