"""The archive store: wiped. The other one goes on, and a network is restored from it on a machine that has nothing."""

import shutil
import time
from pathlib import Path

from freehold.cli.drill import looking
from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.history import History
from freehold.cli.drill.looking import Expected
from freehold.cli.drill.machines import command, cut_off
from freehold.cli.drill.takings.taking import Broken, Taking
from freehold.cli.drill.world import PASSPHRASE, World
from freehold.haven.archive.memory import recalled
from freehold.store.clock import now_micros

RESTORE_SECONDS = 60
LOST, LEFT, BARE = "near", "far", "bare"


async def take(world: World, crowd: Crowd) -> None:
    """The folder and all in it, at once, for it is being written to."""
    gone = world.archives[LOST].rename(world.folder / "wiped")
    await world.in_thread(shutil.rmtree, gone)


async def mend(world: World, crowd: Crowd) -> list[str]:
    """Wait until the other store has all that was acknowledged by now, then restore from it and look for all of it."""
    expected, moment = Expected(crowd.history), now_micros()
    kept = world.home / "archives" / LEFT
    await world.until(lambda: recalled(kept).sent_at > moment, f"the archive {LEFT} has everything")
    began = time.monotonic()
    restored = world.folder / BARE
    await world.in_thread(_restore, world, restored)
    bare = world.wire.plug_in(BARE)
    machine = world.run(bare, BARE, "run", str(restored))
    await world.in_thread(machine.wait_for, " is at ")
    ways, written = world.ways_to(bare.address), History()
    there = [member.elsewhere(ways, written) for member in crowd.members]
    try:
        await there[0].post("written on the bare machine")
        took = time.monotonic() - began
        missing = await looking.lost(there, expected, restored)
    finally:
        for member in there:
            await member.close()
        world.wire.take_away(bare)
        machine.kill()
    if missing:
        raise Broken(f"The archive {LEFT} lacks what was acknowledged: {missing[0]} and {len(missing) - 1} more.")
    if took > RESTORE_SECONDS:
        raise Broken(f"It took {took:.0f} s to write on a restored network; {RESTORE_SECONDS} s were promised.")
    return [
        f"restored on a bare machine from the archive {LEFT}: first write after {took:.1f} s of {RESTORE_SECONDS},"
        f" all {len(expected.records)} records and {len(expected.blobs)} pictures there"
    ]


def _restore(world: World, restored: Path) -> None:
    """What it was made from is not written by two: the restored network lets the archives alone."""
    command("restore", f"file://{world.archives[LEFT]}", restored, given=f"{PASSPHRASE}\n")
    cut_off(restored / "truth.db")
    world.settle(restored, edges_only=False)


TAKING = Taking("archive", "the archive store: wiped", 2, 2, take, mend)
