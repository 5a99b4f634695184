"""OAuth step by step, in the network's own process: what goes well, and each way in which it must not."""

import json
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from freehold.cli import dev
from freehold.server import Networks
from freehold.site import Shared, Site
from support.apps import BACK, App, Key
from support.browsing import Reader
from support.inside import HOUR, SECOND, Clock, calling, opened
from support.network import PASSWORD, Person

CREATE = "com.atproto.repo.createRecord"
DAY = 24 * HOUR


@pytest.fixture
async def reader(site: Site, http: httpx.AsyncClient) -> AsyncIterator[Reader]:
    await dev.prepare(site)
    async with Reader(Networks([site]), site.place.base_url) as reader:
        yield reader


@pytest.fixture
def app(http: httpx.AsyncClient) -> App:
    return App(http)


def post_of(person: Person, collection: str = "app.bsky.feed.post") -> dict[str, Any]:
    record = {"$type": collection, "text": "by an app", "createdAt": "2026-11-21T12:00:00.000Z"}
    return {"repo": person.did, "collection": collection, "record": record}


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


async def test_the_documents_say_what_the_profile_asks(http: httpx.AsyncClient) -> None:
    resource = (await http.get("/.well-known/oauth-protected-resource")).json()
    (issuer,) = resource["authorization_servers"]
    assert issuer == resource["resource"] == str(http.base_url).rstrip("/")
    server = (await http.get("/.well-known/oauth-authorization-server")).json()
    assert server["issuer"] == issuer
    for flag in (
        "require_pushed_authorization_requests",
        "authorization_response_iss_parameter_supported",
        "client_id_metadata_document_supported",
    ):
        assert server[flag] is True
    assert server["code_challenge_methods_supported"] == ["S256"]
    assert set(server["token_endpoint_auth_methods_supported"]) == {"none", "private_key_jwt"}
    assert {"atproto", "transition:generic"} <= set(server["scopes_supported"])
    assert "ES256" in server["dpop_signing_alg_values_supported"]


async def test_an_app_is_let_in_and_writes(app: App, reader: Reader, alice: Person) -> None:
    told = await app.let_in(reader, alice.handle)
    assert told["sub"] == alice.did
    assert told["token_type"] == "DPoP"
    assert told["scope"] == app.scope
    assert told["expires_in"] <= 15 * 60
    answer = await app.call("POST", CREATE, json=post_of(alice))
    assert answer.status_code == 200, answer.text
    assert answer.headers["dpop-nonce"]


async def test_the_answer_says_who_gives_it(app: App, reader: Reader, alice: Person) -> None:
    back = await app.code(reader, alice.handle)
    assert back["iss"] == app.issuer
    assert back["state"] == app.state


async def test_a_no_comes_back_as_such_and_is_final(app: App, reader: Reader, alice: Person) -> None:
    back = await app.code(reader, alice.handle, answer="refuse")
    assert back["error"] == "access_denied"
    assert "code" not in back


async def test_who_said_yes_before_is_asked_again(app: App, reader: Reader, alice: Person) -> None:
    await app.let_in(reader, alice.handle)
    await reader.go(await app.ask())
    assert reader.page.status_code == 200
    assert f"@{alice.handle}" in reader.text
    silent = await reader.http.get(await app.ask(prompt="none"))
    assert "error=consent_required" in silent.headers["location"]


async def test_another_account_than_the_one_asked_for_has_to_sign_in(
    app: App, reader: Reader, alice: Person, bob: Person
) -> None:
    await reader.sign_in(alice.handle, PASSWORD)
    await reader.go(await app.ask(login_hint=bob.handle))
    assert f'value="{bob.handle}"' in reader.text
    await reader.send("/oauth/authorize/sign-in", identifier=bob.handle, password=PASSWORD)
    assert f"@{bob.handle}" in reader.text


async def test_the_page_is_for_pushed_requests_only(app: App, reader: Reader) -> None:
    await reader.go(str(httpx.URL("/oauth/authorize", params={"client_id": app.id, **app.question()})))
    assert reader.page.status_code == 400
    assert "invalid_request" in reader.text


async def test_an_answered_request_is_over(app: App, reader: Reader, alice: Person) -> None:
    page = await app.ask()
    await reader.go(page)
    await reader.send("/oauth/authorize/sign-in", identifier=alice.handle, password=PASSWORD)
    assert (await reader.send("/oauth/authorize", follow=False, answer="allow")).status_code == 303
    assert (await reader.go(page)).status_code == 400


