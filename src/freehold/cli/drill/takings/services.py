"""Every service outside at once: resolver, mail server, relay, public directory, and a host that is listened to."""

import msgspec

from freehold.cli.drill import abroad
from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.takings.taking import Taking
from freehold.cli.drill.world import World
from freehold.protocol.refused import Refused


class PostsGone(Refused):
    """What was seen before is not seen now."""

    kind, name = "unavailable", "PostsGone"
    say = "What people of another host had said is gone here since that host is."


USED = ("letters", "calls of the relay", "identities published")


async def take(world: World, crowd: Crowd) -> None:
    """Once each of them was used, so that it is known that they were."""
    await crowd.members[0].ask_for_letter()
    await world.until(lambda: all(counts(world).get(each) for each in USED), "services outside are used")
    world.elsewhere = there = await world.in_thread(world.begin_abroad)
    await there.somebody_joins()
    await world.in_thread(world.order, "outside", "add", f"wss://{abroad.NAME}")
    await there.followed_by(crowd.members[0])
    world.wire.take_away(world.outside)
    world.wire.take_away(world.abroad)


async def mend(world: World, crowd: Crowd) -> list[str]:
    """Nobody does anything. Somebody joins, is given an identity, and asks for a letter, which waits.

    Raises PostsGone if what the other host's people had said is not shown any more.
    """
    used = ", ".join(f"{number} {what}" for what, number in sorted(counts(world).items()))
    invite = (await world.in_thread(world.order, "account", "invite", "--uses", "1")).strip()
    await crowd.join(1, invite)
    await crowd.members[-1].ask_for_letter()
    if world.elsewhere is None or not await world.elsewhere.seen_by(crowd.members[-1]):
        raise PostsGone
    return [
        f"before: {used}",
        "a new member joined without them",
        "what people of the other host had said is still read",
    ]


def counts(world: World) -> dict[str, int]:
    """How often each was used."""
    file = world.folder / "outside.json"
    return msgspec.json.decode(file.read_bytes(), type=dict[str, int]) if file.exists() else {}


TAKING = Taking(
    "services",
    "every service outside: resolver, mail, relay, public directory, a host that is listened to",
    2,
    2,
    take,
    mend,
)
