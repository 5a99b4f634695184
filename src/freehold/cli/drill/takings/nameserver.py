"""The DNS: the name server that speaks for the network's name answers no more."""

from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.takings import name
from freehold.cli.drill.takings.taking import Taking
from freehold.cli.drill.world import SPARE_NAMES, World

NEW = SPARE_NAMES[1]


async def take(world: World, crowd: Crowd) -> None:
    """Its machine is gone, with the zone of every name that it spoke for."""
    world.wire.take_away(world.ns1)
    await crowd.hang_up()


async def mend(world: World, crowd: Crowd) -> list[str]:
    """The owner moves the network to the spare name that has another vendor's name server."""
    return await name.moved(world, crowd, NEW)


TAKING = Taking("dns", "the DNS: the name server of the domain is gone", 10, 10, take, mend)
