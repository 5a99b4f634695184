"""The command: read the figures, reckon, print for a person or as JSON."""

import argparse
from typing import Any

import msgspec

from freehold.cli.plan import figures, reckoning
from freehold.cli.plan.assumptions import ASSUMPTIONS, EXAMPLE_DATE, EXAMPLE_PRICES, PRICES
from freehold.cli.plan.figures import Figures
from freehold.cli.plan.reckoning import Machine


def main(given: argparse.Namespace) -> int:
    """Say what so many members would take."""
    measured = figures.read()
    assumed = {one.name: getattr(given, one.name) for one in ASSUMPTIONS}
    if given.example_prices:
        assumed |= {name: price for name, price in EXAMPLE_PRICES.items() if assumed[name] is None}
    numbers = {name: value for name, value in assumed.items() if value is not None}
    need = reckoning.machine(given.members, measured, numbers)
    beyond = reckoning.beyond(need, numbers)
    price = reckoning.price(given.members, need, assumed)
    if given.json:
        told: dict[str, Any] = {"members": given.members, **need._asdict(), "disk_gb": need.disk_gb}
        told |= {"beyond": beyond, "price": price, "assumed": assumed, "measured": measured}
        print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
        return 0
    print("\n".join([*_needs(given.members, need, price), "", *_verdict(beyond), "", *_basis(measured, assumed)]))
    return 0


def _needs(members: int, need: Machine, price: float | None) -> list[str]:
    rows = [
        ("active on a day", f"{need.active:,}"),
        ("at the peak", f"{need.writes:,.1f} writes and {need.reads:,.0f} reads a second"),
        ("cores", f"{need.cores:,} (busy: writing {need.writing_cores:.2f}, reading {need.reading_cores:.2f})"),
        ("memory", _gb(need.memory_gb)),
        (
            "disk",
            f"{_gb(need.disk_gb)}: truth {_gb(need.truth_gb)}, index {_gb(need.index_gb)}, "
            f"pictures {_gb(need.blobs_gb)}, their displayed sizes",
        ),
        ("archive", _gb(need.archive_gb)),
        ("traffic", f"{need.traffic_tb:,.2f} TB a month"),
    ]
    if price is not None:
        rows.append(("price", f"{price:.4f} for a member and month"))
    return [f"{members:,} members", *(f"  {name:<16} {said}" for name, said in rows)]


def _verdict(beyond: list[str]) -> list[str]:
    if not beyond:
        return ["One machine does it, and a standby like it for each copy."]
    return [
        "Beyond one machine, which is all that there is today: a network cannot be spread over several yet.",
        *(f"  {one}" for one in beyond),
        "Several networks that listen to each other would each be smaller, but each indexes all that it listens to.",
    ]


def _basis(measured: Figures, assumed: dict[str, float | None]) -> list[str]:
    lines = [
        f"Measured {measured.when} on {measured.machine} at a load of {measured.load:g}; reading: of a synthetic",
        f"index of {measured.synthetic_posts:,} posts and {measured.members:,} members.",
        "Assumed, each to be changed by its option:",
    ]
    for one in ASSUMPTIONS:
        value = assumed[one.name]
        if value is not None:
            lines.append(f"  --{one.name.replace('_', '-'):<16} {value:>8g}  {one.unit}")
    if any(one.group == PRICES and assumed[one.name] is not None for one in ASSUMPTIONS):
        lines.append(f"Prices as given; --example-prices are round figures of {EXAMPLE_DATE} and nobody's offer.")
    return lines


def _gb(size: float) -> str:
    return f"{size / 1e3:,.1f} TB" if size >= 1_000 else f"{size:,.1f} GB"
