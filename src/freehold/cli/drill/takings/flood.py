"""A flood: strangers from many addresses ask for pages and views as fast as they can, while members go on."""

import asyncio
import os
import time

from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.takings.taking import Broken, Taking
from freehold.cli.drill.world import World, heard

SECONDS, BEFORE_SECONDS = 5.0, 3.0
LAST = 19
"""The niceness of who has what all others leave."""
PROMISED_SHARE = 0.8
ADDRESSES = [f"45.{65 + n // 200}.{n % 200}.9" for n in range(400)]
"""In as many neighbourhoods."""


async def take(world: World, crowd: Crowd) -> None:
    """Nothing goes; too much comes."""
    flooders = world.wire.plug_in("flooders")
    await world.in_thread(world.wire.more_addresses, flooders, ADDRESSES)
    world.flood = await world.in_thread(
        world.python, flooders, "flooder", world.edge.address, world.name, SECONDS, *ADDRESSES
    )
    _bring_own_machine(world.flood.pid)
    await world.in_thread(heard, world.flood)


def _bring_own_machine(flooders: int) -> None:
    """A flood takes no computing from whom it floods: here it has one core, and of that what the network leaves."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(flooders, {cores[-1]})
    os.setpriority(os.PRIO_PROCESS, flooders, LAST)


async def mend(world: World, crowd: Crowd) -> list[str]:
    """What members were answered during the flood, beside what they were before."""
    began = time.monotonic()
    assert world.flood is not None
    before = crowd.history.calls_between(began - BEFORE_SECONDS, began) / BEFORE_SECONDS
    await asyncio.sleep(SECONDS)
    during = crowd.history.calls_between(began, began + SECONDS) / SECONDS
    answered, refused = (int(said) / SECONDS for said in (await world.in_thread(heard, world.flood)).split())
    share = during / before if before else 0.0
    flood = f"{len(ADDRESSES)} addresses: {answered:.0f} strangers' calls a second answered, {refused:.0f} turned away"
    if share < PROMISED_SHARE:
        raise Broken(
            f"Members were answered {share:.0%} as often as before the flood, not {PROMISED_SHARE:.0%}. From {flood}."
        )
    return [f"members were answered {during:.0f} times a second, before it {before:.0f}: {share:.0%}", flood]


TAKING = Taking("flood", "quiet: a flood of strangers from 400 addresses comes", 5, 5, take, mend)
