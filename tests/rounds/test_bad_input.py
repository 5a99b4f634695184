"""The table of refusals: what is sent to a running network, and with which status and name it is refused.

Source: https://atproto.com/specs/xrpc#error-responses, lexicons com.atproto.*
"""

import hmac
import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any, NamedTuple

import httpx
import pytest

from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.repo import car
from support.inside import HOUR, Clock, calling, opened
from support.network import LIKE, PASSWORD, POST, Caller, Operator, Person, RunningNetwork, now, refused
from support.scribes import picture
from support.wire import Wire

CREATE = "com.atproto.repo.createRecord"
GHOST = "did:plc:" + "a" * 24
NO_CID = "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


@pytest.fixture
async def alice(http: httpx.AsyncClient) -> Person:
    return await Person.join(http)


@pytest.fixture
async def bob(http: httpx.AsyncClient) -> Person:
    return await Person.join(http)


# --- what no lexicon is asked about: the body, its type, its size


class Raw(NamedTuple):
    """A request as bytes. body None: none."""

    say: str
    body: bytes | None
    status: int
    name: str
    nsid: str = CREATE
    method: str = "POST"
    headers: dict[str, str] = {"content-type": "application/json"}


RAW = [
    Raw("no JSON", b"{", 400, "InvalidRequest"),
    Raw("two values", b"{} {}", 400, "InvalidRequest"),
    Raw("NaN", b'{"repo": NaN}', 400, "InvalidRequest"),
    Raw("not UTF-8", b'{"repo": "\xff"}', 400, "InvalidRequest"),
    Raw("half a pair of surrogates", b'{"repo": "\\ud800"}', 400, "InvalidRequest"),
    Raw("UTF-16", '{"repo": "x"}'.encode("utf-16"), 400, "InvalidRequest"),
    Raw("no object", b'"text"', 400, "InvalidRequest"),
    Raw("null", b"null", 400, "InvalidRequest"),
    Raw("deep", b'{"repo":' + b"[" * 101 + b"]" * 101 + b"}", 400, "InvalidRequest"),
    Raw("very deep", b'{"repo":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "InvalidRequest"),
    Raw("too large", b'{"repo":"' + b"x" * 2_100_000 + b'"}', 413, "PayloadTooLarge"),
    Raw("no body", None, 400, "InvalidRequest"),
    Raw("an empty body", b"", 400, "InvalidRequest"),
    Raw("wrong content type", b"{}", 400, "InvalidRequest", headers={"content-type": "text/plain"}),
    Raw("no content type", b"{}", 400, "InvalidRequest", headers={}),
    Raw(
        "a compressed body",
        b"{}",
        415,
        "UnsupportedMediaType",
        headers={"content-type": "application/json", "content-encoding": "gzip"},
    ),
    Raw("a body where none is taken", b"{}", 400, "InvalidRequest", nsid="com.atproto.server.activateAccount"),
    Raw("unknown method", b"{}", 501, "MethodNotImplemented", nsid="com.example.unknown"),
    Raw("no name of a method", b"{}", 400, "InvalidRequest", nsid="not-a-method"),
    Raw("a query sent by POST", b"{}", 405, "InvalidRequest", nsid="com.atproto.server.getSession"),
    Raw("a procedure sent by GET", None, 405, "InvalidRequest", method="GET"),
    Raw("a procedure sent by DELETE", None, 405, "InvalidRequest", method="DELETE"),
    Raw("a stream asked for by GET", None, 426, "UpgradeRequired", "com.atproto.sync.subscribeRepos", "GET"),
]


@pytest.mark.parametrize("case", RAW, ids=[case.say for case in RAW])
async def test_a_bad_request_is_refused_by_name(network: RunningNetwork, alice: Person, case: Raw) -> None:
    async with Wire(int(network.url.rpartition(":")[2])) as wire:
        signed_in = {"authorization": f"Bearer {alice.token}", **case.headers}
        answer = await wire.call(case.method, f"/xrpc/{case.nsid}", signed_in, case.body)
    said = answer.json()
    assert isinstance(said, dict)
    assert (answer.status, said["error"]) == (case.status, case.name), said
    assert said["message"]
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_half_a_request_gets_no_answer_and_changes_nothing(network: RunningNetwork, alice: Person) -> None:
    body = json.dumps({"repo": alice.did, "collection": POST, "record": {"text": "half", "createdAt": now()}}).encode()
    head = (
        f"POST /xrpc/{CREATE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body) + 1}\r\n\r\n"
    )
    before = await alice.get("com.atproto.sync.getLatestCommit", did=alice.did)
    async with Wire(int(network.url.rpartition(":")[2])) as wire:
        await wire.send(head.encode() + body)
    assert await alice.get("com.atproto.sync.getLatestCommit", did=alice.did) == before


# --- queries


QUERIES: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("a parameter is missing", "com.atproto.repo.getRecord", {"repo": GHOST}, 400, "InvalidRequest"),
    ("a parameter is empty", "com.atproto.identity.resolveHandle", {"handle": ""}, 400, "InvalidRequest"),
    ("a number is none", "com.atproto.sync.listRepos", {"limit": "many"}, 400, "InvalidRequest"),
    ("a number is too great", "com.atproto.sync.listRepos", {"limit": 1_001}, 400, "InvalidRequest"),
    ("a number is too small", "com.atproto.sync.listRepos", {"limit": 0}, 400, "InvalidRequest"),
    ("a cursor is not ours", "com.atproto.sync.listRepos", {"cursor": "x"}, 400, "InvalidRequest"),
    ("a DID is none", "com.atproto.sync.getRepo", {"did": "did:nothing"}, 400, "InvalidRequest"),
    ("a CID is none", "com.atproto.sync.getBlob", {"did": GHOST, "cid": "bad"}, 400, "InvalidRequest"),
    ("too many values", "app.bsky.feed.getPosts", {"uris": [f"at://{GHOST}/{POST}/a"] * 26}, 400, "InvalidRequest"),
    ("no such repository", "com.atproto.sync.getRepo", {"did": GHOST}, 400, "RepoNotFound"),
    ("no such repository's head", "com.atproto.sync.getLatestCommit", {"did": GHOST}, 400, "RepoNotFound"),
    ("no such repository's state", "com.atproto.sync.getRepoStatus", {"did": GHOST}, 400, "RepoNotFound"),
    ("no such handle", "com.atproto.identity.resolveHandle", {"handle": "nobody.test"}, 400, "HandleNotFound"),
    ("no such profile", "app.bsky.actor.getProfile", {"actor": "nobody.test"}, 400, "InvalidRequest"),
    ("no such post", "app.bsky.feed.getPostThread", {"uri": f"at://{GHOST}/{POST}/3kaaaaaaaaaa2"}, 400, "NotFound"),
    ("nothing to search for", "app.bsky.feed.searchPosts", {"q": ""}, 400, "InvalidRequest"),
]


