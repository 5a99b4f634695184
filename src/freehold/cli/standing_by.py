"""A standby at work: it follows until it is told to stop, or is promoted and so becomes the network itself.

In come a directory and its settings; out comes what the primary that it is now goes on with. While its primary is gone
it lets the network be read from its copy. Commands reach it at the same control socket as a network's.
"""

import argparse
import asyncio
import logging
import signal
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

import uvloop

from freehold.appview.index import Index
from freehold.cli.control import Act, commanded
from freehold.cli.doors import tell_service_manager
from freehold.cli.main import Misread, understand
from freehold.cli.opening import Promoted, shared_by
from freehold.cli.reading_on import DoorsOf, ReadingOn, rehearse
from freehold.haven import aside
from freehold.haven.copy import Copy
from freehold.haven.following import PrimaryThere
from freehold.haven.standby import StandbyMachine
from freehold.haven.warm import Warm
from freehold.haven.wire import LinkLost
from freehold.protocol.refused import Refused
from freehold.settings import Settings, adopt
from freehold.site import TRUTH_SCHEMA, Shared
from freehold.store.keyring import NETWORK_KEY, KeyMissing, Keyring, Source, entrust, unlock_key, unwrapped
from freehold.store.lock import DirectoryLock

logger = logging.getLogger(__name__)

__all__ = ["DoorsOf", "OnStandby", "StandingBy", "stand_by"]

COMMAND = "standby"
LOOK_SECONDS = 0.1
ASK_SECONDS = 0.3
SOON_SECONDS = 0.05
"""How long after its own promise ran out, or the witness's did not yet, a standby asks (again)."""
TIDY_SECONDS = 3600.0
UNLOCK_SECONDS = 2.0
"""How often it is looked whether the keys open by now."""
AGAIN_SECONDS = 2.0


class OnStandby(Refused):
    """A command that is for the primary."""

    kind, name = "conflict", "OnStandby"
    say = "This machine is a standby: it follows another one, on which that is to be done."


class WitnessAway(Refused):
    """A handing over of which the witness would not know."""

    kind, name = "unavailable", "WitnessAway"
    say = "The standby does not reach the witness, which has to know. All is as it was; try again when it is reached."


