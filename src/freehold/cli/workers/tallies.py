"""What is counted in several processes and has to be one number: points spent, things read, calls.

Each process counts at once what it answers, and hears a quarter of a second later what others did. So a caller who asks
several processes at the same time can spend a quarter of a second's worth more than their budget, and no more.
"""

import asyncio
from collections.abc import Callable

from freehold.api.app import ApiDoor
from freehold.cli.workers.words import Asked, Called, Charged, Spent, Told
from freehold.net.allowances import Payer
from freehold.pds.bulk_reading import Watch
from freehold.site import Site

EVERY_SECONDS = 0.25
READ = "read"
"""The budget that workers spend from; all other calls are the main process's."""


class Tally:
    """Gathers, and says all of it a quarter of a second later."""

    def __init__(self, say: Callable[["Tally"], object]) -> None:
        self._say = say
        self._armed = False
        self.spent: dict[tuple[str, str, str, str], int] = {}
        self.asked: list[Asked] = []
        self.called: list[Called] = []

    def spend(self, budget: str, points: int, payer: Payer) -> None:
        """Points were spent here."""
        if budget == READ:
            key = (budget, *payer)
            self.spent[key] = self.spent.get(key, 0) + points
            self.arm()

    def add(self, spent: list[Spent]) -> None:
        """Points were spent in another process."""
        for budget, member, guest, address, points in spent:
            self.spend(budget, points, Payer(member, guest, address))

    def ask(self, kind: str, payer: Payer, app: str, things: tuple[str, ...]) -> None:
        """Somebody asked for things."""
        self.asked.append((kind, *payer, app, things))
        self.arm()

    def call(self, method: str, status: int, seconds: float) -> None:
        """A call was answered."""
        self.called.append((method, status, seconds))
        self.arm()

    def arm(self) -> None:
        """Say it soon."""
        if not self._armed:
            self._armed = True
            asyncio.get_running_loop().call_later(EVERY_SECONDS, self.flush)

    def flush(self) -> None:
        """Say it now."""
        self._armed = False
        self._say(self)
        self.spent, self.asked, self.called = {}, [], []

    def points(self) -> list[Spent]:
        """What was spent."""
        return [(*key, points) for key, points in self.spent.items()]

    def told(self, network: int) -> Told:
        """All of it, by a worker."""
        return Told(network, self.points(), self.asked, self.called)


class ToldWatch(Watch):
    """A worker's watch over readers: the main process counts what they read, and gives the alarms."""

    def __init__(self, site: Site, tally: Tally) -> None:
        super().__init__(site.truth, site.accounts, site.network, site.allowances, site.clock)
        self._tally = tally

    def note(self, kind: str, payer: Payer, app: str, *things: str) -> None:
        """Somebody asks for these things."""
        self._tally.ask(kind, payer, app, things)


class ToldDoor(ApiDoor):
    """A worker's door for programs: the main process has the figures."""

    def __init__(self, site: Site, tally_of: Callable[[Site], Tally]) -> None:
        super().__init__(site.catalog)
        self._tally_of = tally_of

    def observe(self, site: Site, method: str, status: int, seconds: float) -> None:
        self._tally_of(site).call(method, status, seconds)


def take_in(site: Site, door: ApiDoor, told: Told) -> None:
    """Let the main process count what a worker did."""
    for budget, member, guest, address, points in told.spent:
        site.allowances.charge(budget, points, Payer(member, guest, address))
    for kind, member, guest, address, app, things in told.asked:
        site.watch.note(kind, Payer(member, guest, address), app, *things)
    for method, status, seconds in told.called:
        door.observe(site, method, status, seconds)


def learn(site: Site, charged: Charged) -> None:
    """Let a worker count what others did."""
    for budget, member, guest, address, points in charged.spent:
        site.allowances.charge(budget, points, Payer(member, guest, address))
    for key, until in charged.slowed.items():
        site.allowances.slow(key, until)


def charged_of(network: int, site: Site, spent: list[Spent]) -> Charged:
    """What a worker is to learn."""
    return Charged(network, spent, dict(site.allowances.slowed))
