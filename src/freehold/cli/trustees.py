"""`freehold trustees`: the network's offline key among several people, on sheets of paper; and joined again.

The offline key stands above the host's in every identity. With it, members can be brought to another host when this
one, disk and all, is gone: so it lies nowhere here, and best in no single hand.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from html import escape

from freehold.cli.keys import AlreadyRotating, bar, report
from freehold.cli.terminal import Terminal
from freehold.pds import keychain, trustees
from freehold.pds.keychain import MistypedKey
from freehold.pds.trustees import BadShare
from freehold.protocol.keys import K256Key
from freehold.protocol.refused import InvalidRequest
from freehold.site import Site

SHEET = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Trustee {n} of {of}, {network}</title>
<style>
body {{ font: 12pt/1.5 serif; max-width: 17cm; margin: 1.5cm auto; }}
ol {{ columns: 3; font: 13pt/1.9 monospace; padding-left: 2.5em; }}
</style>
<h1>{network}: trustee {n} of {of}</h1>
<p>This sheet is one part of the key that stands behind the identity of every member of {network}. Any {need} of the
{of} sheets give the whole key; fewer give nothing. Keep it dry, alone, and away from computers. Tell nobody the words
until you meet the others for a reason that you understand.</p>
<ol>{words}</ol>
<p>When the network's machines are lost, {need} of you type these words on a computer that you trust, at:
<code>freehold trustees DIRECTORY join --to FILE</code>. The words follow a public standard, SLIP-0039.</p>
<p>Made on {day} for the key {key}. Trustee: ______________________</p>
</html>
"""


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do what the words say."""
    if given.act == "join":
        await join(site, given, terminal)
        return
    if site.rotating.locked():
        raise AlreadyRotating
    async with site.rotating:
        await split(site, given, terminal)


# --- to the trustees


async def split(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Write a sheet for each trustee: of the key that its owner has on paper, or of a new one."""
    trustees.split(bytes(trustees.KEY_BYTES), given.need, given.of)  # refused before a key is asked for, or made
    if given.new:
        key = keychain.read_written(await site.rotations.replace_offline_key())
    else:
        key = keychain.read_written(await terminal.ask_secret("The offline key, as you wrote it down: "))
        assure_ours(site, key)
    shares = await asyncio.to_thread(trustees.split, key, given.need, given.of)
    for n, share in enumerate(shares, 1):
        path = given.to / f"trustee-{n}.html"
        await terminal.write_file(path, _once(sheet(site, given, key, n, share)))
        terminal.say(str(path))
    if await asyncio.to_thread(trustees.join, shares[-given.need :]) != key:
        raise BadShare("The sheets do not give the key. Do not hand them out.")
    if given.new:
        walked = await site.rotations.hand_over_offline_key(bar(terminal, "identities"))
        report(walked, "name the new offline key; the old one has no right any more", terminal)
    terminal.say(f"Print each, hand it to its trustee, and delete the files. Any {given.need} of them give the key.")
    if not given.new:
        terminal.say("Destroy the paper on which the whole key stands, when all have their sheets.")


def sheet(site: Site, given: argparse.Namespace, key: bytes, n: int, share: str) -> str:
    """A page to print."""
    return SHEET.format(
        n=n,
        of=given.of,
        need=given.need,
        network=escape(site.network.choices.name),
        words="".join(f"<li>{escape(word)}</li>" for word in share.split()),
        day=datetime.fromtimestamp(site.clock() / 1e6, UTC).date().isoformat(),
        key=escape(K256Key.from_raw(key).did_key),
    )


def assure_ours(site: Site, key: bytes) -> None:
    """Raises MistypedKey for a key that is not this network's offline key of now."""
    if K256Key.from_raw(key).did_key != site.register.rotation_keys[0]:
        raise MistypedKey("That is a key, but not the offline key that this network's identities name.")


# --- from the trustees


async def join(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Ask for sheets until they are enough, and write the key to a file."""
    shares: list[str] = []
    so_far = trustees.Standing(0, trustees.MOST)
    while so_far.have < so_far.need:
        words = await terminal.ask_secret(f"The words of sheet {so_far.have + 1}: ")
        if not words.strip():
            raise InvalidRequest(f"{so_far.have} sheets are not enough. Nothing was written.")
        try:
            so_far = trustees.standing([*shares, words])
        except BadShare as bad:
            if not terminal.interactive:
                raise
            terminal.say(f"! {bad.say}")
            continue
        if so_far.have > len(shares):
            shares.append(words)
        terminal.say(f"{so_far.have} of {so_far.need}")
    key = await asyncio.to_thread(trustees.join, shares)
    did_key = K256Key.from_raw(key).did_key
    await terminal.write_file(given.to, _once(keychain.written(key) + "\n"))
    ours = did_key == site.register.rotation_keys[0]
    terminal.say(f"{did_key} is {'this network’s offline key' if ours else 'the offline key of another network'}.")
    terminal.say(f"It is in {given.to}. Members of a lost network come in with it, from their backups:")
    terminal.say(f"    freehold account {site.directory} move-in NAME --backup FILE --recovery-key {given.to}")
    if ours:
        terminal.say("If the host key was stolen, it takes back what the thief signed, and puts another in its place:")
        terminal.say(f"    freehold keys {site.directory} rotate-host --with {given.to}")
    terminal.say("Delete the file afterwards.")


async def _once(text: str) -> AsyncIterator[bytes]:
    yield text.encode()