@pytest.mark.parametrize(
    ("nsid", "params", "status", "name"), [case[1:] for case in QUERIES], ids=[case[0] for case in QUERIES]
)
async def test_a_bad_question_is_refused_by_name(
    alice: Person, nsid: str, params: dict[str, Any], status: int, name: str
) -> None:
    with refused(name, status):
        await alice.get(nsid, **params)


async def test_what_is_not_there_is_refused_by_name(alice: Person) -> None:
    post = await alice.post("here")
    repository = {"repo": alice.did, "collection": POST}
    with refused("RecordNotFound"):
        await alice.get("com.atproto.repo.getRecord", **repository, rkey="3kaaaaaaaaaa2")
    with refused("RecordNotFound"):
        await alice.get("com.atproto.repo.getRecord", **repository, rkey=post.rkey, cid=NO_CID)
    with refused("BlobNotFound"):
        await alice.get("com.atproto.sync.getBlob", did=alice.did, cid=str(Cid.of_raw(b"nobody sent this")))
    with refused("BlockNotFound"):
        await alice.get("com.atproto.sync.getBlocks", did=alice.did, cids=[NO_CID])


async def test_a_time_beyond_all_times_bounds_a_search_and_is_no_fault(alice: Person) -> None:
    await alice.post("searchable")
    found = await alice.get("app.bsky.feed.searchPosts", q="searchable", since="9999-12-31T23:59:59.999999Z")
    assert found["posts"] == []


# --- who calls


def forged(token: str) -> str:
    """The same claims, signed with another secret."""
    body = token.rpartition(".")[0]
    return f"{body}.{base64(hmac.digest(b'not the secret', body.encode(), sha256))}"


def unsigned(token: str) -> str:
    """The same claims, said to need no signature."""
    header = base64(b'{"typ":"at+jwt","alg":"none"}')
    return f"{header}.{token.split('.')[1]}."


def base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


