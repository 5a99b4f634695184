"""`freehold doctor`: check everything that can be checked, and say what to do."""

import argparse
import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

from freehold.cli import keys
from freehold.cli.rebuild import catch_up
from freehold.cli.terminal import LocalTerminal, Terminal
from freehold.identity.publish import Publisher
from freehold.outside.steady import LISTENING
from freehold.pds.checkup import Checkup, Finding
from freehold.protocol.refused import Refused
from freehold.site import Site
from freehold.store.connection import damage
from freehold.store.lock import DirectoryLock

POSTS = {"low": "app.bsky.feed.post/", "high": "app.bsky.feed.post0"}
OWN_POSTS_SHOWN = (
    "SELECT count(*) FROM post WHERE cid IS NOT NULL"
    " AND author NOT IN (SELECT a.id FROM actor a JOIN outside_repo r ON r.did = a.did)"
)
COMPARISONS = 20
"""How often the index is held against repositories that go on changing."""
INDEX_SECONDS = 10.0


def alone(directory: Path) -> int | None:
    """Before the network is opened: a damaged file may be the reason why it does not open."""
    with DirectoryLock(directory):
        broken = list(files(directory))
    return say_broken(broken, LocalTerminal()) if broken else None


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> int:
    """Say what was found; 1 if some of it is damage."""
    broken = await asyncio.to_thread(lambda: list(files(site.directory))) if site.served else []
    if broken:
        return say_broken(broken, terminal)
    found = [*await repositories_and_blobs(site, terminal), *await identities(site)]
    show("✗", found, terminal)
    show("!", [*await index(site), *advice(site)], terminal)
    terminal.say("Damage was found." if found else "All repositories, blobs and databases are whole.")
    return 1 if found else 0


def say_broken(broken: list[Finding], terminal: Terminal) -> int:
    """Files that are not databases any more: the exit code."""
    show("✗", broken, terminal)
    terminal.say("Damage was found. Nothing else can be checked before that is mended.")
    return 1


def show(mark: str, findings: Iterable[Finding], terminal: Terminal) -> None:
    """Two lines for each: what is the matter, what to do."""
    for finding in findings:
        terminal.say(f"{mark} {finding.about}: {finding.say}\n  → {finding.todo}")


async def repositories_and_blobs(site: Site, terminal: Terminal) -> list[Finding]:
    """Every repository and every blob, one after the other, beside whatever else is going on."""
    checkup = Checkup(site.truth, site.accounts, site.files)
    found = []
    accounts, cids = list(checkup.accounts()), checkup.blobs()
    for done, account in enumerate(accounts, 1):
        found.append(await asyncio.to_thread(checkup.repository, account))
        terminal.progress("repositories", done, len(accounts))
    for done, cid in enumerate(cids, 1):
        found.append(await asyncio.to_thread(checkup.blob, cid))
        terminal.progress("blobs", done, len(cids))
    return [finding for finding in found if finding is not None]


def files(directory: Path) -> Iterator[Finding]:
    """Are the two databases sound as SQLite files? The index may be absent."""
    for name, todo in (
        ("truth.db", "Put a copy of the whole network in its place; do not go on with this one."),
        ("index.db", f"It can be made anew, nothing is lost: freehold rebuild {directory}"),
    ):
        path = directory / name
        if path.exists() and (wrong := damage(path)):
            yield Finding(name, f"The file is damaged: {wrong}", todo)


async def index(site: Site) -> list[Finding]:
    """Does the index show the posts that the repositories hold, once it has caught up?"""
    if site.settings.host_only:
        return []
    if not site.served:
        await catch_up(site)
    for _ in range(COMPARISONS):
        held, at = _held(site)
        if not await site.index.reached(at, INDEX_SECONDS):
            return [Finding("index.db", f"It is behind, at event {site.index.seq} of {at}.", "Ask again later.")]
        with site.index_db.reading() as tx:
            shown = _count(tx.one(OWN_POSTS_SHOWN))
        if held == shown:
            return []
        if site.index.seq == at:
            say = f"It shows {shown} posts; the repositories hold {held} (some may be malformed)."
            todo = f"If posts are missing, stop the network and make it anew: freehold rebuild {site.directory}"
            return [Finding("index.db", say, todo)]
    return [Finding("index.db", "Too much is being written to compare it.", "Ask again at a quieter time.")]


def _held(site: Site) -> tuple[int, int]:
    """How many posts the repositories hold, and after which event."""
    with site.truth.reading() as tx:
        held = _count(tx.one("SELECT count(*) FROM repo_record WHERE path > :low AND path < :high", **POSTS))
        return held, _count(tx.one("SELECT coalesce(max(seq), 0) FROM event"))


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
    return found


def advice(site: Site) -> Iterator[Finding]:
    """What is not damage but should be known."""
    if site.settings.unlock == "file" and not (site.directory / "unlock.key").is_symlink():
        say = "The key that opens sealed values lies on the same disk: who steals the disk has it too."
        yield Finding("unlock.key", say, "Keep the file on another disk and leave a symbolic link to it here.")
    for command in keys.unfinished(site):
        yield Finding("keys", "Another key was begun and is not everywhere yet.", command)
    for job in site.jobs.given_up():
        say = f"“{job.kind}” was given up after {job.attempts} attempts ({job.failure})."
        yield Finding(f"job {job.id}", say, "Find out why in the log.")
    if site.onion is not None and not site.onion.up:
        yield Finding("onion door", f"It is not open: {site.onion.state}.", "Look into the log for what tor says.")
    for one in site.outside.standing() if site.served else ():
        if one.state != LISTENING:
            todo = f"See whether it still answers; or: freehold outside {site.directory} drop {one.source.url}"
            yield Finding(one.source.url, f"It is not listened to just now: {one.state}.", todo)
    if site.settings.siege == "never":
        yield Finding("siege", "Under a flood members are not served before others.", 'Set siege = "auto".')
    if not site.network.choices.claimed:
        yield Finding("owner", "Nobody has claimed this network.", "Start it and type the code into the first page.")


def _count(row: tuple[int] | None) -> int:
    return row[0] if row else 0
