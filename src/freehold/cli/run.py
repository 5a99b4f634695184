"""`freehold run`: serve networks until told to stop."""

import argparse
import os
import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path

import uvloop

from freehold import settings as all_settings
from freehold.cli import dev, logs
from freehold.cli.departing import go_on
from freehold.cli.doors import Doors, Server, bound
from freehold.cli.hosting import Host
from freehold.cli.opening import Promoted, open_site, open_sites, shared_by
from freehold.cli.standing_by import DoorsOf, stand_by
from freehold.cli.workers.hiring import Workers
from freehold.haven import machine
from freehold.server import Networks
from freehold.settings import BadSetting, Settings
from freehold.site import Listening, Shared, Site

DEPARTING = ("leaving", "left")
ADMIN_VARIABLE = "FREEHOLD_ADMIN_PASSWORD"


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
        "workers": given.workers,
    }

    def load(directory: Path) -> Settings:
        return all_settings.load(directory, **said)

    settings = [load(directory) for directory in directories]
    for each in settings:
        assure_shareable(each)
    logs.set_up(settings[0].log_level)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what a crash leaves behind would hold keys
    doors_of = partial(bound, settings, given.port, named=bool(given.domain))
    promoted = None
    for directory, each in zip(directories, settings, strict=True):
        if machine.read(directory).role == "standby":
            promoted = stood_by(directory, each, doors_of, len(directories))
            if promoted is None:
                return 0
    settings = [load(directory) for directory in directories]  # a standby may have been given those of the network
    with doors_of() as doors:
        listening = Listening(doors.port, dev=given.dev, several=len(directories) > 1)
        departing = [directory for directory in directories if machine.read(directory).role in DEPARTING]
        served = [each for each in zip(directories, settings, strict=True) if each[0] not in departing]
        shared = promoted.shared if promoted else shared_by(settings[0])
        sites = open_sites(served, listening, shared, promoted.warm if promoted else None)
        uvloop.run(serve(sites, departing, doors, load, listening, shared))
    return 0


def assure_shareable(settings: Settings) -> None:
    """Raises BadSetting for what one process alone can do."""
    if settings.workers == 1:
        return
    if settings.https:
        raise BadSetting("workers goes with a proxy that has the certificate: https is served by one process alone.")
    if settings.unlock == "prompt":
        raise BadSetting("workers and unlock = prompt do not go together: each process needs the unlock key.")
    if not hasattr(os, "memfd_create"):
        raise BadSetting("workers needs Linux.")


def stood_by(directory: Path, settings: Settings, doors_of: DoorsOf, networks: int) -> Promoted | None:
    """What the standby in `directory`, which followed meanwhile, goes on with; None where it was not promoted.

    Raises BadSetting, AlreadyRunning.
    """
    if networks > 1:
        raise BadSetting(f"{directory} is a standby: run it in a process of its own.")
    return stand_by(directory, settings, doors_of)


async def serve(
    sites: list[Site],
    departing: list[Path],
    doors: Doors,
    load: Callable[[Path], Settings],
    listening: Listening,
    shared: Shared,
) -> None:
    """Serve `sites`, and those that come to them, until a signal comes or one of their tasks fails.

    departing: directories of networks that left, or are about to, for another operator's machine.
    """
    networks = Networks(sites, shared)
    added = listening._replace(several=True)

    def open_one(directory: Path, settings: Settings) -> Site:
        known = any(site.directory == directory for site in sites)
        return open_site(directory, settings, listening if known else added, shared)

    host = Host(networks, doors, load, open_one, prepare_for_dev if listening.dev else nothing)
    for directory in departing:
        host.begin(go_on(host, directory))
    count = sites[0].settings.workers if sites else 1
    server = Server(networks, doors, count)
    if count > 1:
        server.after_begin.append(lambda: host.begin(Workers(networks, doors, server, count - 1).run()))
    await host.serve(server)


async def prepare_for_dev(site: Site) -> None:
    """What --dev opens."""
    site.admin_password = os.environ.get(ADMIN_VARIABLE, "")
    await dev.prepare(site)


async def nothing(site: Site) -> None:
    """Without --dev."""
