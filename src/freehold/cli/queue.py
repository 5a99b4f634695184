"""`freehold queue`: who waits to be let in, and the operator's word on them."""

import argparse
from datetime import UTC, datetime

from freehold.cli.terminal import Terminal
from freehold.site import Site

PAGE = 100


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do what the words say."""
    match given.act:
        case "list":
            await show(site, terminal)
        case "admit":
            account = await site.admission.let_in(site.admission.named(given.handle).did)
            terminal.say(f"{account.handle} is a member: {account.did}")
        case "decline":
            waits = site.admission.named(given.handle)
            await site.admission.decline(waits.did, given.because)
            terminal.say(f"{waits.handle} is declined, and is told so at the next sign-in.")


async def show(site: Site, terminal: Terminal) -> None:
    """One line for each, in order: handle, since when, DID; what they said is indented below."""
    after = 0
    while page := site.admission.line(after, PAGE):
        for one in page:
            since = datetime.fromtimestamp(one.applied_at / 1e6, UTC)
            terminal.say(f"{one.handle:<32} {since:%Y-%m-%d %H:%M}  {one.did}")
            for line in one.words.splitlines():
                terminal.say(f"    {line}")
        after = page[-1].place
        await terminal.drain()
