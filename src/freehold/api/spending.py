"""What an XRPC call costs, and how its caller is told what is left.

The limits themselves are in net.allowances, where pages are counted by them too.
Source: https://docs.bsky.app/docs/advanced-guides/rate-limits
"""

from functools import lru_cache

from freehold.api.answers import ApiRefused
from freehold.api.caller import Caller
from freehold.api.door import Scope
from freehold.api.xrpc import Headers, Method
from freehold.net.allowances import Allowances, Payer
from freehold.net.budgets import Limit, Standing, TooMany


class RateLimitExceeded(ApiRefused):
    """Too many calls."""

    kind = "too_many"
    name = "RateLimitExceeded"
    say = TooMany.say


def spend(allowances: Allowances, method: Method, caller: Caller, scope: Scope, points: int) -> Headers:
    """Take a call's points. Gives the RateLimit headers of the tightest limit; raises RateLimitExceeded."""
    budget = method.budget or ("read" if method.verb == "GET" else "write")
    payer = (
        payer_of(caller, scope) if budget != "sign-up" else Payer("", "", _address(scope))
    )  # a DID is had for nothing
    try:
        return headers_of(allowances.spend(budget, points, payer))
    except TooMany as refused:
        raise RateLimitExceeded(
            headers=[*headers_of(refused.standing), ("retry-after", str(refused.retry_seconds))],
            limit=refused.standing.limit.name,
        ) from None


def payer_of(caller: Caller, scope: Scope) -> Payer:
    """Whose points a call takes."""
    did, address = caller.did or "", _address(scope)
    return Payer("", did, address) if caller.kind == "service" else Payer(did, "", address)


def _address(scope: Scope) -> str:
    return str((scope.get("client") or ("",))[0])


def headers_of(standing: Standing) -> list[tuple[str, str]]:
    """The RateLimit headers as the official server sends them; reset is in seconds since 1970."""
    limit = standing.limit
    return [
        ("ratelimit-remaining", str(standing.left)),
        ("ratelimit-reset", str(-(-standing.full_at // 1_000_000))),
        *_policy(limit),
    ]


@lru_cache
def _policy(limit: Limit) -> tuple[tuple[str, str], ...]:
    return ("ratelimit-limit", str(limit.points)), ("ratelimit-policy", f"{limit.points};w={limit.seconds}")
