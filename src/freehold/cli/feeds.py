"""`freehold feeds`: the feeds that the owner adds, listed, added, removed, read again."""

import argparse
from pathlib import Path

from freehold.cli.terminal import Terminal
from freehold.feeds import own
from freehold.feeds.programs import BadFeedName, name_of
from freehold.protocol.refused import InvalidRequest
from freehold.site import Site

MAX_BYTES = 200_000


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> int:
    """Do it; 1 where some feed fails."""
    if site.settings.host_only:
        raise InvalidRequest("This host shows no views, so it has no feeds.")
    if given.act == "add":
        await _add(site, given, terminal)
    elif given.act == "remove":
        _remove(site, given.name)
    await site.load_feeds()
    return _list(site, terminal)


async def _add(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Put the file into the folder; what was there comes back if it does not load."""
    name = name_of(Path(given.file.name))
    path = site.feeds.programs.folder / f"{name}.py"
    before = path.read_bytes() if path.is_file() else None
    if before is not None and not given.replace:
        raise InvalidRequest(f"There is a feed called {name}. Add --replace to put this one in its place.")
    text = b"".join([piece async for piece in terminal.read_file(given.file)])
    if len(text) > MAX_BYTES:
        raise InvalidRequest("A feed's file may have at most 200 kB.")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(text)
    fault = await site.feeds.programs.try_file(path)
    if fault:
        path.unlink() if before is None else path.write_bytes(before)
        raise InvalidRequest(f"{given.file.name} does not work, and was not added: {fault}")


def _remove(site: Site, name: str) -> None:
    path = site.feeds.programs.folder / f"{name}.py"
    if name_of(path) not in site.feeds.programs.all and not path.is_file():
        raise BadFeedName(f"There is no feed of yours called {name}.")
    path.unlink(missing_ok=True)


def _list(site: Site, terminal: Terminal) -> int:
    feeds, faults = site.feeds, 0
    for name, words in own.WORDS.items():
        terminal.say(f"{name:16} {words.title}  {feeds.uri(name)}")
    for name, program in feeds.programs.all.items():
        terminal.say(f"{name:16} {program.title or '(does not load)'}  {feeds.uri(name)}")
        if program.fault:
            faults += 1
            terminal.say(f"{'':16} fails: {program.fault}")
    return 1 if faults else 0
