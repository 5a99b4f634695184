"""A host alone, without views: what writing, reading, moving and listening cost, on any server that speaks XRPC.

In comes a `Peer` that has just started; out come rows by name of call. Each is measured in rounds, of which the one
that cost least counts, being the one that neighbours disturbed least, and the best rate.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench import load
from bench.load import Call, Row
from bench.network import Member, Peer, fill, join, post, stamp, write_many
from bench.wire import Client, Listener

LIKED = "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm"
BLOB_BYTES = 100_000
POSTS, LIKES, FOLLOWS = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.graph.follow"
ARRIVAL_SECONDS = 30.0
Say = Callable[[str], None]


class Size(NamedTuple):
    """How much is measured. big: records of the large repository. calls: what a row of ordinary calls makes."""

    members: int = 100
    posts: int = 5_000
    big: int = 5_000
    calls: int = 2_000
    callers: int = 32
    batches: int = 10
    imports: int = 2
    listeners: int = 50
    rounds: int = 3


class Prepared(NamedTuple):
    """A host to measure. uris: one post of each member. big: the large repository, car: all of it."""

    peer: Peer
    members: list[Member]
    uris: list[str]
    big: Member
    car: bytes


async def prepare(peer: Peer, size: Size) -> Prepared:
    """Fill a new host with people and posts."""
    *members, big = await join(peer.port, size.members + 1, peer.name[:1].lower())
    await fill(peer.port, members, size.posts)
    async with Client(peer.port) as client:
        await write_many(client, big, [(POSTS, post(number, size.big)) for number in range(size.big)])
        uris = []
        for member in members:
            body = {"repo": member.did, "collection": POSTS, "record": post(0, 1)}
            uris.append((await client.post("com.atproto.repo.createRecord", body, member.token))["uri"])
        car = await client.get("/xrpc/com.atproto.sync.getRepo", did=big.did)
    return Prepared(peer, members, uris, big, car)


async def rows(host: Prepared, size: Size, say: Say) -> list[Row]:
    """One round of all that is measured."""
    many, few = size.calls, max(1, size.calls // 60)
    measured: list[tuple[str, Call, int, int]] = [
        ("createRecord, a post", create(host, lambda number: (POSTS, post(number, 1 << 30))), size.callers, many),
        ("createRecord, a like", create(host, lambda number: (LIKES, _like(host, number))), size.callers, many),
        ("createRecord, a follow", create(host, lambda number: (FOLLOWS, _follow(host, number))), size.callers, many),
        ("applyWrites, 200 posts", apply_writes(host), 1, size.batches),
        ("uploadBlob, 100 kB", upload_blob(host), size.callers, many // 4),
        ("getRecord", get_record(host), size.callers, many),
        ("listRecords, 50", list_records(host), size.callers, many // 2),
        (f"getRepo, {size.big:,} records", get_repo(host), size.callers, few),
    ]
    done = []
    for name, call, callers, calls in measured:
        done.append(await load.run(host.peer, name, call, callers, calls))
        say(name)
    done.append(await _imports(host, size))
    say(done[-1].call)
    done.append(await _deliveries(host, size))
    say(done[-1].call)
    return done


def best(rounds: Sequence[list[Row]]) -> list[Row]:
    """Of each call the round that cost least, with the best rate of all."""
    return [
        min(same, key=lambda row: row.cpu_micros).fastest(max(row.per_second for row in same))
        for same in zip(*rounds, strict=True)
    ]


# --- the calls


def create(host: Prepared, record: Callable[[int], tuple[str, dict[str, object]]]) -> Call:
    """createRecord by all members in turn."""

    async def call(client: Client, number: int) -> None:
        member = host.members[number % len(host.members)]
        collection, value = record(number)
        body = {"repo": member.did, "collection": collection, "record": value}
        await client.post("com.atproto.repo.createRecord", body, member.token)

    return call


def _like(host: Prepared, number: int) -> dict[str, object]:
    return {"subject": {"uri": host.uris[number * 7 % len(host.uris)], "cid": LIKED}, "createdAt": stamp(0)}


def _follow(host: Prepared, number: int) -> dict[str, object]:
    return {"subject": host.members[number * 7 % len(host.members)].did, "createdAt": stamp(0)}


def apply_writes(host: Prepared) -> Call:
    """applyWrites of 200 posts, by all members in turn."""

    async def call(client: Client, number: int) -> None:
        member = host.members[number % len(host.members)]
        await write_many(client, member, [(POSTS, post(number * 200 + n, 1 << 30)) for n in range(200)])

    return call


def upload_blob(host: Prepared) -> Call:
    """uploadBlob of random bytes, which no picture decoder is asked about."""

    async def call(client: Client, number: int) -> None:
        member = host.members[number % len(host.members)]
        data = os.urandom(BLOB_BYTES)
        await client.send("com.atproto.repo.uploadBlob", data, member.token, "application/octet-stream")

    return call


def get_record(host: Prepared) -> Call:
    """getRecord of one post of each member in turn."""

    async def call(client: Client, number: int) -> None:
        _, _, repo, collection, rkey = host.uris[number % len(host.uris)].split("/")
        await client.get("/xrpc/com.atproto.repo.getRecord", repo=repo, collection=collection, rkey=rkey)

    return call


def list_records(host: Prepared) -> Call:
    """listRecords of 50 posts of each member in turn."""

    async def call(client: Client, number: int) -> None:
        member = host.members[number % len(host.members)]
        await client.get("/xrpc/com.atproto.repo.listRecords", repo=member.did, collection=POSTS, limit=50)

    return call


def get_repo(host: Prepared) -> Call:
    """getRepo of the large repository."""

    async def call(client: Client, number: int) -> None:
        await client.get("/xrpc/com.atproto.sync.getRepo", did=host.big.did)

    return call


# --- what needs preparation each time


async def _imports(host: Prepared, size: Size) -> Row:
    """importRepo of the large repository into its own account, which is emptied each time before."""
    name, parts = f"importRepo, {size.big:,} records", []
    for _ in range(size.imports):
        await _empty(host)
        parts.append(await load.run(host.peer, name, _import_repo(host), 1, 1))
    return min(parts, key=lambda row: row.cpu_micros)


def _import_repo(host: Prepared) -> Call:
    async def call(client: Client, number: int) -> None:
        await client.send("com.atproto.repo.importRepo", host.car, host.big.token, "application/vnd.ipld.car")

    return call


async def _empty(host: Prepared) -> None:
    """Delete what the large repository holds."""
    async with Client(host.peer.port) as client:
        while keys := await client.keys(host.big.did, POSTS):
            writes = [
                {"$type": "com.atproto.repo.applyWrites#delete", "collection": POSTS, "rkey": rkey} for rkey in keys
            ]
            body = {"repo": host.big.did, "writes": writes}
            await client.post("com.atproto.repo.applyWrites", body, host.big.token)


async def _deliveries(host: Prepared, size: Size) -> Row:
    """What the host takes more for each event that it sends to one more subscriber, while 8 callers write."""
    writing = create(host, lambda number: (POSTS, post(number, 1 << 30)))
    alone = await load.run(host.peer, "", writing, 8, size.calls)
    listeners = [await Listener.listen(host.peer.port) for _ in range(size.listeners)]
    heard = await load.run(host.peer, "", writing, 8, size.calls)
    events = size.calls + size.calls // load.WARM_SHARE
    async with asyncio.timeout(ARRIVAL_SECONDS):
        while any(one.frames < events for one in listeners):  # noqa: ASYNC110 - nobody tells when all has come
            await asyncio.sleep(0.05)
    for one in listeners:
        one.close()
    more = max(0.0, heard.cpu_micros - alone.cpu_micros) / size.listeners
    return heard.of("firehose, one more delivery", size.calls * size.listeners, more, heard.per_second * size.listeners)
