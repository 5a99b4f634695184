"""How much of what nobody knows yet is taken from one source: what invents accounts without end fills nothing here.

Counted for each source by itself, so that one keeps nobody from the accounts that another tells of:
- how many accounts may wait to be fetched for the first time, and how many may be here at all. Whoever is turned away
  is found again by the source's list, which is gone through once more when there is room;
- how often in vain: each first fetch costs a point, and one that brings a repository gives two back. Whose points are
  spent has its new accounts fetched as slowly as they come again, and what is known of it as ever.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic
from typing import NamedTuple

from freehold.outside import known
from freehold.store.clock import Clock
from freehold.store.tx import Tx

SECOND = 1_000_000
COUNTED_SECONDS = 1.0
SHARE = 0.02
"""How much of a thread's time may go into counting."""
WON_BACK = 2


class Bounds(NamedTuple):
    """Of one source. waiting: accounts that may wait to be fetched for the first time. accounts: in all. points: first
    fetches in vain at once, of which `per_second` come again."""

    waiting: int = 20_000
    accounts: int = 1_000_000
    points: int = 500
    per_second: float = 1.0


class Points(NamedTuple):
    """What a source had at a moment (micros)."""

    left: float
    at: int


class Newcomers:
    """All sources' budgets. Any thread may call; what is counted twice at once is counted again a second later."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Tx]], clock: Clock) -> None:
        self._reading, self._clock = reading, clock
        self.bounds = Bounds()
        self._rooms: dict[str, tuple[float, int]] = {}
        self._points: dict[str, Points] = {}

    def room(self, url: str) -> int:
        """How many more accounts may come by a source. Reads: not on the event loop."""
        until, left = self._rooms.get(url, (0.0, 0))
        began = monotonic()
        if began >= until:
            left = self._count(url)
            took = monotonic() - began
            self._rooms[url] = began + max(COUNTED_SECONDS, took / SHARE), left
        return left

    def _count(self, url: str) -> int:
        waiting, accounts = self.bounds.waiting, self.bounds.accounts
        with self._reading() as tx:
            left = waiting - known.count_new(tx, url, waiting)
            return max(0, min(left, accounts - known.count_all(tx, url, accounts)))

    def came(self, url: str, many: int) -> None:
        """So many came."""
        until, left = self._rooms.get(url, (0.0, 0))
        self._rooms[url] = until, left - many

    def count_anew(self, url: str) -> None:
        """What was said to have come is there now, as far as it came."""
        self._rooms.pop(url, None)

    # -- points --------------------------------------------------------------------------------------------------------

    def _now(self, url: str) -> Points:
        now, most = self._clock(), float(self.bounds.points)
        left, at = self._points.get(url, Points(most, now))
        return Points(min(most, left + max(0, now - at) / SECOND * self.bounds.per_second), now)

    def may_ask(self, url: str) -> bool:
        """Whether one more may be fetched for the first time."""
        return self._now(url).left >= 1

    def spend(self, url: str) -> None:
        """One is fetched for the first time."""
        points = self._now(url)
        self._points[url] = points._replace(left=points.left - 1)

    def win_back(self, url: str) -> None:
        """It was somebody."""
        points = self._now(url)
        self._points[url] = points._replace(left=points.left + WON_BACK)

    def forget(self, url: str) -> None:
        """It is listened to no more."""
        self._rooms.pop(url, None)
        self._points.pop(url, None)
