"""A standby at work: it follows until it is told to stop, or is promoted and so becomes the network itself.

In come a directory and its settings; out comes whether it is the primary now. Commands reach it at the same control
socket as a network's.
"""

import argparse
import asyncio
import logging
import signal
import sys
from importlib import import_module
from pathlib import Path

from freehold.cli.control import Act, commanded
from freehold.cli.main import Misread, understand
from freehold.haven.standby import StandbyMachine
from freehold.protocol.refused import Refused
from freehold.settings import Settings
from freehold.store.keyring import Keyring, Source
from freehold.store.lock import DirectoryLock

logger = logging.getLogger(__name__)

COMMAND = "standby"
ASK_SECONDS = 0.3


class OnStandby(Refused):
    """A command that is for the primary."""

    kind, name = "conflict", "OnStandby"
    say = "This machine is a standby: it follows another one, on which that is to be done."


class StandingBy:
    """What acts on a standby see. Its `following` says how it is."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self.directory, self.settings = directory, settings
        self.standby = StandbyMachine(directory, self._succeed_by_order)
        self.promoted = self.resumes = False
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()

    async def follow(self) -> None:
        """Until a signal, or promotion."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self._end.set)
        self.standby.open()
        try:
            async with commanded(self, understood), asyncio.TaskGroup() as tasks:
                succeeding = tasks.create_task(self._succeed())
                await self._end.wait()
                succeeding.cancel()
        finally:
            await asyncio.to_thread(self.standby.close)
        if self.promoted:
            self.standby.promote(resumes=self.resumes)

    def _succeed_by_order(self) -> None:
        """On a link's thread: the primary hands over. The witness is told, so that it grants that one no more time."""
        self.assure_unlocked()
        self.standby.elected(by_hand=True)
        self._loop.call_soon_threadsafe(self.be_promoted)

    async def _succeed(self) -> None:
        """Take over when the primary is lost and the witness grants it; a locked standby does not ask."""
        said = ""
        while not self.promoted:
            await asyncio.sleep(ASK_SECONDS)
            if not self.standby.following.may_succeed() or self.standby.machine.witness is None:
                continue
            try:
                await asyncio.to_thread(self.assure_unlocked)
                if await asyncio.to_thread(self.standby.elected):
                    logger.warning("the primary is lost: this machine takes over")
                    self.be_promoted()
            except Refused as refused:
                if refused.say != said:
                    said = refused.say
                    logger.warning("this standby cannot take over: %s", said)

    def assure_unlocked(self) -> None:
        """Raises Refused where the network's keys do not open here: then it may follow, and not be promoted."""
        Keyring.open_(self.directory, Source(self.settings.unlock, self.settings.unlock_credential))

    def be_promoted(self, *, by_hand: bool = False) -> None:
        """After the answer to this command. by_hand: nobody knows whether this machine has everything."""
        self.promoted, self.resumes = True, by_hand
        asyncio.get_running_loop().call_later(0.1, self._end.set)


def stand_by(directory: Path, settings: Settings) -> bool:
    """Follow until told to stop (False) or promoted (True). Raises AlreadyRunning."""
    lock = DirectoryLock(directory)
    try:
        return asyncio.run(_stand_by(directory, settings))
    finally:
        lock.release()


async def _stand_by(directory: Path, settings: Settings) -> bool:
    standing = StandingBy(directory, settings)
    listen = standing.standby.machine.listen
    where = f"on {listen} and " if listen else ""
    print(f"{directory} is a standby. It waits for its primary {where}by ssh.", file=sys.stderr, flush=True)
    await standing.follow()
    if standing.promoted:
        print(f"{directory} is the primary now.", file=sys.stderr, flush=True)
    return standing.promoted


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
