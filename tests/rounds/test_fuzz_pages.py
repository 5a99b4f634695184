"""Odd addresses, cookies and forms at every page and every other path outside /xrpc: an answer, never a fault of ours.

Pages are asked for by a member and by a stranger. No form is taken without its token.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from random import Random, SystemRandom
from urllib.parse import quote

import httpx
import pytest
from starlette.routing import Route

from freehold.web.app import ROUTES
from support.inventing import WORDS
from support.network import PASSWORD, Person, RunningNetwork
from support.scribes import picture
from support.wire import Answer, Wire

SEED, TRIES = 8, 24
LONG_TRIES = 1_500
QUERY_NAMES = (
    "cursor",
    "q",
    "show",
    "feed",
    "said",
    "next",
    "lang",
    "invite",
    "code",
    "v",
    "url",
    "cid",
    "to",
    "quote",
)
GETS = [route.path for route in ROUTES if "GET" in (route.methods or ())]
POSTS = [route.path for route in ROUTES if "POST" in (route.methods or ())]
OTHERS = (
    "/plc/{did}",
    "/plc/{did}/data",
    "/plc/{did}/log",
    "/plc/{did}/log/audit",
    "/plc/{did}/{odd}",
    "/plc/export",
    "/plc/_health",
    "/plc{odd}",
    "/{did}",
    "/img/avatar/{did}/{cid}",
    "/img/feed_thumbnail/{did}/{cid}",
    "/img/{odd}/{odd}/{odd}",
    "/img/{odd}",
    "/.well-known/atproto-did",
    "/.well-known/did.json",
    "/.well-known/{odd}",
    "/metrics",
    "/xrpc/_health",
    "/xrpc/{odd}",
    "/xrpc/com.example.{odd}",
    "/xrpc/com.atproto.sync.subscribeRepos",
    "/{odd}/{odd}",
)
PLC_QUERIES = ("count", "after")


class Surfer:
    """Makes addresses out of a network's people and posts, and out of nonsense."""

    def __init__(self, random: Random, known: dict[str, list[str]]) -> None:
        self.random, self.known = random, known

    def path(self, pattern: str) -> str:
        """An address of this pattern, each `{name}` filled in rightly or oddly."""
        return re.sub(r"\{([a-z]+)(?::[a-z]+)?\}", lambda found: self._part(found[1]), pattern)

    def query(self) -> str:
        if self.random.random() < 0.3:
            return ""
        pairs = [f"{self._name()}={self._odd()}" for _ in range(self.random.choice((1, 1, 2, 30)))]
        return "?" + "&".join(pairs) + self.random.choice(("", "", "", "&%ff=%fe", "&%", "&=", "&" + "a" * 5_000))

    def headers(self) -> dict[str, str]:
        """What a browser might say, or nobody."""
        said = {
            "accept-language": ("fr", "\xff", "en;q=x", "," * 300, "fr;q=0.0001"),
            "cookie": ("session=\xff", "session=a; form=b; lang=xx; zone=%2F..%2F", "session=" + "x" * 3_000, "=;;="),
            "accept": ("text/html", "application/json", "\xff"),
            "if-none-match": ('"x"', "*"),
            "range": ("bytes=0-", "bytes=9-1"),
        }
        return {name: self.random.choice(values) for name, values in said.items() if self.random.random() < 0.15}

    def _part(self, name: str) -> str:
        right = self.known.get(name)
        return quote(self.random.choice(right), safe=":") if right and self.random.random() < 0.6 else self._odd()

    def _name(self) -> str:
        return self.random.choice((*QUERY_NAMES, *PLC_QUERIES))

    def _odd(self) -> str:
        values = [value for some in self.known.values() for value in some]
        word = self.random.choice((*WORDS, *values))[:2_000]
        return quote(word.encode("utf-8", "surrogatepass"), safe=self.random.choice((":", "/:")))


