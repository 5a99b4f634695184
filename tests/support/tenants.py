"""Several networks in one process of one operator, and a machine of another operator that one of them leaves for."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec

from support.command import Done, freehold
from support.network import CHEAP, START_SECONDS, TESTS, Person, RunningNetwork

LINE = re.compile(r"(?:leave NETWORK --to|add) tls://\S+:(\d+) --code (\S+)")


async def command(*words: object, given: str = "") -> Done:
    """Run one beside the test."""
    return await asyncio.to_thread(freehold, *words, given=given)


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def furnished(directory: Path, settings: str = CHEAP) -> Path:
    """A directory in which a network is to be made, or to come."""
    directory.mkdir(exist_ok=True)
    (directory / "settings.toml").write_text(settings)
    return directory


@asynccontextmanager
async def visiting(directory: Path, timeout: float = 30) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the network in that directory, under the name that it has among others."""
    url = httpx.URL(msgspec.json.decode((directory / "dev.json").read_bytes())["url"])
    here = url.copy_with(host="127.0.0.1")
    async with httpx.AsyncClient(base_url=here, headers={"host": url.netloc.decode()}, timeout=timeout) as http:
        yield http


async def place_for(directory: Path, *more: str) -> tuple[str, str]:
    """Have the other operator make a place; the address and the code that they hand on."""
    made = await command("network", "receive", directory, "--listen", f"127.0.0.1:{free_port()}", *more)
    found = LINE.search(made.out)
    assert found, made
    return f"tls://127.0.0.1:{found[1]}", found[2]


@contextmanager
def waiting(directory: Path, port: str = "0", module: str = "support.network_child") -> Iterator[RunningNetwork]:
    """A standby, or a place for a network, in a process of its own. Once it is the network, `wait` for it."""
    log = directory / "stderr.log"
    path = os.pathsep.join(filter(None, (TESTS, os.environ.get("PYTHONPATH"))))
    words = [sys.executable, "-m", module, str(directory), "--dev", "--port", port]
    with log.open("wb") as stderr:
        child = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": path}, stdout=stderr, stderr=stderr)
    machine = RunningNetwork(directory, child, log)
    patience = time.monotonic() + START_SECONDS
    try:
        while not (directory / "control.sock").exists():
            assert child.poll() is None, machine.log()
            assert time.monotonic() < patience, machine.log()
            time.sleep(0.02)
        yield machine
    finally:
        machine.stop()


class Neighbour(NamedTuple):
    """A network beside the one that leaves, with somebody who reads and writes all the time."""

    directory: Path
    answers: list[float]
    failures: list[object]

    @classmethod
    def of(cls, directory: Path) -> "Neighbour":
        return cls(directory, [], [])

    async def live(self) -> None:
        """Read and write until cancelled."""
        async with visiting(self.directory) as http:
            person = await Person.join(http, domain=f".{self.directory.name}.test")
            while True:
                began = time.monotonic()
                try:
                    await person.post("life goes on")
                    await person.get("app.bsky.feed.getTimeline", limit=5)
                except Exception as failure:
                    self.failures.append(failure)
                self.answers.append(time.monotonic() - began)
                await asyncio.sleep(0.01)
