"""The shield in front: the edge through which everybody comes is gone, and another one is made."""

from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.takings.taking import Taking
from freehold.cli.drill.world import World

NAME = "east"


async def take(world: World, crowd: Crowd) -> None:
    """HAProxy is killed, and its machine is off the net."""
    world.wire.take_away(world.edge)


async def mend(world: World, crowd: Crowd) -> list[str]:
    """The owner makes another machine an edge, and leads the DNS there."""
    before, world.edge = world.edge, world.wire.plug_in(NAME)
    await world.in_thread(world.make_edge, world.edge)
    world.lead_to_edge()
    await world.in_thread(world.order, "edge", "remove", before.name)
    return [f"{NAME} took the place of {before.name}; it has no key and no password"]


TAKING = Taking("shield", "the shield in front: the edge's machine is gone", 15, 15, take, mend)
