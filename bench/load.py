"""Calls by so many callers at once, each sending the next request when the last is answered, and what they cost.

Closed loops of a known number of calls; some are made before the clock starts, so that no cache is cold.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from statistics import quantiles

import msgspec
from msgspec.structs import replace

from bench.machine import busy_seconds
from bench.network import Member, Peer, post
from bench.wire import Client

Call = Callable[[Client, int], Awaitable[object]]
WARM_SHARE = 10


class Row(msgspec.Struct):
    """What so many calls cost. other_cores: how many cores the machine's other programs took meanwhile."""

    call: str
    callers: int
    calls: int
    cpu_micros: float
    per_second: float
    p50_ms: float
    p95_ms: float
    other_cores: float

    def fastest(self, per_second: float) -> "Row":
        """The same at another rate."""
        return replace(self, per_second=per_second)

    def of(self, call: str, calls: int, cpu_micros: float, per_second: float) -> "Row":
        """What was found out by these calls about others."""
        return replace(self, call=call, calls=calls, cpu_micros=cpu_micros, per_second=per_second)


def create_record(members: Sequence[Member]) -> Call:
    """createRecord of a post, by all members in turn."""

    async def call(client: Client, number: int) -> None:
        member = members[number % len(members)]
        body = {"repo": member.did, "collection": "app.bsky.feed.post", "record": post(number, 1 << 30)}
        await client.post("com.atproto.repo.createRecord", body, member.token)

    return call


def get_timeline(reader: Member) -> Call:
    """getTimeline of one reader."""

    async def call(client: Client, number: int) -> None:
        await client.get("/xrpc/app.bsky.feed.getTimeline", reader.token, limit=50)

    return call


async def run(server: Peer, name: str, call: Call, callers: int, calls: int) -> Row:
    """Measure. Counted is what the server does until its index has caught up, too."""
    await loop(server.port, call, callers, iter(range(calls // WARM_SHARE)))
    await server.settled()
    cpu, busy, own, began = server.cpu_seconds(), busy_seconds(), time.process_time(), time.perf_counter()
    waits = await loop(server.port, call, callers, iter(range(calls)))
    wall = time.perf_counter() - began
    await server.settled()
    cpu, own = server.cpu_seconds() - cpu, time.process_time() - own
    others = (busy_seconds() - busy - cpu - own) / (time.perf_counter() - began)
    cuts = quantiles(waits, n=20) if len(waits) > 1 else waits * 19
    return Row(
        call=name,
        callers=callers,
        calls=calls,
        cpu_micros=cpu / calls * 1e6,
        per_second=calls / wall,
        p50_ms=cuts[9] * 1e3,
        p95_ms=cuts[18] * 1e3,
        other_cores=max(0.0, others),
    )


async def loop(port: int, call: Call, callers: int, numbers: Iterator[int]) -> list[float]:
    """Make these calls; how many seconds each waited for its answer."""
    waits: list[float] = []

    async def caller() -> None:
        async with Client(port) as client:
            for number in numbers:
                began = time.perf_counter()
                await call(client, number)
                waits.append(time.perf_counter() - began)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(callers):
            tasks.create_task(caller())
    return waits
