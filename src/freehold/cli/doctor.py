"""`freehold doctor`: check everything that can be checked, and say what to do."""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from freehold.cli.opening import assure_network, opened
from freehold.cli.rebuild import catch_up
from freehold.identity.publish import Publisher
from freehold.pds.checkup import Checkup, Finding
from freehold.protocol.refused import Refused
from freehold.site import Site
from freehold.store.connection import damage
from freehold.store.lock import DirectoryLock

POSTS = {"low": "app.bsky.feed.post/", "high": "app.bsky.feed.post0"}


def main(given: argparse.Namespace) -> int:
    """Print findings; exit 1 if there are any that are damage. The network must not be running meanwhile."""
    assure_network(given.directory)
    with DirectoryLock(given.directory):
        broken = list(files(given.directory))
    if broken:
        show("✗", broken)
        print("Damage was found. Nothing else can be checked before that is mended.")
        return 1
    with opened(given.directory) as site:
        found = [*repositories_and_blobs(site), *asyncio.run(identities(site))]
        show("✗", found)
        show("!", [*index(site), *advice(site)])
        print("Damage was found." if found else "All repositories, blobs and databases are whole.")
    return 1 if found else 0


def show(mark: str, findings: Iterable[Finding]) -> None:
    """Two lines for each: what is the matter, what to do."""
    for finding in findings:
        print(f"{mark} {finding.about}: {finding.say}\n  → {finding.todo}")


def repositories_and_blobs(site: Site) -> Iterator[Finding]:
    """Every repository and every blob, with a bar for each."""
    checkup = Checkup(site.truth, site.accounts, site.files)
    hidden = not sys.stderr.isatty()
    for account in tqdm(list(checkup.accounts()), "repositories", disable=hidden):
        if found := checkup.repository(account):
            yield found
    for found in tqdm(checkup.blobs(), "blobs", disable=hidden):
        if found:
            yield found


def files(directory: Path) -> Iterator[Finding]:
    """Are the two databases sound as SQLite files? The index may be absent."""
    for name, todo in (
        ("truth.db", "Put a copy of the whole network in its place; do not go on with this one."),
        ("index.db", f"It can be made anew, nothing is lost: freehold rebuild {directory}"),
    ):
        path = directory / name
        if path.exists() and (wrong := damage(path)):
            yield Finding(name, f"The file is damaged: {wrong}", todo)


def index(site: Site) -> Iterator[Finding]:
    """Does the index show the posts that the repositories hold, once it has caught up? One that nobody asks, or that
    the next start rebuilds, may hold what it likes."""
    if site.settings.host_only or site.index.outdated:
        return
    asyncio.run(catch_up(site))
    with site.truth.reading() as tx:
        held = _count(tx.one("SELECT count(*) FROM repo_record WHERE path > :low AND path < :high", **POSTS))
    with site.index_db.reading() as tx:
        shown = _count(tx.one("SELECT count(*) FROM post WHERE cid IS NOT NULL"))
    if held != shown:
        say = f"It shows {shown} posts; the repositories hold {held} (some may be malformed)."
        yield Finding("index.db", say, f"If posts are missing, make it anew: freehold rebuild {site.directory}")


async def identities(site: Site) -> list[Finding]:
    """With plc = both: does the public directory say the same as ours?"""
    if site.settings.plc != "both":
        return []
    publisher = Publisher(site.truth, site.client, site.settings.public_plc)
    found = []
    for account in site.snapshot.accounts():
        try:
            if await publisher.difference(account.did):
                say = "The public directory says otherwise about this DID than ours."
                found.append(Finding(account.handle, say, "Start the network; its job sends what is missing."))
        except Refused as refused:
            found.append(
                Finding(account.handle, f"The public directory could not be asked: {refused.say}", "Try later.")
            )
            break
    await site.client.close()
    return found


def advice(site: Site) -> Iterator[Finding]:
    """What is not damage but should be known."""
    if site.settings.unlock == "file" and not (site.directory / "unlock.key").is_symlink():
        say = "The key that opens sealed values lies on the same disk: who steals the disk has it too."
        yield Finding("unlock.key", say, "Keep the file on another disk and leave a symbolic link to it here.")
    for job in site.jobs.given_up():
        say = f"“{job.kind}” was given up after {job.attempts} attempts ({job.failure})."
        yield Finding(f"job {job.id}", say, "Find out why in the log.")
    if not site.network.choices.claimed:
        yield Finding("owner", "Nobody has claimed this network.", "Start it and type the code into the first page.")


def _count(row: tuple[int] | None) -> int:
    return row[0] if row else 0
