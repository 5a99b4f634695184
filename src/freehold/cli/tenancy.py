"""`freehold network list`: what a landlord serves, and how each network stands, in some lines for each.

In come directories; each network answers for itself, where it runs.
"""

import argparse
import asyncio
from collections.abc import Iterator

from freehold.cli import acting
from freehold.cli.archive import ago, sized
from freehold.cli.drill.report import FOLDER
from freehold.cli.terminal import Terminal
from freehold.haven import leaving
from freehold.protocol.refused import Refused
from freehold.site import Site


def main(given: argparse.Namespace) -> int:
    """All of them; the exit code is 1 if one could not be looked at."""
    troubles = 0
    for directory in given.directories:
        one = argparse.Namespace(directory=directory, module=__name__, acts=True)
        try:
            acting.perform(one, ["network", "show", str(directory)])
        except Refused as refused:
            troubles += 1
            url = leaving.gone_to(directory)
            print(f"{directory}\n    {f'left for {url}' if url else refused.say}")
    return int(bool(troubles))


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """One of them."""
    for line in await asyncio.to_thread(lambda: list(lines(site))):
        terminal.say(line)


def lines(site: Site) -> Iterator[str]:
    """What it is, how large, and what stands ready."""
    served = "" if site.served else ", not served just now"
    yield f"{site.directory}\n    {site.network.choices.name}, {site.place.base_url}{served}"
    files = [path.stat().st_size for path in map(site.files.path, site.files.cids()) if path.exists()]
    truth = sum(path.stat().st_size for path in site.directory.glob("truth.db*"))
    yield f"    {site.accounts.count_all()} accounts, {sized(truth)}; {len(files)} files, {sized(sum(files))}"
    for peer, state in site.haven.states():
        yield f"    standby {peer.name}: {state}"
    for archive in site.archiving.states():
        yield f"    archive {archive.name}: holds all until {ago(site.clock(), archive.memory.sent_at)}"
    drills = sorted((site.directory / FOLDER).glob("*.json"))
    yield f"    last drill: {drills[-1].stem if drills else 'never'}"
