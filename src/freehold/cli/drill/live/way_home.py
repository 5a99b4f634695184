"""From whatever state a live drill has brought two machines to, back: home the primary, far its standby.

Each step looks at both and does the next thing, so that a drill that was broken off anywhere is led home by the same.
"""

import asyncio
import time
from collections.abc import Callable

from freehold.cli.drill.live.station import Station
from freehold.cli.drill.live.words import DropMark, GiveBack, MakeStandby, Mark, NotDoneThere, Order, Seen
from freehold.protocol.refused import Refused

PATIENCE_SECONDS, LOOK_SECONDS, PORT_SECONDS = 120.0, 0.3, 20.0
COPY_SECONDS = 24 * 3600.0
"""A first copy takes as long as the network is large."""
HOME = "home"


class NotHome(Refused):
    """A state from which nobody knows the way."""

    kind, name = "unavailable", "NotHome"


class WayHome:
    """told: each step, for people."""

    def __init__(self, home: Station, far: Station, mark: Mark, told: Callable[[str], object]) -> None:
        self.home, self.far, self.mark, self._told = home, far, mark, told

    async def go(self) -> None:
        """All the way. Raises NotHome, NotDoneThere, NotReached."""
        for station in (self.home, self.far):
            await station.ask(GiveBack())
        while True:
            home, far = await self.look()
            match home.role, far.role:
                case "primary", "standby":
                    if any(peer.machine == far.machine for peer in home.standbys):
                        await self.in_step(self.home, self.mark.peer.name)
                        return
                    await self.far_follows()
                case "standby", "primary":
                    await self.come_home() if self._follows(far, home) else await self.home_follows()
                case "fenced", "primary":
                    await self.home_follows()
                case "primary", "fenced":
                    await self.far_follows()
                case "primary", "primary":
                    await self.fenced(self.home if home.epoch < far.epoch else self.far)
                case roles:
                    raise NotHome(
                        f"The first machine is {roles[0]} and the second {roles[1]}: one must be the primary."
                    )

    async def look(self) -> tuple[Seen, Seen]:
        """Both."""
        home, far = await asyncio.gather(self.home.look(), self.far.look())
        return home, far

    async def serving(self) -> Station:
        """The machine that is the primary now."""
        home, far = await self.look()
        return self.far if far.role == "primary" and far.epoch > home.epoch else self.home

    # --- steps

    async def home_follows(self) -> None:
        """The first machine becomes the standby of the second, and gets into step."""
        mark = self.mark
        await self._join(self.far, self.home, HOME, mark.home, mark.home_listen)

    async def far_follows(self) -> None:
        """The second machine becomes the standby of the first again, as it was."""
        mark = self.mark
        await self._join(self.home, self.far, mark.peer.name, mark.peer.address, mark.far_listen)

    async def come_home(self) -> None:
        """The first machine becomes the primary again, with nothing lost."""
        await self.in_step(self.far, HOME)
        self._told("the second machine hands over to the first")
        await self.far.ask(Order("standby", ("relocate", HOME)))
        await self.serves(self.home)

    async def serves(self, station: Station) -> None:
        """Wait until it is the primary."""
        await self._until(lambda seen: seen.role == "primary" and seen.runs, station, "is the primary")

    async def fenced(self, station: Station) -> None:
        """Wait until it has heard of its successor."""
        await self._until(lambda seen: seen.role == "fenced", station, "knows that it is the primary no more")

    async def in_step(self, primary: Station, name: str) -> None:
        """Wait until that standby has everything, then compare all of it."""
        self._told(f"{name} gets into step")
        await self._until(lambda seen: seen.in_step(name), primary, f"has {name} in step", COPY_SECONDS)
        await primary.ask(Order("standby", ("verify", name)))
        self._told(f"{name} has the same, byte for byte")

    async def forget(self) -> None:
        """The drill is over: its marks go."""
        for station in (self.home, self.far):
            await station.ask(DropMark(self.mark.id))

    async def _join(self, primary: Station, other: Station, name: str, address: str, listen: str) -> None:
        self._told(f"{other.where.said} becomes a standby")
        code = await other.ask(MakeStandby(listen, self.mark.own_key))
        if any(peer.name == name for peer in (await primary.look()).standbys):
            await primary.ask(Order("standby", ("remove", name)))
        words = ("add", address, "--name", name, *(("--code", code) if listen else ()))
        keys = ("--with-keys",) if self.mark.own_key else ()
        until = time.monotonic() + PORT_SECONDS
        while True:
            try:
                await primary.ask(Order("standby", (*words, *keys)))
                break
            except NotDoneThere:  # its port is not open yet
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(LOOK_SECONDS)
        await self.in_step(primary, name)

    async def _until(
        self, sound: Callable[[Seen], bool], station: Station, what: str, seconds: float = PATIENCE_SECONDS
    ) -> None:
        until = time.monotonic() + seconds
        while not sound(await station.look()):
            if time.monotonic() > until:
                raise NotHome(f"It did not come to this within {seconds:.0f} seconds: {station.where.said} {what}.")
            await asyncio.sleep(LOOK_SECONDS)

    def _follows(self, primary: Seen, other: Seen) -> bool:
        return any(peer.name == HOME for peer in primary.standbys)
