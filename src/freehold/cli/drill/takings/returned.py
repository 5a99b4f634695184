"""The old machine returns with its disk, and wants to be the primary. It must fence itself; then it is useful."""

import asyncio
import time

from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.history import History
from freehold.cli.drill.member import Member
from freehold.cli.drill.takings.machine import CARRIED_OFF
from freehold.cli.drill.takings.taking import Broken, Taking
from freehold.cli.drill.wire import standing_on
from freehold.cli.drill.world import STANDBY_PORT, World
from freehold.haven import machine as machines
from freehold.haven import standby
from freehold.protocol.refused import Refused

TRY_SECONDS, PAUSE_SECONDS = 15.0, 0.05
LOOPBACK = "127.0.0.1"


async def take(world: World, crowd: Crowd) -> None:
    """It is switched on again, at its old address, knowing nothing."""
    world.first = world.wire.plug_in("first", world.first.address)
    world.machines["first"] = world.run(world.first, CARRIED_OFF, "run", str(world.folder / CARRIED_OFF))


async def mend(world: World, crowd: Crowd) -> list[str]:
    """Somebody writes to it, and must never be told yes; then it is made the standby of its successor."""
    directory, old = world.folder / CARRIED_OFF, world.machines["first"]
    tried, told_yes = await world.in_thread(_write_there, world, crowd.members[0])
    if told_yes:
        raise Broken(f"The old machine said yes to {told_yes} writes under an epoch that was over.")
    await world.until(lambda: machines.read(directory).role == "fenced", "the old machine has fenced itself")
    old.stop()
    _, pin, code = await world.in_thread(standby.make, directory, f"0.0.0.0:{STANDBY_PORT}")
    world.machines["first"] = again = world.run(world.first, CARRIED_OFF, "run", str(directory))
    await world.in_thread(again.wait_for, "is a standby")
    await world.in_thread(world.add_standby, world.first, f"{pin}.{code}")
    await world.until(world.in_step, "the old machine is in step")
    await world.in_thread(world.order, "standby", "verify", world.first.name)
    return [
        f"it said yes to none of {tried} writes, and fenced itself",
        "now it is the standby, and has the same, byte by byte",
    ]


def _write_there(world: World, member: Member) -> tuple[int, int]:
    """Write to the old machine, from itself, until it is fenced: how many tries, and how many were told yes."""
    with standing_on(world.first):
        return asyncio.run(_try(world, member))


async def _try(world: World, member: Member) -> tuple[int, int]:
    history = History()
    one = member.elsewhere(world.ways_to(LOOPBACK, world.names[0]), history, token=member.first_token)
    directory, tried = world.folder / CARRIED_OFF, 0
    until = time.monotonic() + TRY_SECONDS
    while machines.read(directory).role != "fenced" and time.monotonic() < until:
        tried += 1
        try:
            async with asyncio.timeout(1):
                await one.post("to the old machine")
        except (Refused, TimeoutError):
            await asyncio.sleep(PAUSE_SECONDS)
    await one.close()
    return tried, len(history.records)


TAKING = Taking("returned", "the right to be alone: the old machine returns", 2, 2, take, mend, after="machine")
