"""`python -m bench.moved`: how long `freehold domain move` takes for so many members, in the network's own directory.

Members are identities, handles and accounts as the product makes them, without posts and without the cost of a
password: a move touches neither. What is timed is the command that an operator types, on a network that nobody serves.
"""

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.network import FREEHOLD
from freehold.cli.opening import shared_by
from freehold.identity import plc_directory
from freehold.pds.accounts import New
from freehold.protocol.keys import K256Key
from freehold.settings import Settings
from freehold.site import Listening, Site
from freehold.store.tx import Tx

OLD, NEW = "old.example", "new.example"
AT_ONCE = 500
TO_REACH_SECONDS = 60


@contextmanager
def opened(directory: Path, settings: Settings) -> Iterator[Site]:
    """A network that nobody serves."""
    shared = shared_by(settings)
    site = Site(directory, settings, Listening(port=0, stay=not settings.domain), shared)
    try:
        yield site
    finally:
        site.close()
        shared.passwords.close()


def member(site: Site, tx: Tx, handle: str) -> str:
    """An account without a repository, made without the cost of a password; its DID."""
    key = K256Key.from_raw(secrets.token_bytes(32))
    genesis = site.register.genesis(handle, key.did_key)
    site.register.record(tx, genesis)
    return site.accounts.add(tx, New(genesis.did, handle, "member", None, None, key)).did


def fill(directory: Path, members: int) -> list[str]:
    """A network of so many; their DIDs."""
    found: list[str] = []
    with opened(directory, Settings(domain=OLD, password_memory_kib=64, password_rounds=1)) as site:
        for first in range(0, members, AT_ONCE):
            names = [f"m{n}.{OLD}" for n in range(first, min(first + AT_ONCE, members))]
            found += site.truth.write_sync(lambda tx, names=names: [member(site, tx, name) for name in names])
    return found


def assure_moved(directory: Path, dids: list[str]) -> None:
    """Every identity names the new place and the new handle."""
    with opened(directory, Settings()) as site, site.truth.reading() as tx:
        for number, did in enumerate(dids):
            operation = plc_directory.entries(tx, did)[-1].operation
            assert operation["alsoKnownAs"] == [f"at://m{number}.{NEW}"], operation
            assert operation["services"]["atproto_pds"]["endpoint"] == f"https://{NEW}", operation


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.moved", description="How long a move to another name takes.")
    parser.add_argument("--members", type=int, default=10_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as folder:
        directory = Path(folder) / "town"
        dids = fill(directory, given.members)
        load, began, before = os.getloadavg()[0], time.monotonic(), os.times()
        words = [str(FREEHOLD), "domain", str(directory), "move", NEW, "--yes"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        seconds, after = time.monotonic() - began, os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        assure_moved(directory, dids)
    print(
        f"{given.members} members moved in {seconds:.1f} s (to reach: {TO_REACH_SECONDS} for 10,000),"
        f" CPU {cpu:.1f} s, load {load:.1f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
