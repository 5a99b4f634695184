"""A member's view that is there at once: the same answer as any other, in its turn, and for nobody else."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from freehold.net.visits import BODY, Coming, Visits, Whole
from freehold.pds.writes import Create
from freehold.server import Networks
from freehold.site import Shared, Site
from support.inside import calling, opened, served
from support.network import Person

TIMELINE, PROFILE = "/xrpc/app.bsky.feed.getTimeline", "/xrpc/app.bsky.actor.getProfile"
CREATE = "/xrpc/com.atproto.repo.createRecord"
NOON = "2026-01-02T12:00:00Z"


def scope(path: str, token: str = "", query: str = "", method: str = "GET", **headers: str) -> dict[str, Any]:
    named = {"host": "localhost:8000", **headers, **({"authorization": f"Bearer {token}"} if token else {})}
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 4),
        "scheme": "http",
    }


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def the_long_way(networks: Networks, asked: dict[str, Any]) -> Whole:
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    await networks(asked, lambda: asyncio.sleep(0, {"type": "http.request", "body": asked.get(BODY, b"")}), send)
    head = b"".join(b"%b: %b\r\n" % pair for pair in told[0]["headers"])
    return Whole(told[0]["status"], head, b"".join(part["body"] for part in told[1:]))


@pytest.fixture
async def site(tmp_path: Path, shared: Shared) -> AsyncIterator[Site]:
    with opened(tmp_path / "town", shared) as site:
        yield site


@pytest.fixture
async def alice(site: Site) -> AsyncIterator[Person]:
    async with calling(site) as http:
        alice = await Person.join(http, "alice")
        await alice.create("app.bsky.feed.post", {"text": "first", "createdAt": "2026-01-01T00:00:00Z"})
        assert await site.caught_up()
        yield alice


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (TIMELINE, "limit=20"),
        (PROFILE, "actor=alice.test"),
        (PROFILE, "actor=nobody.test"),
        (PROFILE, ""),
        (TIMELINE, "limit=1000"),
        ("/xrpc/app.bsky.feed.getAuthorFeed", "actor=alice.test"),
        ("/xrpc/app.bsky.notification.listNotifications", ""),
    ],
)
async def test_it_is_the_answer_that_others_wait_for(site: Site, alice: Person, path: str, query: str):
    networks = Networks([site], check_answers=True)
    asked = scope(path, alice.token, query, accept_encoding="gzip")
    waited_for = await the_long_way(networks, asked)
    assert networks.at_once(asked) == waited_for


async def test_who_has_to_be_looked_at_first_and_what_is_no_view_goes_the_long_way(site: Site, alice: Person):
    networks = Networks([site], check_answers=True)
    for path in (TIMELINE, PROFILE, "/xrpc/app.bsky.feed.searchPosts"):
        await the_long_way(networks, scope(path, alice.token, "actor=alice.test&q=first"))
    proxied = scope(TIMELINE, alice.token, atproto_proxy="did:web:elsewhere.test#bsky_appview")
    refreshing = scope(TIMELINE, alice.refresh_token)
    others = [
        scope(PROFILE, query="actor=alice.test"),
        refreshing,
        scope(TIMELINE, alice.token + "x"),
        proxied,
        scope("/xrpc/app.bsky.feed.searchPosts", alice.token, "q=first"),
        scope("/xrpc/com.atproto.server.getSession", alice.token),
        scope(TIMELINE, alice.token, host="elsewhere.example"),
        scope("/xrpc/no.such.method", alice.token),
    ]
    assert [networks.at_once(each) for each in others] == [None] * len(others)
    assert networks.at_once(scope(TIMELINE, alice.token)) is not None


async def test_nothing_is_answered_before_the_index_has_all_that_was_acknowledged(site: Site, alice: Person):
    networks = Networks([site])
    await the_long_way(networks, scope(TIMELINE, alice.token))
    await site.writes.write(alice.did, [Create("app.bsky.feed.post", None, {"text": "two", "createdAt": NOON})])
    site.index.seq = min(site.index.seq, site.log.last - 1)
    coming = networks.at_once(scope(TIMELINE, alice.token))
    assert isinstance(coming, Coming)
    assert not coming.future.done()
    assert await coming.future
    assert [post["post"]["record"]["text"] for post in json.loads(coming.make().body)["feed"]] == ["two", "first"]


def writing(token: str, said: object) -> dict[str, Any]:
    body = json.dumps(said).encode()
    named = {"content_type": "application/json", "content_length": str(len(body))}
    return scope(CREATE, token, method="POST", **named) | {BODY: body}


async def test_a_record_is_written_without_a_task(site: Site, alice: Person):
    networks = Networks([site], check_answers=True)
    said = {"repo": alice.did, "collection": "app.bsky.feed.post", "rkey": "3jzfcijpj2z2a"}
    record = {"text": "second", "createdAt": NOON}
    assert (await the_long_way(networks, writing(alice.token, said))).status == 400
    answers = []
    for asked in ({**said, "record": record}, {**said, "record": record}, {**said, "record": {}}, said):
        answer = networks.at_once(writing(alice.token, asked))
        if isinstance(answer, Coming):
            await asyncio.wait([answer.future])
            answer = answer.make()
        assert answer is not None
        answers.append((answer.status, answer.body))
    assert [status for status, _ in answers] == [200, 400, 400, 400]
    assert f"at://{alice.did}/app.bsky.feed.post/3jzfcijpj2z2a".encode() in answers[0][1]
    assert b"There is a record with that key already" in answers[1][1]
    shown = site.reads.shown(site.accounts.one(alice.did), "app.bsky.feed.post/3jzfcijpj2z2a", None)
    assert json.loads(bytes(shown.value)) == {"$type": "app.bsky.feed.post", **record}
    assert networks.at_once(writing("", {**said, "record": record})) is None


async def test_a_network_is_not_let_go_before_what_is_coming_was_said(site: Site, alice: Person):
    visits, future = Visits(), asyncio.get_running_loop().create_future()
    visits.await_too(Coming(future, lambda: Whole(200, b"", b"")))
    ending = asyncio.ensure_future(visits.end())
    await asyncio.sleep(0)
    assert not ending.done()
    future.set_result(True)
    await ending


async def test_a_session_that_has_ended_counts_no_more(site: Site, alice: Person):
    networks = Networks([site])
    assert (await the_long_way(networks, scope(TIMELINE, alice.token))).status == 200
    await alice.http.post("/xrpc/com.atproto.server.deleteSession", headers=bearer(alice.refresh_token))
    ended = networks.at_once(scope(TIMELINE, alice.token))
    assert ended is not None
    assert (ended.status, b"ExpiredToken" in ended.body) == (400, True)


async def test_it_costs_what_it_costs_otherwise(site: Site, alice: Person):
    networks = Networks([site])
    site.place = site.place._replace(dev=False)
    left = []
    for answer in (
        await the_long_way(networks, scope(TIMELINE, alice.token)),
        networks.at_once(scope(TIMELINE, alice.token)),
        networks.at_once(scope("/xrpc/app.bsky.feed.getTimeline", alice.token)),
    ):
        assert answer is not None
        left.append(int(answer.head.partition(b"ratelimit-remaining: ")[2].split()[0]))
    assert left == [left[0], left[0] - 1, left[0] - 2]


async def test_requests_that_come_in_one_piece_are_answered_in_their_order(tmp_path: Path, shared: Shared):
    async with served(tmp_path / "town", shared) as site, httpx.AsyncClient(base_url=site.place.base_url) as http:
        alice = await Person.join(http, "alice")
        await alice.ask("app.bsky.feed.getTimeline")
        port = int(site.place.base_url.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        paths = [f"{TIMELINE}?limit=3", "/xrpc/_health", f"{PROFILE}?actor=alice.test", f"{TIMELINE}?limit=4"]
        head = f"Host: localhost:{port}\r\nAuthorization: Bearer {alice.token}\r\n\r\n"
        writer.write("".join(f"GET {path} HTTP/1.1\r\n{head}" for path in paths).encode())
        bodies = []
        for _ in paths:
            said = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert said.startswith(b"http/1.1 200 ok")
            bodies.append(await reader.readexactly(int(said.partition(b"content-length: ")[2].partition(b"\r\n")[0])))
        writer.close()
        assert [next(iter(body.split(b'"')[1:2])) for body in bodies] == [b"feed", b"version", b"did", b"feed"]


async def test_what_is_written_and_read_in_one_piece_is_answered_in_its_order(tmp_path: Path, shared: Shared):
    async with served(tmp_path / "town", shared) as site, httpx.AsyncClient(base_url=site.place.base_url) as http:
        alice = await Person.join(http, "alice")
        await alice.ask("app.bsky.feed.getTimeline")
        await alice.create("app.bsky.feed.post", {"text": "0", "createdAt": NOON})
        port = int(site.place.base_url.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"Host: localhost:{port}\r\nAuthorization: Bearer {alice.token}\r\n"

        def post(text: str) -> bytes:
            record = {"text": text, "createdAt": NOON}
            body = json.dumps({"repo": alice.did, "collection": "app.bsky.feed.post", "record": record})
            kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            return f"POST {CREATE} HTTP/1.1\r\n{head}{kind}{body}".encode()

        async def answer() -> Any:
            said = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert said.startswith(b"http/1.1 200 ok")
            size = int(said.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            return json.loads(await reader.readexactly(size))

        read = f"GET {TIMELINE} HTTP/1.1\r\n{head}\r\n".encode()
        writer.write(post("1") + read + post("2") + read)
        told = [await answer() for _ in range(4)]
        assert [next(iter(each)) for each in told] == ["uri", "feed", "uri", "feed"]
        assert [len(each["feed"]) for each in told[1::2]] == [2, 3]
        whole = post("3")
        writer.write(whole[:-20])  # the rest comes later
        await asyncio.sleep(0)
        writer.write(whole[-20:] + read)
        assert "uri" in await answer()
        assert {item["post"]["record"]["text"] for item in (await answer())["feed"]} == {"0", "1", "2", "3"}
        writer.close()
