"""The XRPC door, spoken to over a real socket: a small lexicon of our own, a real uvicorn on a free port."""

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from freehold.api.answers import STATUS, ApiRefused, accepts_gzip
from freehold.api.bodies import MAX_DEPTH
from freehold.api.caller import ACCESS, NONE, OPTIONAL, Caller
from freehold.api.door import GONE, Door, Hooks, Passing, query_pairs
from freehold.api.xrpc import Answer, Given, Method, Methods, RequestHeaders
from freehold.protocol.lexicon import Catalog
from freehold.protocol.refused import InvalidRequest, Refused
from support.door import Served, serve

JSON = "application/json"


def body(**properties: str) -> dict[str, Any]:
    schema = {name: {"type": kind} for name, kind in properties.items()}
    return {"encoding": JSON, "schema": {"type": "object", "required": list(properties), "properties": schema}}


def lexicon(name: str, kind: str, **parts: Any) -> dict[str, Any]:
    return {"lexicon": 1, "id": f"org.example.{name}", "defs": {"main": {"type": kind, **parts}}}


NUMBERS = {
    "type": "params",
    "required": ["n"],
    "properties": {
        "n": {"type": "integer", "maximum": 1000000},
        "of": {"type": "array", "items": {"type": "string"}},
        "loud": {"type": "boolean", "default": False},
    },
}
DOCUMENTS = [
    lexicon("count", "query", parameters=NUMBERS, output=body(text="string")),
    lexicon("who", "query", output={"encoding": JSON, "schema": {"type": "object", "properties": {}}}),
    lexicon("echo", "procedure", input=body(text="string"), output=body(text="string")),
    lexicon("keep", "procedure", input={"encoding": "image/*"}, output=body(size="integer")),
    lexicon("file", "query", output={"encoding": "application/vnd.ipld.car"}),
    lexicon("wipe", "procedure"),
    lexicon("fail", "query", parameters=NUMBERS, output=body(text="string")),
    lexicon("tree", "procedure", input=body(tree="unknown")),
    lexicon("follow", "subscription"),
]

methods = Methods()
closed: list[str] = []
received: list[int] = []


@methods.query("org.example.count", auth=NONE)
async def count(site: Any, caller: Caller, given: Given) -> dict[str, Any]:
    asked = given.params
    return {"text": "é" * asked["n"] + "".join(asked.get("of", [])) + ("!" if asked["loud"] else "")}


@methods.query("org.example.who", auth=OPTIONAL)
async def who(site: Any, caller: Caller, given: Given) -> Answer:
    return Answer({"site": site, "did": caller.did or ""}, headers=[("Atproto-Repo-Rev", "3kznmn7xqxl22")])


@methods.procedure("org.example.echo", auth=ACCESS, max_bytes=10_000)
async def echo(site: Any, caller: Caller, given: Given) -> dict[str, Any]:
    return {"text": given.input["text"]}


@methods.procedure("org.example.keep", auth=NONE, max_bytes=1_000_000)
async def keep(site: Any, caller: Caller, given: Given) -> dict[str, Any]:
    received.clear()
    received.extend([len(piece) async for piece in given.body])
    return {"size": sum(received)}


@methods.query("org.example.file", auth=NONE)
async def file(site: Any, caller: Caller, given: Given) -> Answer:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            yield b"two"
            if given.headers.get("x-break"):
                raise OSError("the disk went away")
        finally:
            closed.append("file")

    return Answer(pieces())


@methods.procedure("org.example.wipe", auth=NONE)
async def wipe(site: Any, caller: Caller, given: Given) -> None:
    return None


@methods.query("org.example.fail", auth=NONE)
async def fail(site: Any, caller: Caller, given: Given) -> Any:
    if given.params["n"] == 0:
        raise ZeroDivisionError("a secret of ours")
    if given.params["n"] == 1:
        raise InvalidRequest("Not today.", name="NotToday")
    return {"text": 7}


@methods.procedure("org.example.tree", auth=NONE)
async def tree(site: Any, caller: Caller, given: Given) -> None:
    return None


class NeedToken(ApiRefused):
    kind, name, say = "unauthenticated", "AuthenticationRequired", "Sign in."


async def authenticate(site: Any, method: Method, headers: RequestHeaders, scope: Any) -> Caller:
    token = headers.get("authorization")
    if token is None:
        if method.auth is OPTIONAL:
            return Caller(None, "nobody")
        raise NeedToken(headers=[("WWW-Authenticate", "Bearer")])
    return Caller(token.removeprefix("Bearer "), "access")


