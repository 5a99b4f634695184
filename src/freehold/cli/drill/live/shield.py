"""The shield of a live drill: an edge's HAProxy is gone for a while, and whoever comes by the name finds another way.

In come the edge, the addresses that the public name leads to from here, and the members; out comes a taking. Before it
everything is looked at: `assure` says no where somebody would not find another way.
"""

import asyncio
from collections.abc import Collection
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.live.edge import EdgeMachine
from freehold.cli.drill.live.station import Station
from freehold.cli.drill.live.words import Order, Seen
from freehold.cli.drill.member import Ways
from freehold.cli.drill.takings.taking import Broken
from freehold.haven.edges.edges import EVERYWHERE, Edge
from freehold.net.client import Client
from freehold.net.guard import Guard, system_lookup
from freehold.protocol.refused import InvalidRequest, Refused

HELD_SECONDS, AGAIN_SECONDS, LOOK_SECONDS, ANSWER_SECONDS = 8.0, 30.0, 0.3, 5.0
HEALTH = "/xrpc/_health"
OK = 200


class NoOtherWay(Refused):
    """An edge that is not taken away: somebody would be left without a way, or it is not the network's own."""

    kind, name = "conflict", "NoOtherWay"


class Shield(NamedTuple):
    """An edge that is taken away. own: its addresses among those of the name; others: the rest; of both those that
    answer from here."""

    edge: EdgeMachine
    own: tuple[str, ...]
    others: tuple[str, ...]


async def assure(edge: EdgeMachine, home: Station, seen: Seen, ways: Ways) -> Shield:
    """It may be taken away. Raises NoOtherWay, InvalidRequest, NotReached."""
    known = next((each for each in seen.edges if each.name == edge.name), None)
    if known is None:
        names = ", ".join(each.name for each in seen.edges) or "it has none"
        raise InvalidRequest(f"There is no edge “{edge.name}” of this network: {names}.")
    config = await home.ask(Order("edge", ("show", edge.name)))
    there = await asyncio.to_thread(edge.look, config)
    push = f"freehold edge DIRECTORY push {edge.name} ssh://{edge.to.host}"
    _assure(there.ours, f"HAProxy at {edge.to.host} does not read this network's configuration of {edge.name}: {push}")
    _assure(there.runs, f"HAProxy at {edge.to.host} does not run.")
    _assure(there.holds, f"There is no systemd-run at {edge.to.host}, which holds that it comes back for certain.")
    _assure(not there.held, f"Another drill holds HAProxy at {edge.to.host} for three minutes at most.")
    host, port = _place(ways)
    led = await ways.look_up(host, port)
    reached = await system_lookup(edge.to.host.rpartition("@")[2], edge.to.port)
    own = [each for each in led if each in {*there.addresses, *reached, *_of(known)}]
    return await _with_another_way(Shield(edge, tuple(own), tuple(each for each in led if each not in own)), ways)


async def _with_another_way(shield: Shield, ways: Ways) -> Shield:
    """For each family of addresses by which somebody comes to the edge. Raises NoOtherWay."""
    host, name = _place(ways)[0], shield.edge.name
    _assure(bool(shield.own), f"{host} does not lead to {name} from here, but to {', '.join(shield.others)}.")
    answered = {each for each in (*shield.own, *shield.others) if await answers(ways, each)}
    for version in sorted({ip_address(each).version for each in shield.own}):
        those, rest = (_family(version, each) for each in (shield.own, shield.others))
        _assure(
            bool(rest),
            f"By IPv{version} {host} leads to {name} alone: who comes by the name would find no other way.",
        )
        _assure(
            bool(answered & rest) or not answered & those,
            f"Nobody answers at {', '.join(sorted(rest))} in its place.",
        )
    _assure(bool(answered & set(shield.own)), f"{name} does not answer from here.")
    _assure(bool(answered & set(shield.others)), f"No other address of {host} answers from here.")
    own, others = (tuple(each for each in part if each in answered) for part in (shield.own, shield.others))
    return Shield(shield.edge, own, others)


def _family(version: int, addresses: Collection[str]) -> set[str]:
    return {each for each in addresses if ip_address(each).version == version}


def _of(edge: Edge) -> set[str]:
    return {*edge.addresses, *edge.listen} - set(EVERYWHERE)


def _assure(sound: bool, say: str) -> None:
    if not sound:
        raise NoOtherWay(f"{say} Nothing was done.")


def _place(ways: Ways) -> tuple[str, int]:
    parts = urlsplit(ways.url)
    return parts.hostname or "", parts.port or 443


async def answers(ways: Ways, address: str) -> bool:
    """Whether the network answers there, by its own name and certificate, from here."""

    async def look_up(host: str, port: int) -> list[str]:
        return [address]

    client = Client(Guard(allow_loopback=True, lookup=look_up), context=ways.trust)
    try:
        return (await client.request("GET", ways.url + HEALTH, seconds=ANSWER_SECONDS)).status == OK
    except Refused:
        return False
    finally:
        await client.close()


# --- taken, and given back


async def take(shield: Shield, crowd: Crowd) -> None:
    """Its HAProxy is gone, and every member looks for the way anew. Raises NotDoneThere, NotReached."""
    await asyncio.to_thread(shield.edge.stop)
    await crowd.hang_up()


async def mend(shield: Shield, ways: Ways) -> list[str]:
    """Nobody does anything for a while; then it is started again, and serves. Raises Broken, NotDoneThere."""
    name = shield.edge.name
    try:
        await _assure_gone(shield, ways)
        await asyncio.sleep(HELD_SECONDS)
        await _assure_gone(shield, ways)
    finally:
        await asyncio.to_thread(shield.edge.give_back)
    seconds = await _served_again(shield, ways)
    return [
        f"nobody answered at {', '.join(shield.own)} meanwhile; the name leads to {', '.join(shield.others)} as well",
        f"HAProxy was started again, and {name} served after {seconds:.1f} s",
    ]


async def _assure_gone(shield: Shield, ways: Ways) -> None:
    for each in shield.own:
        if await answers(ways, each):
            raise Broken(f"{each} answers although HAProxy of {shield.edge.name} was stopped.")


async def _served_again(shield: Shield, ways: Ways) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not all([await answers(ways, each) for each in shield.own]):
        if loop.time() - began > AGAIN_SECONDS:
            raise Broken(f"{shield.edge.name} does not serve again: look at HAProxy at {shield.edge.to.host}.")
        await asyncio.sleep(LOOK_SECONDS)
    return loop.time() - began
