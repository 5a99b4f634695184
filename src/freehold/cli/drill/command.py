"""`freehold drill`: lose things on purpose, and see; on a copy, or live."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from freehold.cli.drill import january, lost_machine
from freehold.cli.reach import assure_network
from freehold.protocol.refused import InvalidRequest

if TYPE_CHECKING:
    from freehold.haven.edges.push import Far

MEMBERS = 8


def main(given: argparse.Namespace) -> None:
    """Hold the drill. Raises DrillFailed, SomethingLost, NotHeld, NoWire, NoHaproxy; and what `live.hold` raises."""
    if given.live:
        _hold_live(given)
        return
    directory, members = Path(given.directory), given.members or MEMBERS
    assure_network(directory)
    if given.hand:
        from freehold.cli.drill.live import hand

        hand.serve(directory)
    elif given.drill == january.NAME:
        january.hold(directory, members, given.seconds or january.SECONDS, given.only)
    else:
        lost_machine.hold(directory, members, given.seconds or lost_machine.SECONDS)


def _hold_live(given: argparse.Namespace) -> None:
    from freehold.cli.drill.live import live
    from freehold.cli.drill.live.station import where

    if given.drill != january.NAME:
        raise InvalidRequest(f"Only {january.NAME} is held live.")
    if not given.home:
        raise InvalidRequest("How does the second machine reach the first? Say --home tls://HOST:PORT.")
    wishes = live.Wishes(
        members=given.members or live.MEMBERS,
        seconds=given.seconds or live.SECONDS,
        only=given.only,
        home=given.home,
        archive=given.archive or "",
        planned=given.planned,
        edges=[_edge(each) for each in given.edge],
    )
    live.hold(where(given.directory), where(given.live), wishes)


def _edge(text: str) -> "tuple[str, Far]":
    """NAME=ssh://USER@HOST[:PORT]. Raises InvalidRequest."""
    from freehold.haven.edges import push

    name, mark, address = text.partition("=")
    if not (name and mark):
        raise InvalidRequest(f"“{text}” is not NAME=ssh://USER@HOST.")
    return name, push.parse(address)
