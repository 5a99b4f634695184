"""What is outside, taken from the network alone: its archive stores, and every service that it calls.

Nobody's service is stopped: the network's own process does not reach it for a while (see `cutting`), which is all that
the network would know of its loss. In come services as the network's machine sees them; out come takings.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.live.station import Station
from freehold.cli.drill.live.words import Cut, Order, Service, Uncut
from freehold.cli.drill.takings.taking import Broken

T = TypeVar("T")

HELD_SECONDS, NOTICE_SECONDS, CATCH_UP_SECONDS, LOOK_SECONDS = 8.0, 60.0, 150.0, 1.0
IN_STEP = "in step"
UNTIL = re.compile(r"holds all until ([^\s;]+)")


class Away:
    """Some services. at: the network's own machine. take, then give_back: once."""

    def __init__(self, at: Station, services: Sequence[Service]) -> None:
        self._at, self.services = at, tuple(services)
        self._known: list[Service] = []
        self._took_at = self._gave_back_at = 0.0

    async def take(self) -> None:
        """The network reaches none of them any more. Raises Broken, NotDoneThere."""
        tried = await self._at.reached(self.services)
        self._known = [each for each, reached in zip(self.services, tried, strict=True) if reached]
        await self.again()
        await self.assure_gone()
        self._took_at = time.monotonic()

    async def again(self) -> None:
        """Also where their names have come to lead meanwhile."""
        await self._at.ask(Cut(self.services))

    async def assure_gone(self) -> None:
        """Tried as the network's own user. Raises Broken."""
        for each, reached in zip(self.services, await self._at.reached(self.services), strict=True):
            if reached:
                raise Broken(f"{each.name} is reached although it was taken away.")

    async def held(self, meanwhile: Callable[[], Awaitable[T]]) -> T:
        """Away for HELD_SECONDS, and for as long as that takes; then given back, whatever it found."""
        try:
            found = await meanwhile()
            while time.monotonic() - self._took_at < HELD_SECONDS:
                await asyncio.sleep(LOOK_SECONDS)
                await self.again()
            await self.assure_gone()
        finally:
            await self._at.ask(Uncut())
            self._gave_back_at = time.monotonic()
        return found

    async def back(self) -> str:
        """What was reached before is reached again: in words. Raises Broken."""
        until, missing = time.monotonic() + NOTICE_SECONDS, self._known
        while missing:
            tried = await self._at.reached(missing)
            missing = [each for each, reached in zip(missing, tried, strict=True) if not reached]
            if missing and time.monotonic() > until:
                raise Broken(f"{missing[0].name} is not reached again, and was before.")
            if missing:
                await asyncio.sleep(LOOK_SECONDS)
        gone = [each.name for each in self.services if each not in self._known]
        more = f"; not reached before either: {', '.join(gone)}" if gone else ""
        seconds = self._gave_back_at - self._took_at
        return f"out of the network's reach for {seconds:.1f} s: {_names(self._known)}{more}"


def _names(services: Sequence[Service]) -> str:
    return ", ".join(each.name for each in services) or "none"


# --- archive stores


class Stand(NamedTuple):
    """How the network says that an archive is. until: it has everything up to then, in seconds since 1970 UTC."""

    state: str
    until: float


def stands(listed: str, names: Sequence[str]) -> dict[str, Stand]:
    """By name, from what `freehold archive DIRECTORY list` says."""
    found, name, state = dict[str, Stand](), "", ""
    longest = sorted(names, key=len, reverse=True)  # one may be the beginning of another
    for line in listed.splitlines():
        if line and not line.startswith(" "):
            name, state = next((each for each in longest if line.startswith(f"{each} ")), ""), ""
        elif (held := UNTIL.search(line)) is not None:
            found[name] = Stand(state, 0.0 if held[1] == "never" else datetime.fromisoformat(held[1]).timestamp())
        elif not state:
            state = line.strip()
    return found


async def stores_missed(away: Away, at: Station) -> list[str]:
    """The network says that they are gone, and goes on; given back, they get everything. Raises Broken."""
    names = [each.name for each in away.services]
    said = await away.held(lambda: _noticed(away, at, names))
    given_back, began = (await at.look()).now / 1e6, time.monotonic()
    behind = given_back - min(stand.until for stand in (await _stands(at, names)).values())
    await _until(at, names, lambda each: each.state == IN_STEP and each.until >= given_back)
    took = time.monotonic() - began
    return [
        await away.back(),
        f"the readiness said: {said}",
        f"{behind:.0f} s were missing in {', '.join(names)} when given back; all in step {took:.1f} s later",
    ]


async def _noticed(away: Away, at: Station, names: Sequence[str]) -> str:
    """The line of the readiness that names all of them as out of reach. Raises Broken."""
    until = time.monotonic() + NOTICE_SECONDS
    while True:
        said = await at.ask(Order("readiness", (), fails=True))
        for line in said.splitlines():
            if "out of reach" in line and all(name in line for name in names):
                return " ".join(line.split())
        if time.monotonic() > until:
            raise Broken(f"The readiness does not say that {', '.join(names)} cannot be reached.")
        await asyncio.sleep(LOOK_SECONDS)
        await away.again()


async def _stands(at: Station, names: Sequence[str]) -> dict[str, Stand]:
    every = stands(await at.ask(Order("archive", ("list",))), names)
    return {name: every[name] for name in names}


async def _until(at: Station, names: Sequence[str], sound: Callable[[Stand], bool]) -> None:
    until = time.monotonic() + CATCH_UP_SECONDS
    while not all(map(sound, (found := await _stands(at, names)).values())):
        if time.monotonic() > until:
            late = next(name for name, each in found.items() if not sound(each))
            raise Broken(f"{late} did not get everything within {CATCH_UP_SECONDS:.0f} s: {found[late].state}")
        await asyncio.sleep(LOOK_SECONDS)


# --- all else


async def services_missed(away: Away, at: Station, crowd: Crowd) -> list[str]:
    """Nobody does anything, and somebody joins all the same. Raises Broken, NotDone."""

    async def joined() -> None:
        invite = await at.ask(Order("account", ("invite", "--uses", "1")))
        await crowd.join(1, invite.strip())

    await away.held(joined)
    return [await away.back(), "a new member joined without them"]