class StandingBy:
    """What acts on a standby see. Its `following` says how it is."""

    def __init__(self, directory: Path, settings: Settings, shared: Shared, doors_of: DoorsOf) -> None:
        self.directory, self.settings = directory, settings
        warmed = None if settings.host_only else partial(_warmed, shared)
        self.standby = StandbyMachine(directory, self._succeed_by_order, self._succeeded, self._entrusted, warmed)
        self._unlock = unlock_key(directory, self._source(), new=True) if self.standby.machine.own_key else None
        self.promoted = self.resumes = self.is_read = False
        self._reading_on = ReadingOn(directory, settings, shared, doors_of)
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._over = asyncio.Event()
        """There is nothing to read for any more."""

    async def follow(self) -> None:
        """Until a signal, or promotion."""
        self._hear_signals()
        self.standby.open()
        listen = self.standby.machine.listen
        where = f"on {listen} and " if listen else ""
        print(f"{self.directory} is a standby. It waits for its primary {where}by ssh.", file=sys.stderr, flush=True)
        tell_service_manager("READY=1")
        try:
            async with commanded(self, understood), asyncio.TaskGroup() as tasks:
                works = (self._succeed(), self._look_at_lock(), self._tidy())
                others = [tasks.create_task(work) for work in works]
                await self._read_when_gone()
                for task in others:
                    task.cancel()
        finally:
            await asyncio.to_thread(self.standby.close)
        if self.promoted:
            self.standby.promote(resumes=self.resumes)

    def _hear_signals(self) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(each, self._stop)

    def _stop(self) -> None:
        self._end.set()
        self._over.set()

    # --- reading while the primary is gone

    async def _read_when_gone(self) -> None:
        said = ""
        while not self._end.is_set():
            pause = LOOK_SECONDS
            if self.standby.is_readable and not self.standby.following.locked:
                try:
                    await self._read()
                except PrimaryThere:
                    pass
                except Refused as refused:
                    pause, said = AGAIN_SECONDS, _warned(f"cannot be read: {refused.say}", said)
                except Exception:
                    pause = AGAIN_SECONDS
                    logger.exception("the copy could not be read")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), pause)

    async def _read(self) -> None:
        """Until the primary is back, or this machine is promoted or stopped."""
        self._over.clear()
        wanted = partial(self._loop.call_soon_threadsafe, self._over.set)
        interval = self.standby.reading(wanted)
        index: Index | None = await asyncio.to_thread(interval.__enter__)
        try:
            if not self._end.is_set():
                self.is_read = True
                if await self._reading_on.serve(index, self._over):
                    self._end.set()
        finally:
            self.is_read = False
            self._hear_signals()
            await asyncio.to_thread(interval.__exit__, None, None, None)

    # --- the lock

    async def _look_at_lock(self) -> None:
        while True:
            self.standby.following.locked = not await asyncio.to_thread(self._opens)
            await asyncio.sleep(UNLOCK_SECONDS)

    def _opens(self) -> bool:
        if self.settings.unlock == "prompt":
            return False  # somebody has to be there
        try:
            self.assure_unlocked()
        except (Refused, OSError):
            return False
        return True

    def assure_unlocked(self) -> None:
        """Raises Refused where the network's keys do not open here: then it may follow, and not be promoted."""
        if not (self.directory / NETWORK_KEY).exists():  # it comes with the first copy, and must not be made here
            raise KeyMissing("The network's key has not come here yet.")
        if self._unlock is not None:
            unwrapped((self.directory / NETWORK_KEY).read_bytes(), self._unlock)
        else:
            Keyring.open_(self.directory, self._source())

    def _source(self) -> Source:
        return Source(self.settings.unlock, self.settings.unlock_credential)

    def _entrusted(self, ring: bytes, settings: bytes) -> None:
        """On a link's thread: keep the network's keys under our own unlock key, and its settings beside ours."""
        assert self._unlock is not None
        entrust(self.directory, self._unlock, ring)
        adopt(self.directory, settings)

    # --- promotion

    async def _tidy(self) -> None:
        """What was put aside here does not stay for ever."""
        while True:
            await asyncio.to_thread(aside.discard_old, self.directory)
            await asyncio.sleep(TIDY_SECONDS)

    def _succeed_by_order(self) -> None:
        """On a link's thread: the primary hands over. The witness is told, so that it grants that one no more time.

        Raises WitnessAway, and what `assure_unlocked` raises: nothing was handed over.
        """
        self.assure_unlocked()
        try:
            granted = self.standby.elected(by_hand=True)
        except LinkLost:
            raise WitnessAway from None
        if not granted:
            raise WitnessAway("The witness does not let that machine be the primary.")

    def _succeeded(self) -> None:
        """On a link's thread, after the primary was answered: the link ends with what this machine was."""
        self._loop.call_soon_threadsafe(self.be_promoted)

    async def _succeed(self) -> None:
        """Take over when the primary is lost and the witness grants it; a locked standby does not ask."""
        said, pause = "", ASK_SECONDS
        while not self.promoted:
            await asyncio.sleep(pause)
            pause = min(ASK_SECONDS, max(self.standby.following.promised_seconds, SOON_SECONDS))
            if not self.standby.may_ask:
                continue
            try:
                await asyncio.to_thread(self.assure_unlocked)
                if await asyncio.to_thread(self.standby.elected):
                    logger.warning("the primary is lost: this machine takes over")
                    self.be_promoted()
            except Refused as refused:
                pause = ASK_SECONDS
                said = _warned(f"cannot take over: {refused.say}", said)

    def be_promoted(self, *, by_hand: bool = False) -> None:
        """After the answer to this command. by_hand: nobody knows whether this machine has everything."""
        self.promoted, self.resumes = True, by_hand
        self._loop.call_later(0.1 if by_hand else 0, self._stop)


def _warned(why: str, said: str) -> str:
    """Say it in the log, once."""
    if why != said:
        logger.warning("this standby %s", why)
    return why


def _warmed(shared: Shared, copy: Copy, index: Index | None) -> Warm:
    return Warm(copy, TRUTH_SCHEMA, shared.catalog, index)


def stand_by(directory: Path, settings: Settings, doors_of: DoorsOf) -> Promoted | None:
    """Follow until told to stop (None) or promoted. Raises AlreadyRunning."""
    lock = DirectoryLock(directory)
    try:
        return uvloop.run(_stand_by(directory, settings, doors_of))
    finally:
        lock.release()


async def _stand_by(directory: Path, settings: Settings, doors_of: DoorsOf) -> Promoted | None:
    shared = shared_by(settings)
    standing = StandingBy(directory, settings, shared, doors_of)
    await rehearse(shared)
    await standing.follow()
    index = standing.standby.take_index()
    if standing.promoted:
        print(f"{directory} is the primary now.", file=sys.stderr, flush=True)
        return Promoted(shared, index)
    if index is not None:
        index.db.close()
    return None


def understood(words: list[str]) -> tuple[argparse.Namespace, Act]:
    """What a command in another process wants done here. Raises OnStandby, Misread."""
    try:
        given = understand(words)
    except SystemExit:
        raise Misread("that is answered where it was typed") from None
    if given.command != COMMAND:
        raise OnStandby
    act: Act = import_module(given.module).act_there
    return given, act
