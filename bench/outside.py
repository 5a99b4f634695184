"""`python -m bench.outside`: how fast a network takes in another host, whole repositories and commit by commit.

A host of synthetic accounts (`bench.elsewhere`, whose mixture of records is told there) runs in a process of its own,
with everything made beforehand. The listening side is `freehold.outside` and the index, in this process, with the child
that proves repositories; lexicons are checked, every repository's signature and tree, every commit's signature,
inversion and revision. CPU is of this process and of that child; the host's is told apart, for on a small machine it
takes from the rest.
"""

import argparse
import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import uvloop

from bench import elsewhere
from bench.elsewhere import Elsewhere, Life, opened, running
from bench.machine import cpu_seconds
from freehold.outside import known
from freehold.outside.outside import Limits
from freehold.protocol.lexicon import Catalog
from freehold.protocol.syntax import format_datetime
from freehold.store.clock import now_micros
from freehold.store.lexicons import official_documents
from freehold.stream import frames

PATIENCE_SECONDS = 600.0


class Size(NamedTuple):
    """Repositories, records in each, commits sent afterwards."""

    repositories: int
    records: int
    commits: int


FULL, QUICK = Size(400, 500, 20_000), Size(20, 50, 200)


class Measured(NamedTuple):
    """seconds: of the wall. cpu: of the listening process; checker: of its child; host: of the other side."""

    what: str
    number: int
    seconds: float
    cpu: float
    checker: float
    host: float

    def __str__(self) -> str:
        per = 1e6 / self.number
        return (
            f"{self.what:<28} {self.number:>8} in {self.seconds:6.1f} s = {self.number / self.seconds:>8,.0f}/s;"
            f" CPU each: {self.cpu * per:5.0f} µs index and stream, {self.checker * per:4.0f} µs checker,"
            f" {self.host * per:4.0f} µs the other host"
        )


# --- the other host, in its process


async def serve(size: Size) -> None:
    """Make everything, say where it is, and serve it until the other side of the pipe closes."""
    other = Elsewhere()
    async with elsewhere.host(other) as url:
        people = [other.join() for _ in range(size.repositories)]
        life = Life(people)
        for person in people:
            person.commit(dict(life.record(person) for _ in range(size.records)))
            other.cars[person.did] = person.car()
        later = [_commit(other, life, people[at % len(people)], at) for at in range(size.commits)]
        going = _Going(other, later)
        print(url, flush=True)
        print(os.getpid(), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, going.wait)


def _commit(other: Elsewhere, life: Life, person: elsewhere.Person, at: int) -> bytes:
    payload = person.commit(dict([life.record(person)]), now=now_micros())
    return frames.encode("commit", {**payload, "seq": at + 1, "time": format_datetime(now_micros())})


class _Going:
    """Sends the commits when a line is read."""

    def __init__(self, other: Elsewhere, later: list[bytes]) -> None:
        self._other, self._later, self._loop = other, later, asyncio.get_running_loop()

    def wait(self) -> None:
        """On a thread: a line is the sign to go, the end of the pipe that to stop."""
        for _ in sys.stdin:
            self._loop.call_soon_threadsafe(self._go)

    def _go(self) -> None:
        for frame in self._later:
            self._other.send(frame)


# --- the listening side


async def measure(size: Size, folder: Path, url: str, pid: int, go: "subprocess.Popen[str]") -> list[Measured]:
    """Both numbers."""
    limits = Limits(per_host=4, per_second=10_000)
    with opened(folder, url, limits=limits, catalog=Catalog(official_documents())) as intake:
        gc.collect()  # and the rest as a server does when it has begun
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        clocks = _Clocks(pid)
        async with running(intake):
            await intake.listen(url)
            await _until(lambda: intake.outside.fetcher.repositories == size.repositories)
            whole = clocks.lap("records of whole repositories", intake.outside.fetcher.records)
            assert go.stdin is not None
            go.stdin.write("go\n")
            go.stdin.flush()
            clocks = _Clocks(pid)
            await _until(lambda: intake.reader.commits.total() == size.commits)
            live = clocks.lap("commits, one by one", size.commits)
        with intake.db.reading() as tx:
            assert not any(known.next_due(tx, one.url) for one in intake.outside.sources.all()), (
                "a gap was found where there is none"
            )
        assert not intake.reader.dropped, intake.reader.dropped
    return [whole, live]


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not done():  # noqa: ASYNC110 - a bench, which looks twenty times a second
            await asyncio.sleep(0.05)


class _Clocks:
    """Wall and CPU times since it was made."""

    def __init__(self, other: int) -> None:
        self._other = other
        self._before = self._now()

    def _now(self) -> tuple[float, float, float, float]:
        all_of_us = sum(cpu_seconds(pid) for pid in [os.getpid()])
        host = cpu_seconds(self._other)
        ours = time.process_time()
        return time.perf_counter(), ours, max(all_of_us - host - ours, 0.0), host

    def lap(self, what: str, count: int) -> Measured:
        """What happened since."""
        seconds, cpu, checker, host = (now - before for now, before in zip(self._now(), self._before, strict=True))
        return Measured(what, count, seconds, cpu, max(checker, 0.0), host)


def run(size: Size) -> list[Measured]:
    """Start the other host, and measure."""
    words = [sys.executable, "-m", "bench.outside", "--serve", *map(str, size)]
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert child.stdout is not None
            url, pid = child.stdout.readline().strip(), int(child.stdout.readline())
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(measure(size, Path(folder), url, pid, child))
        finally:
            child.kill()
            child.wait()


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description="Measure the taking in of another host.")
    words.add_argument("--quick", action="store_true", help="little of everything")
    words.add_argument("--serve", nargs=3, type=int, metavar="N", help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.serve:
        uvloop.run(serve(Size(*given.serve)))
        return
    load = os.getloadavg()[0]
    for measured in run(QUICK if given.quick else FULL):
        print(measured)
    print(f"load of the machine before: {load:.1f}, after: {os.getloadavg()[0]:.1f}; {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
