"""What callers of one network may ask for: which limits a kind of call has, and whose buckets it is taken from.

A member spends their own points, wherever they are. Anyone else spends those of their address (the /64 that one IPv6
subscriber has, or one IPv4 address) and of the neighbourhood around it; a member of another host, whom a service token
names, those of their DID. An address that an edge tells of is counted for that edge alone, which has a budget as a
whole, since it can invent addresses. Before that the network itself must not take more than its share of the process.
Members, guests and addresses are kept apart, so that a spray of addresses crowds out nobody who signed in.
The numbers are those of the official server, which clients know how to live with.
Source: https://docs.bsky.app/docs/advanced-guides/rate-limits
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from freehold.net.budgets import Budgets, Limit, Standing, apart, caller_of, network_of
from freehold.net.shares import Share

LIMITS: Mapping[str, tuple[Limit, ...]] = {
    "read": (Limit("read", 3_000, 300),),
    "write": (Limit("write-hour", 5_000, 3_600), Limit("write-day", 35_000, 86_400)),
    "sign-in": (Limit("sign-in", 300, 300), Limit("sign-in-day", 3_000, 86_400)),
    "sign-up": (Limit("sign-up", 1_000, 300),),
    "pictures": (Limit("pictures", 20_000, 300),),
}
"""Points by budget. Sign-in and sign-up cost 10 points a try; a record created 3, changed 2, deleted 1."""

NETWORK_FACTOR = 10
"""How many times the points of one address its whole neighbourhood has, where addresses count."""
EDGE_FACTOR = 200
"""How many times the points of one address all addresses have together that one edge tells of."""
SLOW_FACTOR = 10
"""How many times the points a call costs to somebody who was slowed down."""
MAX_MEMBERS, MAX_STRANGERS = 100_000, 50_000
"""Buckets of one limit. A full table of strangers takes about 10 MB."""


class Payer(NamedTuple):
    """Who pays. member: the DID of an account here; guest: the DID of one elsewhere; both empty for an address."""

    member: str
    guest: str
    address: str

    @property
    def key(self) -> str:
        """What the payer is known by."""
        return self.member or self.guest or _places(self.address)[0]


class Allowances:
    """The budgets of one network. share: of the process, once several networks live in it."""

    def __init__(
        self,
        clock: Callable[[], int],
        limits: Mapping[str, tuple[Limit, ...]] = LIMITS,
        *,
        max_members: int = MAX_MEMBERS,
        max_strangers: int = MAX_STRANGERS,
    ) -> None:
        """clock: microseconds since 1970 UTC. max_members, max_strangers: buckets of one limit."""
        self._clock, self._limits = clock, limits
        self._wide = {
            name: tuple(_widened(one, "network", NETWORK_FACTOR) for one in each) for name, each in limits.items()
        }
        self._edge = {name: tuple(_widened(one, "edge", EDGE_FACTOR) for one in each) for name, each in limits.items()}
        self._members = Budgets(clock, max_members)
        self._guests, self._places = Budgets(clock, max_strangers), Budgets(clock, max_strangers)
        self._slowed: dict[str, int] = {}
        self.share: Share | None = None
        self.heard: Callable[[str, int, Payer], object] | None = None
        """Told what was spent here, where other processes count it too."""

    def __len__(self) -> int:
        return len(self._members) + len(self._guests) + len(self._places)

    def spend(self, budget: str, points: int, payer: Payer) -> Standing:
        """Take the points of a call. Gives the standing of the tightest limit; raises TooMany, taking nothing."""
        if self.share is not None:
            self.share.spend(points)
        if self._slowed:
            points *= self._slowness(payer.key)
        budgets, wanted = self._wanted(budget, payer)
        standing = budgets.spend_all(wanted, points)
        if self.heard is not None:
            self.heard(budget, points, payer)
        return standing

    def charge(self, budget: str, points: int, payer: Payer) -> None:
        """Count what was spent in another process: it is refused to nobody any more."""
        budgets, wanted = self._wanted(budget, payer)
        budgets.charge_all(wanted, points)

    def _wanted(self, budget: str, payer: Payer) -> tuple[Budgets, list[tuple[Limit, str]]]:
        """The buckets that this payer's points are taken from, and where they stand."""
        limits = self._limits[budget]
        if payer.member:
            return self._members, [(limit, payer.member) for limit in limits]
        if payer.guest:
            return self._guests, [(limit, payer.guest) for limit in limits]
        caller, network, edge = _places(payer.address)
        wanted = [(limit, caller) for limit in limits]
        wanted += [(limit, network) for limit in self._wide[budget]]
        if edge:
            wanted += [(limit, edge) for limit in self._edge[budget]]
        return self._places, wanted

    def slow(self, key: str, until: int) -> None:
        """Let every call of `key` (see `Payer.key`) cost more until then. until: microseconds since 1970 UTC."""
        now = self._clock()
        self._slowed = {one: end for one, end in self._slowed.items() if end > now} | {key: until}

    @property
    def slowed(self) -> Mapping[str, int]:
        """Whose calls cost more, and until when."""
        return self._slowed

    def _slowness(self, key: str) -> int:
        return SLOW_FACTOR if self._slowed.get(key, 0) > self._clock() else 1


def _widened(limit: Limit, whose: str, factor: int) -> Limit:
    return Limit(f"{limit.name}-{whose}", limit.points * factor, limit.seconds)


@lru_cache(maxsize=4_096)
def _places(address: str) -> tuple[str, str, str]:
    return caller_of(address), network_of(address), apart(address)[1]
