"""`freehold keys`: what keys the network has, and others in their place, while it runs.

What is begun is on disk before anything hangs on it; a command that was broken off goes on when it is given again.
"""

import argparse
import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from freehold import settings
from freehold.cli.account import full_handle, one
from freehold.cli.terminal import Terminal
from freehold.pds import keychain, recovery_keys
from freehold.pds.accounts import Account
from freehold.pds.rotations import Walked, rotation_keys
from freehold.pds.services import LABEL_KEY
from freehold.protocol.keys import K256Key
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.site import Site
from freehold.store.files import write_durably
from freehold.store.keyring import UNLOCK_KEY, VARIABLE
from freehold.store.sealed import UnlockKey, new_key_text

logger = logging.getLogger(__name__)


class AlreadyRotating(Refused):
    """Keys are replaced one after the other."""

    kind, name, say = "conflict", "AlreadyRotating", "Another command is replacing keys. Wait for it to end."


class Incomplete(Refused):
    """Some identities could not be changed."""

    name = "Incomplete"


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do what the words say."""
    if given.act == "list":
        show(site, terminal)
        return
    if site.rotating.locked():
        raise AlreadyRotating
    async with site.rotating:
        logger.info("keys: %s", given.act)
        await ACTS[given.act](site, given, terminal)


# --- what there is


def show(site: Site, terminal: Terminal) -> None:
    """Every key by name and where it stands; no secret."""
    with site.truth.reading() as tx:
        host, retired, offline = rotation_keys(tx, site.seal)
        shown = keychain.get(tx, site.seal, keychain.OFFLINE_KEY) is None
        label = K256Key.from_raw(keychain.require(tx, site.seal, LABEL_KEY)).did_key
        sessions = keychain.retired(tx, site.seal, keychain.RETIRED_SESSION)
    source = settings.load(site.directory).unlock
    lines = [
        ("signing keys", "one for each account, in its identity"),
        ("label key", label),
        ("host key", host.did_key),
        ("offline key", f"{offline} ({'handed out' if shown else 'not handed out yet'})"),
        ("network key", f"sealed values open with {site.seal.mark[1:].hex()}"),
        ("unlock key", f"from {source}, at the next start"),
    ]
    lines += [("", f"an older session secret counts until {_day(one.until)}") for one in sessions]
    lines += [("host key", f"{key.did_key} is still in some identities") for key in retired]
    for name, what in [*lines, *(("unfinished", say) for say in unfinished(site))]:
        terminal.say(f"{name:<13} {what}")


def unfinished(site: Site) -> list[str]:
    """What was begun and is to be gone on with, as commands."""
    keys = f"freehold keys {site.directory}"
    found = [f"{keys} rotate-signing --all"] if site.rotations.is_walking else []
    pending = [account for did in site.key_rotation.pending() if (account := site.accounts.find(did))]
    found += [f"{keys} rotate-signing {account.handle}" for account in pending]
    names = site.rotations.unfinished()
    found += [f"{keys} rotate-host"] if keychain.RETIRED_HOST in names else []
    found += [f"{keys} rotate-offline"] if keychain.RETIRED_OFFLINE in names else []
    found += [f"{keys} rotate-network"] if site.keyring.is_changing else []
    return found + ([f"{keys} change-unlock (two unlock keys open it)"] if site.keyring.opens_by > 1 else [])


# --- identities


async def rotate_signing(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Another signing key for one account, or for all."""
    if given.all == bool(given.handle):
        raise InvalidRequest("Name one account, or say --all.")
    if given.all:
        walked = await site.rotations.rotate_signing_keys(bar(terminal, "signing keys"))
        report(walked, "have another signing key", terminal)
        return
    account = any_account(site, given.handle)
    key = await site.key_rotation.rotate(account.did)
    terminal.say(f"{account.handle} signs with {key} now.")


def any_account(site: Site, name: str) -> Account:
    """An account, also one of the network's own services. Raises AccountNotFound."""
    return site.accounts.find(full_handle(site, name)) or one(site, name)


