"""Drills that the network holds by itself, on a copy and with what the machine has left over: `drills` in the settings.

Table: rehearsal (the last one of each drill). In come plans such as `lost-machine weekly 03:00`; when one is due, the
command `freehold drill DIRECTORY NAME` runs as a process of its own at the lowest priority, just as a person would give
it, and writes its report into DIRECTORY/drills. Out comes an alarm when it failed. Times are micros since 1970 UTC.
"""

import asyncio
import logging
import os
import re
import shutil
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from freehold.protocol.refused import InvalidRequest
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.tx import Tx

logger = logging.getLogger(__name__)

SCHEMA: tuple[Migration, ...] = (
    Migration(
        "rehearsals-1",
        """
        CREATE TABLE rehearsal (
            drill TEXT PRIMARY KEY,
            began_at BIGINT NOT NULL,
            ended_at BIGINT NOT NULL,
            failure TEXT NOT NULL
        );
        """,
    ),
)

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
EVERY = {"daily": DAY, "weekly": 7 * DAY, "monthly": 30 * DAY}
SETTLE = HOUR
"""How long a network serves before it begins its first drill, and how long before the hour it may be due."""
LONGEST_SECONDS = 2 * 3600.0
END_SECONDS = 10.0
LOOK_SECONDS = 60.0
MOST_SAID = 500
_PLAN = re.compile(r"([a-z0-9-]{1,40}) (daily|weekly|monthly)(?: ([01]\d|2[0-3]):([0-5]\d))?")

Raise = Callable[[Tx, str, str], object]
"""Is told the drill and what was wrong, within the transaction that keeps it."""


class Plan(NamedTuple):
    """every: micros. at: minutes after midnight UTC, or None for any time."""

    drill: str
    every: int
    at: int | None

    def due(self, last: int) -> int:
        """When the next one is, after one that began then."""
        due = last + self.every
        if self.at is None:
            return due
        due -= SETTLE  # so that one at 03:00 is due again at 03:00, not a day later
        minute = self.at * 60 * SECOND
        return due + (minute - due) % DAY


class Held(NamedTuple):
    """The last one of a drill. ended_at: 0 while it runs, or was cut off. failure: what was wrong, or ""."""

    drill: str
    began_at: int
    ended_at: int
    failure: str


def plans(lines: Sequence[str]) -> list[Plan]:
    """Of the setting. Raises InvalidRequest."""
    made = []
    for line in lines:
        found = _PLAN.fullmatch(line)
        if found is None:
            raise InvalidRequest(
                f"“{line}” is not NAME daily, NAME weekly or NAME monthly, with HH:MM (UTC) or without."
            )
        at = int(found[3]) * 60 + int(found[4]) if found[3] else None
        made.append(Plan(found[1], EVERY[found[2]], at))
    return made


class Rehearsals:
    """Of the network in `directory`. program: the words that `drill` follows."""

    def __init__(
        self,
        directory: Path,
        truth: Database,
        plans: Sequence[Plan],
        program: Sequence[str],
        clock: Callable[[], int],
        raise_alarm: Raise,
    ) -> None:
        self.plans = tuple(plans)
        self._directory, self._truth, self._program, self._clock = directory, truth, tuple(program), clock
        self._raise, self._opened = raise_alarm, clock()

    def held(self) -> dict[str, Held]:
        """The last one of each drill, by its name."""
        with self._truth.reading() as tx:
            rows = tx.run("SELECT drill, began_at, ended_at, failure FROM rehearsal")
        return {row[0]: Held(*row) for row in rows}

    def next_at(self, plan: Plan) -> int:
        """When that one is due."""
        last = self.held().get(plan.drill)
        return max(plan.due(last.began_at) if last else 0, self._opened + SETTLE)

    async def run(self) -> None:
        """Hold each when it is due, one after the other, until cancelled."""
        while self.plans:
            for plan in self.plans:
                if self.next_at(plan) <= self._clock():
                    await self.hold(plan.drill)
            await asyncio.sleep(LOOK_SECONDS)

    async def hold(self, drill: str) -> Held:
        """Now."""
        began = self._clock()
        await self._keep(Held(drill, began, 0, ""))
        logger.info("the drill %s begins", drill)
        held = Held(drill, began, self._clock(), await self._perform(drill))
        await self._keep(held._replace(ended_at=self._clock()))
        if held.failure:
            logger.error("the drill %s failed: %s", drill, held.failure)
        return held

    async def _perform(self, drill: str) -> str:
        """What was wrong."""
        child = await asyncio.create_subprocess_exec(
            *(*_gently(), *self._program, "drill", str(self._directory), drill),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                _, said = await child.communicate()
        except TimeoutError:
            return f"it was not over after {LONGEST_SECONDS / 3600:.0f} hours"
        finally:
            await _ended(child)
        return "" if child.returncode == 0 else _last_line(said) or f"it ended with code {child.returncode}"

    async def _keep(self, held: Held) -> None:
        def write(tx: Tx) -> None:
            tx.run(
                "INSERT INTO rehearsal (drill, began_at, ended_at, failure)"
                " VALUES (:drill, :began_at, :ended_at, :failure) ON CONFLICT (drill) DO UPDATE SET"
                " began_at = excluded.began_at, ended_at = excluded.ended_at, failure = excluded.failure",
                **held._asdict(),
            )
            if held.failure:
                self._raise(tx, held.drill, held.failure)

        await self._truth.write(write)


def _gently() -> list[str]:
    """Words before a command that let it have only what nobody else wants."""
    words = ["nice", "-n", "19"]
    return [*words, "ionice", "-c", "3"] if shutil.which("ionice") else words


async def _ended(child: asyncio.subprocess.Process) -> None:
    """It, and all that it started: first told, as by Ctrl-C, so that it clears away what it made."""
    for sign, seconds in ((signal.SIGINT, END_SECONDS), (signal.SIGKILL, END_SECONDS)):
        if child.returncode is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, sign)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await child.wait()


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").replace("\r", "\n").strip().splitlines()
    return lines[-1].removeprefix("freehold: ")[:MOST_SAID] if lines else ""
