"""Many subscribers at once: fast, slow, deaf, rude, and cut off again and again.

Source: https://atproto.com/specs/event-stream, https://www.rfc-editor.org/rfc/rfc6455
"""

import asyncio
import json
import random
import resource
import secrets
import socket
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from atproto import parse_subscribe_repos_message
from atproto_subscription.frames import Frame

from freehold.api import firehose as firehose_door
from freehold.api import socket as socket_door
from freehold.pds.writes import Create, Delete
from freehold.protocol.diddoc import read as read_document
from freehold.stream import frames
from support.inside import served
from support.network import PATIENCE_SECONDS, POST, Person, firehose, now
from support.proof import assure_all_proven

STREAM = "/xrpc/com.atproto.sync.subscribeRepos"
CLOSE, PING = 0x88, 0x89


@pytest.fixture
async def town(tmp_path, shared):
    async with served(tmp_path / "town", shared) as site:
        yield site


@pytest.fixture
async def alice(town):
    async with httpx.AsyncClient(base_url=town.place.base_url) as http:
        yield await Person.join(http)


@pytest.fixture
async def listeners(town):
    """How many subscribers the network counts."""
    async with httpx.AsyncClient(base_url=town.place.base_url) as http:

        async def count() -> int:
            lines = (await http.get("/metrics")).text.splitlines()
            return int(float(next(line for line in lines if line.startswith("freehold_subscribers ")).split()[1]))

        yield count


