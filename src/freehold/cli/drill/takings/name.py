"""The domain name: the registry gives it away, and nobody finds the network by it any more."""

import time

from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.takings.taking import Taking
from freehold.cli.drill.world import SPARE_NAMES, World

NEW = SPARE_NAMES[0]


async def take(world: World, crowd: Crowd) -> None:
    """Off the registry; and everybody comes anew, for a connection that is open would not notice."""
    world.registry.seize(world.name)
    await crowd.hang_up()


async def mend(world: World, crowd: Crowd) -> list[str]:
    """The owner moves the network to a spare name. Members hear of it by the beacon at the spare doors."""
    return await moved(world, crowd, NEW)


async def moved(world: World, crowd: Crowd, new: str) -> list[str]:
    """Move the network, and wait until every member is there."""
    began = time.monotonic()
    await world.in_thread(world.move, new)
    took = time.monotonic() - began
    await crowd.all_at(f"https://{new}")
    return [f"every identity was moved to {new} in {took:.1f} s", "members found it by the beacon at a spare door"]


TAKING = Taking("name", "the domain name: seized at the registry", 10, 10, take, mend)
