"""`python -m bench.synced`: what a standby that writes wait for takes of the primary, and of whoever waits for a "yes".

Two networks of the same people and posts, one alone and one with a standby by TLS, are written to by turns, in short
rounds, so that whatever else this machine does meets both. The primaries have one core, the standbys and those who ask
the other. Told apart in the same rounds: a round trip (a word without work, over a link like theirs, to a standby of
nobody's) and how long the standby takes to have a commit on disk. Against these the claim is held: no more than a fifth
of the CPU, no more than a round trip and a sync until the answer.

`--pace` makes so many posts a second on both sides. Without it a caller who waits longer asks less often, so that fewer
posts share what the index does for several at once: then the two sides differ by more than the standby.
"""

import argparse
import asyncio
import base64
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec
import uvloop

from bench import followed, load
from bench.machine import cpu_seconds_finely, stolen_seconds
from bench.network import FREEHOLD, ROOT, Member, Server, fill, free_port, join, until
from bench.wire import Client
from freehold.haven import haven, transport
from freehold.haven.link import Link
from freehold.haven.wire import Channel
from freehold.store.blobs import BlobStore

PRIMARY_CORE, OTHER_CORE = 0, 1
MEMBERS, POSTS = 20, 2_000
PINGS, PING_SECONDS = 40, 0.005
CPU_MORE = 0.2
"""What is claimed."""
CODE = re.compile(r"add tls://\S+ --code (\S+)")


class Side(NamedTuple):
    """A post. cpu_ms: of the primary, its index included. p50_ms: until the answer."""

    cpu_ms: float
    p50_ms: float


class Round(NamedTuple):
    """Measured one after the other. round_trip_ms, sync_ms: medians."""

    alone: Side
    synced: Side
    round_trip_ms: float
    sync_ms: float

    @property
    def cpu_more(self) -> float:
        """What part more a post costs."""
        return self.synced.cpu_ms / self.alone.cpu_ms - 1

    @property
    def waits_more_ms(self) -> float:
        """How much later its answer is there."""
        return self.synced.p50_ms - self.alone.p50_ms

    @property
    def allowed_ms(self) -> float:
        """How much later it may be."""
        return self.round_trip_ms + self.sync_ms


class Work(NamedTuple):
    """What is asked of a side in a round. pace: posts a second; 0 for as many as are answered, by so many callers."""

    callers: int
    calls: int
    pace: float


class Town:
    """A primary in `directory`, and those who write there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with on_core(PRIMARY_CORE):
            self.server = Server(directory, free_port())
        self.members = uvloop.run(self._filled())

    async def _filled(self) -> list[Member]:
        members = await join(self.server.port, MEMBERS)
        await fill(self.server.port, members, POSTS)
        await self.server.settled()
        return members

    def posts(self, work: Work) -> Side:
        """So many."""
        cpu = cpu_seconds_finely(self.server.pid)
        waits = uvloop.run(self._made(work))
        return Side((cpu_seconds_finely(self.server.pid) - cpu) / work.calls * 1e3, median(waits) * 1e3)

    async def _made(self, work: Work) -> list[float]:
        call, port = load.create_record(self.members), self.server.port
        if work.pace:
            waits = await _paced(port, call, work)
        else:
            waits = await load.loop(port, call, work.callers, iter(range(work.calls)))
        await self.server.settled()
        return waits


async def _paced(port: int, call: load.Call, work: Work) -> list[float]:
    waits = []
    async with Client(port) as client:
        began = time.perf_counter()
        for number in range(work.calls):
            await asyncio.sleep(began + number / work.pace - time.perf_counter())
            at = time.perf_counter()
            await call(client, number)
            waits.append(time.perf_counter() - at)
    return waits


class Second:
    """A standby in `directory`, at work."""

    def __init__(self, directory: Path) -> None:
        self.directory, port = directory, free_port()
        said = freehold("standby", directory, "make", "--listen", f"127.0.0.1:{port}")
        self.address, self.code = f"tls://127.0.0.1:{port}", CODE.findall(said)[0]
        words = [sys.executable, "-m", "bench.followed", str(directory), str(free_port())]
        self._process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL)
        until(self._process, (directory / "control.sock").exists)

    def follow(self, primary: Path) -> None:
        """From now on writes there wait for this one."""
        freehold("standby", primary, "add", self.address, "--code", self.code, "--name", "second")
        while "in step" not in freehold("standby", primary, "list"):
            time.sleep(0.1)

    def took(self) -> list[float]:
        """Seconds for each commit since it was asked last."""
        told = self.directory / followed.FILE
        told.unlink(missing_ok=True)
        self._process.send_signal(signal.SIGUSR1)
        until(self._process, told.exists)
        return msgspec.json.decode(told.read_bytes(), type=list[float])

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(60)


class Pings:
    """Words to a standby without work for it, said by nobody's primary, whose papers lie in `folder`."""

    def __init__(self, folder: Path, to: Second) -> None:
        folder.mkdir()
        fingerprint, _, code = to.code.partition(".")
        self._folder, self._address = folder, to.address
        self._pin = base64.b64decode(haven.introduce(folder, to.address, fingerprint, code))

    def round_trip_ms(self) -> float:
        """The median of some, with pauses as between commits."""
        with Channel(transport.connect(self._address, self._folder, self._pin)) as channel:
            link = Link("second", channel, BlobStore(self._folder / "blobs"))
            link.greet(1)
            return median(_ping(link) for _ in range(PINGS)) * 1e3


