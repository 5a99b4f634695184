"""Where an act runs: inside the running network, or, if it does not run, here with its directory to ourselves.

An act is an `async def act(site, given, terminal)` in a module of this room: `given` are the words, `terminal` is where
they were typed. It returns an exit code (None is 0) and says what it has to say at the terminal; the same code runs
both ways. A module may also have `alone(directory)`, which comes first where nobody serves the network: a code that it
returns is the end.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from freehold.cli import reach
from freehold.cli.terminal import Hands, LocalTerminal
from freehold.store.lock import AlreadyRunning

if TYPE_CHECKING:
    from freehold.site import Site

PATIENCE_SECONDS = 5.0
"""How long a network may take from its lock to its socket, before it counts as out of reach."""
PAUSE_SECONDS = 0.1


def perform(given: argparse.Namespace, words: Sequence[str]) -> int:
    """Let the act run where it can; its exit code. Raises NoNetwork, AlreadyRunning, and what refuses the act."""
    reach.assure_network(given.directory)
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        there = reach.connect(given.directory)
        if there is not None:
            return reach.Far(there, Hands(), named(given)).perform(words)
        try:
            return _alone(import_module(given.module), given)
        except AlreadyRunning:
            if time.monotonic() > until:
                raise
        time.sleep(PAUSE_SECONDS)


def named(given: argparse.Namespace) -> list[Path]:
    """The paths that the words named, but for the network's own directory."""
    return [value for name, value in vars(given).items() if isinstance(value, Path) and name != "directory"]


def _alone(module: ModuleType, given: argparse.Namespace) -> int:
    from freehold.cli.opening import opened  # where the network runs, none of the rooms is needed here

    if hasattr(module, "alone"):
        code = module.alone(given.directory)
        if code is not None:
            return int(code)
    with opened(given.directory) as site:
        return asyncio.run(_act(module, site, given))


async def _act(module: ModuleType, site: "Site", given: argparse.Namespace) -> int:
    terminal = LocalTerminal()
    try:
        return int(await module.act(site, given, terminal) or 0)
    finally:
        terminal.close()
        await site.stop()
