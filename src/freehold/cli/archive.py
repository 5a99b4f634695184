"""`freehold archive`: encrypted archives of a network, in folders or buckets."""

import argparse
import asyncio
import secrets

from freehold.cli.terminal import Terminal
from freehold.haven.archive import stores
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.protocol.syntax import format_datetime
from freehold.site import Site

WORDS = 6
CONSONANTS, VOWELS = "bdfgklmnprstvwz", "aeiou"
SECOND = 1_000_000


class NotSound(Refused):
    """A rehearsal found something wrong."""

    name = "NotSound"


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do what the words say."""
    match given.act:
        case "list":
            await show(site, terminal)
        case "add":
            await add(site, given, terminal)
        case "remove":
            await asyncio.to_thread(site.archiving.remove, given.name, leave=given.leave)
            left = "What is there stays there." if given.leave else "What was there is deleted."
            terminal.say(f"{given.name} is no archive of this network any more. {left}")
        case _:
            await rehearse(site, given.name, terminal)


async def show(site: Site, terminal: Terminal) -> None:
    """Some lines for each archive."""
    now = site.clock()
    states = await asyncio.to_thread(site.archiving.states)
    for name, address, state, memory, waiting, _ in states:
        terminal.say(f"{name:<16} {address}")
        terminal.say(f"    {state or 'not written just now, for the network does not run'}")
        terminal.say(f"    holds all until {ago(now, memory.sent_at)}; {sized(memory.size)}, {sized(waiting)} wait")
        last = f"rehearsed {ago(now, memory.rehearsed_at)}"
        terminal.say(f"    {last}: {memory.rehearsal}" if memory.rehearsal else f"    {last}")
    if states:
        hours = site.archiving.forgets_after_hours
        terminal.say(f"What is deleted from now on is in none of them {hours} hours later. At once: freehold purge")
    else:
        terminal.say("There is no archive. To add one: freehold archive DIRECTORY add file:///PATH")


async def add(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Ask for a passphrase, or make one, and begin."""
    address = stores.parse(given.address)
    name = given.name or (address.where.rstrip("/").rpartition("/")[2] if address.kind == "file" else address.where)
    typed = await terminal.ask_secret("Recovery passphrase (empty: one is made): ", twice=True)
    passphrase = typed or made()
    await asyncio.to_thread(site.archiving.add, name, address, passphrase, even_so=given.even_so)
    terminal.say(f"{name} is an archive of this network now. How it is: freehold archive {site.directory} list")
    if not typed:
        terminal.say("\nWith its address and these words it is restored. Write them down; they are not kept:")
        terminal.say(f"\n    {passphrase}\n")


def made() -> str:
    """A passphrase that can be read to somebody: six words of three syllables, 112 bits."""
    syllables = [consonant + vowel for consonant in CONSONANTS for vowel in VOWELS]
    return " ".join("".join(secrets.choice(syllables) for _ in range(3)) for _ in range(WORDS))


async def rehearse(site: Site, name: str, terminal: Terminal) -> None:
    """Restore it into a folder that is thrown away. Raises NotSound."""
    states = await asyncio.to_thread(site.archiving.states)
    names = [name] if name else [state.name for state in states]
    if not names:
        raise InvalidRequest("There is no archive to rehearse with.")
    loop = asyncio.get_running_loop()

    def told(what: str, done: int, total: int | None) -> None:
        loop.call_soon_threadsafe(terminal.progress, what, done, total)

    for each in names:
        wrong = await asyncio.to_thread(site.archiving.rehearse, each, told)
        if wrong:
            raise NotSound(f"{each} could not be restored as it should: {'; '.join(wrong)}")
        terminal.say(f"{each} was restored and checked: all of it is whole.")


def ago(now: int, then: int) -> str:
    """A moment and how long since."""
    if not then:
        return "never"
    seconds = max(0, now - then) // SECOND
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{format_datetime(then)} ({seconds // length} {unit} ago)"
    return f"{format_datetime(then)} ({seconds} seconds ago)"


def sized(count: int) -> str:
    """Bytes, for people."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 10_000 or unit == "GB":
            return f"{count} {unit}"
        count //= 1_000
    raise AssertionError
