"""`freehold restore`: a network put back from an archive, on a machine that has nothing of it.

It is made beside DIRECTORY and takes its name when it is whole: what is broken off is taken for no network, and goes on
with the pictures that are there already when the command is given again. Before anybody is served, what was erased
after the moment restored is erased again, and the stream leaps beyond what others may have seen.
"""

import argparse
import asyncio
import os
import shutil
from pathlib import Path

from freehold import settings as all_settings
from freehold.cli.opening import opened
from freehold.cli.terminal import LocalTerminal
from freehold.haven import machine
from freehold.haven.archive import places, stores
from freehold.haven.archive.forms import Gone
from freehold.haven.archive.restoring import Restored, Restorer, open_key
from freehold.haven.archive.sealing import ArchiveKey
from freehold.haven.delivered import FEEDS, put_feeds
from freehold.haven.machine import Machine
from freehold.pds import forgetting
from freehold.pds.resumption import resume
from freehold.pds.writes import MAX_WRITES, Delete
from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import format_datetime, parse_datetime
from freehold.site import Site
from freehold.store.files import write_durably
from freehold.store.keyring import NETWORK_KEY, UNLOCK_KEY, wrapped
from freehold.store.sealed import UnlockKey

LAST_MICRO = 999
"""Of a millisecond: moments are told to the millisecond, and one that was told as held is to be restored."""


def main(given: argparse.Namespace) -> int:
    """Restore. Raises InvalidRequest, OutOfReach, WrongPassphrase, Altered, NothingThere."""
    directory: Path = given.directory
    if directory.exists() and any(directory.iterdir()):
        raise InvalidRequest(f"{directory} is not empty. A network is restored into a directory of its own.")
    at = parse_datetime(given.at) + LAST_MICRO if given.at else None
    beside = directory.with_name(directory.name + ".restoring")
    until = asyncio.run(_restore(stores.parse(given.address), beside, at))
    if directory.exists():
        directory.rmdir()
    beside.rename(directory)
    print(f"The network as it was at {format_datetime(until)} is in {directory}.")
    print(f"It is opened by {directory / UNLOCK_KEY}, which was made now. It goes on with its archives: let no other")
    print(f"copy of it run. To start it: freehold run {directory}")
    return 0


async def _restore(address: stores.Address, beside: Path, at: int | None) -> int:
    """All of it into the folder `beside`; up to which moment."""
    terminal = LocalTerminal()
    store = places.open_store(address)
    key = open_key(store, await terminal.ask_secret("Recovery passphrase: "))
    try:
        restored = Restorer(store, key, terminal.progress).restore(beside, at)
        _put_papers(beside, restored)
        await _settle(beside, restored, key, terminal)
    finally:
        terminal.close()
    return restored.until


def _put_papers(directory: Path, restored: Restored) -> None:
    """Keys, wrapped by a new unlock key; settings, but for where that one comes from; the newest epoch."""
    for stale in (NETWORK_KEY, UNLOCK_KEY, "index.db", "index.db-wal", "index.db-shm"):
        (directory / stale).unlink(missing_ok=True)
    unlock = UnlockKey.from_file(directory / UNLOCK_KEY)
    write_durably(directory / NETWORK_KEY, wrapped(restored.ring, [unlock]))
    write_durably(directory / all_settings.FILE, restored.settings)
    if restored.feeds is not None:
        put_feeds(directory / FEEDS, restored.feeds)
    all_settings.put(directory, "unlock", "file")
    machine.write(directory, Machine(os.urandom(16).hex(), "primary", restored.epoch + 1))


async def _settle(directory: Path, restored: Restored, key: ArchiveKey, terminal: LocalTerminal) -> None:
    with opened(directory) as site:
        newest = site.log.last
        resume(
            site.truth,
            site.accounts,
            site.repositories,
            everything=restored.tail,
            told=lambda done, total: terminal.progress("repositories", done, total),
        )
        erased = await erase_again(site, key, [each for each in restored.gone if each.seq > newest])
        while site.truth.write_sync(lambda tx: forgetting.sweep(tx, tx.now + 1)):
            pass  # the stream too: whoever follows it is told to fetch anew after a restore
        if erased:
            terminal.say(f"Erased again, for it was erased after that moment: {erased} accounts and records.")
        await site.stop()
    shutil.rmtree(directory / "archives", ignore_errors=True)


async def erase_again(site: Site, key: ArchiveKey, gone: list[Gone]) -> int:
    """Delete the accounts and records that are named by their hashes; how many there were."""
    hashes = {each.hash for each in gone}
    if not hashes:
        return 0
    count = 0
    for account in list(site.snapshot.accounts()):
        if key.erased(account.did) in hashes:
            await site.members.delete(account)
            count += 1
            continue
        records = site.snapshot.records(account)
        paths = [path for path, _, _ in records if key.erased(account.did, path) in hashes]
        deletes = [Delete(collection, rkey) for collection, _, rkey in (path.partition("/") for path in paths)]
        for first in range(0, len(deletes), MAX_WRITES):
            await site.writes.write(account.did, deletes[first : first + MAX_WRITES])
        count += len(deletes)
    return count
