"""How several networks of one process share its event loop, so that a busy one cannot starve a quiet one.

A network alone is never held back. With several, each call is counted in points, which fade with a half-life of two
seconds. Only while the loop's thread is saturated, measured by the operating system's accounting, a network that has
taken more than its even share is told to come again in a second; as soon as there is time left over, nobody is.
"""

import time
from collections.abc import Callable

from freehold.net.budgets import Limit, Standing, TooMany

LOOK_SECONDS = 0.25
HALF_LIFE_SECONDS = 2.0
BUSY = 0.9
"""The part of the last quarter of a second that the loop's thread was computing, from which it counts as saturated."""
LEEWAY = 1.1
ACTIVE_POINTS = 1.0
"""A network with fewer faded points than this takes no part."""
SHARE = Limit("share of the process", 1, 1)


class Shares:
    """The networks of one process. wall, cpu: seconds; cpu of the thread that calls, which is the event loop's."""

    def __init__(self, wall: Callable[[], float] = time.monotonic, cpu: Callable[[], float] = time.thread_time) -> None:
        self.wall, self._cpu = wall, cpu
        self._networks: list[Share] = []
        self._looked, self._spent = wall(), cpu()
        self.most = float("inf")
        """Faded points from which a network is held back now."""

    def join(self) -> "Share":
        """One more network."""
        share = Share(self)
        self._networks.append(share)
        return share

    def part(self, share: "Share") -> None:
        """One less."""
        self._networks.remove(share)

    def look(self) -> None:
        """Let points fade, and see whether the loop is saturated."""
        now = self.wall()
        passed = now - self._looked
        if passed < LOOK_SECONDS:
            return
        spent = self._cpu()
        busy = (spent - self._spent) / passed >= BUSY
        self._looked, self._spent = now, spent
        fade = 0.5 ** (passed / HALF_LIFE_SECONDS)
        for share in self._networks:
            share.points *= fade
        active = [share.points for share in self._networks if share.points >= ACTIVE_POINTS]
        self.most = LEEWAY * sum(active) / len(active) if busy and len(active) > 1 else float("inf")


class Share:
    """What one network took lately."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self.points = 0.0

    def spend(self, points: int) -> None:
        """Count a call. Raises TooMany while others would starve."""
        self._shares.look()
        if self.points > self._shares.most:
            raise TooMany(Standing(SHARE, 0, int((time.time() + 1) * 1_000_000)), retry_seconds=1)
        self.points += points
