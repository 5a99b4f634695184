"""`freehold offer`: posts that only a lost machine had, offered to those who wrote them."""

import argparse

from freehold.cli.terminal import Terminal
from freehold.pds.lost_posts import PARCEL_MAX_BYTES, read_parcel
from freehold.protocol.refused import InvalidRequest
from freehold.site import Site


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Take the file in. Raises InvalidRequest."""
    data = bytearray()
    async for piece in terminal.read_file(given.file):
        data += piece
        if len(data) > PARCEL_MAX_BYTES:
            raise InvalidRequest(f"{given.file} is larger than {PARCEL_MAX_BYTES // 1_000_000} MB.")
    taken = await site.lost_posts.take_in(read_parcel(bytes(data)))
    terminal.say(f"{taken.offered} posts are offered to those who wrote them, and shown to nobody else.")
    if taken.known:
        terminal.say(f"{taken.known} posts are here already.")
    if taken.unproven:
        terminal.say(f"{taken.unproven} commits were passed over: no key of a member here has signed them.")
