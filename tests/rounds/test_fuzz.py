"""Whatever anybody sends to any XRPC method: an answer in time, never a fault of ours, every refusal by its name.

The calls come from the lexicons of all registered methods, right and then bent (support.inventing); a network that
runs in a process of its own answers them, and holds each of its answers against the lexicon. What came through must be
whole.
"""

import asyncio
import re
from base64 import b64encode
from collections import Counter
from random import Random, SystemRandom
from secrets import token_hex

import httpx
import pytest

from freehold.api import app
from freehold.api.xrpc import METHODS, Method
from freehold.cli import main
from freehold.store.lexicons import official_documents
from support.inventing import Call, Inventor
from support.network import ADMIN_PASSWORD, PASSWORD, Person, RunningNetwork, now, running
from support.scribes import picture
from support.wire import Answer, Wire

assert app.MODULES, "its import registers the methods"
LANES = 4
ERROR_NAME = re.compile(r"[A-Za-z]\S*")
REFUSED = frozenset({400, 401, 403, 404, 405, 409, 413, 415})
ELSEWHERE = {502: {"UpstreamFailure", "HostNotFound"}, 504: {"UpstreamTimeout"}, 501: {"MethodNotImplemented"}}
"""What a call may end in when it asks for another service, or for a method by another verb."""

MAIL = {
    *(f"com.atproto.server.request{what}" for what in ("EmailConfirmation", "EmailUpdate", "PasswordReset")),
    *(f"com.atproto.server.{what}" for what in ("confirmEmail", "updateEmail", "resetPassword")),
    *(f"com.atproto.admin.{what}" for what in ("sendEmail", "updateAccountEmail")),
}
SIGNED = {"com.atproto.identity.signPlcOperation", "com.atproto.identity.submitPlcOperation"}
OF_OTHERS = {
    f"com.atproto.{name}"
    for name in ("sync.getHostStatus", "sync.requestCrawl", "sync.notifyOfUpdate", "lexicon.resolveLexicon")
}
PUSH = {"app.bsky.notification.registerPush", "app.bsky.notification.unregisterPush"}
OTHERS = {"com.atproto.admin.updateAccountSigningKey"}
NEVER_RIGHT = OTHERS | OF_OTHERS | MAIL | SIGNED | PUSH
"""It is no relay, sends no mail and nothing to telephones; and nobody invents a password, an address or a signature."""

OUR_FEEDS = ("discover", "friends", "photos", "local")

SUITE_SEED, SUITE_CALLS = 8, 150
LONG_CALLS = 2_500


async def test_no_call_of_any_method_finds_a_fault(network: RunningNetwork, http: httpx.AsyncClient) -> None:
    await Fuzz(network, http, SUITE_SEED).all_methods(SUITE_CALLS)


@pytest.mark.long
def test_no_call_of_any_method_finds_a_fault_in_a_wide_search(tmp_path) -> None:
    seed = SystemRandom().randrange(2**32)

    async def search(network: RunningNetwork) -> None:
        async with httpx.AsyncClient(base_url=network.url, timeout=30) as http:
            await Fuzz(network, http, seed).all_methods(LONG_CALLS)

    with running(tmp_path / "town") as network:
        asyncio.run(search(network))
        assert network.faults() == []
    assert main.main(["doctor", str(tmp_path / "town")]) == 0


class Fuzz:
    """One search. Each method is tried by members of its own, whom it may silence, sign out or erase."""

    def __init__(self, network: RunningNetwork, http: httpx.AsyncClient, seed: int) -> None:
        self.network, self.http, self.seed = network, http, seed
        self.port = int(network.url.rpartition(":")[2])
        self.documents = list(official_documents())
        self.found: list[str] = []
        self.answered: Counter[tuple[str, bool]] = Counter()

    async def all_methods(self, calls: int) -> None:
        """Try every method with so many calls; fails at the end, with all that was found."""
        methods = iter(list(METHODS))
        async with asyncio.TaskGroup() as lanes:
            for _ in range(LANES):
                lanes.create_task(self._lane(methods, calls))
        health = await self.http.get("/xrpc/_health")
        assert health.status_code == 200
        assert not self.found, f"{len(self.found)} methods at fault:\n" + "\n".join(self.found)
        never = {method.nsid for method in METHODS if not self.answered[method.nsid, True]}
        assert never <= NEVER_RIGHT, f"no call was right, so nothing behind the door was tried: {never}"

    async def _lane(self, methods, calls: int) -> None:
        async with Wire(self.port) as wire:
            for method in methods:
                await self._try(wire, method, calls)

    async def _try(self, wire: Wire, method: Method, calls: int) -> None:
        inventor, auth = await self._inventor_for(method)
        for n in range(calls):
            call = inventor.call(method.nsid, auth)
            try:
                answer = await wire.call(call.method, call.target, call.headers, call.body)
                self.answered[method.nsid, answer.status < 400] += 1
                assert_sound(answer, call)
            except (AssertionError, ConnectionError, EOFError, TimeoutError) as wrong:
                self.found.append(f"{wrong!r}: seed {self.seed}, call {n} of {method.nsid}: {call.told()}")
                return

    async def _inventor_for(self, method: Method) -> tuple[Inventor, dict[str, str]]:
        """An inventor with two new members' things to talk of, and what the method's caller sends to sign in."""
        alice, bob = await Person.join(self.http), await Person.join(self.http)
        known = await things_of(alice, bob, self.network.told["feeds"])
        nobody: dict[str, str] = {}
        by_auth = {
            "none": nobody,
            "refresh": bearer(alice.refresh_token),
            "admin": {"authorization": "Basic " + b64encode(f"admin:{ADMIN_PASSWORD}".encode()).decode()},
        }
        callers = [nobody, bearer(alice.token), bearer(bob.token), bearer(alice.refresh_token), *WRONG_CALLERS]
        car = await alice.car("com.atproto.sync.getRepo", did=alice.did)
        random = Random(f"{self.seed} {method.nsid}")
        return Inventor(self.documents, random, known, callers, [picture(b"abc"), car]), by_auth.get(
            method.auth.value, bearer(alice.token)
        )


