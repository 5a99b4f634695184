"""Several networks in one process of one operator, and a machine of another operator that one of them leaves for."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
from bench.ports import free_port

from support.network import CHEAP, PASSWORD, Caller, Person, Refusal
from support.standbys import command

LINE = re.compile(r"leave NETWORK --to tls://\S+:(\d+) --code (\S+)")


def furnished(directory: Path, settings: str = CHEAP) -> Path:
    """A directory in which a network is to be made, or to come."""
    directory.mkdir(exist_ok=True)
    (directory / "settings.toml").write_text(settings)
    return directory


@asynccontextmanager
async def visiting(directory: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the network in that directory, under the name that it has among others."""
    url = httpx.URL(msgspec.json.decode((directory / "dev.json").read_bytes())["url"])
    here = url.copy_with(host="127.0.0.1")
    async with httpx.AsyncClient(base_url=here, headers={"host": url.netloc.decode()}, timeout=30) as http:
        yield http


async def signed_in(http: httpx.AsyncClient, person: Person) -> Person:
    """The same member, by the password that they always had."""
    given = {"identifier": person.did, "password": PASSWORD}
    return Person(http, await Caller(http).do("com.atproto.server.createSession", **given))


async def place_for(directory: Path) -> tuple[str, str]:
    """Have the other operator make a place; the address and the code that they hand on."""
    made = await command("network", "receive", directory, "--listen", f"127.0.0.1:{free_port()}")
    found = LINE.search(made.out)
    assert found, made
    return f"tls://127.0.0.1:{found[1]}", found[2]


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
                await asyncio.sleep(0.05)


@asynccontextmanager
async def living(neighbours: Sequence[Neighbour]) -> AsyncIterator[None]:
    """They read and write meanwhile, and no request of theirs may fail."""
    lives = [asyncio.create_task(neighbour.live()) for neighbour in neighbours]
    try:
        yield
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
    assert all(neighbour.answers for neighbour in neighbours)
    assert not [failure for neighbour in neighbours for failure in neighbour.failures]
    print("slowest answers of the others:", [round(max(neighbour.answers), 2) for neighbour in neighbours])


class Acknowledged(list[str]):
    """The addresses of what was acknowledged. ended: when the last of it was, in seconds of the monotonic clock."""

    ended = 0.0


@asynccontextmanager
async def writing(person: Person) -> AsyncIterator[Acknowledged]:
    """They write on until they are refused, or nobody is there."""
    acknowledged = Acknowledged()

    async def write() -> None:
        with suppress(Refusal, httpx.TransportError, ValueError):
            while True:
                acknowledged.append((await person.post("while it moves")).uri)
                acknowledged.ended = time.monotonic()

    writes = asyncio.create_task(write())
    yield acknowledged
    await writes
