"""The words of `plan`: the members, and an option for each assumption."""

import argparse

from freehold.cli.plan.assumptions import ASSUMPTIONS, EXAMPLE_DATE, MACHINES, PEOPLE, PRICES
from freehold.cli.words.parts import Commands, command, count

_TITLES = {PEOPLE: "of people", MACHINES: "of machines", PRICES: "of prices, in any currency"}


def plan(commands: Commands) -> None:
    plan = command(
        commands,
        "plan",
        "say what a network of so many members would take: cores, memory, disk, traffic, price",
        "From costs that were measured, whose date and machine it tells, and from assumptions, which it lists; each\n"
        "is an option. It also says what is more than one machine. It opens no network.",
    )
    plan.set_defaults(module="freehold.cli.plan.command")
    plan.add_argument("--members", type=count, required=True, metavar="N", help="how many accounts")
    plan.add_argument("--json", action="store_true", help="as JSON")
    plan.add_argument("--example-prices", action="store_true", help=f"with round prices of {EXAMPLE_DATE}")
    groups = {group: plan.add_argument_group(f"assumptions {title}") for group, title in _TITLES.items()}
    for one in ASSUMPTIONS:
        shown = "" if one.value is None else f" (default: {one.value:g})"
        groups[one.group].add_argument(
            f"--{one.name.replace('_', '-')}", type=amount, default=one.value, metavar="X", help=one.unit + shown
        )


def amount(text: str) -> float:
    """A number, 0 or more. Raises ValueError."""
    number = float(text)
    if not 0 <= number < 1e15:
        raise argparse.ArgumentTypeError("this must be 0 or more")
    return number
