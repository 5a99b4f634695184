"""`python -m bench.flood`: what members keep of their network while it is flooded.

The server has one core for itself, those who ask have another. First it is found out how many strangers' requests the
server can answer without a keeper at the door (`siege = "never"`); then members read and post, eight at a time, without
a flood and under one of so many times that capacity, by turns. What they keep is the ratio of the two.

Members' programs share a core with the flood, which gives way to them by ten steps of niceness. What they lose all the
same is measured in each round by a control: the flood goes to a port where somebody accepts and hangs up, on its own
core, and the server hears of members alone. What members keep of *that* is the server's doing. Neighbours of the
machine change all of it from second to second; what they change less is the CPU time of a request that is served, and
of one that is turned away, from which the same can be worked out. The same flood meets the server without a keeper,
too.
Where neighbours are busy, give its session way before theirs: `echo -15 > /proc/self/autogroup`, as root. Niceness by
itself counts among the programs of one session only.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple, Self

import msgspec
import uvloop

from bench.machine import cpu_seconds, stolen_seconds
from bench.network import (
    FREEHOLD,
    ROOT,
    Member,
    Server,
    fill,
    follow_all,
    is_bound,
    join,
    post,
    until,
    until_listening,
)
from bench.ports import free_port
from bench.wire import AnswerError, Client
from freehold.net.siege import CALM_SECONDS

SERVER_CORE, OUR_CORE = 0, 1
CALLERS = 8
MEMBERS = 60
POSTS = 3_000
ONSET_SECONDS = 2.0
"""How long a flood has gone on when members begin to be counted; what they had meanwhile is told apart."""


class Had(NamedTuple):
    """What members had. per_second: calls that were answered well. failed: in all. busy: the part of its core that the
    server had meanwhile; where it is less under the flood, it is those who ask that lack a core."""

    per_second: float
    p50_ms: float
    p95_ms: float
    failed: int
    busy: float = 0.0


class Storm(NamedTuple):
    """What a flood was answered. statuses: answers by status, and `none`, `reset`, `closed`."""

    per_second: float
    statuses: dict[str, int]


class Round(NamedTuple):
    """Members without a flood, while it goes elsewhere, and under it. elsewhere, storm: what those floods were."""

    calm: Had
    starved: Had
    flooded: Had
    elsewhere: Storm
    storm: Storm

    @property
    def kept(self) -> float:
        """Of what members had."""
        return self.flooded.per_second / self.calm.per_second

    @property
    def kept_by_server(self) -> float:
        """Of what they had while the flood took as much of their own core, and nothing of the server's."""
        return self.flooded.per_second / self.starved.per_second


Connect = Callable[[], Client]


class Guarded:
    """`freehold run` on one core, as an operator runs it. settings: more lines of its settings.toml."""

    def __init__(self, directory: Path, port: int, siege: str, settings: str = "") -> None:
        (directory / "settings.toml").write_text(f'siege = "{siege}"\nlog_level = "warning"\n{settings}')
        command = [str(FREEHOLD), "run", str(directory), "--port", str(port)]
        self._log = (directory / "bench.log").open("ab")
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=self._log,
            stderr=self._log,
            preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
        )
        self.port = port
        if settings:  # https is asked for nothing without a name
            until(self._process, lambda: is_bound(port))
        else:
            until_listening(self._process, port)

    def cpu_seconds(self) -> float:
        """CPU time of all its processes."""
        return cpu_seconds(self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)
        self._log.close()


def prepare(directory: Path, port: int) -> tuple[list[Member], list[str]]:
    """A network with people and posts; what strangers ask for in it: its pages and its views."""
    server = Server(directory, port)
    try:
        return uvloop.run(_filled(server, port))
    finally:
        server.stop()


async def _filled(server: Server, port: int) -> tuple[list[Member], list[str]]:
    reader, *authors = members = await join(port, MEMBERS)
    await follow_all(port, reader, authors)
    for one in authors[:CALLERS]:
        await follow_all(port, one, authors)
    await fill(port, authors, POSTS)
    async with Client(port) as client:
        rkeys = [(await client.keys(one.did, "app.bsky.feed.post"))[0] for one in authors]
    await server.settled()
    return members, targets(authors, rkeys)


