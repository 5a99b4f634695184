"""How much one caller may ask for in a time: token buckets in memory.

In come a limit, a key (an account, an address, a network) and points; out comes what is left, or TooMany. Buckets are
lost with the process, which is no harm: a full bucket is what everyone begins with. When there are too many, those
longest unused go first. Kept here, below the rooms, because both doors and the sign-in rules count by it.
"""

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from freehold.protocol.refused import Refused


class Limit(NamedTuple):
    """A bucket that holds `points` and fills from empty in `seconds`, evenly."""

    name: str
    points: int
    seconds: int


class Standing(NamedTuple):
    """What is left of a limit. full_at: microseconds since 1970 UTC when it is full again."""

    limit: Limit
    left: int
    full_at: int


class TooMany(Refused):
    """The bucket does not hold so many points. retry_seconds: when it will."""

    kind = "too_many"
    name = "RateLimitExceeded"
    say = "Too many requests. Wait a little and try again."

    def __init__(self, standing: Standing, retry_seconds: int) -> None:
        super().__init__(limit=standing.limit.name, retry_seconds=retry_seconds)
        self.standing, self.retry_seconds = standing, retry_seconds


class Budgets:
    """The buckets of one network."""

    def __init__(self, clock: Callable[[], int], max_buckets: int = 100_000) -> None:
        """clock: microseconds since 1970 UTC."""
        self._clock, self._max = clock, max_buckets
        self._full_at: OrderedDict[tuple[str, str], int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def spend(self, limit: Limit, key: str, points: int = 1) -> Standing:
        """Take points from the bucket of `key`. Raises TooMany, taking nothing, when it does not hold them.

        A bucket is kept as the moment when it will be full; a clock that is set back empties it once, at worst.
        """
        now, name = self._clock(), (limit.name, key)
        whole = limit.seconds * 1_000_000
        missing = min(whole, max(0, self._full_at.get(name, now) - now))
        price = points * whole // limit.points
        enough = missing + price <= whole
        full_at = self._full_at[name] = now + missing + (price if enough else 0)
        self._full_at.move_to_end(name)
        if len(self._full_at) > self._max:
            self._full_at.popitem(last=False)
        standing = Standing(limit, (whole - (full_at - now)) * limit.points // whole, full_at)
        if not enough:
            raise TooMany(standing, retry_seconds=-((whole - missing - price) // 1_000_000))
        return standing


def caller_of(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 that one IPv6 subscriber has to himself."""
    return _shorten(address, 32, 64)


def network_of(address: str) -> str:
    """The neighbourhood of an address: /24 of IPv4, /48 of IPv6."""
    return _shorten(address, 24, 48)


def _shorten(address: str, bits4: int, bits6: int) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(ip_network((parsed, bits4 if parsed.version == 4 else bits6), strict=False))