async def test_a_form_from_elsewhere_allows_nothing(app: App, reader: Reader, alice: Person) -> None:
    await reader.sign_in(alice.handle, PASSWORD)
    await reader.go(await app.ask())
    answer = await reader.send(
        "/oauth/authorize", headers={"Sec-Fetch-Site": "cross-site"}, follow=False, answer="allow"
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"state": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"redirect_uri": "http://127.0.0.1/elsewhere"}, "invalid_request"),
        ({"redirect_uri": "https://thief.example/back"}, "invalid_request"),
        ({"scope": "transition:generic"}, "invalid_scope"),
        ({"scope": "atproto transition:email"}, "invalid_scope"),
        ({"request": "abc"}, "request_not_supported"),
        ({"client_id": "https://localhost/x.json"}, "invalid_client"),
        ({"client_id": ""}, "invalid_request"),
    ],
)
async def test_a_request_off_the_profile_is_refused_by_name(app: App, wrong: dict[str, str], name: str) -> None:
    answer = await app.post("/oauth/par", app.question() | wrong)
    assert answer.json()["error"] == name
    assert answer.status_code in (400, 401)


async def test_a_permission_set_that_nobody_publishes_is_refused_by_name(http: httpx.AsyncClient) -> None:
    app = App(http, "atproto include:app.example.authBasics")
    answer = await app.post("/oauth/par", app.question())
    assert error(answer) == (400, "invalid_scope")
    assert "app.example.authBasics" in answer.json()["error_description"]


async def test_a_challenge_is_used_once(app: App) -> None:
    question = app.question()
    assert (await app.post("/oauth/par", question)).status_code == 201
    assert error(await app.post("/oauth/par", question)) == (400, "invalid_request")


async def test_a_proof_without_our_nonce_is_asked_for_one(app: App) -> None:
    answer = await app.post_once("/oauth/par", app.question())
    assert error(answer) == (400, "use_dpop_nonce")
    assert answer.headers["dpop-nonce"]
    without = await app.http.post("/oauth/par", data={"client_id": app.id, **app.question()})
    assert error(without) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize(
    "wrong",
    [{"htm": "GET"}, {"htu": "http://localhost/oauth/token"}, {"iat": 1}, {"jti": ""}, {"jti": "x" * 300}],
)
async def test_a_proof_for_something_else_proves_nothing(app: App, wrong: dict[str, Any]) -> None:
    await app.ask()
    assert error(await app.post("/oauth/par", app.question(), **wrong)) == (400, "invalid_dpop_proof")


async def test_a_proof_counts_once(app: App) -> None:
    await app.ask()
    assert (await app.post_once("/oauth/par", app.question(), jti="one")).status_code == 201
    assert error(await app.post_once("/oauth/par", app.question(), jti="one")) == (400, "invalid_dpop_proof")


async def test_an_old_nonce_is_taken_no_more(app: App, clock: Clock) -> None:
    await app.ask()
    old = app.nonce
    clock.pass_by(290 * SECOND)
    assert error(await app.post_once("/oauth/par", app.question(), nonce=old)) == (400, "use_dpop_nonce")


async def test_a_code_is_good_once_and_a_second_time_ends_what_it_gave(app: App, reader: Reader, alice: Person) -> None:
    code = (await app.code(reader, alice.handle))["code"]
    assert (await app.exchange(code)).status_code == 200
    assert (await app.call("GET", "com.atproto.server.getSession")).status_code == 200
    assert error(await app.exchange(code)) == (400, "invalid_grant")
    assert error(await app.call("GET", "com.atproto.server.getSession")) == (401, "invalid_token")


async def test_a_code_is_bound_to_verifier_key_and_address(app: App, reader: Reader, alice: Person) -> None:
    code = (await app.code(reader, alice.handle))["code"]
    assert error(await app.exchange(code, code_verifier="x" * 43)) == (400, "invalid_grant")
    assert error(await app.exchange(code, redirect_uri=BACK)) == (400, "invalid_grant")
    own, app.key = app.key, Key()
    assert error(await app.exchange(code)) == (400, "invalid_grant")
    app.key = own
    assert (await app.exchange(code)).status_code == 200


async def test_a_code_waits_a_minute(app: App, reader: Reader, alice: Person, clock: Clock) -> None:
    code = (await app.code(reader, alice.handle))["code"]
    clock.pass_by(61 * SECOND)
    assert error(await app.exchange(code)) == (400, "invalid_grant")


