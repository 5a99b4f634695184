"""`freehold takedown`: one record or file, no longer served or served again."""

import argparse

from freehold.cli.label import did_of, subject
from freehold.cli.terminal import Terminal
from freehold.site import Site


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do it, and say how to undo it."""
    takedowns = site.takedowns
    if given.subject.startswith("at://"):
        account, part = takedowns.record(subject(site, given.subject))
    else:
        name, _, cid = given.subject.partition("/")
        account, part = takedowns.blob(did_of(site, name), cid)
    if given.undo:
        await site.truth.write(lambda tx: takedowns.put_back(tx, account.did, part))
        terminal.say(f"{part} of {account.handle} is served again.")
        return
    await site.truth.write(lambda tx: takedowns.take_down(tx, account.did, part, given.ref))
    undo = f"freehold takedown {site.directory} {given.subject} --undo"
    terminal.say(f"{part} of {account.handle} is served no more. To undo: {undo}")
