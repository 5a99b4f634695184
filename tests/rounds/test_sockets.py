"""What no HTTP client would send: broken requests, half ones, slow ones, websocket rubbish. Others are served
meanwhile.

The other party's fault may end its own connection and nothing else.
"""

import asyncio
import os
from random import Random

import pytest

from support.network import Person, RunningNetwork, firehose
from support.patience import until
from support.wire import Wire

STREAM = "/xrpc/com.atproto.sync.subscribeRepos"
UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}
HEAD = b"GET /xrpc/_health HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /xrpc/com.atproto.server.createSession HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BROKEN = (
    b"\r\n\r\n\r\n",
    b"\0" * 400,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 300,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"BREW /xrpc/_health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"get /xrpc/_health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /xrpc/_health HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET /xrpc/_health\r\n\r\n",
    b"GET  HTTP/1.1\r\n\r\n",
    b"GET /\xff\xfe/\x80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://elsewhere.example/xrpc/_health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    HEAD + b"X: " + b"a" * 300_000 + b"\r\n\r\n",
    HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(5_000)) + b"\r\n",
    HEAD + b"no colon here\r\n\r\n",
    HEAD + b" folded: line\r\n\r\n",
    HEAD + b"Host: other\r\n\r\n",
    b"GET /xrpc/_health HTTP/1.1\r\n\r\n",
    b"GET /xrpc/_health HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    b"GET /xrpc/_health HTTP/1.1\r\nHost: [::1\r\n\r\n",
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    POST + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}abc",
    POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}",
    POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    POST + b"Content-Length: 2\r\n\r\n{}trailing rubbish that is no request",
)


@pytest.fixture
def port(network: RunningNetwork) -> int:
    return int(network.url.rpartition(":")[2])


async def assert_serves(port: int) -> None:
    async with Wire(port) as wire:
        assert (await wire.call("GET", "/xrpc/_health")).status == 200


@pytest.mark.parametrize("data", BROKEN, ids=range(len(BROKEN)))
async def test_a_broken_request_harms_nobody_else(port: int, data: bytes) -> None:
    async with Wire(port) as wire:
        await wire.send(data)
        await assert_serves(port)
        await wire.hang_up()
    await assert_serves(port)


async def test_random_bytes_harm_nobody(port: int) -> None:
    random = Random(8)
    for n in range(60):
        async with Wire(port) as wire:
            start = (b"", HEAD, POST, b"GET / HTTP/1.1\r\n")[n % 4]
            await wire.send(start + random.randbytes(random.choice((1, 30, 3_000))) + b"\r\n\r\n")
    await assert_serves(port)


async def test_half_a_request_and_one_that_comes_by_the_byte_wait_beside_others(port: int) -> None:
    """A hundred of them at once: the others are served, and the slow one is answered when it is complete."""
    async with Wire(port) as slow:
        halves = [Wire(port) for _ in range(100)]
        for n, half in enumerate(halves):
            await half.send((HEAD, POST + b'Content-Length: 50\r\n\r\n{"identifi')[n % 2])
        request = HEAD + b"\r\n"
        for byte in request[:-1]:
            await slow.send(bytes([byte]))
            await asyncio.sleep(0)
        await assert_serves(port)
        assert (await slow.speak(request[-1:])).status == 200
        for half in halves:
            await half.hang_up()
    await assert_serves(port)


async def test_a_body_that_ends_too_soon_changes_nothing(network: RunningNetwork, port: int, http) -> None:
    alice = await Person.join(http)
    body = b'{"repo":"%s","collection":"app.bsky.feed.post","record":{' % alice.did.encode()
    async with Wire(port) as wire:
        head = (
            f"POST /xrpc/com.atproto.repo.createRecord HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice.token}\r\n"
        )
        await wire.send(f"{head}Content-Type: application/json\r\nContent-Length: 500\r\n\r\n".encode() + body)
    async with Wire(port) as wire:
        head = f"POST /xrpc/com.atproto.repo.uploadBlob HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice.token}\r\n"
        await wire.send(
            f"{head}Content-Type: image/png\r\nContent-Length: 5000000\r\n\r\n".encode() + os.urandom(900_000)
        )
    await alice.post("all is well")
    listed = await alice.get("com.atproto.repo.listRecords", repo=alice.did, collection="app.bsky.feed.post")
    assert len(listed["records"]) == 1
    incoming = network.directory / "blobs" / "incoming"
    await until(lambda: not any(incoming.iterdir()))


@pytest.mark.parametrize(
    "change",
    [
        {"sec-websocket-version": "99"},
        {"sec-websocket-key": "short"},
        {"sec-websocket-key": ""},
        {"upgrade": "h2c"},
        {"connection": "close"},
        {"sec-websocket-extensions": "permessage-deflate; " * 500},
        {"sec-websocket-protocol": "\xff"},
        {"content-length": "10"},
    ],
    ids=range(8),
)
async def test_a_bad_handshake_harms_nobody(port: int, change: dict[str, str]) -> None:
    async with Wire(port) as wire:
        lines = "".join(f"{name}: {value}\r\n" for name, value in {"host": "localhost", **UPGRADE, **change}.items())
        await wire.send(f"GET {STREAM} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))
        await assert_serves(port)


FRAMES = (
    b"\x82\xff" + b"\xff" * 8 + b"mask",  # longer than there is memory in the world
    b"\x82\x7f\0\0\0\0\xff\xff\xff\xff",
    b"\x81\x05hello",  # not masked
    b"\xff\x80mask",  # reserved bits
    b"\x8f\x80mask",  # an unknown kind
    b"\x80\x80mask",  # a continuation of nothing
    b"\x89\xfe\x10\x00mask" + b"\0" * 4_096,  # too long a ping
    b"\x88\x81mask\0",  # a close of one byte
    b"\x81\x84mask\x92\x9e\x8d\x94",  # text that is not UTF-8
    Random(3).randbytes(3_000),
)


@pytest.mark.parametrize("rubbish", FRAMES, ids=range(len(FRAMES)))
async def test_rubbish_on_the_firehose_ends_that_subscription_only(
    network: RunningNetwork, port: int, http, rubbish: bytes
) -> None:
    alice = await Person.join(http)
    async with Wire(port) as wire, firehose(network.url) as others:
        lines = "".join(f"{name}: {value}\r\n" for name, value in {"host": "localhost", **UPGRADE}.items())
        await wire.send(f"GET {STREAM}?cursor=0 HTTP/1.1\r\n{lines}\r\n".encode() + rubbish)
        told = await alice.post("heard by the others")
        assert (await others.until(told.commit))[-1].did == alice.did
        await assert_serves(port)
