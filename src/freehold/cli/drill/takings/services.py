"""Every service outside: the resolver, the mail server, the relay, the public directory of identities, all at once."""

import msgspec

from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.takings.taking import Taking
from freehold.cli.drill.world import World

USED = ("letters", "calls of the relay", "identities published")


async def take(world: World, crowd: Crowd) -> None:
    """Once each of them was used, so that it is known that they were."""
    await crowd.members[0].ask_for_letter()
    await world.until(lambda: all(counts(world).get(each) for each in USED), "services outside are used")
    world.wire.take_away(world.outside)


async def mend(world: World, crowd: Crowd) -> list[str]:
    """Nobody does anything. Somebody joins, is given an identity, and asks for a letter, which waits."""
    used = ", ".join(f"{number} {what}" for what, number in sorted(counts(world).items()))
    invite = (await world.in_thread(world.order, "account", "invite", "--uses", "1")).strip()
    await crowd.join(1, invite)
    await crowd.members[-1].ask_for_letter()
    return [f"before: {used}", "a new member joined without them"]


def counts(world: World) -> dict[str, int]:
    """How often each was used."""
    file = world.folder / "outside.json"
    return msgspec.json.decode(file.read_bytes(), type=dict[str, int]) if file.exists() else {}


TAKING = Taking("services", "every service outside: resolver, mail, relay, public directory", 2, 2, take, mend)
