"""`freehold drill`: lose a machine on purpose, on a copy, and see."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from freehold.cli.drill import report
from freehold.cli.drill.load import Crowd
from freehold.cli.drill.machines import DrillFailed, Haven, command, copy_of, free_port
from freehold.cli.drill.report import Report
from freehold.cli.reach import assure_network
from freehold.protocol.refused import Refused

MEMBERS, SECONDS = 8, 8
BACK_SECONDS = 120
STEPS = ("a copy", "its machines", "in step", "load", "the loss", "back", "counting")


class SomethingLost(Refused):
    """A drill in which something acknowledged was lost."""

    name = "SomethingLost"


def main(given: argparse.Namespace) -> None:
    """Hold the drill. Raises DrillFailed, SomethingLost, NotHeld, NoWire."""
    assure_network(given.directory)
    if given.drill == "january-2021":
        from freehold.cli.drill import january

        january.hold(given.directory, given.members, given.seconds or january.SECONDS, given.only)
        return
    folder = Path(tempfile.mkdtemp(prefix="freehold-drill-"))
    try:
        found = asyncio.run(lost_machine(given.directory, folder, given.seconds or SECONDS))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    path = report.write(given.directory, found)
    print("\n".join(found.lines()))
    print(f"  written down in                 {path}")
    if found.lost:
        raise SomethingLost("What was lost stands in that file.")


async def lost_machine(directory: Path, folder: Path, seconds: int) -> Report:
    """The machine is killed without notice and its disk wiped; the standby takes over by itself."""
    began = datetime.now(UTC)
    steps = tqdm(total=len(STEPS), file=sys.stderr, disable=None, bar_format="{n}/{total} {desc}")
    haven = Haven(folder, free_port())
    try:
        _step(steps, 0)
        await asyncio.to_thread(copy_of, directory, folder / "primary")
        invite = await asyncio.to_thread(command, "account", folder / "primary", "invite", "--uses", MEMBERS)
        _step(steps, 1)
        await asyncio.to_thread(haven.start)
        _step(steps, 2)
        await _until_in_step(haven)
        crowd = Crowd(haven.port, haven.host)
        try:
            return await _under_load(haven, crowd, invite.strip(), seconds, began, steps)
        finally:
            await crowd.end()
            await crowd.close()
    finally:
        steps.close()
        await asyncio.to_thread(haven.stop)


async def _under_load(
    haven: Haven, crowd: Crowd, invite: str, seconds: int, began: datetime, steps: "tqdm[None]"
) -> Report:
    _step(steps, 3)
    await crowd.join(MEMBERS, invite)
    start = time.monotonic()
    crowd.begin()
    await asyncio.sleep(seconds)
    _step(steps, 4)
    await asyncio.to_thread(haven.primary.lose)
    lost_at = time.monotonic()
    _step(steps, 5)
    read_at, write_at = await _back(crowd, lost_at)
    await asyncio.sleep(seconds)
    await crowd.end()
    _step(steps, 6)
    heard = crowd.heard
    return Report(
        drill="lost-machine",
        at=began,
        members=MEMBERS,
        records=len(heard.records),
        blobs=len(heard.blobs),
        lost=await crowd.lost(),
        seconds_to_read=read_at - lost_at,
        seconds_to_write=write_at - lost_at,
        writes_a_second=by_second([span.answered for span in heard.writes], start),
        lost_at=int(lost_at - start),
    )


async def _back(crowd: Crowd, lost_at: float) -> tuple[float, float]:
    """When the first read and the first write were answered again. Raises DrillFailed."""
    until = lost_at + BACK_SECONDS
    while time.monotonic() < until:
        reads = [span.answered for span in crowd.heard.reads if span.begun > lost_at]
        writes = [span.answered for span in crowd.heard.writes if span.begun > lost_at]
        if reads and writes:
            return reads[0], writes[0]
        await asyncio.sleep(0.02)
    raise DrillFailed(f"Nobody answered again within {BACK_SECONDS} seconds.")


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
