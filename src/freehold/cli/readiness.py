"""`freehold readiness`: what this network depends on outside of itself, what stands ready for each, what was rehearsed.

In comes an open network; out come lines, one for each thing that can be lost: `✓` something else takes its place, `!`
with what to do, `✗` nothing does.
"""

import argparse
import asyncio
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from freehold.cli.archive import ago
from freehold.cli.drill import report
from freehold.cli.terminal import Terminal
from freehold.site import Site

OLD_DAYS = 30
SOON_DAYS = 7
DAY_MICROS = 86_400 * 1_000_000
GOOD, DOUBT, BAD = "✓", "!", "✗"


class Line(NamedTuple):
    """mark: one of the three. what: can be lost. say: what then."""

    mark: str
    what: str
    say: str


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> int:
    """Say all of it; the exit code is 1 if something that is lost would not come back."""
    lines = await asyncio.to_thread(lambda: list(all_of(site)))
    for line in lines:
        terminal.say(f"{line.mark} {line.what:<22} {line.say}")
    return int(any(line.mark == BAD for line in lines))


def all_of(site: Site) -> Iterator[Line]:
    """Everything outside, in the order in which it hurts."""
    yield machine(site)
    yield archives(site)
    yield drill(site)
    yield unlock(site)
    yield name(site)
    yield certificate(site)
    yield directory(site)
    yield front(site)
    yield mail(site)


def machine(site: Site) -> Line:
    """The machine that this runs on, and its disk."""
    states = site.haven.states()
    ready = [peer.name for peer, state in states if state == "in step" and peer.sync]
    if not states:
        return Line(BAD, "this machine", f"there is no second one: freehold standby {site.directory} --help")
    if not ready:
        return Line(DOUBT, "this machine", "no standby that writes wait for is in step just now")
    if site.haven.witness_state() != "grants":
        return Line(GOOD, "this machine", f"{', '.join(ready)} has everything; a person promotes it")
    return Line(GOOD, "this machine", f"{', '.join(ready)} has everything, and takes over by itself")


def archives(site: Site) -> Line:
    """All machines at once, or somebody's mistake."""
    states, now = site.archiving.states(), site.clock()
    what = "all machines at once"
    if not states:
        return Line(BAD, what, f"there is no archive: freehold archive {site.directory} add file:///PATH")
    old = [state.name for state in states if now - state.memory.rehearsed_at > OLD_DAYS * DAY_MICROS]
    wrong = [state.name for state in states if state.memory.rehearsal]
    if wrong or old:
        which = ", ".join(wrong or old)
        return Line(DOUBT, what, f"try a restore: freehold archive {site.directory} rehearse NAME ({which})")
    newest = max(states, key=lambda state: state.memory.sent_at)
    return Line(GOOD, what, f"{newest.name} holds everything until {ago(now, newest.memory.sent_at)}")


def drill(site: Site) -> Line:
    """Whether losing the machine was ever tried."""
    held, what = report.newest(site.directory, "lost-machine"), "that it works"
    try_it = f"freehold drill {site.directory} lost-machine"
    if held is None:
        return Line(DOUBT, what, f"a lost machine was never rehearsed: {try_it}")
    age = (site.clock() - int(held.at.timestamp() * 1e6)) // DAY_MICROS
    if held.lost:
        return Line(BAD, what, f"the last drill lost {len(held.lost)} acknowledged things: {try_it}")
    mark = DOUBT if age > OLD_DAYS else GOOD
    return Line(mark, what, f"{age} days ago: back after {held.seconds_to_write:.1f} s, nothing lost")


def unlock(site: Site) -> Line:
    """The key without which nothing sealed opens."""
    if site.settings.unlock != "file":
        return Line(GOOD, "a stolen disk", f"the unlock key is not on it (unlock = {site.settings.unlock})")
    return Line(DOUBT, "a stolen disk", "the unlock key lies beside the data; `unlock` puts it elsewhere")


def name(site: Site) -> Line:
    """The domain and who answers for it."""
    if site.place.local:
        return Line(DOUBT, "the name", "this network is of this machine only")
    doors = ", ".join(site.settings.spare_doors)
    if not doors:
        return Line(DOUBT, "the name", f"{site.place.host} has no spare door (spare_doors); members' DIDs outlive it")
    return Line(GOOD, "the name", f"{site.place.host} has spare doors: {doors}; members' DIDs outlive it")


def certificate(site: Site) -> Line:
    """What browsers trust."""
    what = "the certificate"
    if site.certificates is None:
        return Line(GOOD, what, "it is the business of what stands before this network, or none is needed")
    days = site.certificates.days_left()
    if days is None or days < SOON_DAYS:
        return Line(DOUBT, what, "it ends within a week, or there is none: see the log")
    authority = urlsplit(site.settings.acme_directory).hostname or "its maker"
    return Line(GOOD, what, f"{days:.0f} days are left; if {authority} is lost, another authority takes acme_directory")


def directory(site: Site) -> Line:
    """Where identities are looked up."""
    what = "the identity directory"
    if site.settings.plc == "own":
        return Line(GOOD, what, "it is this network's own, and is copied with everything")
    if site.settings.plc == "both":
        return Line(GOOD, what, f"{site.settings.public_plc} has it too; this network's own goes on without it")
    return Line(DOUBT, what, f"only {site.settings.plc} has the identities of this network")


def front(site: Site) -> Line:
    """What stands between the network and a flood."""
    edges = site.edges.all()
    if not edges:
        return Line(DOUBT, "the shield", f"nothing stands before it: freehold edge {site.directory} make NAME")
    return Line(GOOD, "the shield", f"{len(edges)} edges, which may be thrown away: none has a key")


def mail(site: Site) -> Line:
    """Who takes letters."""
    host = urlsplit(site.settings.smtp_url).hostname
    if host is None:
        return Line(GOOD, "the mail server", "there is none; nobody needs one to sign in, to join or to recover")
    return Line(GOOD, "the mail server", f"without {host} no letters are sent; nobody needs them to sign in or recover")
