"""The course of a drill in takings: members go on, one thing after another goes, and what they were told is looked for.

In come the world that things are taken from, the members, and the takings; out come `Findings`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Generic

import msgspec

from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.findings import STEP_SECONDS, Findings, Found, counted
from freehold.cli.drill.takings.taking import Taking, W
from freehold.net.errors import UpstreamFailed
from freehold.protocol.refused import Refused

BACK_SECONDS, SETTLE_SECONDS = 60.0, 0.5

Told = Callable[[str], object]
Look = Callable[[], Awaitable[list[str]]]
"""What of all that was acknowledged is not there."""


class Course(Generic[W]):
    """Of one drill. patience: for how long members may be without an answer, in seconds. told: each step."""

    def __init__(self, world: W, crowd: Crowd, look: Look, told: Told, patience: float = BACK_SECONDS) -> None:
        self._world, self._crowd, self._look, self._told, self._patience = world, crowd, look, told, patience
        self._began, self._at = time.monotonic(), datetime.now(UTC)
        self._load_began = self._began
        self._takings: list[Found] = []

    def begin(self) -> None:
        """Members begin to write and to read."""
        self._load_began = time.monotonic()
        self._crowd.begin()

    async def take(self, taking: Taking[W]) -> bool:
        """Take it away, wait for members to be back, look for everything; whether to go on."""
        world, crowd = self._world, self._crowd
        self._told(f"lost: {taking.what}")
        await taking.take(world, crowd)
        lost_at = time.monotonic()
        mending = asyncio.ensure_future(taking.mend(world, crowd))
        read_at = write_at = None
        notes: list[str] = []
        wrong = ""
        try:
            read_at, write_at = await crowd.back(lost_at, self._patience)
            self._told(f"back: read after {read_at - lost_at:.1f} s, written after {write_at - lost_at:.1f} s")
            notes = await mending
            await asyncio.sleep(SETTLE_SECONDS)
        except Refused as refused:
            wrong = refused.say
        finally:
            mending.cancel()
            await asyncio.gather(mending, return_exceptions=True)
        longest_read, longest_write = crowd.history.longest_silence(lost_at, time.monotonic())
        missing = await self._looked() if read_at is not None else []
        self._takings.append(
            Found(
                name=taking.name,
                what=taking.what,
                at=lost_at - self._load_began,
                read=read_at and read_at - lost_at,
                write=write_at and write_at - lost_at,
                promised_read=taking.read,
                promised_write=taking.write,
                longest_read=longest_read,
                longest_write=longest_write,
                notes=notes,
                wrong=wrong,
                lost=missing,
            )
        )
        for each in [wrong, *missing[:5]]:
            if each:
                self._told(f"✗ {each}")
        return read_at is not None

    @property
    def is_lost(self) -> bool:
        """Whether something is lost, or nobody came back."""
        return any(taking.lost or taking.read is None for taking in self._takings)

    async def look_once_more(self, more: list[str]) -> None:
        """At the end, when nobody writes: for everything. more: what is gone besides."""
        self._told("everything is looked for once more")
        self._takings[-1] = msgspec.structs.replace(self._takings[-1], lost=await self._looked() + more)

    async def _looked(self) -> list[str]:
        """What is lost. Whoever is not answered asks again for a while: a line that was cut is no loss."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return await self._look()
            except UpstreamFailed:
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(STEP_SECONDS)

    def findings(self, drill: str, others: int, **more: Any) -> Findings:
        """Of all of it. others: accounts of before the drill. more: of `Findings`."""
        history, start, end = self._crowd.history, self._load_began, time.monotonic()
        reads, writes = ([span.answered for span in spans] for spans in (history.reads, history.writes))
        return Findings(
            drill=drill,
            at=self._at,
            members=len(self._crowd.members),
            records=len(history.records),
            blobs=len(history.blobs),
            lost=[each for taking in self._takings for each in taking.lost],
            seconds_to_read=max((taking.read or self._patience for taking in self._takings), default=0.0),
            seconds_to_write=max((taking.write or self._patience for taking in self._takings), default=0.0),
            writes_a_second=[sum(pair) for pair in _pairs(counted(writes, start, end))],
            lost_at=int(self._takings[0].at),
            seconds=end - self._began,
            follows=len(history.follows),
            reports=len(history.reports),
            settings=sum(history.settings.values()),
            others=others,
            reads=counted(reads, start, end),
            writes=counted(writes, start, end),
            failures=counted(history.refused, start, end),
            takings=self._takings,
            **more,
        )


def _pairs(counts: list[int]) -> list[list[int]]:
    step = round(1 / STEP_SECONDS)
    return [counts[n : n + step] for n in range(0, len(counts), step)]
