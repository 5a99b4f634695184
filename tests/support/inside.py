"""A network inside the test's own process, on a clock that the test moves.

`opened` is a `Site` without doors; `calling` an HTTP client that speaks straight to its doors, without a socket;
`served` puts it behind the real server on a free port, for whoever needs a websocket.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from freehold.cli import dev
from freehold.cli.doors import behind_proxies, config_of
from freehold.cli.opening import shared_by
from freehold.pds.pictures.workshop import Workshop
from freehold.server import Networks
from freehold.settings import Settings
from freehold.site import Listening, Shared, Site
from freehold.store.clock import now_micros
from support.network import ADMIN_PASSWORD

SECOND = 1_000_000
HOUR = 3600 * SECOND
CHEAP: dict[str, Any] = {"password_memory_kib": 64, "password_rounds": 1}


class Clock:
    """Goes as time does, and further when it is told to."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return now_micros() + self.ahead

    def pass_by(self, micros: int) -> None:
        self.ahead += micros


def cheap_shared() -> Shared:
    """What the networks of one process use together, with passwords that cost no time."""
    return shared_by(Settings(**CHEAP))


@contextmanager
def opened(
    directory: Path,
    shared: Shared,
    clock: Callable[[], int] = now_micros,
    *,
    port: int = 8000,
    dev_mode: bool = True,
    several: bool = False,
    **settings: Any,
) -> Iterator[Site]:
    """A network without doors."""
    shared = shared._replace(workshop=Workshop())  # its children belong to one event loop
    site = Site(
        directory, Settings(**{**CHEAP, **settings}), Listening(port, dev=dev_mode, several=several), shared, clock
    )
    site.admin_password = ADMIN_PASSWORD
    try:
        yield site
    finally:
        site.close()


@asynccontextmanager
async def calling(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the network's doors, while its steady work is done."""
    work = asyncio.create_task(site.run())
    networks = Networks([site], check_answers=True)
    transport = httpx.ASGITransport(networks)
    try:
        async with httpx.AsyncClient(transport=transport, base_url=site.place.base_url) as client:
            yield client
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await networks.stop()


@asynccontextmanager
async def served(
    directory: Path, shared: Shared, clock: Callable[[], int] = now_micros, **settings: Any
) -> AsyncIterator[Site]:
    """A network behind the real server, at `site.place.base_url`."""
    listener = socket.create_server(("127.0.0.1", 0))
    with opened(directory, shared, clock, port=listener.getsockname()[1], **settings) as site:
        await dev.prepare(site)
        networks = Networks([site], check_answers=True)
        server = uvicorn.Server(config_of(behind_proxies(networks)))
        work = asyncio.create_task(site.run())
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield site
        finally:
            server.should_exit = True
            work.cancel()
            await asyncio.gather(serving, work, return_exceptions=True)
            await networks.stop()
