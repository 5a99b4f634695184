"""`freehold standby`: another machine that has everything, before anyone hears "yes"."""

import argparse
import asyncio
from functools import partial
from pathlib import Path
from typing import Literal

from freehold.cli.standing_by import OnStandby, StandingBy
from freehold.cli.terminal import Terminal
from freehold.haven import haven, machine, ssh, transport
from freehold.haven.carrier import NoSuchStandby
from freehold.haven.machine import Peer
from freehold.haven.standby import make
from freehold.haven.wire import LinkLost
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.protocol.syntax import format_datetime
from freehold.site import Site

KIB = 1024
PATIENCE_SECONDS, LOOKS_A_SECOND = 60, 5
WITNESS_SECONDS = 8.0


class NotSound(Refused):
    """A standby's copy is not what it should be."""

    name = "NotSound"


class NotInStep(Refused):
    """A relocation to a standby that lacks something."""

    kind, name = "unavailable", "NotInStep"


class NotRunning(Refused):
    """A standby that nobody runs."""

    kind, name = "conflict", "NotRunning"


# --- what is done where it is typed


def main(given: argparse.Namespace) -> None:
    """Make a standby, or lead ssh to one."""
    if given.act == "bridge":
        transport.bridge(given.directory)
    else:
        prepare(given.directory, given.listen, given.own_key)


def prepare(directory: Path, listen: str, own_key: bool) -> None:
    """Make the directory a standby's, and say what to type on the primary."""
    made, fingerprint, code = make(directory, listen, own_key=own_key)
    print(f"{directory} is a standby now. Start it, and keep it running: freehold run {directory}")
    if own_key:
        print("It opens the network by an unlock key of its own, which it makes at its start. Keep a copy elsewhere.")
    else:
        print("It needs no unlock key to follow; to be promoted it needs the primary's, where its settings say.")
    more = " --with-keys" if own_key else ""
    print("\nThen, on the primary:")
    if made.listen:
        port = made.listen.rpartition(":")[2]
        print(f"    freehold standby DIRECTORY add tls://THIS-MACHINE:{port} --code {fingerprint}.{code}{more}")
    else:
        print(f"    freehold standby DIRECTORY add ssh://USER@THIS-MACHINE{directory.resolve()}{more}")


def alone(directory: Path) -> int | None:
    """Where nobody serves the network. Raises NotRunning for a standby."""
    if machine.read(directory).role == "standby":
        raise NotRunning(f"This standby does not run. Start it with: freehold run {directory}")
    return None


# --- on the primary


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do what the words say."""
    match given.act:
        case "list":
            show(site, terminal)
        case "add":
            await add(site, given, terminal)
        case "remove":
            await remove(site, given.name, terminal)
        case "witness":
            await witness(site, given, terminal)
        case "relocate":
            await relocate(site, given.name, terminal)
            terminal.say(f"{given.name} is the primary now, with everything. Lead the network's name there.")
            terminal.say(f"To make this machine its standby, stop it, then: freehold standby {site.directory} make")
        case "verify":
            await verify(site, given.name, terminal)
        case _:
            raise InvalidRequest("This machine is the primary: only a standby is promoted.")


async def remove(site: Site, name: str, terminal: Terminal) -> None:
    """Let a standby go, and wait until the witness knows. Raises NoSuchStandby."""
    await asyncio.to_thread(site.haven.remove, name)
    terminal.say(f"{name} is no standby of this network any more. What it has is still there.")
    if not await asyncio.to_thread(site.haven.has_forgotten, WITNESS_SECONDS):
        terminal.say(
            f"The witness has not heard of that yet, so it would let {name} take over: until it has, nothing can be"
            " written that no other standby has. It is told as soon as it is reached."
        )


async def relocate(site: Site, name: str, terminal: Terminal) -> None:
    """Hand over when the standby is in step, which is waited for. Raises NoSuchStandby, NotInStep, LinkRefused,
    CalledOff (with all as it was), Unsure."""
    for waited in range(PATIENCE_SECONDS * LOOKS_A_SECOND):
        states = {peer.name: state for peer, state in site.haven.states()}
        if name not in states:
            raise NoSuchStandby(f"There is no standby called {name}.")
        if states[name].startswith("in step"):
            break
        terminal.progress(f"waiting for {name}, in seconds: {states[name]}", waited // LOOKS_A_SECOND)
        await asyncio.sleep(1 / LOOKS_A_SECOND)
    else:
        raise NotInStep(f"{name} has not come into step ({states[name]}). Nothing was changed.")
    await asyncio.to_thread(site.haven.hand_over, name)


def show(site: Site, terminal: Terminal) -> None:
    """One line for each standby."""
    states = site.haven.states()
    for peer, state in states:
        kind = "waited for" if peer.sync else "not waited for"
        if peer.verified_at:
            state += f"; the same when compared at {format_datetime(peer.verified_at)}"
        terminal.say(f"{peer.name:<20} {kind:<16} {peer.address:<40} {state}")
    if third := site.haven.machine.witness:
        terminal.say(f"{third.name:<20} {'':<16} {third.address:<40} {site.haven.witness_state()}")
    if not states:
        terminal.say("There is no standby: what is written here is on this machine only.")


async def add(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Introduce the two machines to each other, then keep a copy there."""
    to = transport.parse(given.address)
    pin = ""
    if to.kind == "tls":
        pin = await introduce_by_code(site, given)
    if to.kind == "ssh":
        await introduce_by_ssh(site, to, terminal)
    name = given.name or (to.host.rpartition("@")[2] or "here")
    keys: Literal["own", "wrapped"] = "own" if given.with_keys else "wrapped"
    site.haven.add(Peer(name, given.address, pin, sync=not given.later, keys=keys))
    terminal.say(f"{name} is a standby now. How it is: freehold standby {site.directory} list")