async def test_a_refresh_token_is_used_once_and_its_return_ends_the_session(
    app: App, reader: Reader, alice: Person
) -> None:
    first = (await app.let_in(reader, alice.handle))["refresh_token"]
    before = app.access
    assert (await app.renew()).status_code == 200
    after, app.access = app.access, before
    assert error(await app.call("GET", "com.atproto.server.getSession")) == (401, "invalid_token")
    app.access = after
    assert (await app.call("GET", "com.atproto.server.getSession")).status_code == 200
    assert error(await app.renew(first)) == (400, "invalid_grant")
    assert error(await app.call("GET", "com.atproto.server.getSession")) == (401, "invalid_token")
    assert error(await app.renew()) == (400, "invalid_grant")


async def test_tokens_end_in_their_time(app: App, reader: Reader, alice: Person, clock: Clock) -> None:
    await app.let_in(reader, alice.handle)
    clock.pass_by(16 * 60 * SECOND)
    app.ahead = 16 * 60
    answer = await app.call("GET", "com.atproto.server.getSession")
    assert error(answer) == (401, "invalid_token")
    assert "expired" in answer.json()["message"]
    assert (await app.renew()).status_code == 200
    clock.pass_by(15 * DAY)
    app.ahead += 15 * 86400
    assert error(await app.renew()) == (400, "invalid_grant")


async def test_revoking_ends_the_session_and_an_unknown_token_is_no_error(
    app: App, reader: Reader, alice: Person
) -> None:
    await app.let_in(reader, alice.handle)
    assert (await app.post("/oauth/revoke", {"token": "nobody's"})).status_code == 200
    assert (await app.post("/oauth/revoke", {"token": app.access})).status_code == 200
    assert error(await app.call("GET", "com.atproto.server.getSession")) == (401, "invalid_token")


async def test_tokens_of_one_scheme_are_not_taken_in_the_other(app: App, reader: Reader, alice: Person) -> None:
    await app.let_in(reader, alice.handle)
    assert (await app.call("GET", "com.atproto.server.getSession", scheme="Bearer")).status_code == 400
    own, app.access = app.access, alice.token
    assert error(await app.call("GET", "com.atproto.server.getSession")) == (401, "invalid_token")
    app.access = own
    app.key = Key()
    assert error(await app.call("GET", "com.atproto.server.getSession")) == (401, "invalid_token")


async def test_a_proof_belongs_to_its_access_token(app: App, reader: Reader, alice: Person) -> None:
    await app.let_in(reader, alice.handle)
    await app.call("GET", "com.atproto.server.getSession")
    proof = app.key.proof("GET", f"{app.issuer}/xrpc/com.atproto.server.getSession", app.nonce, "another token")
    answer = await app.http.get(
        "/xrpc/com.atproto.server.getSession", headers={"authorization": f"DPoP {app.access}", "dpop": proof}
    )
    assert error(answer) == (401, "invalid_dpop_proof")
    assert answer.headers["www-authenticate"].startswith("DPoP ")


async def test_an_app_does_what_it_was_granted_and_no_more(
    http: httpx.AsyncClient, reader: Reader, alice: Person
) -> None:
    app = App(http, "atproto repo:app.bsky.feed.post?action=create blob:image/* rpc:app.bsky.feed.getTimeline?aud=*")
    await app.let_in(reader, alice.handle)
    made = await app.call("POST", CREATE, json=post_of(alice))
    assert made.status_code == 200, made.text
    refused = await app.call("POST", CREATE, json=post_of(alice, "app.bsky.graph.list"))
    assert error(refused) == (403, "ScopeMissingError")
    gone = {"repo": alice.did, "collection": "app.bsky.feed.post", "rkey": made.json()["uri"].rpartition("/")[2]}
    assert error(await app.call("POST", "com.atproto.repo.deleteRecord", json=gone)) == (403, "ScopeMissingError")
    video = {"content-type": "video/mp4"}
    uploaded = await app.call("POST", "com.atproto.repo.uploadBlob", content=b"x", headers=video)
    assert error(uploaded) == (403, "ScopeMissingError")
    assert (await app.call("GET", "app.bsky.feed.getTimeline")).status_code == 200
    assert error(await app.call("GET", "app.bsky.notification.listNotifications")) == (403, "ScopeMissingError")
    token = {"aud": "did:web:a.example#b", "lxm": "app.bsky.feed.getFeed"}
    assert error(await app.call("GET", "com.atproto.server.getServiceAuth", params=token)) == (403, "ScopeMissingError")