class Town:
    """What a test needs of the running network: a member, her browser's cookie, and things to name."""

    def __init__(self, port: int, cookie: str, token: str, known: dict[str, list[str]]) -> None:
        self.port, self.cookie, self.token, self.known = port, cookie, token, known

    def surfer(self, seed: int, pattern: str) -> Surfer:
        return Surfer(Random(f"{seed} {pattern}"), self.known)


@pytest.fixture
async def town(network: RunningNetwork, http: httpx.AsyncClient) -> Town:
    alice, bob = await Person.join(http), await Person.join(http)
    blob = await alice.upload(picture(b"shown"))
    shown = await alice.post_picture(blob, "a picture #tag")
    reply = await bob.reply("nice", shown)
    known = {
        "actor": [alice.handle, bob.handle, alice.did],
        "did": [alice.did, bob.did],
        "rkey": [shown.rkey, reply.rkey],
        "cid": [blob["ref"]["$link"], shown.cid],
        "name": ["base.css", "tokens.css"],
        "size": ["192", "512", "7"],
    }
    cookie, token = await signed_in(network.url, alice)
    return Town(int(network.url.rpartition(":")[2]), cookie, token, known)


async def signed_in(url: str, person: Person) -> tuple[str, str]:
    """The cookie of a browser session, and the token of its forms."""
    async with httpx.AsyncClient(base_url=url) as browser:
        given = {"identifier": person.handle, "password": PASSWORD}
        await browser.post("/sign-in", data={"token": token_in((await browser.get("/sign-in")).text), **given})
        return f"session={browser.cookies['session']}", token_in((await browser.get("/settings")).text)


