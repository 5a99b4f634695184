"""`freehold verifier`: whom the network trusts to confirm that accounts are whose they say they are."""

import argparse

from freehold.cli.label import did_of
from freehold.cli.terminal import Terminal
from freehold.pds import verifiers
from freehold.site import Site


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Name somebody, or take it back; without a name, say who is named."""
    if given.subject is None:
        with site.truth.reading() as tx:
            named = verifiers.all_of(tx)
        for did in named:
            terminal.say(_called(site, did))
        if not named:
            terminal.say("Nobody is named: no account is shown as verified.")
        return
    did = did_of(site, given.subject)
    change = verifiers.unname if given.undo else verifiers.name
    changed = await site.write_private(lambda tx: change(tx, did))
    verb = "verifies others no longer" if given.undo else "verifies others"
    terminal.say(f"{_called(site, did)} {verb}{'.' if changed else ': it was so already.'}")


def _called(site: Site, did: str) -> str:
    account = site.accounts.find(did)
    return f"{account.handle} ({did})" if account is not None else did
