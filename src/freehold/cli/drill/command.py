"""`freehold drill`: lose things on purpose, on a copy, and see."""

import argparse

from freehold.cli.drill import january, lost_machine
from freehold.cli.reach import assure_network


def main(given: argparse.Namespace) -> None:
    """Hold the drill. Raises DrillFailed, SomethingLost, NotHeld, NoWire, NoHaproxy."""
    assure_network(given.directory)
    if given.drill == january.NAME:
        january.hold(given.directory, given.members, given.seconds or january.SECONDS, given.only)
    else:
        lost_machine.hold(given.directory, given.members, given.seconds or lost_machine.SECONDS)
