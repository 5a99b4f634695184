"""How much one caller may ask for in a time: token buckets in memory.

In come a limit, a key (an account, an address, a network) and points; out comes what is left, or TooMany. Buckets are
lost with the process, which is no harm: a full bucket is what everyone begins with. When there are too many, those
longest unused go first. Kept here, below the rooms, because both doors and the sign-in rules count by it. Addresses
are counted in memory only, and never written down.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv6Network, ip_address, ip_network
from typing import NamedTuple

from freehold.protocol.refused import Refused

_BY = " by "
_NOBODYS_PORT = 0
_CIRCUITS = IPv6Network("fc00:dead:beef:4dad::/64")
"""In which tor numbers the circuits of an onion door: each is a visitor, and none has a neighbourhood."""


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
    """The buckets of one kind of caller: so many for each limit at most."""

    def __init__(self, clock: Callable[[], int], max_buckets: int = 100_000) -> None:
        """clock: microseconds since 1970 UTC."""
        self._clock, self._max = clock, max_buckets
        self._tables: dict[str, OrderedDict[str, int]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._tables.values()))

    def spend(self, limit: Limit, key: str, points: int = 1) -> Standing:
        """Take points from the bucket of `key`. Raises TooMany, taking nothing, when it does not hold them."""
        return self.spend_all(((limit, key),), points)

    def spend_all(self, wanted: Iterable[tuple[Limit, str]], points: int = 1) -> Standing:
        """Take points from each of these buckets, or, raising TooMany, from none. Gives the tightest one's standing.

        A bucket is kept as the moment when it will be full; a clock that is set back empties it once, at worst.
        """
        now, taken, tightest, share = self._clock(), [], None, 2.0
        for limit, key in wanted:
            table = self._tables.get(limit.name)
            if table is None:
                table = self._tables[limit.name] = OrderedDict()
            whole = limit.seconds * 1_000_000
            full_at = table.get(key, now)
            if full_at < now:
                full_at = now
            elif full_at > now + whole:
                full_at = table[key] = now + whole
            after = full_at + points * whole // limit.points
            if after > now + whole:
                if key in table:
                    table.move_to_end(key)  # who keeps asking is not forgotten
                raise TooMany(_standing(limit, now, full_at), -((now + whole - after) // 1_000_000))
            taken.append((table, key, after))
            if 1.0 - (after - now) / whole < share:
                share, tightest = 1.0 - (after - now) / whole, (limit, after)
        for table, key, after in taken:
            table[key] = after
            table.move_to_end(key)
            if len(table) > self._max:
                table.popitem(last=False)
        if tightest is None:
            raise ValueError("no limit was named")
        return _standing(tightest[0], now, tightest[1])

    def charge_all(self, wanted: Iterable[tuple[Limit, str]], points: int) -> None:
        """Take points from each of these buckets, or what is left in it."""
        now = self._clock()
        for limit, key in wanted:
            table = self._tables.setdefault(limit.name, OrderedDict())
            whole = limit.seconds * 1_000_000
            table[key] = min(max(table.get(key, now), now) + points * whole // limit.points, now + whole)
            table.move_to_end(key)
            if len(table) > self._max:
                table.popitem(last=False)


def _standing(limit: Limit, now: int, full_at: int) -> Standing:
    whole = limit.seconds * 1_000_000
    return Standing(limit, (whole - (full_at - now)) * limit.points // whole, full_at)


def by_edge(address: str, edge: str) -> str:
    """What a caller is called whose address only an edge knows. It is no address: no rule that trusts one is met."""
    return f"{address}{_BY}{edge}"


def edge_itself(address: str, edge: str) -> tuple[str, int]:
    """What an edge is called, with a port that nobody has, where it asks for itself whether all is well."""
    return by_edge(address, edge), _NOBODYS_PORT


def is_edge_itself(client: Sequence[str | int] | None) -> bool:
    """Is this caller and port an edge's own?"""
    return client is not None and client[1] == _NOBODYS_PORT and _BY in str(client[0])


def apart(caller: str) -> tuple[str, str]:
    """An address, or a neighbourhood, and the edge that told of it; "" if it was seen."""
    address, _, edge = caller.partition(_BY)
    return address, edge


def caller_of(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 that one IPv6 subscriber has to himself; by each edge."""
    return _shorten(address, 32, 64)


def caller_seen(address: str) -> str:
    """As `caller_of`, which takes its time, for an address that the kernel told: a flood has one for every request."""
    plain = address.removeprefix("::ffff:")
    return f"{plain}/32" if plain.replace(".", "").isdigit() else caller_of(address)


def network_of(address: str) -> str:
    """The neighbourhood of an address: /24 of IPv4, /48 of IPv6; by each edge."""
    return _shorten(address, 24, 48)


def _shorten(address: str, bits4: int, bits6: int) -> str:
    address, edge = apart(address)
    short = _network(address, bits4, bits6)
    return by_edge(short, edge) if edge else short


def _network(address: str, bits4: int, bits6: int) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 6 and parsed in _CIRCUITS:
        return str(parsed)
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(ip_network((parsed, bits4 if parsed.version == 4 else bits6), strict=False))
