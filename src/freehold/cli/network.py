"""`freehold network`: networks of one process come and go, and one leaves for another operator's machine, whole.

The operator there says `receive`, and hands on the line that it prints; the one here says `leave`. What is begun is on
disk before anything hangs on it: a command that was broken off goes on when it is given again, and so does a process
that was killed (`departing`).
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

from freehold.cli import acting
from freehold.cli.departing import depart, until_cancelled
from freehold.cli.duties import before_leaving, behind_you, over_there
from freehold.cli.hosting import Tenant
from freehold.cli.keys import AlreadyRotating
from freehold.cli.standby import introduce_by_code
from freehold.cli.terminal import Terminal
from freehold.haven import leaving, machine, transport
from freehold.haven.leaving import NAME, Leaving, Told
from freehold.haven.machine import Peer
from freehold.haven.standby import make
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.server import misdirected, names_of
from freehold.site import Site

DAY = 86_400 * 1_000_000


class NotRunning(Refused):
    """Nobody serves the network."""

    kind, name = "conflict", "NotRunning"


# --- what is done where it is typed


def main(given: argparse.Namespace) -> int:
    """Make a place for a network that comes; or have a process serve one more."""
    if given.act == "receive":
        return receive(given.directory, given.listen)
    words = ["network", "add", "--there", str(given.new.absolute()), "--beside", str(given.directory)]
    return acting.perform(given, words)


def receive(directory: Path, listen: str) -> int:
    """Make the directory a standby's with an unlock key of its own, and say what the other operator types."""
    made, fingerprint, code = make(directory, listen, own_key=True)
    port = made.listen.rpartition(":")[2]
    print(f"A network can come to {directory}. Set there what is this machine's (settings.toml: unlock, port, https),")
    print(f"start it, and keep it running: freehold run {directory}")
    print("\nLet the operator who has the network type, where it runs:")
    print(f"    freehold network leave NETWORK --to tls://THIS-MACHINE:{port} --code {fingerprint}.{code}")
    return 0


def alone(directory: Path) -> NoReturn:
    """Where nobody serves the network. Raises NotRunning."""
    if url := leaving.gone_to(directory):
        raise NotRunning(f"The network that was in {directory} is at {url} now.")
    if machine.read(directory).role == "leaving":
        raise NotRunning(f"The network leaves, and goes on with that while its process runs: freehold run {directory}")
    raise NotRunning(f"The network in {directory} does not run. Start it with: freehold run {directory}")


# --- within the process that serves it


