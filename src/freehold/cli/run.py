"""`freehold run`: serve networks until told to stop."""

import argparse
import asyncio
import os
import resource
import sys
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path

import uvloop

from freehold import settings as all_settings
from freehold.cli import dev, logs
from freehold.cli.control import Act, commanded
from freehold.cli.doors import Doors, Server, bound
from freehold.cli.main import Misread, understand
from freehold.cli.opening import open_sites
from freehold.cli.standing_by import stand_by
from freehold.haven import machine
from freehold.server import Networks
from freehold.settings import BadSetting, Settings
from freehold.site import Listening, Site

ADMIN_VARIABLE = "FREEHOLD_ADMIN_PASSWORD"
PROXY_NEEDED = "a proxy with a certificate must stand before it"


def main(given: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    directories: list[Path] = given.directories or [Path("network")]
    if given.domain and (given.dev or len(directories) > 1):
        raise BadSetting("--domain goes with one directory, and not with --dev. Set `domain` in each settings.toml.")
    said = {
        "domain": given.domain,
        "plc": given.plc,
        "host_only": True if given.only == "host" else None,
        "https": True if given.https else None,
        "behind": given.behind,
    }
    settings = [all_settings.load(directory, **said) for directory in directories]
    logs.set_up(settings[0].log_level)
    for directory, each in zip(directories, settings, strict=True):
        if machine.read(directory).role == "standby" and not stood_by(directory, each, len(directories)):
            return 0
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what a crash leaves behind would hold keys
    with bound(settings, given.port, named=bool(given.domain)) as doors:
        listening = Listening(doors.port, dev=given.dev, several=len(directories) > 1)
        anew = True
        while anew:  # once more after a move to another name
            sites = open_sites(directories, settings, listening)
            if given.dev:
                for site in sites:
                    site.admin_password = os.environ.get(ADMIN_VARIABLE, "")
            anew = uvloop.run(serve(sites, doors.lent(), given.dev))
            settings = [all_settings.load(directory, **said) for directory in directories]
    return 0


def stood_by(directory: Path, settings: Settings, networks: int) -> bool:
    """Whether the standby in `directory`, which followed meanwhile, was promoted. Raises BadSetting, AlreadyRunning."""
    if networks > 1:
        raise BadSetting(f"{directory} is a standby: run it in a process of its own.")
    return stand_by(directory, settings)


async def serve(sites: list[Site], doors: Doors, dev_mode: bool = False) -> bool:
    """Serve `sites` until a signal comes or one of their tasks fails; True if they are to be opened anew."""
    networks = Networks(sites)
    if dev_mode:
        for site in sites:
            await dev.prepare(site)
    server = Server(networks, doors)
    try:
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            work = tasks.create_task(networks.run())
            for site in sites:
                await stack.enter_async_context(commanded(site, understood))
                greet(site, doors)
            outdated = [tasks.create_task(end_when_outdated(site, server)) for site in sites]
            await server.serve(sockets=[doors.plain])
            for task in (work, *outdated):
                task.cancel()
    finally:
        await networks.stop()
        networks.close()
    return any(site.outdated.is_set() for site in sites) and not server.told_to_end


async def end_when_outdated(site: Site, server: Server) -> None:
    """Let connections end as for a stop; the doors stay, so that who comes meanwhile waits a little."""
    await site.outdated.wait()
    server.should_exit = True


def understood(words: list[str]) -> tuple[argparse.Namespace, Act]:
    """What a command in another process wants done here. Raises Misread."""
    try:
        given = understand(words)
    except SystemExit:
        raise Misread("that is answered where it was typed") from None
    if not given.acts:
        raise Misread(f"“{given.command}” is not for a running network")
    act: Act = import_module(given.module).act
    return given, act


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
        say += [
            "",
            "It has no owner yet. Open that page and type this code:",
            "",
            f"    {site.claim.code}",
            "",
        ]
    print("\n".join(say), file=sys.stderr, flush=True)
