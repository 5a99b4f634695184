"""`python -m bench [--quick] [--json FILE]`: start a network, measure, print."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import uvloop

from bench import load
from bench.floor import floor
from bench.load import Call, Row
from bench.network import Member, Server, fill, free_port, join
from bench.report import Report, text


class Size(NamedTuple):
    """How much is measured. writes, timelines: calls by number of callers."""

    follows: int
    posts: int
    writes: dict[int, int]
    timelines: dict[int, int]
    clocked_writes: int
    clocked_timelines: int
    floor_times: int


FULL = Size(200, 20_000, {1: 1_000, 8: 2_000, 32: 6_000}, {1: 500, 8: 2_000, 32: 2_000}, 6_000, 2_000, 2_000)
QUICK = Size(50, 5_000, {1: 400, 8: 800, 32: 2_000}, {8: 800}, 2_000, 800, 500)


def measure(size: Size, directory: Path) -> Report:
    """Everything, in a directory of its own."""
    network, port = directory / "network", free_port()
    server = Server(network, port)
    try:
        idle = server.resident_bytes()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            members = runner.run(join(port, size.follows + 1))
            runner.run(fill(port, members[1:], size.posts))
            rows = runner.run(_rows(server, members, size))
    finally:
        server.stop()
    return Report(
        when=time.strftime("%Y-%m-%d %H:%M"),
        start_seconds=server.start_seconds,
        idle_bytes=idle,
        rows=rows,
        floor=floor(directory, size.floor_times),
        parts=_by_part(network, port, members, size),
    )


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
    parser = argparse.ArgumentParser(prog="python -m bench", description="What a write and a timeline cost.")
    parser.add_argument("--quick", action="store_true", help="less of everything: some 40 seconds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE too")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as directory:
        report = measure(QUICK if given.quick else FULL, Path(directory))
    print(text(report))
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