async def hosted(tenant: Tenant, site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do what the words say."""
    await ACTS[given.act](tenant, site, given, terminal)


async def add(tenant: Tenant, site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Serve one more. It is opened beside the work of the others."""
    added = await tenant.host.add(given.new)
    terminal.say(f"{added.network.choices.name} is at {added.place.base_url}.")
    if added.claim is not None:
        terminal.say(f"It has no owner yet: freehold claim {given.new}")
    terminal.say("At the next start it is served if the words of `freehold run` name it.")


async def drop(tenant: Tenant, site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Serve this one no more; the others are."""
    async with tenant.letting_go(misdirected, asyncio.current_task()):
        terminal.say(
            f"{site.network.choices.name} is closed, and served here no more. All of it is in {site.directory}."
        )
    terminal.say("At the next start it is served again if the words of `freehold run` name it.")


async def leave(tenant: Tenant, site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Give it to the machine of another operator, and keep nothing."""
    if given.dry_run:
        await rehearse(site, given, terminal)
        return
    before = leaving.read(site.directory)
    paper = await begun(site, given, before)
    for line in await asyncio.to_thread(lambda: [*before_leaving(site)]):  # it walks through all files
        terminal.say(line)
    if not given.yes:
        await confirm(site, terminal)
    told = teller(terminal)
    async with until_cancelled() as ended:
        await asyncio.to_thread(leaving.await_copy, site.haven, told, ended.is_set)
    if site.rotating.locked():
        raise AlreadyRotating
    async with site.rotating:  # one command at a time about keys, and one that hands over
        duties = await asyncio.to_thread(lambda: [*behind_you(site), *over_there(site)])
        going = tenant.host.begin(depart(tenant, site, paper, told, asyncio.current_task()))
        done = await asyncio.shield(going)
    if done.state == "copying":
        raise InvalidRequest("The other machine refused. The network is served here again, with everything.")
    report(site, done, terminal)
    for line in duties:
        terminal.say(line)


async def begun(site: Site, given: argparse.Namespace, before: Leaving | None) -> Leaving:
    """The paper of the one that leaves; the other machine is given a copy from now on. Raises InvalidRequest,
    LinkLost."""
    paper = before if before is not None and before.state in ("copying", "handing") else None  # else it has come back
    if paper is None or given.to is not None:
        if paper is not None:
            raise InvalidRequest("It leaves already. To go on, say it without --to; to stay: freehold network stay")
        if given.to is None:
            raise InvalidRequest("Say where --to, and the --code that `freehold network receive` printed there.")
        given.address = given.to
        pin = await introduce_by_code(site, given)
        names = tuple(sorted({*names_of(site), site.network.choices.domain} - {""}))
        to = Peer(NAME, given.to, pin, sync=False, keys="last")
        paper = Leaving("copying", to, names, site.beacons.public_key(), 0)
    until = site.clock() + given.days * DAY
    paper = leaving.note(site.directory, paper, state="copying", until=until, keep_copy=given.keep_copy)
    await asyncio.to_thread(leaving.begin, site.haven, site.directory, paper)
    return paper


async def rehearse(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Say what would be done, and see whether the other machine is the one that the code is of. Changes nothing."""
    if given.to is not None:
        certificate = await asyncio.to_thread(transport.shown_by, given.to)
        if certificate != (given.code or "").partition(".")[0]:
            raise InvalidRequest("Whoever answers at that address is not the machine that the code is of.")
        terminal.say(f"The machine at {given.to} answers, and is the one that the code is of.")
    for line in await asyncio.to_thread(lambda: [*before_leaving(site), *behind_you(site), *over_there(site)]):
        terminal.say(line)
    terminal.say("Nothing was changed.")


async def confirm(site: Site, terminal: Terminal) -> None:
    """A person types the network's name. Raises InvalidRequest."""
    name = site.network.choices.name
    if (await terminal.ask(f"Type {name} to hand it over: ")).strip() != name:
        raise InvalidRequest("That is not its name. It is served here as before, and a copy goes on being made.")


def report(site: Site, paper: Leaving, terminal: Terminal) -> None:
    """What was done."""
    terminal.say(f"\n{site.network.choices.name} is served at {paper.url} now. All of it was compared, byte for byte.")
    if paper.keep_copy:
        terminal.say(f"What is in {site.directory} is as it was then, and is served no more (--keep-copy). Delete it.")
    else:
        terminal.say("Its database, files and keys are deleted here. They are not shredded: a disk may hold them yet.")
    if rest := leaving.strangers(site.directory):
        terminal.say(f"In {site.directory} there is also, and was left there: {', '.join(rest)}.")


async def stay(tenant: Tenant, site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do not leave after all, before it was handed over."""
    if leaving.read(site.directory) is None:
        raise InvalidRequest("This network does not leave.")
    if any(peer.name == NAME for peer in site.haven.machine.standbys):
        await asyncio.to_thread(site.haven.remove, NAME)
    leaving.forget(site.directory)
    terminal.say(
        "It stays. The other machine has a copy of what members wrote, without the keys: have it deleted there."
    )


def teller(terminal: Terminal) -> Told:
    """Shows progress from any thread."""
    loop = asyncio.get_running_loop()
    return lambda what, done, total: void(loop.call_soon_threadsafe(terminal.progress, what, done, total))


def void(_: object) -> None:
    """Nothing."""


ACTS: dict[str, Callable[[Tenant, Site, argparse.Namespace, Terminal], Awaitable[None]]] = {
    "add": add,
    "drop": drop,
    "leave": leave,
    "stay": stay,
}