async def elsewhere(site: Any, call: Passing) -> Answer | None:
    if call.headers.get("atproto-proxy") == "did:web:there.example#there" or call.nsid == "org.example.other":
        return Answer({"from": "elsewhere", "nsid": call.nsid})
    return None


@pytest.fixture
async def counted() -> "asyncio.Queue[tuple[str, int]]":
    """What the door told its counter: method and status of each call."""
    return asyncio.Queue()


@pytest.fixture
async def door(counted) -> AsyncIterator[Served]:
    closed.clear()

    def observe(site: Any, nsid: str, status: int, seconds: float) -> None:
        counted.put_nowait((nsid, status))

    hooks = Hooks(authenticate, elsewhere, observe=observe)
    async with serve(Door(Catalog(DOCUMENTS), methods, hooks, check_answers=True), "linden") as served:
        yield served


def posting(nsid: str, kind: str, length: int) -> bytes:
    """The head of a request, as bytes."""
    lines = (f"POST /xrpc/{nsid} HTTP/1.1", "host: x", f"content-type: {kind}", f"content-length: {length}", "", "")
    return "\r\n".join(lines).encode()


async def refusal(response: httpx.Response) -> tuple[int, str]:
    said = response.json()
    assert set(said) == {"error", "message"}
    assert said["message"]
    return response.status_code, said["error"]


async def test_a_query_gets_typed_parameters_and_answers_json(door, counted):
    answer = await door.http.get("/xrpc/org.example.count?n=2&of=a+b&of=%C3%A9&loud=true&unheard=1")
    assert (answer.status_code, answer.json()) == (200, {"text": "ééa bé!"})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert counted.get_nowait() == ("org.example.count", 200)
    assert (await door.http.get("/xrpc/org.example.count/?n=0")).json() == {"text": ""}


@pytest.mark.parametrize(
    "query", ["", "?n=x", "?n=1&n=2", "?n=1000001", "?n=1&loud=yes", "?n=%ff", "?n=1" + "&a=1" * 200]
)
async def test_a_bad_query_string_is_an_invalid_request(door, query):
    assert await refusal(await door.http.get("/xrpc/org.example.count" + query)) == (400, "InvalidRequest")


async def test_what_is_no_method_is_said_to_be_none(door, counted):
    get, post = door.http.get, door.http.post
    assert await refusal(await get("/xrpc/org.example.nothing")) == (501, "MethodNotImplemented")
    assert await refusal(await get("/xrpc/not-a-method")) == (400, "InvalidRequest")
    assert await refusal(await get("/xrpc/")) == (400, "InvalidRequest")
    assert await refusal(await post("/xrpc/org.example.count?n=1")) == (405, "InvalidRequest")
    wrong = await get("/xrpc/org.example.echo")
    assert await refusal(wrong) == (405, "InvalidRequest")
    assert wrong.headers["allow"] == "POST"
    assert counted.get_nowait() == ("unknown", 501)


async def test_a_stream_asked_for_by_plain_http_must_be_upgraded(door):
    answer = await door.http.get("/xrpc/org.example.follow")
    assert await refusal(answer) == (426, "UpgradeRequired")
    assert await refusal(await door.http.post("/xrpc/org.example.follow")) == (405, "InvalidRequest")


async def test_a_procedure_takes_its_json_and_a_caller(door):
    answer = await door.post_json("org.example.echo", {"text": "hello"}, token="did:plc:alice")
    assert (answer.status_code, answer.json()) == (200, {"text": "hello"})
    refused = await door.post_json("org.example.echo", {"text": "hello"})
    assert await refusal(refused) == (401, "AuthenticationRequired")
    assert refused.headers["www-authenticate"] == "Bearer"


async def test_optional_sign_in_and_the_site_reach_the_handler(door):
    assert (await door.http.get("/xrpc/org.example.who")).json() == {"site": "linden", "did": ""}
    signed_in = await door.http.get("/xrpc/org.example.who", headers={"authorization": "Bearer did:plc:bob"})
    assert signed_in.json()["did"] == "did:plc:bob"
    assert signed_in.headers["atproto-repo-rev"] == "3kznmn7xqxl22"


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", JSON, 400),
        (b"{", JSON, 400),
        (b'{"text": "\xff"}', JSON, 400),
        (b'{"text": "\\ud800"}', JSON, 400),
        (b"[]", JSON, 400),
        (b'{"text": 1}', JSON, 400),
        (b"{}", JSON, 400),
        (b'{"text": "x"}', "text/plain", 400),
        (b'{"text": "x"}', "", 400),
        (b'{"text": "' + b"x" * 10_000 + b'"}', JSON, 413),
        (b"[" * 5_000, JSON, 400),
    ],
)
async def test_a_bad_body_is_refused_by_name(door, content, kind, status):
    headers = {"content-type": kind, "authorization": "Bearer did:plc:alice"}
    answer = await door.http.post("/xrpc/org.example.echo", content=content, headers=headers)
    assert await refusal(answer) == (status, "PayloadTooLarge" if status == 413 else "InvalidRequest")


