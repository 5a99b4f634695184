"""`freehold claim`: the code of three words that makes whoever types it into the first page the network's owner.

It lives in the memory of the running network only, so this asks there.
"""

import argparse

from freehold.cli.terminal import Terminal
from freehold.protocol.refused import Refused
from freehold.site import Site


class NothingToClaim(Refused):
    """The network has an owner, or nobody serves it."""

    name = "NothingToClaim"


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Say it, and where to type it."""
    if site.network.choices.claimed:
        raise NothingToClaim("This network has an owner already.")
    if not site.served or site.claim is None:
        raise NothingToClaim("The code is made when the network starts. Start it, and ask again.")
    terminal.say(f"Open {site.place.base_url} and type this code:\n\n    {site.claim.code}\n")
