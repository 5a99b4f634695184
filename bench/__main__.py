"""`python -m bench`: start networks, measure, print. `--official` measures the official PDS beside them."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import uvloop

from bench import host, load, official
from bench.floor import floor
from bench.load import Call, Row
from bench.network import Member, Peer, Server, fill, follow_all, join
from bench.official import Official
from bench.ports import free_port
from bench.report import Report, text


class Size(NamedTuple):
    """How much is measured. writes, timelines: calls by number of callers. host: None leaves the host alone out."""

    follows: int
    posts: int
    writes: dict[int, int]
    timelines: dict[int, int]
    clocked_writes: int
    clocked_timelines: int
    floor_times: int
    host: host.Size | None


FULL = Size(
    200, 20_000, {1: 1_000, 8: 2_000, 32: 6_000}, {1: 500, 8: 2_000, 32: 2_000}, 6_000, 2_000, 2_000, host.Size()
)
QUICK = Size(50, 5_000, {1: 400, 8: 800, 32: 2_000}, {8: 800}, 2_000, 800, 500, host.Size(calls=1_000, rounds=1))


class Beside(NamedTuple):
    """Where the official PDS is, and the Node that runs it."""

    folder: Path
    node: Path


def measure(size: Size, directory: Path, beside: Beside | None = None) -> Report:
    """Everything, in a directory of its own. beside: measure the official PDS too."""
    alone, other = _hosts(size.host, directory, beside) if size.host is not None else ([], [])
    network, port = directory / "network", free_port()
    _say("the whole network")
    server = Server(network, port)
    try:
        idle = server.resident_bytes()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            reader, *authors = members = runner.run(join(port, size.follows + 1))
            runner.run(follow_all(port, reader, authors))
            runner.run(fill(port, authors, size.posts))
            runner.run(server.settled())
            rows = runner.run(_rows(server, members, size))
    finally:
        server.stop()
    _say("by part")
    return Report(
        when=time.strftime("%Y-%m-%d %H:%M"),
        start_seconds=server.start_seconds,
        idle_bytes=idle,
        rows=rows,
        floor=floor(directory, size.floor_times),
        parts=_by_part(network, port, members, size),
        host=alone,
        official=other,
    )


def _hosts(size: host.Size, directory: Path, beside: Beside | None) -> tuple[list[Row], list[Row]]:
    """A Freehold host alone and the official one, by turns; the second without rows where it is not to be measured."""
    peers: list[Peer] = []
    server = Server(directory / "host", free_port(), only="host")
    try:
        peers.append(server)
        if beside is not None:
            peers.append(Official(directory / "official", server.port, beside.folder, beside.node))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(_by_turns(peers, size))
    finally:
        for peer in peers:
            peer.stop()
    return found[0], found[1] if beside is not None else []


async def _by_turns(peers: list[Peer], size: host.Size) -> list[list[Row]]:
    """The best rows of each, measured in rounds in which each has its turn."""
    prepared = []
    for peer in peers:
        _say(f"{peer.name}: {size.members} members, {size.posts} posts")
        prepared.append(await host.prepare(peer, size))
    rounds: list[list[list[Row]]] = [[] for _ in peers]
    for number in range(size.rounds):
        for found, one in zip(rounds, prepared, strict=True):
            _say(f"{one.peer.name}, round {number + 1} of {size.rounds}")
            found.append(await host.rows(one, size, _say))
    return [host.best(found) for found in rounds]


def _say(what: str) -> None:
    """Progress, for whoever waits."""
    print(what, file=sys.stderr, flush=True)


async def _rows(server: Server, members: list[Member], size: Size) -> list[Row]:
    write, read = load.create_record(members[1:]), load.get_timeline(members[0])
    rows = [await load.run(server, "getTimeline", read, callers, calls) for callers, calls in size.timelines.items()]
    rows += [await load.run(server, "createRecord", write, callers, calls) for callers, calls in size.writes.items()]
    return rows


def _by_part(network: Path, port: int, members: list[Member], size: Size) -> dict[str, dict[str, float]]:
    """The same calls on a server with clocks in its parts."""
    server = Server(network, port, clocked=True)
    try:
        write, read = load.create_record(members[1:]), load.get_timeline(members[0])
        return {
            "createRecord": _parts(server, write, 32, size.clocked_writes),
            "getTimeline": _parts(server, read, 8, size.clocked_timelines),
        }
    finally:
        server.stop()


def _parts(server: Server, call: Call, callers: int, calls: int) -> dict[str, float]:
    uvloop.run(load.run(server, "warming up", call, callers, calls // 10))
    before = server.parts()
    uvloop.run(load.run(server, "clocked", call, callers, calls))
    after = server.parts()
    done = calls + calls // load.WARM_SHARE
    return {
        part: (after[part] - before.get(part, 0)) / done / 1e3 for part in after if after[part] > before.get(part, 0)
    }


def main(words: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="What writes, reads and listening cost.")
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE too")
    parser.add_argument("--official", action="store_true", help="measure the official PDS in the same run")
    parser.add_argument("--peer", type=Path, metavar="FOLDER", default=official.FOLDER, help="where `npm ci` put it")
    parser.add_argument("--node", type=Path, metavar="FILE", default=official.NODE, help="Node 22 or later")
    given = parser.parse_args(words)
    lacks = official.absent(given.peer, given.node) if given.official else ""
    if lacks:
        print(f"Without the official PDS: {lacks}.", file=sys.stderr)
    beside = Beside(given.peer, given.node) if given.official and not lacks else None
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as directory:
        report = measure(QUICK if given.quick else FULL, Path(directory), beside)
    print(text(report))
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
