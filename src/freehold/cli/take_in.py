"""`freehold import`: an account's repository replaced by that of a CAR file."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from freehold.cli.account import one
from freehold.cli.opening import opened
from freehold.protocol.refused import InvalidRequest
from freehold.site import Site

PIECE_BYTES = 1 << 20


def main(given: argparse.Namespace) -> None:
    """Check the whole file, then replace. The network must not be running meanwhile."""
    if not given.file.is_file():
        raise InvalidRequest(f"There is no file {given.file}.")
    with opened(given.directory) as site:
        asyncio.run(take_in(site, given.handle, given.file))


async def take_in(site: Site, name: str, file: Path) -> None:
    """Replace the repository and say what is in it now."""
    account = one(site, name)
    done = await site.imports.take_in(account, pieces(file))
    records = sum(1 for _ in site.snapshot.records(account))
    missing = len(site.blobs.missing(account.id, None, 1000))
    print(f"{account.handle} has {records} records now, at revision {done.rev}.")
    if missing:
        print(f"{missing} blobs that they name are not here yet: upload them with com.atproto.repo.uploadBlob.")


async def pieces(file: Path) -> AsyncIterator[bytes]:
    """The file, piece by piece."""
    with file.open("rb") as opened_file:
        while piece := opened_file.read(PIECE_BYTES):
            yield piece
