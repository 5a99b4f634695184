"""What writing costs, and what of it the truth keeps: a whole network on this machine, asked by a few callers.

Out comes CPU of the server with its index, and the bytes that each record takes in truth.db: for good, and as an event
of the stream, which is cut after 72 hours.
"""

import asyncio
from pathlib import Path

import apsw
import msgspec

from bench import host, load
from bench.network import Server, join, post, stamp
from bench.ports import free_port

MEMBERS = 50
CALLERS = 8
WRITES = 1_500


class Written(msgspec.Struct):
    """Of one kind of record: CPU milliseconds, bytes for good, bytes while the stream holds it."""

    cpu_ms: float
    kept_bytes: float
    event_bytes: float


class Writing(msgspec.Struct):
    """What was found. door_ms: CPU of a signed-in call that does nothing, so what HTTP and sign-in cost."""

    writes: dict[str, Written]
    door_ms: float
    account_ms: float
    idle_megabytes: float


def measure(folder: Path, writes: int = WRITES) -> Writing:
    """Start a network in a folder, and ask it."""
    server = Server(folder / "network", free_port())
    try:
        return asyncio.run(_measure(server, writes))
    finally:
        server.stop()


async def _measure(server: Server, writes: int) -> Writing:
    idle = server.resident_bytes() / 1e6
    before = server.cpu_seconds()
    members = await join(server.port, MEMBERS)
    account_ms = (server.cpu_seconds() - before) / MEMBERS * 1e3
    there = host.Prepared(server, members, await _posts(server, members), members[0], b"")
    kinds = {
        "post": lambda number: (host.POSTS, post(number, 1 << 30)),
        "like": lambda number: (host.LIKES, _about(there, number)),
        "follow": lambda number: (
            host.FOLLOWS,
            {"subject": members[number * 7 % MEMBERS].did, "createdAt": stamp(0)},
        ),
    }
    done = {}
    for kind, record in kinds.items():
        begun = _bytes(server)
        row = await load.run(server, kind, host.create(there, record), CALLERS, writes)
        count, (kept, events) = writes + writes // load.WARM_SHARE, _bytes(server)
        done[kind] = Written(row.cpu_micros / 1e3, (kept - begun[0]) / count, (events - begun[1]) / count)

    async def nothing(client: host.Client, number: int) -> None:
        await client.get("/xrpc/com.atproto.server.getSession", members[number % MEMBERS].token)

    door = await load.run(server, "door", nothing, CALLERS, writes)
    return Writing(done, door.cpu_micros / 1e3, account_ms, idle)


async def _posts(server: Server, members: list[host.Member]) -> list[str]:
    async with host.Client(server.port) as client:
        bodies = [{"repo": one.did, "collection": host.POSTS, "record": post(0, 1)} for one in members]
        told = [
            await client.post("com.atproto.repo.createRecord", body, one.token)
            for body, one in zip(bodies, members, strict=True)
        ]
    return [one["uri"] for one in told]


def _about(there: host.Prepared, number: int) -> dict[str, object]:
    subject = {"uri": there.uris[number * 7 % len(there.uris)], "cid": host.LIKED}
    return {"subject": subject, "createdAt": stamp(0)}


def _bytes(server: Server) -> tuple[int, int]:
    """(for good, of events) in truth.db, by its tables."""
    connection = apsw.Connection(str(server.directory / "truth.db"), apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute("SELECT name LIKE 'event%', sum(pgsize) FROM dbstat GROUP BY 1").fetchall()
    connection.close()
    sizes = dict(rows)
    return sizes.get(0, 0), sizes.get(1, 0)
