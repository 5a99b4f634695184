"""`freehold import`: an account's repository replaced by that of a CAR file."""

import argparse

from freehold.cli.account import one
from freehold.cli.terminal import Terminal
from freehold.site import Site


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Check the whole file, then replace, and say what is there now."""
    account = one(site, given.handle)
    done = await site.imports.take_in(account, terminal.read_file(given.file))
    records = sum(1 for _ in site.snapshot.records(account))
    missing = len(site.blobs.missing(account.id, None, 1000))
    terminal.say(f"{account.handle} has {records} records now, at revision {done.rev}.")
    if missing:
        terminal.say(f"{missing} blobs that they name are not here yet: upload them with com.atproto.repo.uploadBlob.")
