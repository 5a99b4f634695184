"""A network of its own to measure: started in a directory, filled with people and posts, asked what it took.

The first start measures; a second one of the same directory, on the same port, has clocks in its parts.
"""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from bench import served
from bench.machine import cpu_seconds, resident_bytes
from bench.wire import Client

FREEHOLD = Path(sys.executable).with_name("freehold")
ROOT = Path(__file__).parents[1]
START_SECONDS = 60.0
SETTLE_SECONDS = 0.3
WRITES_AT_ONCE = 200
WORDS = "river stone paper winter signal garden copper lantern orbit meadow harbour violet engine cloud marble".split()


class Member(NamedTuple):
    """Somebody who writes."""

    did: str
    token: str


class Peer(Protocol):
    """A server that is measured, whoever wrote it."""

    name: str
    port: int

    def cpu_seconds(self) -> float:
        """CPU time of all its processes."""
        ...

    def resident_bytes(self) -> int:
        """Its memory."""
        ...

    async def settled(self) -> None:
        """Wait until what was asked for has been done, behind the answers too."""
        ...

    def stop(self) -> None:
        """End it."""
        ...


class Server:
    """A running `freehold run --dev`. clocked: with clocks in its parts (see `accounting`). only: as its option."""

    name = "Freehold"

    def __init__(self, directory: Path, port: int, *, clocked: bool = False, only: str = "") -> None:
        self.directory, self.port = directory, port
        command = [sys.executable, "-m", "bench.served", str(directory), str(port)]
        if not clocked:
            command = [str(FREEHOLD), "run", str(directory), "--dev", "--port", str(port)]
        if only:
            command += ["--only", only]
        began = time.perf_counter()
        self._process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        self.pid = self._process.pid
        until_listening(self._process, port)
        self.start_seconds = time.perf_counter() - began

    async def settled(self) -> None:
        """Wait until the index has caught up."""
        async with Client(self.port) as client:
            await indexed(client)
        await asyncio.sleep(SETTLE_SECONDS)

    def cpu_seconds(self) -> float:
        """CPU time of all its processes."""
        return cpu_seconds(self.pid)

    def resident_bytes(self) -> int:
        """Its memory."""
        return resident_bytes(self.pid)

    def parts(self) -> dict[str, int]:
        """CPU time by part in nanoseconds, of a server with clocks."""
        told = self.directory / served.FILE
        told.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        until(self._process, told.exists)
        return msgspec.json.decode(told.read_bytes(), type=dict[str, int])

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(START_SECONDS)


def until(process: "subprocess.Popen[bytes]", true: Callable[[], bool]) -> None:
    """Wait for what a server was started for. Raises RuntimeError when it ends, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not true():
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError("the server does not do what it was started for")
        time.sleep(0.01)


def until_listening(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until a server says that it is well."""
    until(process, lambda: _answers(port))


def _answers(port: int) -> bool:
    return is_bound(port) and asyncio.run(_healthy(port))


def is_bound(port: int) -> bool:
    """Whether somebody listens on a port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


async def _healthy(port: int) -> bool:
    try:
        async with Client(port) as client:
            return bool(await client.get("/xrpc/_health"))
    except (OSError, asyncio.IncompleteReadError):
        return False


async def join(port: int, count: int, prefix: str = "bench") -> list[Member]:
    """New members."""
    async with Client(port) as client:
        members = []
        for number in range(count):
            name = f"{prefix}{number:05d}"
            body = {"handle": f"{name}.test", "email": f"{name}@bench.test", "password": f"password of {number}"}
            told = await client.post("com.atproto.server.createAccount", body)
            members.append(Member(told["did"], told["accessJwt"]))
    return members


async def follow_all(port: int, reader: Member, authors: list[Member]) -> None:
    """Let one member follow all others."""
    follows = [("app.bsky.graph.follow", {"subject": author.did, "createdAt": stamp(0)}) for author in authors]
    async with Client(port) as client:
        await write_many(client, reader, follows)


async def fill(port: int, authors: list[Member], posts: int) -> None:
    """So many posts, by all authors in turn, over the last twelve hours."""
    async with Client(port) as client:
        share = -(-posts // len(authors))
        for place, author in enumerate(authors):
            numbers = range(place, posts, len(authors))[:share]
            await write_many(client, author, [("app.bsky.feed.post", post(number, posts)) for number in numbers])


async def write_many(client: Client, member: Member, records: list[tuple[str, dict[str, Any]]]) -> None:
    """Write (collection, record) by applyWrites."""
    for start in range(0, len(records), WRITES_AT_ONCE):
        writes = [
            {"$type": "com.atproto.repo.applyWrites#create", "collection": collection, "value": record}
            for collection, record in records[start : start + WRITES_AT_ONCE]
        ]
        await client.post("com.atproto.repo.applyWrites", {"repo": member.did, "writes": writes}, member.token)


async def indexed(client: Client) -> None:
    """Wait until the index has all that was written, looking ten times a second: no one tells a client when."""
    while b"freehold_index_lag_events 0.0" not in await client.get("/metrics"):  # noqa: ASYNC110
        await asyncio.sleep(0.1)


def post(number: int, of: int) -> dict[str, Any]:
    """A post of 8 to 22 words, the same for the same number, each with a text of its own."""
    chance = random.Random(number)
    text = " ".join(chance.choices(WORDS, k=chance.randint(8, 22)))
    return {"text": f"{text} #{number}", "langs": ["en"], "createdAt": stamp(12 * 3600 * (1 - number / of))}


def stamp(seconds_ago: float) -> str:
    """A moment as records have it."""
    moment = time.time() - seconds_ago
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03d}Z"