@pytest.mark.parametrize(
    ("service", "answered", "refused"),
    [
        ("api.bsky.app#bsky_notif", "app.bsky.notification.getUnreadCount", "app.bsky.feed.getTimeline"),
        ("discover.bsky.app#bsky_fg", "app.bsky.feed.describeFeedGenerator", "app.bsky.feed.getTimeline"),
        ("api.bsky.app#bsky_appview", "app.bsky.feed.getTimeline", None),
    ],
)
async def test_all_of_one_service_is_no_more_than_such_a_service_answers(
    http: httpx.AsyncClient, reader: Reader, alice: Person, service: str, answered: str, refused: str | None
) -> None:
    app = App(http, f"atproto rpc:*?aud=did:web:{service.replace('#', '%23')}")
    await app.let_in(reader, alice.handle)
    for named in ({}, {"atproto-proxy": f"did:web:{service}"}):
        assert (await app.call("GET", answered, headers=named)).status_code == 200
        if refused is not None:
            assert error(await app.call("GET", refused, headers=named)) == (403, "ScopeMissingError")


async def test_the_account_itself_is_for_its_own_session(app: App, reader: Reader, alice: Person) -> None:
    await app.let_in(reader, alice.handle)
    for nsid in ("com.atproto.server.deactivateAccount", "com.atproto.server.createAppPassword"):
        assert error(await app.call("POST", nsid, json={"name": "x"})) == (403, "ScopeMissingError")
    handle = {"handle": "other.test"}
    assert error(await app.call("POST", "com.atproto.identity.updateHandle", json=handle)) == (403, "ScopeMissingError")


async def test_the_address_is_told_only_where_it_was_granted(http: httpx.AsyncClient, reader: Reader) -> None:
    carol = await Person.join(http, "carol", email="carol@post.example")
    app = App(http)
    await app.let_in(reader, carol.handle)
    assert "email" not in (await app.call("GET", "com.atproto.server.getSession")).json()
    app = App(http, "atproto transition:email")
    await app.let_in(reader, carol.handle)
    assert (await app.call("GET", "com.atproto.server.getSession")).json()["email"] == "carol@post.example"


async def test_a_new_password_ends_every_app(app: App, reader: Reader, alice: Person, site: Site) -> None:
    await app.let_in(reader, alice.handle)
    await site.members.change_password(site.accounts.one(alice.did), PASSWORD, "another four words")
    assert error(await app.call("GET", "com.atproto.server.getSession")) == (401, "invalid_token")


async def test_sessions_are_listed_and_ended_by_their_member_alone(
    app: App, reader: Reader, alice: Person, bob: Person, site: Site
) -> None:
    await app.let_in(reader, alice.handle)
    (session,) = site.oauth.sessions_of(site.accounts.one(alice.did))
    await site.oauth.end(site.accounts.one(bob.did), session.id)
    assert (await app.call("GET", "com.atproto.server.getSession")).status_code == 200
    await reader.go("/settings/apps")
    assert "An app on this machine" in reader.text
    assert reader.text.count("This browser") == 1
    await reader.send("/settings/apps/end", kind="app", key=str(session.id))
    assert "An app on this machine" not in reader.text
    assert error(await app.call("GET", "com.atproto.server.getSession")) == (401, "invalid_token")


async def test_sessions_outlive_the_process(
    tmp_path: Any, shared: Shared, app: App, reader: Reader, alice: Person, site: Site
) -> None:
    await app.let_in(reader, alice.handle)
    site.close()
    with opened(tmp_path / "town", shared) as again:
        async with calling(again) as http:
            app.http = http
            answer = await app.call("GET", "com.atproto.server.getSession")
            assert answer.json()["did"] == alice.did
            assert (await app.renew()).status_code == 200


async def test_a_host_without_views_lets_apps_in_too(tmp_path: Any, shared: Shared) -> None:
    with opened(tmp_path / "host", shared, host_only=True) as site:
        async with calling(site) as http, Reader(Networks([site]), site.place.base_url) as reader:
            carol = await Person.join(http, "carol")
            app = App(http)
            await app.let_in(reader, carol.handle)
            assert (await app.call("POST", CREATE, json=post_of(carol))).status_code == 200
            await reader.go("/settings/apps")
            assert "An app on this machine" in reader.text


async def test_the_question_is_put_in_the_readers_language(app: App, site: Site, reader: Reader, alice: Person) -> None:
    await reader.sign_in(alice.handle, PASSWORD)
    reader.http.headers["accept-language"] = "fr"
    await reader.go(await app.ask())
    assert "Laisser cette application agir pour vous" in reader.text
    assert "Savoir qui vous êtes" in reader.text


