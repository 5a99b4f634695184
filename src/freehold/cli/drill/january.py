"""`freehold drill DIRECTORY january-2021`: everything outside is taken from a copy of the network, one after another.

In January 2021 a network lost its hosting, its names' service, its shield and its stores within days, and was gone for
35 days, for 128 and for 602. Here all of it goes within minutes, while members read, write, upload, follow, report and
change settings; what they were told "yes" to is looked for after each.
"""

import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import msgspec

from freehold.cli.drill import looking, page, report
from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.findings import STEP_SECONDS, Findings, Found, counted
from freehold.cli.drill.looking import Expected
from freehold.cli.drill.takings import ALL
from freehold.cli.drill.takings.taking import Taking
from freehold.cli.drill.wire import Wire, standing_on
from freehold.cli.drill.world import World
from freehold.protocol.refused import InvalidRequest, Refused

NAME = "january-2021"
SECONDS, BACK_SECONDS = 3, 60.0
SETTLE_SECONDS = 0.5
JOINING_LATER = 4
ADDRESSES_FROM = "45.127"


class NotHeld(Refused):
    """A drill in which something did not hold."""

    name = "NotHeld"


def hold(directory: Path, members: int, seconds: float, only: Sequence[str]) -> None:
    """Hold the drill. Raises NoWire, NoHaproxy, DrillFailed, NotHeld."""
    takings = chosen(only)
    folder = Path(tempfile.mkdtemp(prefix="freehold-drill-"))
    try:
        wire = Wire()
        _end_with(wire)
        try:
            found = _on(wire, directory, folder, members, seconds, takings)
        finally:
            wire.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    path = report.write(directory, found)
    shown = path.with_suffix(".html")
    report.put(shown, page.page(found).encode())
    print("\n".join(found.lines()))
    print(f"  with plots     {shown}")
    if not found.held:
        raise NotHeld("Not everything held. What did not stands in that file.")


def chosen(only: Sequence[str]) -> list[Taking]:
    """The takings to hold, in order. Raises InvalidRequest."""
    known = {taking.name: taking for taking in ALL}
    for name in only:
        if name not in known:
            raise InvalidRequest(f"“{name}” is not taken away in this drill: {', '.join(known)}.")
        if known[name].after and known[name].after not in only:
            raise InvalidRequest(f"“{name}” comes after “{known[name].after}”: say both.")
    return [taking for taking in ALL if not only or taking.name in only]


def _end_with(wire: Wire) -> None:
    """Whoever ends the drill ends its machines first, so that nobody waits for them."""

    def end(number: int, frame: FrameType | None) -> None:
        wire.close()
        sys.exit(128 + number)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, end)


def _on(wire: Wire, directory: Path, folder: Path, members: int, seconds: float, takings: list[Taking]) -> Findings:
    world = World(directory, folder, wire)
    addresses = [f"{ADDRESSES_FROM}.{n // 200}.{n % 200 + 1}" for n in range(members + JOINING_LATER)]
    wire.more_addresses(world.members, addresses)
    try:
        with standing_on(world.members):
            return asyncio.run(Drill(world, members, seconds, addresses).hold(takings))
    finally:
        wire.close()
        world.close()


class Drill:
    """One drill, as it goes."""

    def __init__(self, world: World, members: int, seconds: float, addresses: list[str]) -> None:
        self._world, self._count, self._seconds, self._addresses = world, members, seconds, addresses
        self._began, self._at = time.monotonic(), datetime.now(UTC)
        self._takings: list[Found] = []
        self._crowd: Crowd

    async def hold(self, takings: list[Taking]) -> Findings:
        """All of it, or up to the first taking from which nobody came back."""
        world = self._world
        await world.start(self._told)
        self._crowd = crowd = Crowd(world.ways, self._addresses)
        try:
            self._told("members join")
            invite = await world.in_thread(world.order, "account", "invite", "--uses", self._count)
            before = await self._join(invite.strip())
            self._load_began = time.monotonic()
            crowd.begin()
            for taking in takings:
                await asyncio.sleep(self._seconds)
                if not await self._take(taking):
                    break
            await asyncio.sleep(self._seconds)
            await crowd.end()
            await self._look_once_more(before)
            return self._findings(len(before))
        finally:
            await crowd.end()
            await crowd.close()

    async def _join(self, invite: str) -> dict[str, str]:
        """Everybody who was there before the drill."""
        await self._crowd.join(1, invite)
        before = await looking.everybody(self._crowd.members[0])
        before.pop(self._crowd.members[0].did)
        await self._crowd.join(self._count - 1, invite)
        return before

    async def _take(self, taking: Taking) -> bool:
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
            read_at, write_at = await crowd.back(lost_at, BACK_SECONDS)
            self._told(f"back: read after {read_at - lost_at:.1f} s, written after {write_at - lost_at:.1f} s")
            notes = await mending
            await asyncio.sleep(SETTLE_SECONDS)
        except Refused as refused:
            wrong = refused.say
            mending.cancel()
            await asyncio.gather(mending, return_exceptions=True)
        longest_read, longest_write = crowd.history.longest_silence(lost_at, time.monotonic())
        missing = await self._look() if read_at is not None else []
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

    async def _look(self) -> list[str]:
        expected = Expected(self._crowd.history)
        return await looking.lost(self._crowd.members, expected, self._world.home)

    async def _look_once_more(self, before: dict[str, str]) -> None:
        """At the end, when nobody writes: everything, and everybody of before."""
        if any(taking.lost or taking.read is None for taking in self._takings):
            return  # it is known already
        self._told("everything is looked for once more")
        missing = await self._look() + looking.gone(before, await looking.everybody(self._crowd.members[0]))
        self._takings[-1] = msgspec.structs.replace(self._takings[-1], lost=missing)

    def _findings(self, others: int) -> Findings:
        history, start, end = self._crowd.history, self._load_began, time.monotonic()
        reads, writes = ([span.answered for span in spans] for spans in (history.reads, history.writes))
        first = self._takings[0]
        return Findings(
            drill=NAME,
            at=self._at,
            members=self._count,
            records=len(history.records),
            blobs=len(history.blobs),
            lost=[each for taking in self._takings for each in taking.lost],
            seconds_to_read=max((taking.read or BACK_SECONDS for taking in self._takings), default=0.0),
            seconds_to_write=max((taking.write or BACK_SECONDS for taking in self._takings), default=0.0),
            writes_a_second=[sum(pair) for pair in _pairs(counted(writes, start, end))],
            lost_at=int(first.at),
            seconds=end - self._began,
            follows=len(history.follows),
            reports=len(history.reports),
            settings=sum(history.settings.values()),
            others=others,
            reads=counted(reads, start, end),
            writes=counted(writes, start, end),
            failures=counted(history.refused, start, end),
            takings=self._takings,
        )

    def _told(self, what: str) -> None:
        print(f"[{time.monotonic() - self._began:6.1f} s] {what}", file=sys.stderr, flush=True)


def _pairs(counts: list[int]) -> list[list[int]]:
    step = round(1 / STEP_SECONDS)
    return [counts[n : n + step] for n in range(0, len(counts), step)]
