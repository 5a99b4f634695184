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
from pathlib import Path
from types import FrameType

from freehold.cli.drill import looking, page, report
from freehold.cli.drill.course import Course
from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.findings import Findings, NotHeld
from freehold.cli.drill.looking import Expected
from freehold.cli.drill.takings import ALL
from freehold.cli.drill.takings.taking import Taking
from freehold.cli.drill.wire import Wire, standing_on
from freehold.cli.drill.world import World
from freehold.protocol.refused import InvalidRequest

NAME = "january-2021"
SECONDS = 3
JOINING_LATER = 4
ADDRESSES_FROM = "45.127"


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


def chosen(only: Sequence[str]) -> list[Taking[World]]:
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


def _on(
    wire: Wire, directory: Path, folder: Path, members: int, seconds: float, takings: list[Taking[World]]
) -> Findings:
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
        self._world, self._count, self._seconds = world, members, seconds
        self._began = time.monotonic()
        self._crowd = Crowd(world.ways, addresses)
        self._course = Course(world, self._crowd, self._look, self._told)

    async def hold(self, takings: list[Taking[World]]) -> Findings:
        """All of it, or up to the first taking from which nobody came back."""
        world, crowd, course = self._world, self._crowd, self._course
        await world.start(self._told)
        try:
            self._told("members join")
            invite = await world.in_thread(world.order, "account", "invite", "--uses", self._count)
            before = await self._join(invite.strip())
            course.begin()
            for taking in takings:
                await asyncio.sleep(self._seconds)
                if not await course.take(taking):
                    break
            await asyncio.sleep(self._seconds)
            await crowd.end()
            if not course.is_lost:
                await course.look_once_more(looking.gone(before, await looking.everybody(crowd.members[0])))
            return course.findings(NAME, len(before))
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

    async def _look(self) -> list[str]:
        expected = Expected(self._crowd.history)
        return await looking.lost(self._crowd.members, expected, self._world.home)

    def _told(self, what: str) -> None:
        print(f"[{time.monotonic() - self._began:6.1f} s] {what}", file=sys.stderr, flush=True)