async def test_a_bad_token_is_refused_by_name(http: httpx.AsyncClient, alice: Person) -> None:
    assert alice.token is not None
    with refused("AuthMissing", 401):
        await Caller(http).get("com.atproto.server.getSession")
    for bad in ("x", "a.b.c", forged(alice.token), unsigned(alice.token), alice.refresh_token, alice.token[:-2]):
        with refused("InvalidToken"):
            await Caller(http, bad).get("com.atproto.server.getSession")
    with refused("InvalidToken"):
        await Caller(http, alice.token).do("com.atproto.server.refreshSession")
    with refused("InvalidToken"):
        await Caller(http).get("com.atproto.server.getSession", {"authorization": "Basic eDp5"})


async def test_an_expired_token_and_a_used_one_are_refused_by_name(tmp_path, shared) -> None:
    clock = Clock()
    with opened(tmp_path / "town", shared, clock) as site:
        async with calling(site) as http:
            alice = await Person.join(http)
            refresh = Caller(http, alice.refresh_token)
            clock.pass_by(3 * HOUR)
            with refused("ExpiredToken"):
                await alice.get("com.atproto.server.getSession")
            await refresh.do("com.atproto.server.refreshSession")
            clock.pass_by(3 * HOUR)
            with refused("ExpiredToken"):
                await refresh.do("com.atproto.server.refreshSession")
            clock.pass_by(91 * 24 * HOUR)
            with refused("ExpiredToken"):
                await refresh.do("com.atproto.server.deleteSession")


@pytest.mark.parametrize("credential", ["YWRtaW46d3Jvbmc=", "!", "\xff", "YWRtaW4=", "/w==", ""])
async def test_a_wrong_admin_password_is_refused_by_name(network: RunningNetwork, credential: str) -> None:
    async with Wire(int(network.url.rpartition(":")[2])) as wire:
        target = f"/xrpc/com.atproto.admin.getAccountInfo?did={GHOST}"
        answer = await wire.call("GET", target, {"authorization": f"Basic {credential}"})
    said = answer.json()
    assert isinstance(said, dict)
    assert (answer.status, said["error"]) == (401, "AuthMissing")


async def test_wrong_passwords_and_silenced_accounts_are_refused_by_name(
    http: httpx.AsyncClient, alice: Person, bob: Person
) -> None:
    sign_in = "com.atproto.server.createSession"
    for given in ((alice.handle, "wrong"), ("nobody.test", PASSWORD), (alice.handle, ""), (alice.did, "x" * 1_000)):
        with refused("AuthenticationRequired", 401):
            await Caller(http).do(sign_in, identifier=given[0], password=given[1])
    await alice.deactivate()
    with refused("RepoDeactivated"):
        await alice.post("silent")
    with refused("RepoDeactivated"):
        await bob.get("com.atproto.sync.getRepo", did=alice.did)
    await Operator(http).set_takedown(alice.did, True)
    with refused("RepoTakendown"):
        await bob.get("com.atproto.sync.getRepo", did=alice.did)
    with refused("AccountTakedown", 401):
        await Caller(http).do(sign_in, identifier=alice.handle, password=PASSWORD)
    with refused("AccountTakedown", 401):
        await alice.get("com.atproto.server.getSession")
    with refused("AccountNotFound"):
        await Operator(http).do("com.atproto.admin.deleteAccount", did=GHOST)


# --- joining


JOINING: list[tuple[str, dict[str, Any], str]] = [
    ("no handle at all", {"handle": "not a handle"}, "InvalidRequest"),
    ("too short a name", {"handle": "ab.test"}, "InvalidHandle"),
    ("too long a name", {"handle": "a" * 41 + ".test"}, "InvalidHandle"),
    ("a name below a name", {"handle": "a.bcd.test"}, "UnsupportedDomain"),
    ("a foreign domain", {"handle": "alice.example.com"}, "UnsupportedDomain"),
    ("a kept name", {"handle": "admin.test"}, "HandleNotAvailable"),
    ("no password", {"password": ""}, "InvalidPassword"),
    ("a short password", {"password": "1234567"}, "InvalidPassword"),
    ("a long password", {"password": "x" * 257}, "InvalidPassword"),
    ("no mail address", {"email": "here"}, "InvalidEmail"),
    ("an operation for the directory", {"plcOp": {"type": "plc_operation"}}, "InvalidRequest"),
    ("no recovery key", {"recoveryKey": "did:key:zNothing"}, "InvalidRequest"),
]