async def until_there_are(wanted, listeners, longer=0.0):
    async with asyncio.timeout(PATIENCE_SECONDS + longer):
        while await listeners() != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def plain_socket(site, query="", receive_bytes=None):
    """A subscription by hand: (reader, writer) after the handshake."""
    port = int(site.place.base_url.rpartition(":")[2])
    raw = socket.socket()
    if receive_bytes:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=16_384)
    writer.write(
        f"GET {STREAM}{query} HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"deflate" not in head
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def next_frame(reader):
    """(first byte, payload) of the next websocket frame."""
    first, size = await reader.readexactly(2)
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    elif size == 127:
        size = int.from_bytes(await reader.readexactly(8), "big")
    return first, await reader.readexactly(size)


async def to_the_close(reader):
    """All frames up to that which closes."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        heard = [await next_frame(reader)]
        while heard[-1][0] != CLOSE:
            heard.append(await next_frame(reader))
    return heard


def post(text):
    return Create(POST, None, {"$type": POST, "text": text, "createdAt": now()})


async def write_many(site, did, count):
    """Posts, a third of them taken back, several under way at once."""

    async def one(n):
        done = await site.writes.write(did, [post(f"number {n}")])
        if n % 3 == 0:
            await site.writes.write(did, [Delete(POST, done.results[0].uri.rpartition("/")[2])])

    for start in range(0, count, 20):
        await asyncio.gather(*(one(n) for n in range(start, start + 20)))


# --- many


async def test_hundreds_listen_and_each_hears_everything_in_order(town, alice, listeners):
    async with AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(plain_socket(town)) for _ in range(200)]
        await until_there_are(200, listeners)
        first = town.log.last + 1
        await write_many(town, alice.did, 60)
        expected = [event.frame for event in town.log.read(first - 1)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            for reader, _ in crowd:
                assert [(await next_frame(reader))[1] for _ in expected] == expected
    await until_there_are(0, listeners)
    assert not [task for task in asyncio.all_tasks() if "_read_on" in repr(task.get_coro())]  # nobody reads for nobody


async def test_one_that_is_behind_meets_the_others_without_a_gap(town, alice):
    await write_many(town, alice.did, 400)
    writing = asyncio.create_task(write_many(town, alice.did, 400))
    async with AsyncExitStack() as stack:
        late = [await stack.enter_async_context(plain_socket(town, f"?cursor={n * 40}")) for n in range(10)]
        await writing
        for n, (reader, _) in enumerate(late):
            seqs = []
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not seqs or seqs[-1] < town.log.last:
                    seqs.append(frames.decode((await next_frame(reader))[1])[1]["seq"])
            assert seqs == list(range(n * 40 + 1, town.log.last + 1))


async def test_cut_off_again_and_again_nothing_is_missed_and_every_commit_proves_itself(town, alice):
    chance = random.Random(5)
    total = 1_500
    writing = asyncio.create_task(write_many(town, alice.did, total))
    heard: list[dict] = []
    while not writing.done() or len(heard) < town.log.last:
        async with plain_socket(town, f"?cursor={len(heard)}") as (reader, _):
            count = min(chance.randint(1, 300), town.log.last - len(heard))
            heard += [understood((await next_frame(reader))[1]) for _ in range(count)]
            if len(heard) < town.log.last:
                await reader.read(chance.randint(1, 1_000))  # and cut off in the middle of a message
    await writing
    assert [payload["seq"] for payload in heard] == list(range(1, town.log.last + 1))
    document = read_document(alice.did, (await alice.http.get(f"/plc/{alice.did}")).json())
    of_alice = [payload for payload in heard if payload.get("repo") == alice.did]
    assert assure_all_proven(of_alice, document.signing_key) == total + total // 3


def understood(message):
    """The payload of a message that the Python SDK reads as we do."""
    kind, payload = frames.decode(message)
    theirs = parse_subscribe_repos_message(Frame.from_bytes(message))
    assert type(theirs).__name__.lower() == kind
    assert theirs.seq == payload["seq"]
    return payload


async def test_what_comes_quickly_goes_together(town, alice, monkeypatch):
    writes: list[int] = []
    put = socket_door.Socket.put

    def counted(self, packed):
        writes.append(len(packed))
        put(self, packed)

    async with firehose(town.place.base_url) as events:
        monkeypatch.setattr(socket_door.Socket, "put", counted)
        await write_many(town, alice.did, 120)
        last = await alice.post("the end")
        heard = await events.until(last.commit)
    assert len(heard) == 161
    assert len(writes) < 80


# --- slow


async def test_who_does_not_read_is_told_so_and_slows_nobody(town, alice, listeners, monkeypatch):
    monkeypatch.setattr(firehose_door, "SEND_SECONDS", 0.3)
    async with plain_socket(town, receive_bytes=4_096) as (reader, _), firehose(town.place.base_url) as quick:
        for n in range(12):
            last = await alice.create("example.town.note", {"text": secrets.token_hex(450_000)})
            assert (await quick.until(last.commit))[-1].did == alice.did, n
        await until_there_are(1, listeners)
        heard = await to_the_close(reader)
        assert frames.decode(heard[-2][1])[1]["error"] == "ConsumerTooSlow"
        assert heard[-1][1] == (1008).to_bytes(2, "big")
        assert len(heard) < 12 + 2
        after = await alice.post("still quick")
        assert (await quick.until(after.commit))[-1].did == alice.did


@pytest.mark.parametrize(
    ("quick", "deaf", "patience"),
    [(40, 4, 3.0), pytest.param(2_950, 50, 30.0, marks=[pytest.mark.long, pytest.mark.timeout(3600)])],
)
async def test_deaf_ones_in_a_crowd_are_told_so_and_nothing_piles_up(
    town, alice, listeners, monkeypatch, quick, deaf, patience
):
    let_open(2 * (quick + deaf) + 500)
    monkeypatch.setattr(firehose_door, "SEND_SECONDS", patience)  # all of them read on this one thread, in turns
    held: dict[socket_door.Socket, int] = {}
    put = socket_door.Socket.put

    def weighed(self, packed):
        put(self, packed)
        held[self] = max(held.get(self, 0), self.transport.get_write_buffer_size())

    monkeypatch.setattr(socket_door.Socket, "put", weighed)
    async with AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(plain_socket(town, receive_bytes=4_096)) for _ in range(deaf)]
        crowd = [await stack.enter_async_context(plain_socket(town)) for _ in range(quick)]
        await until_there_are(quick + deaf, listeners)
        first = town.log.last + 1
        hearing = [asyncio.create_task(hear(*streams, 60)) for streams in crowd]
        for _ in range(60):
            await alice.create("example.town.note", {"text": secrets.token_hex(50_000)})
        expected = [hash(event.frame) for at in range(0, 60, 20) for event in town.log.read(first - 1 + at, 20)]
        assert all(heard == expected for heard in await asyncio.gather(*hearing))
        await until_there_are(quick, listeners, patience)
        for reader, _ in silent:
            farewell, closed = (await to_the_close(reader))[-2:]
            assert frames.decode(farewell[1])[1]["error"] == "ConsumerTooSlow"
            assert closed[1] == (1008).to_bytes(2, "big")
    assert max(held.values()) < 4_500_000  # the piece on its way, and what asyncio takes before it says stop


async def hear(reader, writer, count):
    """The next messages, by their hashes. Pings between them are answered."""
    heard = []
    while len(heard) < count:
        first, payload = await next_frame(reader)
        if first == PING:
            writer.write(bytes((0x8A, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
        else:
            heard.append(hash(payload))
    return heard


def let_open(files):
    """Raise this process's limit on open files, as far as it may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, hard), hard))


async def test_who_takes_not_even_the_farewell_is_cut_off(town, alice, listeners, monkeypatch):
    monkeypatch.setattr(firehose_door, "SEND_SECONDS", 0.2)
    monkeypatch.setattr(socket_door, "FAREWELL_SECONDS", 0.2)
    put, connection_lost = socket_door.Socket.put, socket_door.Socket.connection_lost
    cut_off = asyncio.Event()

    def narrowly(self, packed):
        """The kernel would take megabytes, and the farewell behind them, from whom nobody reads."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        put(self, packed)

    def noticed(self, why):
        connection_lost(self, why)
        cut_off.set()

    monkeypatch.setattr(socket_door.Socket, "put", narrowly)
    monkeypatch.setattr(socket_door.Socket, "connection_lost", noticed)
    async with plain_socket(town, receive_bytes=4_096) as (reader, _):
        for _ in range(12):
            await alice.create("example.town.note", {"text": secrets.token_hex(450_000)})
        await until_there_are(0, listeners)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await cut_off.wait()
        sockets = [each for each in asyncio.all_tasks() if "run_asgi" in repr(each.get_coro())]
        assert sockets == []
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await to_the_close(reader)


async def test_one_that_reads_slowly_but_reads_gets_everything(town, alice, monkeypatch):
    monkeypatch.setattr(firehose_door, "SEND_SECONDS", 2.0)
    async with plain_socket(town, receive_bytes=4_096) as (reader, _):
        wanted = [await alice.create("example.town.note", {"text": secrets.token_hex(450_000)}) for _ in range(12)]
        heard = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not heard or str(heard[-1]["commit"]) != wanted[-1].commit:
                heard.append(frames.decode((await next_frame(reader))[1])[1])
    assert [str(payload["commit"]) for payload in heard] == [ref.commit for ref in wanted]


# --- rude


async def test_whatever_a_client_sends_the_others_go_on(town, alice, listeners, caplog):
    chance = random.Random(11)
    async with firehose(town.place.base_url) as decent:
        for _ in range(150):
            async with plain_socket(town) as (_, writer):
                for _ in range(chance.randint(1, 4)):
                    writer.write(rude(chance))
                await asyncio.sleep(0)
        written = await alice.post("still here")
        assert (await decent.until(written.commit))[-1].did == alice.did
        await until_there_are(1, listeners)
    assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


def rude(chance):
    """Bytes that are no frame, or one that a client should not send."""
    body = chance.randbytes(chance.choice((0, 1, 2, 7, 125, 126, 300)))
    first = chance.choice((0x81, 0x82, 0x01, 0x80, 0x88, 0x89, 0x8A, 0x83, 0xF1, chance.randrange(256)))
    mask = chance.choice((0x80, 0x80, 0))
    if chance.random() < 0.2:
        return chance.randbytes(40)
    if chance.random() < 0.1:  # more than is ever taken
        return bytes((first, mask | 127)) + (2**40).to_bytes(8, "big") + body
    size = bytes((mask | len(body),)) if len(body) < 126 else bytes((mask | 126,)) + len(body).to_bytes(2, "big")
    return bytes((first,)) + size + (b"\0\0\0\0" if mask else b"") + body


async def test_a_ping_is_answered_and_a_close_is_returned(town, alice):
    async with plain_socket(town) as (reader, writer):
        writer.write(bytes((0x89, 0x84, 0, 0, 0, 0)) + b"here")
        assert await next_frame(reader) == (0x8A, b"here")
        writer.write(bytes((0x88, 0x82, 0, 0, 0, 0)) + (1000).to_bytes(2, "big"))
        assert await next_frame(reader) == (CLOSE, (1000).to_bytes(2, "big"))
        assert await reader.read() == b""


# --- as relays are tested


@pytest.mark.parametrize("name", ["post_lifecycle", "account_lifecycle"])
async def test_our_messages_have_what_the_messages_have_that_relays_are_tested_with(town, alice, vectors, name):
    scenario = json.loads((vectors / "relay-scenarios" / f"{name}.json").read_text())
    note = await alice.post("one")
    await alice.delete(note)
    await alice.deactivate()
    await alice.activate()
    ours: dict[str, set[str]] = {}
    for event in town.log.read(0):
        kind, payload = frames.decode(event.frame)
        ours.setdefault(f"#{kind}", set()).update(payload)
    for message in scenario["messages"]:
        frame = message["frame"]
        assert frame["header"]["op"] == 1
        assert ours[frame["header"]["t"]] >= set(frame["body"]) - {"$type"}