def targets(authors: Sequence[Member], rkeys: Sequence[str]) -> list[str]:
    """Half pages, half calls."""
    wanted = ["/ text/html"] * len(authors)
    for number, (one, rkey) in enumerate(zip(authors, rkeys, strict=True), 1):
        wanted += [f"/@bench{number:05d} text/html", f"/@bench{number:05d}/p/{rkey} text/html"]
        wanted.append(f"/xrpc/app.bsky.feed.getAuthorFeed?actor={one.did}&limit=30")
        wanted.append(f"/xrpc/app.bsky.feed.getPostThread?uri=at://{one.did}/app.bsky.feed.post/{rkey}")
        wanted.append(f"/xrpc/app.bsky.actor.getProfile?actor={one.did}")
    return wanted


async def members_work(connect: Connect, members: Sequence[Member], seconds: float, anew: int = 0) -> Had:
    """Nine reads and a post, over and over, each caller when the last was answered. anew: after so many calls over a
    new connection; 0: never."""
    waits: list[float] = []
    failed = 0
    deadline = time.perf_counter() + seconds

    async def one(place: int) -> None:
        nonlocal failed
        number, client = place, None
        while (began := time.perf_counter()) < deadline:
            number += CALLERS
            try:
                async with asyncio.timeout(10):
                    if client is not None and anew and number // CALLERS % anew == 0:
                        await client.__aexit__()
                        client = None
                    if client is None:
                        client = await connect().__aenter__()
                    await call(client, members, number)
                waits.append(time.perf_counter() - began)
            except (AnswerError, OSError, TimeoutError, asyncio.IncompleteReadError):
                failed, client = failed + 1, None
        if client is not None:
            await client.__aexit__()

    async with asyncio.TaskGroup() as tasks:
        for place in range(CALLERS):
            tasks.create_task(one(place))
    cuts = quantiles(waits, n=20) if len(waits) > 1 else [0.0] * 19
    return Had(len(waits) / seconds, cuts[9] * 1e3, cuts[18] * 1e3, failed)


async def call(client: Client, members: Sequence[Member], number: int) -> None:
    """One of the ten. Raises AnswerError."""
    which, member = number // CALLERS % 10, members[number // 3 % len(members)]
    if which == 0:
        body = {"repo": member.did, "collection": "app.bsky.feed.post", "record": post(number, 1 << 30)}
        await client.post("com.atproto.repo.createRecord", body, member.token)
    elif which < 3:
        other = members[number % len(members)].did
        await client.get("/xrpc/app.bsky.feed.getAuthorFeed", member.token, actor=other, limit=30)
    elif which == 3:
        await client.get("/xrpc/app.bsky.actor.getProfile", member.token, actor=members[number % len(members)].did)
    else:
        reader = members[number % (CALLERS + 1)]
        await client.get("/xrpc/app.bsky.feed.getTimeline", reader.token, limit=30)


class Rage:
    """A flood that goes on beside. per_second: 0 for as many as are answered. name: it begins TLS for that, no more."""

    def __init__(self, port: int, asked: Path, per_second: float, seconds: float, name: str = "") -> None:
        there = f"{port}:{name}" if name else str(port)
        command = [sys.executable, "-m", "bench.storm", there, str(asked), f"{per_second}", f"{seconds}"]
        self._seconds = seconds
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)

    def over(self) -> Storm:
        """Wait for its end."""
        out, _ = self._process.communicate()
        told = msgspec.json.decode(out)
        return Storm(told["sent"] / self._seconds, told["answers"])


class Sink:
    """Whoever connects is hung up on, by a process on the flood's core that gives way as the flood does."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4_096)
        self.port = int(self._listener.getsockname()[1])
        words = [sys.executable, "-m", "bench.sink", str(self._listener.fileno())]
        self._process = subprocess.Popen(words, cwd=ROOT, pass_fds=[self._listener.fileno()])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)
        self._listener.close()


class Price(NamedTuple):
    """What strangers' requests are to the server. per_second: how many there were. cpu_ms: for each."""

    per_second: float
    cpu_ms: float


def capacity(server: Guarded, asked: Path, seconds: float) -> Price:
    """What is answered when nobody else asks, and nobody is turned away."""
    Rage(server.port, asked, 0, min(2.0, seconds)).over()
    before = server.cpu_seconds()
    answered = Rage(server.port, asked, 0, seconds).over().statuses.get("200", 0)
    return Price(answered / seconds, (server.cpu_seconds() - before) / max(1, answered) * 1e3)


def siege(server: Guarded, asked: Path, per_second: float, seconds: float) -> Price:
    """What a flood costs that has been noticed, with all that is answered to it."""
    rage = Rage(server.port, asked, per_second, ONSET_SECONDS + seconds)
    time.sleep(ONSET_SECONDS)
    before = server.cpu_seconds()
    storm = rage.over()
    asked_then = storm.per_second * seconds
    return Price(storm.per_second, (server.cpu_seconds() - before) / max(1.0, asked_then) * 1e3)