@pytest.mark.parametrize(("given", "name"), [case[1:] for case in JOINING], ids=[case[0] for case in JOINING])
async def test_a_bad_application_is_refused_by_name(http: httpx.AsyncClient, given: dict[str, Any], name: str) -> None:
    right = {"handle": "somebody-new.test", "password": PASSWORD}
    with refused(name):
        await Caller(http).do("com.atproto.server.createAccount", **{**right, **given})


async def test_a_did_from_elsewhere_must_be_proven(http: httpx.AsyncClient) -> None:
    with refused("AuthMissing", 401):
        await Caller(http).do(
            "com.atproto.server.createAccount", handle="somebody-new.test", password=PASSWORD, did=GHOST
        )


async def test_a_taken_handle_and_a_taken_mail_address_are_refused_by_name(
    http: httpx.AsyncClient, alice: Person
) -> None:
    with refused("HandleNotAvailable"):
        await Caller(http).do("com.atproto.server.createAccount", handle=alice.handle.upper(), password=PASSWORD)
    mail = f"{alice.handle}@mail.example"
    await Person.join(http, email=mail)
    with refused("EmailNotAvailable"):
        await Person.join(http, email=mail.upper())


# --- records


def post(**more: Any) -> dict[str, Any]:
    return {"$type": POST, "text": "x", "createdAt": "2026-01-01T00:00:00Z", **more}


def deep(levels: int) -> Any:
    return {"deeper": deep(levels - 1)} if levels else 1


RECORDS: list[tuple[str, dict[str, Any], str]] = [
    ("text is missing", {"record": {"createdAt": "2026-01-01T00:00:00Z"}}, "InvalidRequest"),
    ("text is a number", {"record": post(text=5)}, "InvalidRequest"),
    ("text is too long", {"record": post(text="x" * 301)}, "InvalidRequest"),
    ("text has too many bytes", {"record": post(text="👩‍👩‍👧‍👦" * 200)}, "InvalidRequest"),
    ("a time is none", {"record": post(createdAt="yesterday")}, "InvalidRequest"),
    ("a time is no day of any month", {"record": post(createdAt="2026-02-30T00:00:00Z")}, "InvalidRequest"),
    ("a language is none", {"record": post(langs=["no language"])}, "InvalidRequest"),
    ("a link is none", {"record": post(reply={"root": {"uri": "x", "cid": "y"}})}, "InvalidRequest"),
    ("an embed is no object", {"record": post(embed=5)}, "InvalidRequest"),
    ("another $type", {"record": {**post(), "$type": LIKE}}, "InvalidRequest"),
    ("no $type at all", {"record": {**post(), "$type": 5}}, "InvalidRequest"),
    ("no object", {"record": "words"}, "InvalidRequest"),
    ("a fraction", {"record": post(fraction=1.5), "validate": False}, "InvalidRequest"),
    ("a number beyond 2**53", {"record": post(number=2**53), "validate": False}, "InvalidRequest"),
    ("a bad CID", {"record": post(link={"$link": "bad"}), "validate": False}, "InvalidRequest"),
    ("bad bytes", {"record": post(data={"$bytes": "!"}), "validate": False}, "InvalidRequest"),
    ("too deep", {"record": post(deep=deep(70)), "validate": False}, "InvalidRequest"),
    ("too large", {"record": post(large="x" * 1_000_001), "validate": False}, "InvalidRequest"),
    ("a collection is none", {"collection": "posts"}, "InvalidRequest"),
    ("a key is none", {"rkey": ".."}, "InvalidRequest"),
    ("a key is not of its kind", {"rkey": "my-key"}, "InvalidRequest"),
    ("an unknown lexicon is to be checked", {"collection": "com.example.x", "validate": True}, "InvalidRequest"),
    ("a commit that is not the newest", {"swapCommit": NO_CID}, "InvalidSwap"),
    ("a commit that is no CID", {"swapCommit": "bad"}, "InvalidRequest"),
]


@pytest.mark.parametrize(("given", "name"), [case[1:] for case in RECORDS], ids=[case[0] for case in RECORDS])
async def test_a_bad_record_is_refused_by_name(alice: Person, given: dict[str, Any], name: str) -> None:
    record = {"text": "x", "createdAt": now()} if "collection" in given else post()
    right: dict[str, Any] = {"repo": alice.did, "collection": POST, "record": record}
    with refused(name):
        await alice.do(CREATE, **{**right, **given})