async def witness(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Take a witness, or let it go."""
    if given.address is None:
        await asyncio.to_thread(partial(site.haven.remove_witness, even_so=given.even_so))
        terminal.say("This network has no witness any more: only a person promotes a standby.")
        if given.even_so:
            terminal.say("Never start the old one again: it could still let a standby take over.")
        return
    pin = await introduce_by_code(site, given)
    await asyncio.to_thread(site.haven.take_witness, Peer("witness", given.address, pin))
    terminal.say("A standby that is in step takes over by itself now, when this machine is lost.")


async def introduce_by_code(site: Site, given: argparse.Namespace) -> str:
    """The other's certificate, base64, once it took ours. Raises InvalidRequest, LinkLost."""
    fingerprint, _, code = (given.code or "").partition(".")
    if not code:
        raise InvalidRequest("What is reached by tls:// is introduced by the --code that it printed.")
    return await asyncio.to_thread(haven.introduce, site.directory, given.address, fingerprint, code)


async def introduce_by_ssh(site: Site, to: transport.Address, terminal: Terminal) -> None:
    """Pin its host key, which a person has compared, and say what lets our key in; once for each machine."""
    public = await asyncio.to_thread(ssh.own_key, site.directory)
    keys = await asyncio.to_thread(ssh.host_keys, to)
    if not ssh.pinned(site.directory, keys):
        for line in ssh.fingerprints(keys):
            terminal.say(line)
        if (await terminal.ask("Are these the keys of that machine? Type yes: ")).strip() != "yes":
            raise InvalidRequest("Nothing was changed.")
        ssh.pin(site.directory, keys)
    terminal.say("On that machine, put this line into ~/.ssh/authorized_keys of the account:")
    terminal.say(ssh.authorized_line(public, to.path))


async def verify(site: Site, name: str, terminal: Terminal) -> None:
    """Compare everything. Raises NotSound."""
    loop = asyncio.get_running_loop()

    def told(what: str, done: int, total: int) -> None:
        loop.call_soon_threadsafe(terminal.progress, what, done, total)

    report = await asyncio.to_thread(site.haven.verify, name, told)
    if report.sound:
        blobs = f"{report.blobs} blobs"
        terminal.say(f"{name} has the same: {report.blocks * 64} KiB of the database, its log, and {blobs}.")
        return
    wrong = [
        "" if report.log_is_ours else "its log is another",
        f"{len(report.other_blocks)} blocks of the database differ" if report.other_blocks else "",
        f"{len(report.missing)} blobs are missing" if report.missing else "",
        f"{len(report.damaged)} blobs are damaged" if report.damaged else "",
    ]
    again = f"remove it, empty its directory, make it anew, and add it: freehold standby {site.directory} remove {name}"
    raise NotSound(f"{name} is not the same: {', '.join(filter(None, wrong))}. To mend it: {again}")


# --- on the standby


async def ask_by_hand(standing: StandingBy, even_so: bool, terminal: Terminal) -> None:
    """Tell the witness what a person decided: the old primary gets no more time. Raises LinkLost unless `even_so`.

    One that is out of reach is let go: it may be gone for good, and the new primary alone is no majority with it.
    """
    try:
        await asyncio.to_thread(standing.standby.elected, by_hand=True)
    except LinkLost:
        if not even_so:
            raise
        standing.standby.forget_witness()
        terminal.say(
            "The witness is out of reach and does not know of this: this network has none from now on. Let neither"
            " it nor the old primary run before they are made anew. To take another: freehold standby DIR witness"
        )


async def act_there(standing: StandingBy, given: argparse.Namespace, terminal: Terminal) -> None:
    """The same command on a standby."""
    following = standing.standby.following
    match given.act:
        case "list":
            seconds = following.silent_seconds
            heard = f"{seconds:.0f} seconds ago" if seconds < 1e6 else "never"
            terminal.say(f"This is a standby. It has {standing.standby.copied_bytes // KIB} KiB of the database.")
            terminal.say(f"Its primary was heard {heard}.")
            if following.locked:
                terminal.say("It is locked: it has no unlock key that fits, so it is not read and cannot take over.")
            if not standing.standby.had_all:
                terminal.say("It was not told yet that it has everything, so it is not read when its primary is gone.")
            if standing.is_read:
                terminal.say("Its primary is gone: the network is read here, and not written to.")
        case "promote":
            following.assure_promotable(even_so=given.even_so)
            standing.assure_unlocked()
            await ask_by_hand(standing, given.even_so, terminal)
            standing.be_promoted(by_hand=True)
            terminal.say("This machine becomes the primary.")
        case _:
            raise OnStandby
