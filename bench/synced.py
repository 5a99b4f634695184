"""`python -m bench.synced`: what a standby that writes wait for takes of the primary, and of whoever waits for a "yes".

Two networks of the same people and posts, one with a standby by TLS and one alone. In each round the first is written
to, and then the second with the same posts **at the same moments**: what a post costs depends on how soon after the one
before it comes (on one that comes late everything is cold, and the index shares its work among fewer), so a caller who
asks again at once would compare two paces. The standbys have one core, as they have a machine of their own elsewhere;
the primaries and those who ask have the other, for a standby that indexes what it got is in nobody else's way.

Told apart in the same rounds: a round trip, of a word with as many bytes as a commit and no work over there, from the
primaries' core to a standby of nobody's, at the same moments (`bench.pinged`); and how long the standby took to have
the commits on disk (`bench.followed`). Against these the claim is held: no more than a fifth of the CPU, no more than
a round trip and a sync until the answer.

`--pace` makes so many posts a second; without it each caller asks again when the standby's side has answered.
"""

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec
import uvloop

from bench import followed, load
from bench.machine import cpu_seconds_finely, stolen_seconds
from bench.network import FREEHOLD, ROOT, Member, Server, fill, join, until
from bench.pinged import Question
from bench.ports import free_port
from bench.wire import Client

OWN_CORE, STANDBYS_CORE = 0, 1
MEMBERS, POSTS = 20, 2_000
SOON_SECONDS = 0.05
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
    """What is asked of a round. pace: posts a second; 0 for as many as are answered, by so many callers."""

    callers: int
    calls: int
    pace: float


class Sent(NamedTuple):
    """A post. at: when it was sent. waited: for its answer. Seconds."""

    at: float
    waited: float