def _ping(link: Link) -> float:
    time.sleep(PING_SECONDS)
    began = time.perf_counter()
    link.still()
    return time.perf_counter() - began


def freehold(*words: object) -> str:
    """What a command says."""
    return subprocess.run([str(FREEHOLD), *map(str, words)], stdout=subprocess.PIPE, text=True, check=True).stdout


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started within this stays on this core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Bench(NamedTuple):
    """All that runs. alone, synced: the primaries. second: the standby of the second."""

    alone: Town
    synced: Town
    second: Second
    pings: Pings

    def round(self, work: Work, synced_first: bool) -> Round:
        """Both sides, and what is told apart."""
        self.second.took()
        sides = {town: town.posts(work) for town in (self[1::-1] if synced_first else self[:2])}
        took = self.second.took()
        return Round(sides[self.alone], sides[self.synced], self.pings.round_trip_ms(), median(took) * 1e3)


@contextmanager
def running(folder: Path) -> Iterator[Bench]:
    """Everything, in a directory of its own."""
    with ExitStack() as ended, on_core(OTHER_CORE):
        alone, synced = Town(folder / "alone"), Town(folder / "synced")
        ended.callback(alone.server.stop)
        ended.callback(synced.server.stop)
        second, idle = Second(folder / "second"), Second(folder / "idle")
        ended.callback(second.stop)
        ended.callback(idle.stop)
        second.follow(synced.directory)
        yield Bench(alone, synced, second, Pings(folder / "pings", idle))


def measure(folder: Path, works: Sequence[Work], rounds: int) -> dict[Work, list[Round]]:
    """So many rounds of each work, by turns. What comes before them warms what is cold."""
    done: dict[Work, list[Round]] = {work: [] for work in works}
    with running(folder) as bench:
        bench.round(works[0], synced_first=False)
        for number in range(rounds):
            for work, of_it in done.items():
                of_it.append(bench.round(work, synced_first=number % 2 == 0))
                print(f"{_name(work)}: {_words(of_it[-1])}; load {os.getloadavg()[0]:.1f}", flush=True)
    return done


def _name(work: Work) -> str:
    return f"{work.pace:g} posts a second" if work.pace else f"{work.callers} callers"


def _words(one: Round) -> str:
    alone, synced = one.alone, one.synced
    return (
        f"CPU {alone.cpu_ms:.2f} -> {synced.cpu_ms:.2f} ms ({one.cpu_more:+.0%}); p50 {alone.p50_ms:.2f} ->"
        f" {synced.p50_ms:.2f} ms ({one.waits_more_ms:+.2f}; round trip {one.round_trip_ms:.2f},"
        f" sync {one.sync_ms:.2f})"
    )


def text(work: Work, done: Sequence[Round]) -> str:
    """Medians, beside what is claimed."""
    alone = Side(median(one.alone.cpu_ms for one in done), median(one.alone.p50_ms for one in done))
    synced = Side(median(one.synced.cpu_ms for one in done), median(one.synced.p50_ms for one in done))
    cpu = median(one.cpu_more for one in done)
    more, allowed = median(one.waits_more_ms for one in done), median(one.allowed_ms for one in done)
    return (
        f"{_name(work)}, median of {len(done)} rounds: CPU {alone.cpu_ms:.2f} -> {synced.cpu_ms:.2f} ms, {cpu:+.0%}"
        f" (claimed: no more than {CPU_MORE:+.0%}); p50 {alone.p50_ms:.2f} -> {synced.p50_ms:.2f} ms, {more:+.2f}"
        f" (claimed: no more than a round trip and a sync, {allowed:.2f})"
    )


def main(words: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.synced", description="What a synchronous standby costs.")
    parser.add_argument("--callers", type=int, nargs="*", default=[1], help="who ask again when they are answered")
    parser.add_argument("--pace", type=float, default=25.0, help="posts a second of the paced work; 0 leaves it out")
    parser.add_argument("--calls", type=int, default=150, help="posts on each side of a round")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args(words)
    works = [Work(callers, given.calls * callers, 0.0) for callers in given.callers]
    works += [Work(1, given.calls, given.pace)] if given.pace else []
    began, stolen = time.monotonic(), stolen_seconds()
    with tempfile.TemporaryDirectory(prefix="freehold-synced-") as folder:
        done = measure(Path(folder), works, given.rounds)
    for work, rounds in done.items():
        print(text(work, rounds))
    print(f"stolen: {(stolen_seconds() - stolen) / (time.monotonic() - began):.0%} of a core")
    return 0


if __name__ == "__main__":
    sys.exit(main())
