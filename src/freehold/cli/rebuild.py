"""`freehold rebuild`: the index made anew from the repositories."""

import argparse
import asyncio
import time

from freehold.cli.opening import opened
from freehold.site import Site


def main(given: argparse.Namespace) -> None:
    """Empty the index and fill it again. The network must not be running meanwhile."""
    with opened(given.directory) as site:
        began = time.monotonic()
        site.index.rebuild()
        asyncio.run(catch_up(site))
        print(f"The index is new, up to event {site.index.seq}. It took {time.monotonic() - began:.1f} s.")


async def catch_up(site: Site) -> None:
    """Apply what is in the logs beyond the rebuild."""
    while await site.index.catch_up():
        pass
