"""`freehold rebuild`: the index made anew from the repositories."""

import argparse
import asyncio
import time

from freehold.cli.opening import opened
from freehold.cli.reach import assure_network
from freehold.site import Site
from freehold.store.lock import DirectoryLock

FILES = ("index.db", "index.db-wal", "index.db-shm")


def main(given: argparse.Namespace) -> None:
    """Throw the file away, whatever its state, and fill a new one. The network must not be running meanwhile."""
    assure_network(given.directory)
    with DirectoryLock(given.directory):
        for name in FILES:
            (given.directory / name).unlink(missing_ok=True)
    with opened(given.directory) as site:
        began = time.monotonic()
        site.index.rebuild()
        asyncio.run(catch_up(site))
        print(f"The index is new, up to event {site.index.seq}. It took {time.monotonic() - began:.1f} s.")


async def catch_up(site: Site) -> None:
    """Apply what is in the logs beyond the rebuild."""
    while await site.index.catch_up():
        pass
