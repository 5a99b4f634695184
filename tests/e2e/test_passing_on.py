"""Calls handed through to a service that does what it likes: slowly, endlessly, half, packed.

The service is a real HTTP peer whose every byte the test writes.
Source: https://atproto.com/specs/xrpc#service-proxying
"""

import asyncio
import gzip
import json
from contextlib import asynccontextmanager

import httpx
import pytest

from freehold.api import app as api_app
from freehold.api.passing import Limits
from freehold.api.proxy import MOST_AT_ONCE, Proxy
from freehold.net.client import Client
from freehold.net.guard import Guard
from freehold.protocol.diddoc import read as read_document
from support.inside import served
from support.network import Person, refused

GET, DO = "app.example.things.get", "app.example.things.put"
PIECE = b"x" * 65_536


class Peer:
    """A service. handle: given the reader and the writer of each call, after its head was read."""

    def __init__(self):
        self.heads = []
        self.left = asyncio.Event()
        self.handle = None

    @property
    def service(self):
        return f"did:web:localhost%3A{self.port}#things"

    async def connected(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                if "GET /.well-known/did.json" in head:
                    entry = {"id": "#things", "type": "Things", "serviceEndpoint": f"http://localhost:{self.port}"}
                    self.write(writer, json.dumps({"id": self.service.split("#")[0], "service": [entry]}).encode())
                else:
                    self.heads.append(head)
                    await self.handle(reader, writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.left.set()
            writer.close()

    @staticmethod
    def write(writer, body, *headers, status=200):
        lines = [f"HTTP/1.1 {status} So", f"content-length: {len(body)}", "content-type: application/json", *headers]
        writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


@asynccontextmanager
async def passing(tmp_path, shared, monkeypatch, handle, limits=Limits()):
    """A member of a network, and a service elsewhere."""
    monkeypatch.setattr(api_app, "Proxy", lambda spend: Proxy(spend, limits))
    peer = Peer()
    peer.handle = handle
    server = await asyncio.start_server(peer.connected, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    async with (
        server,
        served(tmp_path / "town", shared) as site,
        httpx.AsyncClient(base_url=site.place.base_url, timeout=30) as http,
    ):
        alice = await Person.join(http)
        alice.through = {"atproto-proxy": peer.service, "authorization": f"Bearer {alice.token}"}
        alice.site = site
        yield alice, peer


async def test_an_answer_comes_in_pieces_while_the_service_still_speaks(tmp_path, shared, monkeypatch):
    go_on = asyncio.Event()

    async def handle(reader, writer):
        writer.write(b"HTTP/1.1 200 So\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        writer.write(b"5\r\nfirst\r\n")
        await go_on.wait()
        writer.write(b"6\r\nsecond\r\n0\r\n\r\n")

    async with passing(tmp_path, shared, monkeypatch, handle) as (alice, _):
        async with alice.http.stream("GET", f"/xrpc/{GET}", headers=alice.through) as got:
            pieces = got.aiter_raw()
            assert await anext(pieces) == b"first"
            go_on.set()
            assert b"".join([piece async for piece in pieces]) == b"second"
        assert got.headers["content-type"] == "text/event-stream"
        assert "sandbox" in got.headers["content-security-policy"]


async def test_a_body_goes_on_while_the_caller_still_sends(tmp_path, shared, monkeypatch):
    heard = asyncio.Event()

    async def handle(reader, writer):
        size = await reader.readuntil(b"\r\n")
        assert await reader.readexactly(int(size, 16)) == b"one"
        heard.set()
        await reader.readuntil(b"0\r\n\r\n")
        Peer.write(writer, b"{}")

    async def body():
        yield b"one"
        await asyncio.wait_for(heard.wait(), 10)
        yield b"two"

    async with passing(tmp_path, shared, monkeypatch, handle) as (alice, peer):
        sent = await alice.http.post(
            f"/xrpc/{DO}", content=body(), headers={**alice.through, "content-type": "application/x-more"}
        )
        assert sent.status_code == 200
        assert "content-type: application/x-more" in peer.heads[0].lower()


async def test_whoever_reads_slowly_slows_the_service_and_not_our_memory(tmp_path, shared, monkeypatch):
    pieces = 1_600  # 100 MB
    given = 0

    async def handle(reader, writer):
        nonlocal given
        writer.write(b"HTTP/1.1 200 So\r\ncontent-length: %d\r\n\r\n" % (pieces * len(PIECE)))
        for _ in range(pieces):
            writer.write(PIECE)
            await writer.drain()
            given += 1

    async def stands_still():
        """How many pieces the service got rid of, once it gets rid of no more."""
        before = -1
        while given != before:
            before = given
            for _ in range(200):
                await asyncio.sleep(0)
            await asyncio.sleep(0.1)
        return given

    async with passing(tmp_path, shared, monkeypatch, handle) as (alice, peer):
        async with alice.http.stream("GET", f"/xrpc/{GET}", headers=alice.through):
            assert 0 < await stands_still() < pieces / 4  # the rest has not left the service
        await asyncio.wait_for(peer.left.wait(), 10)  # and never will: the caller has gone


async def test_an_answer_that_breaks_off_is_no_whole_answer(tmp_path, shared, monkeypatch):
    async def handle(reader, writer):
        if "?how=length" in peer.heads[-1]:
            writer.write(b"HTTP/1.1 200 So\r\ncontent-length: 100\r\n\r\nhalf")
        else:
            writer.write(b"HTTP/1.1 200 So\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await writer.drain()
        raise ConnectionError

    async with passing(tmp_path, shared, monkeypatch, handle) as (alice, peer):
        for how in ("length", "chunks"):
            with pytest.raises(httpx.RemoteProtocolError):
                await alice.http.get(f"/xrpc/{GET}", params={"how": how}, headers=alice.through)


async def test_a_caller_who_leaves_before_the_answer_takes_the_call_along(tmp_path, shared, monkeypatch):
    called = asyncio.Event()

    async def handle(reader, writer):
        called.set()
        assert await reader.read(1) == b""  # the connection is closed
        raise ConnectionError

    async with passing(tmp_path, shared, monkeypatch, handle) as (alice, peer):
        call = asyncio.create_task(alice.http.get(f"/xrpc/{GET}", headers=alice.through))
        await asyncio.wait_for(called.wait(), 10)
        call.cancel()
        await asyncio.wait_for(peer.left.wait(), 10)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 So\r\ncontent-length: 9\r\n\r\nsome"])
async def test_silence_has_an_end(tmp_path, shared, monkeypatch, begun):
    async def handle(reader, writer):
        writer.write(begun)
        await reader.read(1)
        raise ConnectionError

    async with passing(tmp_path, shared, monkeypatch, handle, Limits(silence=0.2)) as (alice, peer):
        if begun:
            with pytest.raises(httpx.RemoteProtocolError):
                await alice.http.get(f"/xrpc/{GET}", headers=alice.through)
        else:
            with refused("UpstreamTimeout", 504):
                await alice.get(GET, headers=alice.through)
        await asyncio.wait_for(peer.left.wait(), 10)


async def test_a_drip_of_bytes_has_an_end_too(tmp_path, shared, monkeypatch):
    async def handle(reader, writer):
        writer.write(b"HTTP/1.1 200 So\r\ntransfer-encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)
        raise ConnectionError

    async with passing(tmp_path, shared, monkeypatch, handle, Limits(silence=5, whole=0.4)) as (alice, _):
        with pytest.raises(httpx.RemoteProtocolError):
            await alice.http.get(f"/xrpc/{GET}", headers=alice.through)


async def test_packed_answers_pass_as_they_are_and_hop_by_hop_headers_do_not(tmp_path, shared, monkeypatch):
    packed = gzip.compress(b'{"hello": "there"}' * 100)

    async def handle(reader, writer):
        hop = ("connection: close, x-hop", "x-hop: 1", "keep-alive: timeout=9", "set-cookie: a=b", "location: /x")
        Peer.write(writer, packed, "content-encoding: gzip", "retry-after: 3", *hop)

    async with passing(tmp_path, shared, monkeypatch, handle) as (alice, peer):
        headers = {**alice.through, "accept-encoding": "br, gzip", "x-atproto-hint": "yes", "te": "trailers"}
        async with alice.http.stream("GET", f"/xrpc/{GET}?a=%2F%20b&a=c", headers=headers) as got:
            assert b"".join([piece async for piece in got.aiter_raw()]) == packed
        assert (got.headers["content-encoding"], got.headers["content-length"]) == ("gzip", str(len(packed)))
        assert got.headers["retry-after"] == "3"
        assert not {"x-hop", "keep-alive", "set-cookie", "location"} & set(got.headers)
        head = peer.heads[0].lower()
        assert head.startswith(f"get /xrpc/{GET}?a=%2f%20b&a=c http".lower())
        assert "accept-encoding: br, gzip\r\n" in head
        assert "x-atproto-hint: yes\r\n" in head
        assert not [name for name in ("\r\nte:", "\r\natproto-proxy:") if name in head]
        bare = {name: value for name, value in headers.items() if name != "accept-encoding"}
        await alice.http.get(f"/xrpc/{GET}", headers={**bare, "accept-encoding": ""})
        assert "accept-encoding: identity\r\n" in peer.heads[1].lower()


async def test_headers_that_are_not_ascii_go_on_as_they_came(tmp_path, shared, monkeypatch):
    async def handle(reader, writer):
        Peer.write(writer, b"{}", "retry-after: \u00e9")

    async with passing(tmp_path, shared, monkeypatch, handle) as (alice, peer):
        odd = [(b"accept-language", b"\xe9\xff"), (b"x-atproto-hint", b"\xe8")]
        headers = [*odd, *((name.encode(), value.encode()) for name, value in alice.through.items())]
        got = await alice.http.get(f"/xrpc/{GET}?q=%E9", headers=headers)
        assert got.status_code == 200
        assert "accept-language: \u00e9\u00ff\r\n" in peer.heads[0].lower()
        assert "q=%e9" in peer.heads[0].lower()


async def test_the_head_of_an_answer_alone_can_be_had(tmp_path, shared, monkeypatch):
    async def handle(reader, writer):
        assert peer.heads[-1].startswith("HEAD ")
        writer.write(b"HTTP/1.1 200 So\r\ncontent-length: 77\r\n\r\n")

    async with passing(tmp_path, shared, monkeypatch, handle) as (alice, peer):
        got = await alice.http.head(f"/xrpc/{GET}", headers=alice.through)
        assert (got.status_code, got.headers["content-length"]) == (200, "77")


async def test_redirects_are_not_followed_and_faults_are_not_ours(tmp_path, shared, monkeypatch):
    async def handle(reader, writer):
        if "?how=away" in peer.heads[-1]:
            Peer.write(writer, b"", "location: http://127.0.0.1:1/", status=302)
        else:
            Peer.write(writer, b'{"error": "Broken", "message": "Oh."}', status=500)

    async with passing(tmp_path, shared, monkeypatch, handle) as (alice, peer):
        with refused("UpstreamFailure", 502):
            await alice.get(GET, headers=alice.through, how="away")
        with refused("Broken", 502, "Oh."):
            await alice.get(GET, headers=alice.through, how="fault")


async def test_a_body_that_is_too_long_is_refused_and_the_service_sees_no_whole_one(tmp_path, shared, monkeypatch):
    async def handle(reader, writer):
        while await reader.read(1_000_000):
            pass
        raise ConnectionError

    async def body():
        for _ in range(40):
            yield PIECE

    async with passing(tmp_path, shared, monkeypatch, handle, Limits(request_bytes=1_000_000)) as (alice, peer):
        sent = await alice.http.post(f"/xrpc/{DO}", content=body(), headers=alice.through)
        assert (sent.status_code, sent.json()["error"]) == (413, "PayloadTooLarge")
        await asyncio.wait_for(peer.left.wait(), 10)


async def test_one_member_has_so_many_calls_under_way_and_no_more(tmp_path, shared, monkeypatch):
    all_there, go_on = asyncio.Event(), asyncio.Event()

    async def handle(reader, writer):
        if len(peer.heads) == MOST_AT_ONCE:
            all_there.set()
        await go_on.wait()
        Peer.write(writer, b"{}")

    async with passing(tmp_path, shared, monkeypatch, handle) as (alice, peer):
        calls = [asyncio.create_task(alice.get(GET, headers=alice.through)) for _ in range(MOST_AT_ONCE)]
        await asyncio.wait_for(all_there.wait(), 20)
        with refused("RateLimitExceeded", 429):
            await alice.get(GET, headers=alice.through)
        go_on.set()
        assert await asyncio.gather(*calls) == [{}] * MOST_AT_ONCE
        assert await alice.get(GET, headers=alice.through) == {}


async def test_an_inner_address_is_not_reached_through_a_did_document(tmp_path, shared, monkeypatch):
    async def handle(reader, writer):
        Peer.write(writer, b"{}")

    async with passing(tmp_path, shared, monkeypatch, handle) as (alice, peer):
        assert await alice.get(GET, headers=alice.through) == {}  # the document is known from here on
        await alice.site.proxy_client.close()
        alice.site.proxy_client = Client(Guard(allow_loopback=False))
        with refused("BadUrl"):  # http is for this machine alone
            await alice.get(GET, headers=alice.through)
        alice.site.identity.did_document = _says("https://localhost:1")
        with refused("AddressRefused"):
            await alice.get(GET, headers=alice.through)
        assert len(peer.heads) == 1


def _says(endpoint):
    async def did_document(did, *, doubted=False):
        return read_document(did, {"id": did, "service": [{"id": "#things", "type": "T", "serviceEndpoint": endpoint}]})

    return did_document
