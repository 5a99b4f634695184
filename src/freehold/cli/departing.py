"""The end of a network in this process, after it was handed over: it is let go, waited for over there, erased here.

It belongs to the process and not to the command that began it, so that who hangs up breaks nothing off; after a kill
the next start goes on. In come the process, the paper (`haven.leaving`) and keys; out comes what was done, in lines.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from freehold import settings as all_settings
from freehold.cli.departed import Departed
from freehold.cli.hosting import Host, Tenant
from freehold.haven import leaving
from freehold.haven.carrier import Unsure
from freehold.haven.leaving import Keys, Leaving, Told
from freehold.haven.wire import Entrust
from freehold.server import served_elsewhere
from freehold.site import Site
from freehold.store.keyring import Keyring, Source

logger = logging.getLogger(__name__)


def keys_of(keyring: Keyring, directory: Path) -> Entrust:
    """What the other machine is given. Some 0.1 s with a passphrase."""
    return Entrust(keyring.stored().packed(), all_settings.own(directory))


async def depart(tenant: Tenant, site: Site, paper: Leaving, told: Told, act: asyncio.Task[object] | None) -> Leaving:
    """Hand over a network that is served, and do the rest. act: the command's, which goes on while it is let go.

    Raises NotSame, LinkLost, LinkRefused: then all is as it was.
    """
    keys = partial(keys_of, site.keyring, site.directory)
    with suppress(Unsure):  # asked over there by what follows
        await asyncio.to_thread(leaving.hand_over, site.haven, site.directory, paper, keys, told)
    async with tenant.letting_go(served_elsewhere, act):
        done = await settle(tenant.host, site.directory, keys, told)
    if done.state == "copying":
        tenant.host.begin(tenant.host.add(site.directory))
    return done


async def go_on(host: Host, directory: Path) -> None:
    """After a kill, or for a network that left before: what is left to do, then answer in its place."""
    paper = leaving.assured(directory)
    host.networks.answer_by(served_elsewhere, paper.names)
    settings = all_settings.load(directory)
    source = Source(settings.unlock, settings.unlock_credential)
    keyring = await asyncio.to_thread(Keyring.open_, directory, source) if paper.state == "handing" else None
    done = await settle(host, directory, partial(keys_of, keyring, directory) if keyring else None, _log)
    logger.info("%s: %s", directory, done.state)
    if done.state == "copying":
        await host.add(directory)


async def settle(host: Host, directory: Path, keys: Keys | None, told: Told) -> Leaving:
    """Wait until it is served over there; erase it here, if that is wanted; answer in its place. In state `copying` the
    other machine refused, and it is to be served here again."""
    paper = leaving.assured(directory)
    if paper.state == "handing" and keys is not None:
        async with until_cancelled() as ended:
            paper = await asyncio.to_thread(leaving.carry_on, directory, keys, told, ended.is_set)
    if paper.state == "copying":
        return paper
    if paper.state == "gone" and not paper.keep_copy:
        await asyncio.to_thread(erase, directory)
        paper = leaving.assured(directory)
    host.networks.answer_by(Departed(paper), paper.names)
    return paper


def erase(directory: Path) -> None:
    """All that was the network's here, its own settings too."""
    all_settings.adopt(directory, b"")
    leaving.erase(directory)


@asynccontextmanager
async def until_cancelled() -> AsyncIterator[threading.Event]:
    """For work on a thread: set when nobody waits for it any more."""
    ended = threading.Event()
    try:
        yield ended
    finally:
        ended.set()


def _log(what: str, done: int, total: int | None) -> None:
    logger.debug("%s: %d", what, done)
