"""Two networks in the test's process: one takes in what is said in the other. One directory of identities for both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from freehold.outside.sources import Source
from freehold.site import Shared, Site
from support.inside import served
from support.network import PATIENCE_SECONDS, Person

LOOK_SECONDS = 0.2


@asynccontextmanager
async def two_networks(folder: Path, shared: Shared, **settings: Any) -> AsyncIterator[tuple[Site, Site]]:
    """(here, there). settings: of here."""
    async with served(folder / "here", shared, **settings) as here:
        directory = f"{here.place.base_url}/plc"
        async with served(folder / "there", shared, plc=directory) as there:
            yield here, there


def source(site: Site, *, relay: bool = False) -> Source:
    """A network as something to listen to."""
    return Source(site.place.base_url, relay)


@asynccontextmanager
async def at(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """Its doors."""
    async with httpx.AsyncClient(base_url=site.place.base_url, timeout=30) as http:
        yield http


async def until(site: Site, seen: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is seen in a network's views, looking whenever its index has moved, and now and then for
    what its process learns a moment after that."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            stroke = site.index.moved.next
            if await seen():
                return
            await stroke.wait(LOOK_SECONDS)


async def timeline(person: Person) -> list[str]:
    """The texts of somebody's home."""
    feed = (await person.get("app.bsky.feed.getTimeline"))["feed"]
    return [item["post"]["record"]["text"] for item in feed]


def shows(person: Person, *texts: str) -> Callable[[], Awaitable[bool]]:
    """Whether somebody's home holds these posts, the newest first, and no others."""

    async def look() -> bool:
        return await timeline(person) == list(texts)

    return look
