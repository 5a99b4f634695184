"""`freehold export`: an account's repository as a CAR file."""

import argparse

from freehold.cli.account import one
from freehold.cli.opening import opened


def main(given: argparse.Namespace) -> None:
    """Write the file. The network must not be running meanwhile."""
    with opened(given.directory) as site:
        account = one(site, given.handle)
        part = given.file.with_name(given.file.name + ".part")
        with part.open("wb") as file:
            for piece in site.exports.pieces(account):
                file.write(piece)
        part.replace(given.file)
        print(f"The repository of {account.handle} is in {given.file} ({given.file.stat().st_size} bytes).")
