"""`freehold drill DIRECTORY lost-machine`: the machine of a copy is killed without notice and its disk wiped.

Its machines are processes here, so that anybody can hold it, root or not, with nothing but this program.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from freehold.cli.drill import looking, report
from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.looking import Expected
from freehold.cli.drill.machines import DrillFailed, Haven, command, copy_of, free_port
from freehold.cli.drill.member import Ways
from freehold.cli.drill.report import Report
from freehold.protocol.refused import Refused

NAME = "lost-machine"
SECONDS, BACK_SECONDS = 8, 120
STEPS = ("a copy", "its machines", "in step", "load", "the loss", "back", "counting")


class SomethingLost(Refused):
    """A drill in which something acknowledged was lost."""

    name = "SomethingLost"


def hold(directory: Path, members: int, seconds: int) -> None:
    """Hold the drill. Raises DrillFailed, SomethingLost."""
    folder = Path(tempfile.mkdtemp(prefix="freehold-drill-"))
    try:
        found = asyncio.run(lost_machine(directory, folder, members, seconds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    path = report.write(directory, found)
    print("\n".join(found.lines()))
    print(f"  written down in                 {path}")
    if found.lost:
        raise SomethingLost("What was lost stands in that file.")


async def lost_machine(directory: Path, folder: Path, members: int, seconds: int) -> Report:
    """The standby takes over by itself."""
    steps = tqdm(total=len(STEPS), file=sys.stderr, disable=None, bar_format="{n}/{total} {desc}")
    haven = Haven(folder, free_port())
    try:
        _step(steps, 0)
        await asyncio.to_thread(copy_of, directory, folder / "primary")
        invite = await asyncio.to_thread(command, "account", folder / "primary", "invite", "--uses", members)
        _step(steps, 1)
        await asyncio.to_thread(haven.start)
        _step(steps, 2)
        await _until_in_step(haven)
        crowd = Crowd(lambda: Ways(f"http://127.0.0.1:{haven.port}", _as_it_is, host=haven.host))
        try:
            _step(steps, 3)
            await crowd.join(members, invite.strip())
            return await _under_load(haven, crowd, seconds, steps)
        finally:
            await crowd.end()
            await crowd.close()
    finally:
        steps.close()
        await asyncio.to_thread(haven.stop)


async def _under_load(haven: Haven, crowd: Crowd, seconds: int, steps: "tqdm[None]") -> Report:
    began, start = datetime.now(UTC), time.monotonic()
    crowd.begin()
    await asyncio.sleep(seconds)
    _step(steps, 4)
    await asyncio.to_thread(haven.primary.lose)
    lost_at = time.monotonic()
    _step(steps, 5)
    read_at, write_at = await crowd.back(lost_at, BACK_SECONDS)
    await asyncio.sleep(seconds)
    await crowd.end()
    _step(steps, 6)
    history = crowd.history
    return Report(
        drill=NAME,
        at=began,
        members=len(crowd.members),
        records=len(history.records),
        blobs=len(history.blobs),
        lost=await looking.lost(crowd.members, Expected(history), haven.second),
        seconds_to_read=read_at - lost_at,
        seconds_to_write=write_at - lost_at,
        writes_a_second=by_second([span.answered for span in history.writes], start),
        lost_at=int(lost_at - start),
    )


async def _as_it_is(host: str, port: int) -> list[str]:
    return [host]


async def _until_in_step(haven: Haven) -> None:
    until = time.monotonic() + BACK_SECONDS
    while not await asyncio.to_thread(haven.in_step):
        if time.monotonic() > until:
            raise DrillFailed(f"The standby was not in step within {BACK_SECONDS} seconds.")
        await asyncio.sleep(0.2)


def by_second(times: Sequence[float], start: float) -> list[int]:
    """How many in each second from the start on."""
    counts = [0] * (int(max(times, default=start) - start) + 1)
    for at in times:
        counts[int(at - start)] += 1
    return counts


def _step(steps: "tqdm[None]", at: int) -> None:
    steps.n = at + 1
    steps.set_description_str(STEPS[at])
