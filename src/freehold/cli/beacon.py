"""`freehold beacon`: what the network says of where it is, and the file of it for any web host."""

import argparse
from collections.abc import AsyncIterator

from freehold.cli.terminal import Terminal
from freehold.pds.beacon import payload_of
from freehold.site import Site

PATH = "/.well-known/freehold-beacon"


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do what the words say."""
    await site.truth.write(site.beacons.renew)
    if given.act == "publish":
        await terminal.write_file(given.to, _once(site.beacons.document), replace=True)
        terminal.say(f"Serve {given.to} as {PATH} at a spare door, and give this command again before it expires.")
    show(site, terminal)


def show(site: Site, terminal: Terminal) -> None:
    """What it says, and by which key."""
    beacon = payload_of(site.beacons.document)
    lines = [("network", beacon.network), ("at", beacon.url)]
    lines += [("spare door", door) for door in beacon.doors]
    lines += [("directory", url) for url in beacon.directories]
    lines += [("number", str(beacon.number)), ("expires", beacon.expires), ("key", site.beacons.public_key())]
    for name, what in lines:
        terminal.say(f"{name:<11} {what}")


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
