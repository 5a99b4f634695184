"""After a live drill that was broken off: in what state everything is, for whoever held it, and how to go on.

In come both machines and the edges that the drill was to take; out come lines. Nothing is changed but that an edge is
started that does not run.
"""

import asyncio
import time
from collections.abc import Sequence

from freehold.cli.drill.live.edge import EdgeMachine
from freehold.cli.drill.live.station import Station, Where
from freehold.cli.drill.live.words import Seen
from freehold.protocol.refused import Refused

AFTERMATH_SECONDS, LOOK_SECONDS = 60.0, 0.5


def aftermath(home: Where, far: Where, edges: Sequence[EdgeMachine]) -> list[str]:
    """What state things are in, once both machines are served or cannot be, and how to go on."""
    said = [_state("The first machine", home), _state("The second machine", far), *map(_edge_state, edges)]
    return [
        *said,
        "To go on, give the same command again: it leads both back to what they were, and deletes its members.",
    ]


def _edge_state(edge: EdgeMachine) -> str:
    try:
        runs = edge.start()
    except Refused as refused:
        return f"The edge {edge.name}: {refused.say}"
    return f"The edge {edge.name}: HAProxy {'runs' if runs else 'does not run; see to it'} at {edge.to.host}."


def _state(which: str, where: Where) -> str:
    try:
        station = Station(where)
        try:
            seen = asyncio.run(_settled(station))
        finally:
            station.close()
    except Refused as refused:
        return f"{which} is out of reach: {refused.say}"
    match seen.role, seen.runs:
        case "primary", True:
            with_standby = ", ".join(peer.name for peer in seen.standbys) or "none: what is written is on one disk only"
            return f"{which} serves the network. Its standbys: {with_standby}."
        case "standby", True:
            return f"{which} is a standby."
        case "fenced", _:
            return f"{which} knows that it was succeeded, and serves nobody."
        case role, _:
            return f"{which} is {role}, and does not run. Start it: freehold run {where.directory}"


async def _settled(station: Station) -> Seen:
    until = time.monotonic() + AFTERMATH_SECONDS
    while True:
        seen = await station.look()
        if seen.runs or seen.role == "fenced" or time.monotonic() > until:
            return seen
        await asyncio.sleep(LOOK_SECONDS)
