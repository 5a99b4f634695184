"""A door under siege: members go on, strangers wait, and what they are shown is nobody's and true.

The siege is the operator's word here (`siege = "always"`), and strangers' lane is shut by hand, so that nothing depends
on speed. Addresses of strangers are those of the loopback network, which are as many as anybody needs.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import uvicorn
from playwright.async_api import async_playwright

from freehold.api.siege.acceptor import Acceptor
from freehold.api.siege.connections import HEAD_SECONDS
from freehold.api.siege.keeper import Keeper, now
from freehold.api.siege.pages import Kept
from freehold.cli.doctor import advice
from freehold.cli.doors import behind_proxies, config_of, keeper_of
from freehold.net.siege import CALM_SECONDS, STEP_TICKS
from freehold.pds.proof_of_work import PARTS, PARTS_BITS, done
from freehold.readiness.floods import floods
from freehold.readiness.lines import DOUBT, GOOD
from freehold.server import Networks
from freehold.site import Site
from freehold.tls.contexts import context_of_files
from freehold.tls.front import Client, Front
from support.acme import own_certificate
from support.edges import header
from support.inside import opened
from support.joining import choose
from support.network import PASSWORD

POST, CREATE, DELETE = "app.bsky.feed.post", "com.atproto.repo.createRecord", "com.atproto.repo.deleteRecord"
FOR_EVER = 1e12
HTML = {"accept": "text/html"}


class Door(NamedTuple):
    """A network behind the real server, with its keeper."""

    site: Site
    keeper: Keeper
    port: int
    speaker: Callable[[Client | None], asyncio.Protocol]

    def shut(self) -> None:
        """Strangers have no room."""
        self.keeper.siege.lanes["stranger"].rests_until = FOR_EVER

    def open(self) -> None:
        """They have."""
        self.keeper.siege.lanes["stranger"].rests_until = 0.0

    def caller(self, address: str = "127.0.0.9", **headers: str) -> httpx.AsyncClient:
        """Somebody at that address; each request over a connection of its own, as a flood has it."""
        transport = httpx.AsyncHTTPTransport(local_address=address, limits=httpx.Limits(max_keepalive_connections=0))
        return httpx.AsyncClient(transport=transport, base_url=f"http://localhost:{self.port}", headers=headers)


@pytest.fixture
async def door(tmp_path: Path, shared) -> AsyncIterator[Door]:
    """Under siege from the first moment."""
    listener = socket.create_server(("127.0.0.1", 0))
    with opened(tmp_path / "town", shared, dev_mode=False, port=listener.getsockname()[1], siege="always") as site:
        await choose(site, join="open")
        networks = Networks([site], check_answers=True)
        keeper = keeper_of(networks)
        config = config_of(behind_proxies(networks), keeper)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[])
        make = partial(config.http_protocol_class, config=config, server_state=server.server_state, app_state={})

        def speaker(told: Client | None) -> asyncio.Protocol:
            return make(told=told)

        acceptor = Acceptor(listener, speaker, keeper)
        work = asyncio.create_task(site.run())
        try:
            yield Door(site, keeper, listener.getsockname()[1], speaker)
        finally:
            acceptor.close()
            await acceptor.wait_closed()
            await server.shutdown()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await networks.stop()


class Someone(NamedTuple):
    """A member with a program and a browser. token: of the program. cookie: of the browser."""

    did: str
    token: str
    cookie: str

    @property
    def by_program(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@pytest.fixture
async def mei(door: Door) -> Someone:
    async with door.caller() as http:
        body = {"handle": "mei.test", "password": PASSWORD, "email": "mei@town.test"}
        made = (await http.post("/xrpc/com.atproto.server.createAccount", json=body)).json()
    return Someone(
        made["did"], made["accessJwt"], await door.site.members.start_web(door.site.accounts.one(made["did"]))
    )


async def test_members_read_and_post_while_strangers_are_turned_away(door: Door, mei: Someone) -> None:
    door.shut()
    async with door.caller(**mei.by_program) as member, door.caller("127.0.0.10") as stranger:
        record = {"$type": POST, "text": "still here", "createdAt": "2026-11-22T00:00:00Z"}
        made = await member.post(f"/xrpc/{CREATE}", json={"repo": mei.did, "collection": POST, "record": record})
        assert made.status_code == 200, made.text
        feed = await member.get("/xrpc/app.bsky.feed.getAuthorFeed", params={"actor": mei.did})
        assert [item["post"]["record"]["text"] for item in feed.json()["feed"]] == ["still here"]
        refused = await stranger.get("/xrpc/app.bsky.feed.getAuthorFeed", params={"actor": mei.did})
        assert (refused.status_code, refused.json()["error"]) == (429, "RateLimitExceeded")
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["access-control-allow-origin"] == "*"
        figures = (await member.get("/metrics")).text
        assert "freehold_siege 1.0" in figures
        assert "freehold_siege_refused 1.0" in figures
        posted = await stranger.post("/xrpc/com.atproto.server.createAccount", json={"handle": "x.test"})
        assert posted.status_code == 429
    async with door.caller("127.0.0.11", cookie=f"session={mei.cookie}", **HTML) as browser:
        home = await browser.get("/")
        assert "/write" in home.text
    async with door.caller("127.0.0.12", cookie=f"session={mei.cookie[:-1]}x", **HTML) as forger:
        assert "/write" not in (await forger.get("/")).text
    async with door.caller("127.0.0.13", authorization=f"Bearer {mei.token[:-1]}", **HTML) as forger:
        assert (await forger.get("/xrpc/app.bsky.feed.getTimeline")).status_code == 429


async def test_where_a_member_asked_in_calm_hours_tls_is_opened_first_in_a_flood(
    door: Door, mei: Someone, tmp_path: Path
) -> None:
    trusting = ssl.create_default_context(cafile=str(own_certificate(tmp_path, "127.0.0.1", "localhost")))
    offered = context_of_files(tmp_path / "cert.pem", tmp_path / "key.pem")

    async def choose(_: str) -> ssl.SSLContext:
        return offered

    listener = socket.create_server(("127.0.0.1", 0))
    front = Front(listener, door.speaker, choose=choose, handshakes=door.keeper.handshakes)

    async def asks(address: str, **headers: str) -> int:
        """Over a connection of its own; 0: it was hung up on."""
        there = f"https://localhost:{listener.getsockname()[1]}/xrpc/_health"
        transport = httpx.AsyncHTTPTransport(local_address=address, verify=trusting)
        async with httpx.AsyncClient(transport=transport, headers=headers, timeout=30) as http:
            try:
                return (await http.get(there)).status_code
            except httpx.TransportError:
                return 0

    try:
        door.keeper.siege.mode, door.keeper.siege.on = "auto", False
        assert await asks("127.0.0.60", **mei.by_program) == 200
        assert await asks("127.0.0.61", cookie=f"session={mei.cookie}") == 200
        assert await asks("127.0.0.62", authorization=f"Bearer {mei.token[:-1]}") in (200, 401)
        door.keeper.siege.mode, door.keeper.siege.on = "always", True
        door.keeper.siege.handshakes["unknown"].rests_until = FOR_EVER
        assert [await asks(f"127.0.0.{number}") for number in (60, 61, 62, 63)] == [200, 200, 0, 0]
        assert door.keeper.figures()["siege_handshakes_refused"] == 2
    finally:
        front.close()
        await front.wait_closed()


async def test_an_edge_hears_that_all_is_well_however_many_others_ask_the_same(door: Door) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    front = Front(listener, door.speaker, choose=None, edge_of={"127.0.0.50": "west"}.get)

    def asks(told: str) -> str:
        with socket.socket() as plain:
            plain.bind(("127.0.0.50", 0))
            plain.connect(listener.getsockname())
            question = f"GET /xrpc/_health HTTP/1.1\r\nhost: localhost:{door.port}\r\n\r\n"
            plain.sendall(header(told) + question.encode())
            return plain.recv(65_536)[:13].decode()

    try:
        assert await asyncio.to_thread(asks, "198.51.100.9") == "HTTP/1.1 200 "
        door.keeper.siege.lanes["familiar"].rests_until = FOR_EVER
        assert await asyncio.to_thread(asks, "198.51.100.9") == "HTTP/1.1 429 "
        assert await asyncio.to_thread(asks, "") == "HTTP/1.1 200 "
    finally:
        front.close()
        await front.wait_closed()


async def test_readiness_says_what_was_seen_of_a_flood(door: Door, mei: Someone) -> None:
    siege = door.keeper.siege

    def said() -> list[tuple[str, str]]:
        return [(line.mark, line.said()) for line in floods(door.site)]

    assert said() == [(GOOD, "Members are served first at all times.")]
    siege.mode, siege.on = "auto", False
    assert said() == [(GOOD, "There was none since the start. When one comes, members are served first.")]
    siege._begin(now())
    door.shut()
    async with door.caller(**mei.by_program) as member, door.caller("127.0.0.70") as stranger:
        assert (await member.get("/xrpc/app.bsky.feed.getTimeline")).status_code == 200
        assert (await stranger.get("/@mei")).status_code == 429
    seen, members = said()
    assert re.fullmatch(r"There is one since \d{4}-.* UTC: 1 requests and 0 connections were turned away.", seen[1])
    assert (seen[0], members) == (DOUBT, (GOOD, "All 1 requests of theirs were let in."))
    siege.refused["member"] += 1
    begins = now() + 1
    for step in range((int(CALM_SECONDS) + 3) * STEP_TICKS):
        siege.tick(0.0, begins + step / STEP_TICKS)
    seen, members = said()
    assert seen[0] == GOOD
    assert seen[1].startswith("From ")
    assert members == (DOUBT, "1 of 2 requests of theirs were turned away, too.")
    siege.mode = "never"
    assert [mark for mark, _ in said()] == [DOUBT]


async def test_members_can_still_sign_in(door: Door, mei: Someone) -> None:
    door.shut()
    async with door.caller("127.0.0.14") as http:
        body = {"identifier": "mei.test", "password": PASSWORD}
        assert (await http.post("/xrpc/com.atproto.server.createSession", json=body)).status_code == 200
        page = await http.get("/sign-in", headers=HTML)
        assert page.status_code == 200
        assert 'name="token"' in page.text


async def test_a_person_who_has_to_wait_is_told_so_and_what_to_do(door: Door) -> None:
    door.shut()
    async with door.caller(**HTML) as http:
        first = await http.get("/search")
        assert first.status_code == 503
        assert "signed in" in first.text
        await door.keeper._warming
        page = await http.get("/search")
        assert page.status_code == 503
        assert page.headers["retry-after"] == "10"
        assert 'href="/sign-in"' in page.text
        french = await http.get("/search", headers={"accept-language": "fr"})
        assert french.status_code == 503
        for link in set(re.findall(r'(?:href|src|data-worker)="(/static/[^"]*)"', page.text)):
            assert (await http.get(link)).status_code == 200, link


def solve(work: str) -> str:
    """Do the piece of work, as busy.js has it done."""
    bits, _, seed, _ = work.split(".")
    numbers = []
    for part in range(PARTS):
        n = 0
        while not done(seed, part, str(n), int(bits) - PARTS_BITS):
            n += 1
        numbers.append(str(n))
    return f"{work}:{','.join(numbers)}"


async def test_a_piece_of_work_gives_a_pass_that_counts_at_that_address_alone(door: Door) -> None:
    door.shut()
    asked = "/xrpc/com.atproto.server.describeServer"
    async with door.caller("127.0.0.20") as http, door.caller("127.0.0.21") as other:
        proof = solve((await http.get("/knock")).json()["work"])
        assert (await other.get("/knock", params={"proof": proof})).status_code == 403
        told = await http.get("/knock", params={"proof": proof})
        earned = {"freehold-pass": told.json()["pass"]}
        http.cookies.clear()
        assert (await http.get(asked)).status_code == 429
        assert (await http.get(asked, headers=earned)).status_code == 200
        assert (
            await http.get(asked, headers={"cookie": told.headers["set-cookie"].partition(";")[0]})
        ).status_code == 200
        assert (await other.get(asked, headers=earned)).status_code == 429
        for forged in ("9999999999.AAAAAAAAAAAAAAAA", "x", "1.", told.json()["pass"][:-1]):
            assert (await http.get(asked, headers={"freehold-pass": forged})).status_code == 429


async def test_kept_pages_are_nobodys_and_what_is_deleted_is_shown_no_more(door: Door, mei: Someone) -> None:
    async with door.caller(**mei.by_program) as member, door.caller("127.0.0.30", **HTML) as stranger:
        record = {"$type": POST, "text": "soon forgotten", "createdAt": "2026-11-22T00:00:00Z"}
        made = await member.post(f"/xrpc/{CREATE}", json={"repo": mei.did, "collection": POST, "record": record})
        async with door.caller("127.0.0.31", cookie=f"session={mei.cookie}", **HTML) as browser:
            assert "/settings" in (await browser.get("/@mei")).text
        shown = await stranger.get("/@mei", headers={"cookie": "zone=Europe/Paris; lang=fr"})
        assert "soon forgotten" in shown.text
        assert "/settings" not in shown.text, "what a member saw was kept"
        assert "set-cookie" not in shown.headers
        door.shut()
        kept = await stranger.get("/@mei")
        assert (kept.status_code, "age" in kept.headers) == (200, True)
        assert "soon forgotten" in kept.text
        rkey = made.json()["uri"].rpartition("/")[2]
        gone = await member.post(f"/xrpc/{DELETE}", json={"repo": mei.did, "collection": POST, "rkey": rkey})
        assert gone.status_code == 200
        after = await stranger.get("/@mei")
        assert after.status_code == 503
        assert "soon forgotten" not in after.text


async def test_a_takedown_drops_what_is_kept(door: Door, mei: Someone) -> None:
    async with door.caller("127.0.0.32", **HTML) as stranger:
        assert (await stranger.get("/@mei")).status_code == 200
        door.shut()
        assert (await stranger.get("/@mei")).status_code == 200
        await door.site.members.take_down(door.site.accounts.one(mei.did))
        assert (await stranger.get("/@mei")).status_code == 503


async def test_a_page_asked_for_in_words_heard_before_is_known_by_them_and_as_true(door: Door, mei: Someone) -> None:
    async with door.caller("127.0.0.33", **HTML) as stranger, door.caller("127.0.0.34") as program:
        assert (await stranger.get("/@mei")).status_code == 200
        assert not door.keeper._often, "it was made, not kept"
        door.shut()
        first, again = await stranger.get("/@mei"), await stranger.get("/@mei")
        assert len(door.keeper._often) == 1
        assert (again.status_code, again.text) == (200, first.text)
        assert await kinds(program, "/@nobody") == [429, 429], "a program cannot read that it has to wait"
        await stranger.get("/@nobody")  # the page that says wait is being made
        await door.keeper._warming
        assert await kinds(stranger, "/@nobody") == [503, 503]
        heard = len(door.keeper._often)
        async with door.caller("127.0.0.35", cookie=f"session={mei.cookie}", **HTML) as browser:
            assert "/settings" in (await browser.get("/@mei")).text
            assert "/settings" in (await browser.get("/@mei")).text, "what is nobody's was shown to a member"
        assert len(door.keeper._often) == heard, "words that show who asks are no words for all"
        await door.site.members.take_down(door.site.accounts.one(mei.did))
        assert await kinds(stranger, "/@mei") == [503, 503]
        door.open()
        assert (await door.caller("127.0.0.36", **HTML).get("/@mei")).status_code not in (200, 503), (
            "nobody looked anew"
        )


async def kinds(asker: httpx.AsyncClient, page: str) -> list[int]:
    """The statuses when it is asked for twice."""
    return [(await asker.get(page)).status_code for _ in range(2)]


async def test_a_kept_page_larger_than_what_the_line_takes_at_once_arrives_whole(door: Door) -> None:
    body = bytes(range(256)) * 40_000
    pages = door.keeper._place(door.site)[1]
    pages._keep((b"/about", "en"), Kept([(b"content-type", b"application/octet-stream")], body, now()))
    with socket.socket() as asker:
        asker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        asker.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(asker, ("127.0.0.1", door.port))
        await loop.sock_sendall(asker, f"GET /about HTTP/1.1\r\nHost: localhost:{door.port}\r\n\r\n".encode())
        heard = b""
        while part := await loop.sock_recv(asker, 1 << 20):
            heard += part
    assert heard.partition(b"\r\n\r\n")[2] == body


async def test_a_request_that_is_looked_at_and_let_in_arrives_whole(door: Door, mei: Someone) -> None:
    said = "x" * 40_000
    async with door.caller(**mei.by_program) as member:
        post = {
            "repo": mei.did,
            "collection": "example.town.note",
            "record": {"$type": "example.town.note", "said": said},
        }
        made = await member.post(f"/xrpc/{CREATE}", json={**post, "validate": False})
        assert made.status_code == 200, made.text
        told = {"repo": mei.did, "collection": "example.town.note", "rkey": made.json()["uri"].rpartition("/")[2]}
        assert (await member.get("/xrpc/com.atproto.repo.getRecord", params=told)).json()["value"]["said"] == said


async def test_who_was_let_in_lately_waits_until_others_were(door: Door) -> None:
    asked = "/xrpc/com.atproto.server.describeServer"
    async with door.caller("127.0.0.40") as greedy, door.caller("127.0.0.41") as other:
        assert (await greedy.get(asked)).status_code == 200
        door.open()
        assert (await greedy.get(asked)).status_code == 429
        assert (await other.get(asked)).status_code == 200


async def test_who_shares_an_address_with_a_member_is_familiar(door: Door, mei: Someone) -> None:
    door.shut()
    picture = "/img/avatar/did:plc:x/bafkreia"
    async with door.caller("127.0.0.50", **mei.by_program) as app, door.caller("127.0.0.50") as picture_of_it:
        assert (await picture_of_it.get(picture)).status_code == 429
        await app.get("/xrpc/app.bsky.feed.getTimeline")
        assert (await picture_of_it.get(picture)).status_code != 429


async def test_a_head_that_comes_in_drops_is_cut_off_and_connections_are_counted(door: Door) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: loc")
    while not len(door.keeper.connections):  # noqa: ASYNC110 - the kernel hands it over when it likes
        await asyncio.sleep(0.01)
    door.keeper.connections.sweep(now())
    assert len(door.keeper.connections) == 1
    door.keeper.connections.sweep(now() + HEAD_SECONDS + 1)
    assert await reader.read() == b""
    writer.close()
    assert len(door.keeper.connections) == 0


async def test_nothing_stays_counted_when_all_have_gone(door: Door, mei: Someone) -> None:
    async def hang_up(number: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", door.port, local_addr=(f"127.0.1.{number}", 0))
        token = f"Authorization: Bearer {mei.token}\r\n" if number % 2 else ""
        asked = f"GET /xrpc/app.bsky.feed.getTimeline HTTP/1.1\r\nHost: localhost:{door.port}\r\n{token}\r\n"
        writer.write(asked.encode() * (1 + number % 3))
        writer.close()

    await asyncio.gather(*(hang_up(number) for number in range(1, 40)))
    siege = door.keeper.siege
    while siege.waiting or any(lane.inside for lane in siege.lanes.values()) or len(door.keeper.connections):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def test_the_doctor_says_when_nobody_would_come_first(tmp_path: Path, shared) -> None:
    for siege, said in (("never", True), ("auto", False)):
        with opened(tmp_path / siege, shared, dev_mode=False, siege=siege) as site:
            assert any(finding.about == "siege" for finding in advice(site)) == said


@pytest.mark.browser
async def test_a_browser_does_its_piece_of_work_and_is_let_in(door: Door, chromium: Path) -> None:
    door.shut()
    async with async_playwright() as start:
        browser = await start.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page(service_workers="block")
        await page.goto(f"http://localhost:{door.port}/join")
        await door.keeper._warming
        shown = await page.goto(f"http://localhost:{door.port}/join")
        assert shown is not None
        assert shown.status == 503
        await page.wait_for_selector("form[action='/join']")
        assert door.keeper.siege.admitted["proven"] > 0
        await browser.close()