def bearer(token: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


WRONG_CALLERS = [
    bearer(""),
    bearer("x"),
    bearer("a.b.c"),
    bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJkaWQ6cGxjOmEifQ."),
    bearer("\xff\xfe"),
    bearer("x" * 9_000),
    {"authorization": "Basic \xff"},
    {"authorization": "Basic YWRtaW46d3Jvbmc="},
    {"authorization": ""},
    {"authorization": "Bearer"},
    {"cookie": "session=x; form=y"},
]


async def things_of(alice: Person, bob: Person, feeds: str) -> dict[str, list[str]]:
    """Some records, and the values by which calls can name them."""
    post = await alice.post("hello #there", langs=["en"])
    answer = await bob.reply("and to you", post)
    like, repost = await bob.like(post), await bob.repost(post)
    follow = await bob.follow(alice)
    blob = await alice.upload(picture(b"known"))
    shown = await alice.post_picture(blob)
    feed = await alice.create("app.bsky.feed.generator", {"did": feeds, "displayName": "All", "createdAt": now()})
    purpose = "app.bsky.graph.defs#curatelist"
    listed = await alice.create("app.bsky.graph.list", {"purpose": purpose, "name": "Some", "createdAt": now()})
    await alice.create("app.bsky.graph.listitem", {"list": listed.uri, "subject": bob.did, "createdAt": now()})
    pack = await alice.create("app.bsky.graph.starterpack", {"list": listed.uri, "name": "A", "createdAt": now()})
    refs = [post, answer, like, repost, follow, shown, feed, listed, pack]
    dids, handles = [alice.did, bob.did], [alice.handle, bob.handle]
    cids = [*(ref.cid for ref in refs), *[blob["ref"]["$link"]] * 4, post.commit]
    return {
        "did": dids,
        "handle": [*handles, *(f"new-{token_hex(6)}.test" for _ in range(9))],
        "identifier": [*dids, *handles],
        "password": [PASSWORD],
        "feed": [feed.uri, *(f"at://{feeds}/app.bsky.feed.generator/{name}" for name in OUR_FEEDS)],
        "feeds": [feed.uri, f"at://{feeds}/app.bsky.feed.generator/discover"],
        "list": [listed.uri],
        "starterPack": [pack.uri],
        "include": ["all", "follows"],
        "at-identifier": [*dids, *handles],
        "repo": [alice.did, alice.handle, alice.did, bob.did],
        "at-uri": [ref.uri for ref in refs],
        "cid": cids,
        "nsid": ["app.bsky.feed.post", "app.bsky.feed.like", "com.example.thing"],
        "record-key": [*(ref.rkey for ref in refs), "self", "3kaaaaaaaaaa2"],
        "tid": [post.rev],
        "datetime": [now(), "2024-01-01T00:00:00.000Z"],
        "language": ["en", "fr-CA", "x-klingon"],
        "uri": ["https://example.com/", alice.did, post.uri],
        "cursor": ["0", post.rev, post.cid, "x", "9" * 25, post.rkey],
        "q": ["hello", "from:me", "#there", '"hello', "a AND NOT", "lang:en since:2020-01-01"],
        "validate": [None, False, True],  # type: ignore[list-item]
    }


def asks_elsewhere(call: Call) -> bool:
    """Whether the answer hangs on another service, or on one that is not offered here."""
    return "atproto-proxy" in call.headers or call.target.removeprefix("/xrpc/").partition("?")[0] in OF_OTHERS | PUSH


def assert_sound(answer: Answer, call: Call) -> None:
    """Not our fault, and a refusal is JSON with a name and a sentence."""
    status = answer.status
    if status < 400:
        assert status in (200, 204), status
        return
    assert status in REFUSED or (status in ELSEWHERE and asks_elsewhere(call)), answer
    if call.method == "HEAD":
        return
    assert answer.headers["content-type"].startswith("application/json"), answer
    refusal = answer.json()
    assert isinstance(refusal, dict), answer
    assert set(refusal) == {"error", "message"}, answer
    assert ERROR_NAME.fullmatch(refusal["error"]), answer
    assert refusal["message"], answer