def token_in(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def surf(town: Town, patterns: list[str], seed: int, tries: int, sound: Callable[[str, Answer], None]) -> None:
    """Ask for addresses of these patterns, as a member and as a stranger."""
    async with Wire(town.port) as wire:
        for pattern in patterns:
            surfer = town.surfer(seed, pattern)
            for n in range(tries):
                target = surfer.path(pattern) + surfer.query()
                headers = ({"cookie": town.cookie} if n % 2 else {}) | surfer.headers()
                method = surfer.random.choice(("GET",) * 9 + ("HEAD",))
                answer = await wire.call(method, target, headers)
                assert answer.status < 500 or answer.status == 501, f"{method} {target} {headers}: {answer}"
                sound(f"{method} {target} {headers}: {answer}"[:2_000], answer)


def assert_page(said: str, answer: Answer) -> None:
    """Every page and every refusal of one is shielded."""
    assert answer.status in (200, 302, 303, 304, 307, 400, 401, 403, 404, 405, 413, 429), said
    assert answer.headers["content-security-policy"].startswith(("default-src 'self'", "default-src 'none'")), said
    assert answer.headers["x-frame-options"] == "DENY", said
    assert answer.headers["x-content-type-options"] == "nosniff", said


def assert_other(said: str, answer: Answer) -> None:
    """Refusals tell why, as JSON or as a page."""
    assert answer.status in (200, 303, 400, 403, 404, 405, 426, 501), said
    if answer.status >= 400 and answer.headers["content-type"].startswith("application/json") and answer.body:
        refusal = answer.json()
        assert isinstance(refusal, dict), said
        assert refusal["message"], said
        assert " " not in refusal.get("error", ""), said


async def test_no_address_of_a_page_finds_a_fault(town: Town) -> None:
    await surf(town, GETS, SEED, TRIES, assert_page)


async def test_no_other_address_finds_a_fault(town: Town) -> None:
    await surf(town, list(OTHERS), SEED, TRIES, assert_other)


@pytest.mark.long
async def test_no_address_finds_a_fault_in_a_wide_search(town: Town) -> None:
    seed = SystemRandom().randrange(2**32)
    await surf(town, GETS, seed, LONG_TRIES, assert_page)
    await surf(town, list(OTHERS), seed, LONG_TRIES, assert_other)


# --- forms


@pytest.mark.parametrize("pattern", POSTS)
async def test_no_form_is_taken_without_its_token(town: Town, pattern: str) -> None:
    path = re.sub(r"\{([a-z]+)\}", lambda found: town.known[found[1]][0], pattern)
    form = {"content-type": "application/x-www-form-urlencoded"}
    async with Wire(town.port) as wire:
        for body in (b"", b"token=", b"token=x&text=hello", f"token={town.token[::-1]}".encode()):
            answer = await wire.call("POST", path, {"cookie": town.cookie, **form}, body)
            assert answer.status == 403, f"{path} took {body!r}: {answer}"
            stranger = await wire.call("POST", path, form, body)
            assert stranger.status == 403 or is_sign_in(stranger), f"{path} took {body!r}: {stranger}"
        right = f"token={town.token}".encode()
        for name, value in (("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")):
            answer = await wire.call("POST", path, {"cookie": town.cookie, **form, name: value}, right)
            assert answer.status == 403, f"{path} took a form from {value}: {answer}"
        stranger = await wire.call("POST", path, form, right)
        assert stranger.status == 403 or is_sign_in(stranger), f"{path} took a member's token from a stranger"


def is_sign_in(answer: Answer) -> bool:
    return answer.status == 303 and answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("pattern", POSTS)
async def test_no_nonsense_in_a_form_finds_a_fault(town: Town, pattern: str) -> None:
    surfer = town.surfer(SEED, pattern)
    async with Wire(town.port) as wire:
        for _ in range(TRIES // 2):
            kind, body = nonsense(surfer, town.token)
            path = surfer.path(pattern)
            answer = await wire.call("POST", path, {"cookie": town.cookie, "content-type": kind}, body)
            assert_page(f"POST {path} {kind} {body[:1_000]!r}: {answer}"[:2_500], answer)


FIELDS = ("text", "act", "uri", "cid", "handle", "password", "old", "new", "identifier", "language", "theme", "name")
MORE_FIELDS = ("alt", "card", "reply", "quote", "parent", "displayName", "description", "do", "code", "email", "next")


def nonsense(surfer: Surfer, token: str) -> tuple[str, bytes]:
    """Content type and body of a form that holds the right token, and little else that is right."""
    known = [value for some in surfer.known.values() for value in some]
    fields = [("token", token)] + [
        (surfer.random.choice(FIELDS + MORE_FIELDS), surfer.random.choice((*WORDS, *known)))
        for _ in range(surfer.random.choice((0, 2, 8, 70)))
    ]
    if surfer.random.random() < 0.5:
        pairs = (f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in fields)
        return "application/x-www-form-urlencoded", "&".join(pairs).encode()
    boundary = b64encode(surfer.random.randbytes(9)).decode()
    parts = [part(boundary, f'form-data; name="{name}"', value.encode("utf-8", "replace")) for name, value in fields]
    named = surfer.random.choice(("picture", "pictures", "avatar", "banner", "x"))
    data = surfer.random.choice((b"", picture(b"in a form"), b"\x89PNG\r\n\x1a\nnot", b"\xff\xd8\xff", b"words"))
    parts.append(part(boundary, f'form-data; name="{named}"; filename="a\\"b.png"', data))
    end = surfer.random.choice((f"--{boundary}--\r\n", "", f"--{boundary}"))
    return f"multipart/form-data; boundary={boundary}", b"".join(parts) + end.encode()


def part(boundary: str, disposition: str, data: bytes) -> bytes:
    return f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + data + b"\r\n"


async def test_a_page_that_is_only_read_takes_no_form(town: Town) -> None:
    async with Wire(town.port) as wire:
        for pattern in set(GETS) - set(POSTS):
            path = re.sub(r"\{([a-z]+)(?::[a-z]+)?\}", lambda found: town.known[found[1]][0], pattern)
            answer = await wire.call("POST", path, {"cookie": town.cookie}, b"")
            assert answer.status == 405, f"{path}: {answer}"


def test_every_route_is_one_that_these_tests_can_read() -> None:
    assert all(isinstance(route, Route) for route in ROUTES)
    assert len(GETS) > 25
    assert len(POSTS) > 10