async def test_json_may_nest_so_deep_and_no_deeper(door):
    def nested(depth: int) -> bytes:
        return b'{"tree":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"

    async def status(data: bytes) -> int:
        headers = {"content-type": "application/json; charset=utf-8"}
        return (await door.http.post("/xrpc/org.example.tree", content=data, headers=headers)).status_code

    assert await status(nested(MAX_DEPTH - 1)) == 200
    assert await status(nested(MAX_DEPTH)) == 400
    assert await status(nested(950)) == 400
    assert await status(nested(100_000)) == 400
    assert await status(b'{"tree":{"a":[' + b",".join([b"[]"] * 1000) + b"]}}") == 200


async def test_a_compressed_body_is_refused(door):
    headers = {"content-type": JSON, "content-encoding": "gzip"}
    answer = await door.http.post("/xrpc/org.example.tree", content=gzip.compress(b'{"tree":{}}'), headers=headers)
    assert await refusal(answer) == (415, "UnsupportedMediaType")


async def test_a_method_without_input_takes_an_empty_body_only(door):
    async def nothing() -> AsyncIterator[bytes]:
        yield b""

    async def something() -> AsyncIterator[bytes]:
        yield b"x"

    for content in (None, b"", nothing()):
        answer = await door.http.post("/xrpc/org.example.wipe", content=content)
        assert (answer.status_code, answer.content) == (200, b"")
    for content in (b"x", something()):
        answer = await door.http.post("/xrpc/org.example.wipe", content=content)
        assert await refusal(answer) == (400, "InvalidRequest")


async def test_a_binary_body_streams_through_and_is_bounded(door):
    async def pieces(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 50_000):
            yield b"x" * 50_000

    headers = {"content-type": "image/png"}
    answer = await door.http.post("/xrpc/org.example.keep", content=b"x" * 900_000, headers=headers)
    assert answer.json() == {"size": 900_000}
    assert len(received) > 1
    assert (await door.http.post("/xrpc/org.example.keep", content=b"", headers=headers)).json() == {"size": 0}
    for content in (b"x" * 5_000_000, pieces(5_000_000)):
        answer = await door.http.post("/xrpc/org.example.keep", content=content, headers=headers)
        assert await refusal(answer) == (413, "PayloadTooLarge")
    wrong = await door.http.post("/xrpc/org.example.keep", content=b"x", headers={"content-type": "text/html"})
    assert await refusal(wrong) == (400, "InvalidRequest")


async def test_a_body_too_large_by_its_length_is_refused_before_it_is_sent(door):
    assert (await door.speak(posting("org.example.keep", "image/png", 999_999_999))).startswith(b"HTTP/1.1 413 ")


async def test_a_caller_who_hangs_up_in_the_middle_of_a_body_does_no_harm(door, counted, caplog):
    for nsid, kind in (("org.example.keep", "image/png"), ("org.example.tree", JSON)):
        await door.hang_up_after(posting(nsid, kind, 100) + b'{"tree":')
        async with asyncio.timeout(60):
            assert await counted.get() == (nsid, GONE)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_refusal_goes_out_by_its_name_and_a_fault_by_a_number(door, caplog):
    refused = await door.http.get("/xrpc/org.example.fail?n=1")
    assert refused.json() == {"error": "NotToday", "message": "Not today."}
    with caplog.at_level(logging.ERROR):
        broken = await door.http.get("/xrpc/org.example.fail?n=0")
    assert await refusal(broken) == (500, "InternalServerError")
    assert "secret" not in broken.text
    record = caplog.records[-1]
    assert record.reference in broken.text
    assert record.exc_info is not None


async def test_an_answer_that_breaks_its_lexicon_is_loud(door, caplog):
    answer = await door.http.get("/xrpc/org.example.fail?n=2")
    assert await refusal(answer) == (500, "InternalServerError")
    assert "output.text must be a string" in answer.json()["message"]
    assert "fit its lexicon" in caplog.text


async def test_a_stream_is_sent_and_closed(door):
    answer = await door.http.get("/xrpc/org.example.file")
    assert (answer.content, answer.headers["content-type"]) == (b"onetwo", "application/vnd.ipld.car")
    head = await door.http.head("/xrpc/org.example.file")
    assert (head.status_code, head.content) == (200, b"")
    assert closed == ["file"]


