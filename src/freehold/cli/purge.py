"""`freehold purge`: what was deleted leaves all archives now, and not when their window has passed."""

import argparse
import asyncio

from freehold.cli.terminal import Terminal
from freehold.pds import forgetting
from freehold.site import Site


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """A new base in every archive, and nothing older."""
    loop = asyncio.get_running_loop()

    def told(name: str) -> None:
        loop.call_soon_threadsafe(terminal.say, f"{name}: nothing older than now is there any more.")

    if not await asyncio.to_thread(site.archiving.states):
        terminal.say("There is no archive.")
        return
    await site.sweep()
    while await site.truth.write(lambda tx: forgetting.sweep(tx, tx.now + 1)):
        pass  # events keep it a day for those who follow; the new bases must not have it
    await asyncio.to_thread(site.archiving.purge, told)
