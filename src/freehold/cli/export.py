"""`freehold export`: an account's repository as a CAR file."""

import argparse

from freehold.cli.account import one
from freehold.cli.terminal import Terminal
from freehold.site import Site


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Write the file."""
    account = one(site, given.handle)
    size = await terminal.write_file(given.file, await site.exports.repo(account))
    terminal.say(f"The repository of {account.handle} is in {given.file} ({size} bytes).")