async def test_a_write_that_came_too_late_or_elsewhere_is_refused_by_name(alice: Person, bob: Person) -> None:
    profile = "app.bsky.actor.profile"
    first = await alice.put(profile, "self", {"displayName": "one"})
    second = await alice.put(profile, "self", {"displayName": "two"}, swapRecord=first.cid)
    with refused("InvalidSwap"):
        await alice.put(profile, "self", {"displayName": "three"}, swapRecord=first.cid)
    with refused("InvalidSwap"):
        await alice.put(profile, "self", {"displayName": "three"}, swapRecord=None)
    with refused("InvalidSwap"):
        await alice.delete(second, swapRecord=first.cid)
    with refused("InvalidSwap"):
        await alice.delete(second, swapCommit=first.commit)
    with refused("InvalidRepo", 403):
        await alice.do("com.atproto.repo.deleteRecord", repo=bob.did, collection=profile, rkey="self")


async def test_a_key_twice_is_refused_by_name_and_so_is_all_that_came_with_it(alice: Person) -> None:
    there = await alice.post("there")
    with refused("InvalidRequest", say="already"):
        await alice.create(POST, post(), there.rkey)
    new = {"do": "create", "collection": POST, "value": post(text="new")}
    with refused("InvalidRequest", say="already"):
        await alice.apply(new, {"do": "create", "collection": POST, "rkey": there.rkey, "value": post()})
    with refused("RecordNotFound"):
        await alice.apply(new, {"do": "delete", "collection": POST, "rkey": "3kaaaaaaaaaa2"})
    with refused("InvalidRequest"):
        await alice.apply(*[new] * 201)
    listed = await alice.get("com.atproto.repo.listRecords", repo=alice.did, collection=POST)
    assert [record["uri"] for record in listed["records"]] == [there.uri]


# --- files


async def test_a_bad_blob_is_refused_by_name(alice: Person, bob: Person) -> None:
    blob = await alice.upload(picture(b"mine"))
    with refused("BlobNotFound"):
        await bob.post_picture(blob)
    with refused("InvalidBlob"):
        await alice.post_picture({**blob, "size": blob["size"] + 1})
    with refused("InvalidBlob"):
        await alice.post_picture({**blob, "mimeType": "image/jpeg"})
    with refused("InvalidRequest"):
        await alice.post_picture({"cid": blob["ref"]["$link"], "mimeType": "image/png"})
    with refused("InvalidRequest"):
        await alice.post_picture({**blob, "size": 5_000_000})
    with refused("BlobNotFound"):
        await alice.get("com.atproto.sync.getBlob", did=alice.did, cid=blob["ref"]["$link"])


async def test_a_blob_that_is_too_large_is_refused_whether_it_says_so_or_not(tmp_path, shared) -> None:
    with opened(tmp_path / "town", shared, blob_max_bytes=1_000) as site:
        async with calling(site) as http:
            alice = await Person.join(http)
            with refused("BlobTooLarge", 413):
                await alice.send("com.atproto.repo.uploadBlob", b"x" * 1_001, "text/plain")
        assert list((site.directory / "blobs" / "incoming").iterdir()) == []


async def test_an_empty_blob_of_any_type_is_taken_for_what_it_is(alice: Person) -> None:
    for mime in ("video/mp4", "image/png", "audio/mpeg", "text/plain"):
        blob = (await alice.send("com.atproto.repo.uploadBlob", b"", mime))["blob"]
        assert blob["size"] == 0


async def test_a_bad_repository_is_refused_by_name(alice: Person, bob: Person) -> None:
    mine = await alice.car("com.atproto.sync.getRepo", did=alice.did)
    for data, name in (
        (b"", "InvalidCar"),
        (b"words", "InvalidCar"),
        (mine[:-20], "InvalidCar"),
        (mine[:60] + b"\xff" + mine[61:], "InvalidCar"),
        (old_repository(alice.did), "UnsupportedRepoVersion"),
        (await bob.car("com.atproto.sync.getRepo", did=bob.did), "WrongAccount"),
    ):
        with refused(name):
            await alice.send("com.atproto.repo.importRepo", data, "application/vnd.ipld.car")
    await alice.post("still mine")


def old_repository(did: str) -> bytes:
    """One of format 2."""
    commit = cbor.encode({"did": did, "version": 2, "prev": None, "data": Cid.of_cbor(b"\xa0"), "sig": b"\0" * 64})
    cid = Cid.of_cbor(commit)
    return car.header([cid]) + car.block(cid, commit)
