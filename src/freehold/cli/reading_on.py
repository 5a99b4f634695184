"""A network read from its standby's copy, while the primary is gone.

In come a directory that nobody writes to meanwhile, its index and what binds the doors; what the doors show is a `Site`
that is open to read only: sessions work, and every write is refused by name. Nobody is answered before the index has
all that the copy has, for members were told yes to that. It ends at once when it is told to.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

from freehold.appview.index import Index
from freehold.cli.doors import Doors, Server
from freehold.cli.hosting import settle_memory
from freehold.cli.opening import open_site
from freehold.pds.pictures.workshop import Workshop
from freehold.server import Networks
from freehold.settings import Settings
from freehold.site import Listening, Shared, Site

logger = logging.getLogger(__name__)

HURRY_SECONDS = 0.5
"""The primary waits, and gives up when that takes long: readers who go on are cut off."""
DoorsOf = Callable[[], AbstractContextManager[Doors]]
"""Binds the doors; what it gives closes them. Raises PortTaken."""


class ReadingOn:
    """Of the network in `directory`. shared: what its process uses anyway."""

    def __init__(self, directory: Path, settings: Settings, shared: Shared, doors_of: DoorsOf) -> None:
        self._directory, self._settings, self._doors_of = directory, settings, doors_of
        self._shared = shared._replace(workshop=Workshop())  # its children belong to one event loop

    async def serve(self, index: Index | None, over: asyncio.Event) -> bool:
        """Until `over`; or until a signal: True. Raises PortTaken, and what refuses to open a network."""
        with self._doors_of() as doors:
            listening = Listening(doors.port, read_only=True)
            words = self._directory, self._settings, listening, self._shared, index
            site = await asyncio.to_thread(open_site, *words)
            try:
                await _take_in_the_last(site)
                logger.warning("the primary of %s is gone: its copy is read here", self._directory)
                return await self._serve(site, doors, over)
            finally:
                await asyncio.to_thread(site.close)
                logger.warning("the copy of %s is not read here any more", self._directory)

    async def _serve(self, site: Site, doors: Doors, over: asyncio.Event) -> bool:
        networks = Networks([site])
        server = Server(networks, doors)
        tasks = [asyncio.create_task(work) for work in (server.serve([doors.plain]), site.run(), over.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            told_to_end = tasks[0].done()
            server.should_exit = True
            asyncio.get_running_loop().call_later(HURRY_SECONDS, setattr, server, "force_exit", True)
            await tasks[0]
            if tasks[1].done():
                tasks[1].result()
            return told_to_end
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await networks.stop()


async def _take_in_the_last(site: Site) -> None:
    """What came since the index was looked after last: a moment's work."""
    if not (site.settings.host_only or site.index.outdated):
        while await site.index.catch_up():
            pass


async def rehearse(shared: Shared) -> None:
    """Open an empty network, and close it: when a primary is lost, this process must not do so for the first time."""
    with TemporaryDirectory() as folder:
        words = Path(folder) / "network", Settings(), Listening(0, stay=True), shared
        site = await asyncio.to_thread(open_site, *words)
        Networks([site])
        await site.stop()
        await asyncio.to_thread(site.close)
    settle_memory()