def one_round(server: Guarded, members: Sequence[Member], asked: Path, per_second: float, seconds: float) -> Round:
    """Calm, then starved, then flooded."""

    def under(port: int) -> tuple[Had, Storm]:
        rage = Rage(port, asked, per_second, ONSET_SECONDS + seconds + 1)
        time.sleep(ONSET_SECONDS)
        return measured(server, members, seconds), rage.over()

    calm = measured(server, members, seconds)
    with Sink() as sink:
        starved, elsewhere = under(sink.port)
    flooded, storm = under(server.port)
    return Round(calm, starved, flooded, elsewhere, storm)


def measured(server: Guarded, members: Sequence[Member], seconds: float) -> Had:
    """What members have now."""
    before = server.cpu_seconds()
    had = uvloop.run(members_work(lambda: Client(server.port), members, seconds))
    return had._replace(busy=(server.cpu_seconds() - before) / seconds)


def main(words: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.flood", description="What members keep under a flood.")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=float, default=10.0, help="how many times the capacity the flood is")
    parser.add_argument("--alone", action="store_true", help="leave out the server without a keeper")
    given = parser.parse_args(words)
    os.sched_setaffinity(0, {OUR_CORE})
    began, stolen = time.monotonic(), stolen_seconds()
    with tempfile.TemporaryDirectory(prefix="freehold-flood-") as folder:
        directory, port, asked = Path(folder) / "network", free_port(), Path(folder) / "targets"
        os.sched_setaffinity(0, {SERVER_CORE, OUR_CORE})
        members, wanted = prepare(directory, port)
        asked.write_text("\n".join(wanted))
        os.sched_setaffinity(0, {OUR_CORE})
        with Guarded(directory, port, "never") as server:
            served = capacity(server, asked, given.seconds)
            can = max(served.per_second, 1e3 / served.cpu_ms)  # who asks may lack a core, too
            print(
                f"capacity: {can:.0f} of strangers' requests a second, CPU {served.cpu_ms:.2f} ms each"
                f" ({served.per_second:.0f} a second were answered)",
                flush=True,
            )
            if not given.alone:
                tell(one_round(server, members, asked, can * given.times, given.seconds), "without a keeper")
        with Guarded(directory, port, "auto") as server:
            rounds = []
            for _ in range(given.rounds):
                rounds.append(one_round(server, members, asked, can * given.times, given.seconds))
                tell(rounds[-1], "with the keeper")
                time.sleep(CALM_SECONDS + 2)
            turned_away = siege(server, asked, can * given.times, given.seconds)
            print(f"turned away: {turned_away.per_second:.0f} a second, CPU {turned_away.cpu_ms:.3f} ms each")
        print((directory / "bench.log").read_text()[-1500:], file=sys.stderr)
    print(
        f"by the clock members kept {median(each.kept for each in rounds):.0%}, the median of {given.rounds} rounds; of"
        f" what they had while the flood went elsewhere {median(each.kept_by_server for each in rounds):.0%}"
    )
    taken = given.times * turned_away.cpu_ms / served.cpu_ms
    print(
        f"by CPU time {given.times:.0f} times the capacity, turned away, take {taken:.0%} of the core:"
        f" {1 - taken:.0%} is left to members"
    )
    print(f"stolen: {(stolen_seconds() - stolen) / (time.monotonic() - began):.0%} of a core")
    return 0


def tell(found: Round, how: str) -> None:
    """Print one round."""
    storm = found.storm
    print(f"{how}: calm {_words(found.calm)}")
    print(f"    starved by {found.elsewhere.per_second:.0f} a second that go elsewhere: {_words(found.starved)}")
    print(f"    under {storm.per_second:.0f} a second, answered {storm.statuses}: {_words(found.flooded)}")
    print(f"    kept {found.kept:.0%}, by the server's doing {found.kept_by_server:.0%}; load {os.getloadavg()[0]:.1f}")
    sys.stdout.flush()


def _words(had: Had) -> str:
    waited = f"p50 {had.p50_ms:.1f} ms, p95 {had.p95_ms:.1f}"
    return f"{had.per_second:.0f}/s ({waited}, {had.failed} failed, the server's core {had.busy:.0%} busy)"


if __name__ == "__main__":
    sys.exit(main())