# --- clients that have an address of their own


class Pages:
    """A small server on this machine that hands out documents."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = pages.documents.get(self.path)
                body = json.dumps(found).encode()
                self.send_response(404 if found is None else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def pages() -> Iterator[Pages]:
    made = Pages()
    yield made
    made.close()


@pytest.fixture
def confidential(pages: Pages, http: httpx.AsyncClient) -> App:
    app = App(http)
    app.id, app.redirect_uri, app.signer = f"{pages.url}/client.json", f"{pages.url}/back", Key("first")
    pages.documents["/jwks.json"] = {"keys": [app.signer.jwk]}
    pages.documents["/client.json"] = {
        "client_id": app.id,
        "client_name": "The Official Bank",
        "redirect_uris": [app.redirect_uri],
        "scope": app.scope,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "dpop_bound_access_tokens": True,
        "jwks_uri": f"{pages.url}/jwks.json",
    }
    return app


async def test_a_confidential_app_is_let_in_by_its_key_and_known_by_its_host(
    confidential: App, reader: Reader, alice: Person
) -> None:
    await reader.go(await confidential.ask())
    assert "127.0.0.1" in reader.text
    assert "The Official Bank" not in reader.text
    await confidential.let_in(reader, alice.handle)
    assert (await confidential.renew()).status_code == 200
    assert (await confidential.call("POST", CREATE, json=post_of(alice))).status_code == 200


async def test_a_key_that_is_gone_ends_the_session(
    confidential: App, pages: Pages, reader: Reader, alice: Person, clock: Clock
) -> None:
    await confidential.let_in(reader, alice.handle)
    confidential.signer = Key("second")
    pages.documents["/jwks.json"] = {"keys": [confidential.signer.jwk]}
    clock.pass_by(601 * SECOND)
    confidential.ahead = 601
    assert error(await confidential.renew()) == (400, "invalid_grant")
    await reader.go("/settings/apps")
    assert "This browser" in reader.text
    assert "<h2>127.0.0.1" not in reader.text


@pytest.mark.parametrize(
    "wrong", [{"aud": "http://elsewhere.example"}, {"iss": "x"}, {"sub": "x"}, {"exp": 1}, {"jti": ""}]
)
async def test_an_assertion_off_the_rules_is_refused(confidential: App, wrong: dict[str, Any]) -> None:
    form = confidential.question() | App.assertion(confidential, **wrong)
    assert error(await confidential.post("/oauth/par", form)) == (401, "invalid_client")


async def test_an_assertion_counts_once_and_only_by_the_apps_own_key(confidential: App) -> None:
    assertion = confidential.assertion(jti="one")
    assert (await confidential.post("/oauth/par", confidential.question() | assertion)).status_code == 201
    again = confidential.question() | confidential.assertion(jti="one")
    assert error(await confidential.post("/oauth/par", again)) == (401, "invalid_client")
    confidential.signer = Key("first")
    assert error(await confidential.post("/oauth/par", confidential.question())) == (401, "invalid_client")
    confidential.signer = None
    assert error(await confidential.post("/oauth/par", confidential.question())) == (401, "invalid_client")


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "http://127.0.0.1/another.json"},
        {"dpop_bound_access_tokens": False},
        {"grant_types": ["refresh_token"]},
        {"scope": "transition:generic"},
        {"redirect_uris": []},
        {"redirect_uris": ["http://thief.example/back"]},
        {"redirect_uris": ["com.thief:/back"]},
        {"redirect_uris": ["https://app.example;script-src *;/back"]},
        {"redirect_uris": ["https://app.example\r\nset-cookie: a=b/back"]},
        {"redirect_uris": ["https://somebody@app.example/back"]},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_signing_alg": "none"},
        {"jwks": {"keys": []}},
        {"application_type": "native"},
    ],
)
async def test_metadata_off_the_profile_is_refused(confidential: App, pages: Pages, wrong: dict[str, Any]) -> None:
    pages.documents["/client.json"] |= wrong
    assert error(await confidential.post("/oauth/par", confidential.question())) == (401, "invalid_client")


async def test_metadata_that_is_not_there_is_refused(confidential: App, pages: Pages) -> None:
    del pages.documents["/client.json"]
    assert error(await confidential.post("/oauth/par", confidential.question())) == (401, "invalid_client")
