"""`freehold readiness`: what this network depends on outside of itself, what stands ready for each, what was rehearsed.

In comes an open network; out come lines, one for each thing that can be lost: `✓` something else takes its place, `!`
with what to do, `✗` nothing does.
"""

import argparse
import asyncio

from freehold.cli.terminal import Terminal
from freehold.readiness.hosts import called
from freehold.readiness.lines import GOOD, Line, days_since
from freehold.readiness.outside import all_of, verdict
from freehold.site import Site


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> int:
    """Say all of it; the exit code is 1 if something that is lost would not come back."""
    if given.hosts:
        for each in await called(site):
            terminal.say(f"{each.kind:<12} {each.host:<40} {each.port:>5}  {each.name}")
        return 0
    lines = await asyncio.to_thread(all_of, site)
    for line in lines:
        terminal.say(told(line, site.clock()))
        if line.todo and line.mark != GOOD:
            terminal.say(f"    → {line.todo}")
    return int(verdict(lines) > 0)


def told(line: Line, now: int) -> str:
    """One line of text."""
    more = [f"({line.uses})"] if line.uses else []
    if line.tried is not None:
        more.append(f"Tried {age(now, line.tried)}." if line.tried else "Never tried.")
    return " ".join([f"{line.mark} {line.what:<22} {line.said()}", *more])


def age(now: int, then: int) -> str:
    """In days."""
    days = days_since(now, then)
    return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
