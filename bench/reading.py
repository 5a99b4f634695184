"""`python -m bench.reading`: what reading costs, call by call, ours and the official AppView's by turns in one run.

Each server is given the same crowd (see `crowd`): a reader who follows 200, 20,000 posts, a thread with 100 replies.
Printed is the CPU time of all processes of a server for one call, by the kernel's accounting, with eight callers at a
time; of several rounds the one that cost least, being the one that neighbours disturbed least. Then what a record
costs that is written and indexed while it is read, and how soon it is seen. `--official FOLDER` names where the
official development network is installed (see `official_network`); without it, ours stands alone.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

import msgspec
import uvloop

from bench import crowd, official, official_network
from bench.crowd import Crowd
from bench.load import Call, Row, run
from bench.network import Member, Server, post
from bench.official_network import OfficialNetwork
from bench.ports import free_port
from bench.wire import Client

CALLERS = 8
WRITES = 3_000
TIMELINE = "app.bsky.feed.getTimeline"
WRITING, WRITING_TO_REACH = "a post while it is read", 0.7
WRITES_A_SECOND = 300
CONNECTIONS = 32


class Asked(NamedTuple):
    """One row of the table. to_reach: milliseconds, ours is to cost no more. calls: in a round of ours."""

    name: str
    nsid: str
    params: dict[str, object]
    to_reach: float
    calls: int


def table(there: Crowd) -> list[Asked]:
    """What is asked of a crowd."""
    someone = there.authors[17 % len(there.authors)].did
    return [
        Asked("getTimeline, 50", TIMELINE, {"limit": 50}, 0.5, 2_000),
        Asked("getAuthorFeed, 50", "app.bsky.feed.getAuthorFeed", {"limit": 50, "actor": someone}, 0.4, 2_000),
        Asked("getPostThread, 100 replies", "app.bsky.feed.getPostThread", {"uri": there.root}, 0.9, 1_000),
        Asked("getProfile", "app.bsky.actor.getProfile", {"actor": someone}, 0.15, 4_000),
        Asked("listNotifications, 50", "app.bsky.notification.listNotifications", {"limit": 50}, 0.5, 2_000),
        Asked("searchPosts, 25 newest", "app.bsky.feed.searchPosts", {"q": "river", "limit": 25}, 2.0, 1_000),
        Asked("searchPosts, 25 ranked", "app.bsky.feed.searchPosts", _RANKED, 2.0, 500),
    ]


_RANKED: dict[str, object] = {"q": "river", "limit": 25, "sort": "top"}


class Place:
    """A server with a crowd, and where it is read: at its own port, or at the AppView of an official network."""

    def __init__(self, server: Server | OfficialNetwork) -> None:
        self.server = server
        self.name = server.name
        self.is_ours = isinstance(server, Server)
        self.port = server.port if isinstance(server, Server) else server.reading_port
        self.there: Crowd

    async def token(self, nsid: str) -> str:
        """By which the reader is known."""
        return await self.token_of(self.there.reader, nsid)

    async def token_of(self, member: Member, nsid: str) -> str:
        """By which a member is known."""
        if isinstance(self.server, Server):
            return member.token
        async with Client(self.server.port) as client:
            return await self.server.token(client, member, nsid)

    def cpu_seconds(self) -> float:
        """CPU time of all its processes."""
        return self.server.cpu_seconds()

    def resident_bytes(self) -> int:
        """Their memory."""
        return self.server.resident_bytes()

    async def settled(self) -> None:
        """Wait until all is done."""
        await self.server.settled()

    def stop(self) -> None:
        """End it."""
        self.server.stop()


async def fill(place: Place, size: crowd.Size) -> None:
    """Gather a crowd, and wait until a reader is shown what the last of it wrote."""
    place.there = await crowd.gather(place.server, size)
    nsid, some = "app.bsky.actor.getProfiles", place.there.authors[-1].did
    token = await place.token(nsid)
    async with Client(place.port) as client:
        shown: list[dict[str, int]] = []
        while not shown or shown[0].get("postsCount", 0) < size.posts // size.authors:
            await asyncio.sleep(0.5)
            shown = msgspec.json.decode(await client.get(f"/xrpc/{nsid}", token, actors=some))["profiles"]
    await place.settled()


async def reading(place: Place, asked: Asked) -> Row:
    """One row of the table."""
    token = await place.token(asked.nsid)

    async def call(client: Client, number: int) -> None:
        await client.get(f"/xrpc/{asked.nsid}", token, **asked.params)

    return await run(place, asked.name, call, CALLERS, asked.calls if place.is_ours else max(1, asked.calls // 10))


async def writing(place: Place, timeline: Row, calls: int) -> Row:
    """Posts by all authors, while every fourth call reads the timeline, whose own cost is taken off."""
    there, token = place.there, await place.token(TIMELINE)
    readers: asyncio.Queue[Client] = asyncio.Queue()

    async def call(client: Client, number: int) -> None:
        if number % 4 == 3:
            reader = await readers.get()
            await reader.get(f"/xrpc/{TIMELINE}", token, limit=50)
            readers.put_nowait(reader)
            return
        author = there.authors[number % len(there.authors)]
        body = {"repo": author.did, "collection": crowd.POST, "record": post(number, 1 << 30)}
        await client.post("com.atproto.repo.createRecord", body, author.token)

    async with AsyncExitStack() as open_ones:
        for _ in range(CALLERS):
            readers.put_nowait(await open_ones.enter_async_context(Client(place.port)))
        row = await run(place.server, WRITING, call, CALLERS, calls if place.is_ours else max(4, calls // 10))
    micros = (row.cpu_micros - timeline.cpu_micros / 4) * 4 / 3
    return row.of(row.call, row.calls * 3 // 4, micros, row.per_second * 3 / 4)


async def seen(place: Place, writes: int) -> tuple[list[float], list[float]]:
    """(seconds from the \"yes\" to a post until it was read by its address, of writes that come at an even pace, and
    seconds that a call took at the same pace that asks for nothing)."""
    nsid = "app.bsky.feed.getPosts"
    waits: list[float] = []

    async def one(client: Client, number: int) -> None:
        author = place.there.authors[number % len(place.there.authors)]
        body = {"repo": author.did, "collection": crowd.POST, "record": post(number, 1 << 30)}
        uri = (await client.post("com.atproto.repo.createRecord", body, author.token))["uri"]
        began = time.perf_counter()
        answer = await client.get(f"/xrpc/{nsid}", place.there.reader.token, uris=uri)
        if uri.encode() not in answer:
            raise RuntimeError(f"{uri} was not seen")
        waits.append(time.perf_counter() - began)

    idle: list[float] = []

    async def nothing(client: Client, number: int) -> None:
        began = time.perf_counter()
        await client.get("/xrpc/_health")
        idle.append(time.perf_counter() - began)

    await _paced(place.port, one, writes)
    await place.settled()
    await _paced(place.port, nothing, writes)
    return waits, idle


async def _paced(port: int, call: Call, calls: int) -> None:
    """So many calls, WRITES_A_SECOND, on as many connections as that takes."""
    free: asyncio.Queue[Client] = asyncio.Queue()
    clients = [Client(port) for _ in range(CONNECTIONS)]
    for client in clients:
        await client.__aenter__()
        free.put_nowait(client)

    async def with_one(number: int) -> None:
        client = await free.get()
        await call(client, number)
        free.put_nowait(client)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(calls):
            await asyncio.sleep(max(0.0, began + number / WRITES_A_SECOND - time.perf_counter()))
            tasks.create_task(with_one(number))
    for client in clients:
        await client.__aexit__()


class Found(NamedTuple):
    """What a run found out. rows: the best of each server and call, by their names. seen, idle: see `seen`."""

    names: list[str]
    to_reach: dict[str, float]
    rows: dict[tuple[str, str], Row]
    seen: list[float]
    idle: list[float]


def compare(places: list[Place], size: crowd.Size, rounds: int, share: float = 1.0) -> Found:
    """All that is measured, of ours first. share: of the calls that are made otherwise."""
    best: dict[tuple[str, str], Row] = {}
    ours = places[0]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for place in places:
            _say(f"{place.name}: {size.authors} authors, {size.posts} posts")
            runner.run(fill(place, size))
        for number in range(rounds):
            for place in places:
                _say(f"{place.name}, round {number + 1} of {rounds}")
                for asked in table(place.there):
                    calls = max(1, int(asked.calls * share))
                    _keep(best, place, runner.run(reading(place, asked._replace(calls=calls))))
                timeline = best[place.name, table(place.there)[0].name]
                _keep(best, place, runner.run(writing(place, timeline, max(4, int(WRITES * share)))))
        to_reach = {asked.name: asked.to_reach for asked in table(ours.there)}
        waits, idle = runner.run(seen(ours, max(2, int(WRITES * share))))
    return Found([place.name for place in places], to_reach | {WRITING: WRITING_TO_REACH}, best, waits, idle)


def text(found: Found) -> str:
    """For a terminal."""
    lines = [
        f"load average {os.getloadavg()[0]:.1f}; CPU milliseconds a call, {CALLERS} callers, the best of the rounds",
        f"{'call':<28}{'to reach':>9}" + "".join(f"{name:>11}" for name in found.names) + "   others' cores",
    ]
    for call, to_reach in found.to_reach.items():
        rows = [found.rows.get((name, call)) for name in found.names]
        cells = "".join(f"{row.cpu_micros / 1e3:>11.3f}" if row is not None else f"{'-':>11}" for row in rows)
        lines.append(f"{call:<28}{to_reach:>9.2f}{cells}{found.rows[found.names[0], call].other_cores:>15.2f}")
    lines.append(f"from the yes to a post until it is read, {WRITES_A_SECOND} a second: {_cuts(found.seen)}")
    lines.append(f"a call that asks for nothing, as often: {_cuts(found.idle)}")
    return "\n".join(lines)


def _keep(found: dict[tuple[str, str], Row], place: Place, row: Row) -> None:
    """The round that cost least."""
    held = found.get((place.name, row.call))
    if held is None or row.cpu_micros < held.cpu_micros:
        found[place.name, row.call] = row


def _cuts(waits: list[float]) -> str:
    cuts = quantiles(waits, n=100)
    return f"p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms"


def _say(what: str) -> None:
    """Progress, for whoever waits."""
    print(what, file=sys.stderr, flush=True)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.reading", description="What reading costs, call by call.")
    parser.add_argument("--official", type=Path, metavar="FOLDER", help="where @atproto/dev-env is installed")
    parser.add_argument("--node", type=Path, metavar="FILE", default=official.NODE, help="Node 22 or later")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    lacks = official_network.absent(given.official, given.node) if given.official else ""
    if lacks:
        print(f"Without the official network: {lacks}.", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as folder:
        places: list[Place] = []
        try:
            places.append(Place(Server(Path(folder) / "ours", free_port())))
            if given.official and not lacks:
                places.append(Place(OfficialNetwork(Path(folder) / "official", given.official, given.node)))
            print(text(compare(places, crowd.Size(), given.rounds)))
        finally:
            for place in places:
                place.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