async def test_a_stream_that_breaks_off_is_cut_and_never_looks_whole(door, caplog):
    with pytest.raises(httpx.RemoteProtocolError):
        await door.http.get("/xrpc/org.example.file", headers={"x-break": "1"})
    assert closed == ["file"]
    assert "broke off" in caplog.text


async def test_head_is_answered_like_get_without_a_body(door):
    answer = await door.http.head("/xrpc/org.example.count?n=3")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "17")
    assert (await door.http.head("/xrpc/org.example.echo")).status_code == 405


async def test_any_page_may_call(door):
    asked = {"origin": "https://app.example", "access-control-request-headers": "authorization,x-new-header"}
    answer = await door.http.options("/xrpc/org.example.echo", headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "authorization,x-new-header"
    assert "POST" in answer.headers["access-control-allow-methods"]
    strange = await door.http.options("/xrpc/x", headers={"access-control-request-headers": "a;b"})
    assert "atproto-proxy" in strange.headers["access-control-allow-headers"]
    for path in ("/xrpc/org.example.count?n=1", "/xrpc/org.example.nothing"):
        exposed = (await door.http.get(path)).headers["access-control-expose-headers"]
        for name in (
            "atproto-repo-rev",
            "atproto-content-labelers",
            "dpop-nonce",
            "www-authenticate",
            "ratelimit-limit",
        ):
            assert name in exposed


async def test_larger_json_is_compressed_for_who_takes_it(door):
    path = "/xrpc/org.example.count?n=50000"
    packed = await door.http.get(path, headers={"accept-encoding": "br, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < 5_000
    assert packed.headers["vary"] == "accept-encoding"
    plain = await door.http.get(path, headers={"accept-encoding": "gzip;q=0"})
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json() == {"text": "é" * 50_000}
    small = await door.http.get("/xrpc/org.example.count?n=5", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in small.headers


def test_accept_encoding_is_understood():
    yes = [b"gzip", b"gzip, br", b"br;q=1.0, gzip;q=0.8, *;q=0.1", b"*"]
    no = [b"", b"br", b"gzip;q=0", b"gzip; q=0.000", b"x-gzip", b"identity"]
    assert [header for header in yes + no if accepts_gzip(header)] == yes


async def test_a_call_may_be_answered_elsewhere(door):
    there = {"atproto-proxy": "did:web:there.example#there"}
    answer = await door.http.get("/xrpc/org.example.who", headers=there)
    assert answer.json() == {"from": "elsewhere", "nsid": "org.example.who"}
    assert (await door.http.get("/xrpc/org.example.other")).json()["from"] == "elsewhere"
    here = await door.http.get("/xrpc/org.example.who", headers={"atproto-proxy": "did:web:us.example#appview"})
    assert here.json()["site"] == "linden"


async def test_many_calls_at_once_do_not_mix(door):
    answers = await asyncio.gather(
        *(door.post_json("org.example.echo", {"text": str(n)}, token="did:plc:a") for n in range(50))
    )
    assert [answer.json()["text"] for answer in answers] == [str(n) for n in range(50)]


def test_a_method_unknown_to_the_lexicons_or_of_the_other_kind_stops_the_start():
    for nsid in ("org.example.nothing", "org.example.echo", "org.example.follow"):
        wrong = Methods()
        wrong.query(nsid, auth=NONE)(count)
        with pytest.raises(ValueError, match=nsid):
            Door(Catalog(DOCUMENTS), wrong, Hooks(authenticate))
    twice = Methods()
    twice.query("org.example.count", auth=NONE)(count)
    with pytest.raises(ValueError, match="twice"):
        twice.query("org.example.count", auth=NONE)(count)


def test_query_strings_are_read_alike_plain_and_escaped():
    assert list(query_pairs(b"a=1&b=&c&&d=x=y")) == [("a", "1"), ("b", ""), ("c", ""), ("", ""), ("d", "x=y")]
    assert list(query_pairs(b"a=1&b=%20&c=x%3Dy&%64=+%2B%")) == [("a", "1"), ("b", " "), ("c", "x=y"), ("d", " +%")]
    assert list(query_pairs(b"")) == []
    for bad in (b"a=%ff", b"&".join([b"a=%20"] * 201), b"&".join([b"a=1"] * 201), b"a=\xe9", b"%c3=1"):
        with pytest.raises(InvalidRequest):
            list(query_pairs(bad))


def test_every_kind_of_refusal_has_a_status():
    assert set(STATUS) == set(Refused.__init__.__globals__["Kind"].__args__)