async def rotate_label(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Another key for labels, and all of them signed by it."""
    key = await site.rotations.rotate_label_key()
    terminal.say(f"The labeler signs with {key} now, and all its labels are signed anew.")


async def rotate_host(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Another host key in every identity."""
    walk = None
    if given.offline_key is not None:
        text = b"".join([piece async for piece in terminal.read_file(given.offline_key)]).decode(errors="replace")
        key = recovery_keys.key_of(text)
        site.reclaiming.assure_ours(key)
        walk = partial(site.reclaiming.walk, key)
    walked = await site.rotations.replace_host_key(bar(terminal, "identities"), walk)
    report(walked, "name the new host key", terminal)
    if keychain.RETIRED_HOST in site.rotations.unfinished():
        terminal.say("The old key is kept for people who wait to be let in. Give this command again when nobody does.")


async def rotate_offline(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Another offline key: shown once, then in every identity."""
    written = await site.rotations.replace_offline_key()
    terminal.say("This is the network's offline key. Write it down on paper; it is not shown again:\n")
    terminal.say(f"    {written}\n")
    groups = written.split()
    if terminal.interactive and (await terminal.ask("Type its last two groups: ")).split() != groups[-2:]:
        raise InvalidRequest("That is not what is written above. Give the command again to see it once more.")
    walked = await site.rotations.hand_over_offline_key(bar(terminal, "identities"))
    report(walked, "name the new offline key; the old one has no right any more", terminal)


def report(walked: Walked, what: str, terminal: Terminal) -> None:
    """Say how it went. Raises Incomplete where an identity could not be changed."""
    terminal.say(f"{walked.done} accounts {what}.")
    for handle, why in walked.skipped:
        terminal.say(f"! {handle}: {why}")
    if walked.skipped:
        raise Incomplete(f"{len(walked.skipped)} could not be changed from here.")


# --- secrets


async def rotate_session(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Another secret for session tokens."""
    await site.rotations.rotate_session_secret(given.now)
    if given.now:
        terminal.say("Everybody is signed out, in browsers, in apps and in programs.")
    else:
        terminal.say("Sessions go on, and change over as they are renewed. To end them all: rotate-session --now")


async def rotate_network(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Another key for all that is sealed."""
    done = await site.resealing.run(bar(terminal, "sealed values"))
    terminal.say(f"{done} values are sealed with the new key, and the old one is destroyed.")
    terminal.say("Copies of the directory from before still open with the old key: keep them as safe, or delete them.")


async def change_unlock(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Another unlock key, from the same place or from another."""
    if (given.key_file is not None) != (given.source == "systemd"):
        raise InvalidRequest("--key-file FILE goes with systemd, and systemd with it: where to write the new key.")
    text = ""
    if given.source in ("env", "prompt"):
        unlock = UnlockKey.from_passphrase(await terminal.ask_secret("New unlock key: ", twice=True))
    else:
        text = new_key_text()
        unlock = UnlockKey.from_text(text)
    if given.source == "systemd":
        await terminal.write_file(given.key_file, _once(text))
    await asyncio.to_thread(site.keyring.change_unlock, unlock, lambda: settle(site.directory, given.source, text))
    terminal.say(f"From the next start on the unlock key comes from {given.source}.")
    for line in (
        NEXT_STEPS.get(given.source, "").format(**vars(given), name=site.settings.unlock_credential).splitlines()
    ):
        terminal.say(line)


NEXT_STEPS = {
    "env": f"Put it into {VARIABLE} of the network's service.",
    "systemd": "Hand it over to systemd as root, and delete the file when the network has started with it:\n"
    "    systemd-creds encrypt --name={name} {key_file} /etc/credstore.encrypted/{name}\n"
    "    LoadCredentialEncrypted={name}        (in [Service] of the network's unit)",
}


def settle(directory: Path, source: str, text: str) -> None:
    """Put the key and word of it where the next start looks, and leave no file of a key that opens nothing."""
    path = directory / UNLOCK_KEY
    if source == "file":
        write_durably(path, text.encode())
    settings.put(directory, "unlock", source)
    if source != "file" and path.exists():
        path.resolve().unlink()
        path.unlink(missing_ok=True)


async def _once(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


def bar(terminal: Terminal, what: str) -> Callable[[int, int], None]:
    """Shows how far it is."""
    return lambda done, total: terminal.progress(what, done, total)


def _day(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).date().isoformat()


ACTS = {
    "rotate-signing": rotate_signing,
    "rotate-label": rotate_label,
    "rotate-session": rotate_session,
    "rotate-host": rotate_host,
    "rotate-offline": rotate_offline,
    "rotate-network": rotate_network,
    "change-unlock": change_unlock,
}
