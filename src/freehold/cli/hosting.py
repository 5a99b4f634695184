"""Networks that one process serves, which come and go one by one while the others are served.

In come networks that are open, and directories of more; each is a *tenant* here: served, opened anew under another
name, let go. What is slow, opening and closing, happens on threads, so that nobody else waits for it.
"""

import argparse
import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from freehold.cli.control import Act, commanded
from freehold.cli.doors import Doors, Server
from freehold.cli.main import Misread, understand
from freehold.net.visits import App
from freehold.protocol.refused import InvalidRequest
from freehold.server import Networks, Waiting, misdirected
from freehold.settings import BadSetting, Settings
from freehold.site import Site

logger = logging.getLogger(__name__)

T = TypeVar("T")

PROXY_NEEDED = "a proxy with a certificate must stand before it"
ALIKE = ("https", "edges_only", "behind")
"""What a network must want as the first one does, to come in while the doors are open."""


class Tenant:
    """One network in this process."""

    def __init__(self, host: "Host", site: Site) -> None:
        self.site = site
        self._host, self._directory = host, site.directory
        self._going, self._gone, self._released = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._leaver: asyncio.Task[object] | None = None
        self._stand_in: App = misdirected

    async def keep(self) -> None:
        """Serve it until it is let go."""
        while True:
            waiting = Waiting(self._host.networks)
            await self._serve(waiting)
            if self._going.is_set():
                return
            try:
                await self._open_anew()
            finally:
                waiting.end()

    @asynccontextmanager
    async def letting_go(self, stand_in: App, act: asyncio.Task[object] | None) -> AsyncIterator[None]:
        """Within, it is closed. stand_in: answers under its names then. act: alone of its acts this one goes on."""
        if self._going.is_set():
            raise InvalidRequest("This network is being let go already.")
        self._leaver, self._stand_in = act, stand_in
        self._going.set()
        try:
            await self._gone.wait()
            yield
        finally:
            self._released.set()

    async def _serve(self, waiting: Waiting) -> None:
        """Until it is to go, or to be opened anew. Then it is closed."""
        site, networks = self.site, self._host.networks
        try:
            async with commanded(site, partial(understood, tenant=self)) as control:
                greet(site, self._host.doors)
                async with self._host.server.onion_door(site):
                    await self._until_over()
                    await networks.drop(site, self._stand_in if self._going.is_set() else waiting)
                await control.stop(sparing=self._leaver)
                await close(site)
                if self._going.is_set():
                    self._gone.set()
                    await self._released.wait()
                    await control.hear_out(self._leaver)
        finally:
            await close(site)

    async def _until_over(self) -> None:
        work = asyncio.create_task(self.site.run())
        signs = [asyncio.create_task(self.site.outdated.wait()), asyncio.create_task(self._going.wait())]
        try:
            await asyncio.wait([work, *signs], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for task in (work, *signs):
                task.cancel()
            await asyncio.gather(work, *signs, return_exceptions=True)

    async def _open_anew(self) -> None:
        """Under the name that it has by now. If that cannot be, the others are served without it."""
        try:
            self.site = await self._host.open_(self._directory)
        except Exception:
            if not self._host.networks.sites:
                raise
            self._going.set()
            logger.exception("%s could not be opened again", self._directory)

    @property
    def is_going(self) -> bool:
        """Will it be served no more?"""
        return self._going.is_set()

    @property
    def host(self) -> "Host":
        """The process that it is in."""
        return self._host


class Host:
    """All tenants of a process. load: the settings of a directory, as the words of the command want them. open_site:
    opens one with them; it blocks. prepare: done to each network before it is served."""

    def __init__(
        self,
        networks: Networks,
        doors: Doors,
        load: Callable[[Path], Settings],
        open_site: Callable[[Path, Settings], Site],
        prepare: Callable[[Site], Awaitable[None]],
    ) -> None:
        self.networks, self.doors = networks, doors
        self._load, self._open_site, self._prepare = load, open_site, prepare
        self._tenants: dict[asyncio.Task[None], Tenant] = {}
        self._beside: set[asyncio.Task[Any]] = set()

    def begin(self, work: Coroutine[object, object, T]) -> asyncio.Task[T]:
        """Work of the process, which ends with it."""
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)
        return task

    async def serve(self, server: Server) -> None:
        """Until `server` ends, by a signal, or a network's own work fails."""
        self.server = server
        sites = tuple(self.networks.sites)
        try:
            for site in sites:
                await self._prepare(site)
            settle_memory()
            async with asyncio.TaskGroup() as self._tasks:
                for site in sites:
                    self._keep(site)
                await server.serve(sockets=[self.doors.plain])
                for task in tuple(self._tenants):
                    task.cancel()
        finally:
            for beside in tuple(self._beside):
                beside.cancel()
            await asyncio.gather(*self._beside, return_exceptions=True)
            await self.networks.stop()
            for site in (*sites, *self.networks.sites):
                await close(site)

    async def add(self, directory: Path) -> Site:
        """Serve this one too from now on. Raises InvalidRequest, BadSetting, and what refuses to open it."""
        for task, tenant in tuple(self._tenants.items()):
            if same_folder(tenant.site.directory, directory):
                if not tenant.is_going:
                    raise InvalidRequest(f"{directory} is served here already.")
                await asyncio.wait([task])
        self._assure_alike(directory)
        site = await self.open_(directory)
        self._keep(site)
        return site

    def _assure_alike(self, directory: Path) -> None:
        settings = self._load(directory)
        for name in ALIKE:
            if any(getattr(settings, name) != getattr(site.settings, name) for site in self.networks.sites):
                raise BadSetting(f"{directory}: {name} is not as the networks of this process have it. Set it alike.")

    async def open_(self, directory: Path) -> Site:
        """Open it and answer under its names. Raises what refuses to open it."""
        settings = self._load(directory)
        site = await asyncio.to_thread(self._open_site, directory, settings)
        try:
            await self._prepare(site)
            self.networks.add(site)
        except BaseException:
            await close(site)
            raise
        return site

    def _keep(self, site: Site) -> None:
        tenant = Tenant(self, site)
        task = self._tasks.create_task(tenant.keep())
        self._tenants[task] = tenant
        task.add_done_callback(self._tenants.pop)


