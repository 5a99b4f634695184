"""The hosting machine, without notice: every process killed, the machine off the net, its disk gone."""

import time

from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.takings.taking import Taking
from freehold.cli.drill.world import World

CARRIED_OFF = "carried-off"
"""Where the disk is meanwhile: whoever carried it off may bring it back (see `returned`)."""


async def take(world: World, crowd: Crowd) -> None:
    """Kill it, and carry the disk off."""
    world.wire.take_away(world.first)
    world.machines.pop("first").kill()
    (world.folder / "first").rename(world.folder / CARRIED_OFF)
    world.home = world.folder / "second"


async def mend(world: World, crowd: Crowd) -> list[str]:
    """Nobody does anything: the standby takes over when the witness grants it, and the edge finds it."""
    began, standby = time.monotonic(), world.machines["second"]
    await world.until(lambda: " is at " in standby.said(), "the standby has become the primary")
    return [f"the standby was the primary after {time.monotonic() - began:.1f} s, by order of the witness"]


TAKING = Taking("machine", "the hosting machine: killed without notice, its disk gone", 2, 5, take, mend)