class Town:
    """A primary in `directory`, and those who write there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.server = Server(directory, free_port())
        self.members = uvloop.run(self._filled())

    async def _filled(self) -> list[Member]:
        members = await join(self.server.port, MEMBERS)
        await fill(self.server.port, members, POSTS)
        await self.server.settled()
        return members

    def posts(self, work: Work) -> tuple[Side, list[float]]:
        """So many; and when each was sent, in seconds from the first."""
        return self._measured(lambda call: _asked(self.server.port, call, work))

    def same_posts(self, moments: Sequence[float]) -> Side:
        """So many as there are moments, at these."""
        return self._measured(lambda call: _sent_at(self.server.port, call, moments))[0]

    def _measured(self, made: Callable[[load.Call], Coroutine[Any, Any, list[Sent]]]) -> tuple[Side, list[float]]:
        cpu = cpu_seconds_finely(self.server.pid)
        sent = uvloop.run(self._settled(made(load.create_record(self.members))))
        cpu = cpu_seconds_finely(self.server.pid) - cpu
        first = min(each.at for each in sent)
        side = Side(cpu / len(sent) * 1e3, median(each.waited for each in sent) * 1e3)
        return side, sorted(each.at - first for each in sent)

    async def _settled(self, made: Coroutine[Any, Any, list[Sent]]) -> list[Sent]:
        sent = await made
        await self.server.settled()
        return sent


async def _timed(client: Client, call: load.Call, number: int) -> Sent:
    at = time.perf_counter()
    await call(client, number)
    return Sent(at, time.perf_counter() - at)


async def _asked(port: int, call: load.Call, work: Work) -> list[Sent]:
    if work.pace:
        return await _sent_at(port, call, [number / work.pace for number in range(work.calls)])
    sent: list[Sent] = []
    numbers = iter(range(work.calls))

    async def caller() -> None:
        async with Client(port) as client:
            sent.extend([await _timed(client, call, number) for number in numbers])

    async with asyncio.TaskGroup() as tasks:
        for _ in range(work.callers):
            tasks.create_task(caller())
    return sent


async def _sent_at(port: int, call: load.Call, moments: Sequence[float]) -> list[Sent]:
    """Each on its own, whether or not those before it are answered; over as few connections as that takes."""
    free: list[Client] = []

    async def one(number: int) -> Sent:
        client = free.pop() if free else await connected.enter_async_context(Client(port))
        done = await _timed(client, call, number)
        free.append(client)
        return done

    async with AsyncExitStack() as connected, asyncio.TaskGroup() as tasks:
        free.append(await connected.enter_async_context(Client(port)))
        made, began = [], time.perf_counter() + SOON_SECONDS
        for number, moment in enumerate(moments):
            await asyncio.sleep(began + moment - time.perf_counter())
            made.append(tasks.create_task(one(number)))
    return [task.result() for task in made]


class Second:
    """A standby in `directory`, at work."""

    def __init__(self, directory: Path) -> None:
        self.directory, port = directory, free_port()
        said = freehold("standby", directory, "make", "--listen", f"127.0.0.1:{port}")
        self.address, self.code = f"tls://127.0.0.1:{port}", CODE.findall(said)[0]
        words = [sys.executable, "-m", "bench.followed", str(directory), str(free_port())]
        with on_core(STANDBYS_CORE):
            self._process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL)
        until(self._process, (directory / "control.sock").exists)

    def follow(self, primary: Path) -> None:
        """From now on writes there wait for this one."""
        freehold("standby", primary, "add", self.address, "--code", self.code, "--name", "second")
        while "in step" not in freehold("standby", primary, "list"):
            time.sleep(0.1)

    def took(self) -> list[tuple[float, int]]:
        """Seconds for each commit since it was asked last, and how many bytes it had."""
        told = self.directory / followed.FILE
        told.unlink(missing_ok=True)
        self._process.send_signal(signal.SIGUSR1)
        until(self._process, told.exists)
        return msgspec.json.decode(told.read_bytes(), type=list[tuple[float, int]])

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(60)


class Pings:
    """Words to a standby without work for it, said by nobody's primary, whose papers come to lie in `folder`."""

    def __init__(self, folder: Path, to: Second) -> None:
        fingerprint, _, code = to.code.partition(".")
        words = [sys.executable, "-m", "bench.pinged", str(folder), to.address, fingerprint, code]
        self._process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def round_trip_ms(self, size: int, moments: list[float]) -> float:
        """The median, of words with so many bytes at these moments."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(msgspec.json.encode(Question(size, moments)) + b"\n")
        stdin.flush()
        return median(msgspec.json.decode(stdout.readline(), type=list[float])) * 1e3

    def stop(self) -> None:
        """End it."""
        self._process.communicate(timeout=60)


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

    def round(self, work: Work) -> Round:
        """Both sides, and what is told apart."""
        self.second.took()
        synced, moments = self.synced.posts(work)
        took = self.second.took()
        alone = self.alone.same_posts(moments)
        size = int(median(size for _, size in took))
        return Round(
            alone, synced, self.pings.round_trip_ms(size, moments), median(seconds for seconds, _ in took) * 1e3
        )


@contextmanager
def running(folder: Path) -> Iterator[Bench]:
    """Everything, in a directory of its own."""
    with ExitStack() as ended, on_core(OWN_CORE):
        alone, synced = Town(folder / "alone"), Town(folder / "synced")
        ended.callback(alone.server.stop)
        ended.callback(synced.server.stop)
        second, idle = Second(folder / "second"), Second(folder / "idle")
        ended.callback(second.stop)
        ended.callback(idle.stop)
        second.follow(synced.directory)
        pings = Pings(folder / "pings", idle)
        ended.callback(pings.stop)
        yield Bench(alone, synced, second, pings)


def measure(folder: Path, works: Sequence[Work], rounds: int) -> dict[Work, list[Round]]:
    """So many rounds of each work, by turns, after one that is not counted."""
    done: dict[Work, list[Round]] = {work: [] for work in works}
    with running(folder) as bench:
        bench.round(works[0])
        for _ in range(rounds):
            for work, of_it in done.items():
                of_it.append(bench.round(work))
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