def understood(words: list[str], tenant: Tenant | None = None) -> tuple[argparse.Namespace, Act]:
    """What a command in another process wants done here. An act of the name `hosted` is about the process too, and is
    given the tenant. Raises Misread."""
    try:
        given = understand(words)
    except SystemExit:
        raise Misread("that is answered where it was typed") from None
    if not given.acts:
        raise Misread(f"“{given.command}” is not for a running network")
    module = import_module(given.module)
    if tenant is not None and hasattr(module, "hosted"):
        return given, partial(module.hosted, tenant)
    act: Act = module.act
    return given, act


async def close(site: Site) -> None:
    """Idempotent."""
    await site.stop()
    await asyncio.to_thread(site.close)


def same_folder(one: Path, other: Path) -> bool:
    """By whatever names."""
    return one.resolve() == other.resolve()


def settle_memory() -> None:
    """What the start made stays; what requests make dies young."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def greet(site: Site, doors: Doors) -> None:
    """Say where the network is, what must stand before it, and how to claim it."""
    say = [f"{site.network.choices.name} is at {site.place.base_url}"]
    if doors.tls is not None:
        say += [f"It serves https on port {doors.port}; port {doors.plain.getsockname()[1]} only leads there."]
    elif not site.place.local:
        host, port = doors.plain.getsockname()[:2]
        where = f"{host}:{port}" if host != "::" else f"port {port} of every address"
        proxy = f"the proxy at {site.settings.behind} speaks to it" if site.settings.behind else PROXY_NEEDED
        say += [f"It listens on {where} by plain http: {proxy}."]
    if site.claim is not None:
        say += ["", "It has no owner yet. Open that page and type this code:", "", f"    {site.claim.code}", ""]
    print("\n".join(say), file=sys.stderr, flush=True)
