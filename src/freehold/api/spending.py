"""What a call costs: which limits a method's budget has, and whose bucket it is taken from.

The numbers are those of the official server, which clients know how to live with.
Source: https://docs.bsky.app/docs/advanced-guides/rate-limits
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

from freehold.api.answers import ApiRefused
from freehold.api.caller import Caller
from freehold.api.door import Scope
from freehold.api.xrpc import Headers, Method
from freehold.net.budgets import Budgets, Limit, Standing, TooMany, caller_of, network_of

LIMITS: Mapping[str, tuple[Limit, ...]] = {
    "read": (Limit("read", 3_000, 300),),
    "write": (Limit("write-hour", 5_000, 3_600), Limit("write-day", 35_000, 86_400)),
    "sign-in": (Limit("sign-in", 300, 300), Limit("sign-in-day", 3_000, 86_400)),
    "sign-up": (Limit("sign-up", 1_000, 300),),
}
"""Points by budget. Sign-in and sign-up cost 10 points a try."""

NETWORK_FACTOR = 10
"""How many times the points of one address its whole network has, where addresses count."""


class RateLimitExceeded(ApiRefused):
    """Too many calls."""

    kind = "too_many"
    name = "RateLimitExceeded"
    say = TooMany.say


class Spending:
    """The budgets of one site: an account's where the caller signed in, else those of an address and its network."""

    def __init__(self, clock: Callable[[], int], limits: Mapping[str, tuple[Limit, ...]] = LIMITS) -> None:
        """clock: microseconds since 1970 UTC."""
        self._budgets, self._limits = Budgets(clock), limits
        self._wide = {name: tuple(map(_widened, each)) for name, each in limits.items()}

    def __call__(self, method: Method, caller: Caller, scope: Scope) -> Headers:
        """Take the call's points. Gives the RateLimit headers of the tightest limit; raises RateLimitExceeded."""
        budget = method.budget or ("read" if method.verb == "GET" else "write")
        try:
            tightest = self._spend(budget, caller.did, scope, method.cost)
        except TooMany as refused:
            raise RateLimitExceeded(
                headers=[*headers_of(refused.standing), ("retry-after", str(refused.retry_seconds))],
                limit=refused.standing.limit.name,
            ) from None
        return headers_of(tightest)

    def _spend(self, budget: str, did: str | None, scope: Scope, cost: int) -> Standing:
        if did is not None:
            standings = [self._budgets.spend(limit, did, cost) for limit in self._limits[budget]]
        else:
            caller, network = _places((scope.get("client") or ("",))[0])
            standings = [self._budgets.spend(limit, caller, cost) for limit in self._limits[budget]]
            standings += [self._budgets.spend(limit, network, cost) for limit in self._wide[budget]]
        return min(standings, key=lambda standing: standing.left / standing.limit.points)


def _widened(limit: Limit) -> Limit:
    return Limit(f"{limit.name}-network", limit.points * NETWORK_FACTOR, limit.seconds)


@lru_cache(maxsize=4_096)
def _places(address: str) -> tuple[str, str]:
    return caller_of(address), network_of(address)


def headers_of(standing: Standing) -> list[tuple[str, str]]:
    """The RateLimit headers as the official server sends them; reset is in seconds since 1970."""
    limit = standing.limit
    return [
        ("ratelimit-limit", str(limit.points)),
        ("ratelimit-remaining", str(standing.left)),
        ("ratelimit-reset", str(-(-standing.full_at // 1_000_000))),
        ("ratelimit-policy", f"{limit.points};w={limit.seconds}"),
    ]
