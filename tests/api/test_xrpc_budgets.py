"""What callers may spend: buckets, their keys, and the headers and refusals that a caller sees."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from freehold.api.caller import NONE, OPTIONAL, Caller
from freehold.api.door import Door, Hooks
from freehold.api.spending import LIMITS, Spending
from freehold.api.xrpc import Given, Method, Methods, RequestHeaders
from freehold.net.budgets import Budgets, Limit, TooMany, caller_of, network_of
from freehold.protocol.lexicon import Catalog
from support.door import Served, serve

TEN = Limit("ten", 10, 100)
SECOND = 1_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_bucket_empties_by_points_and_fills_with_time(clock):
    budgets = Budgets(clock)
    assert budgets.spend(TEN, "alice", 7).left == 3
    with pytest.raises(TooMany) as refused:
        budgets.spend(TEN, "alice", 4)
    assert refused.value.retry_seconds == 10
    assert budgets.spend(TEN, "alice", 3).full_at == clock.now + 100 * SECOND
    clock.now += 40 * SECOND
    assert budgets.spend(TEN, "alice", 4).left == 0
    clock.now += 10_000 * SECOND
    assert budgets.spend(TEN, "alice", 1).left == 9


def test_a_refusal_takes_no_points(clock):
    budgets = Budgets(clock)
    budgets.spend(TEN, "alice", 9)
    for _ in range(5):
        with pytest.raises(TooMany):
            budgets.spend(TEN, "alice", 2)
    assert budgets.spend(TEN, "alice", 1).left == 0


def test_a_clock_set_back_empties_a_bucket_once_at_worst(clock):
    budgets = Budgets(clock)
    budgets.spend(TEN, "alice")
    clock.now -= 3_600 * SECOND
    with pytest.raises(TooMany):
        budgets.spend(TEN, "alice")
    clock.now += 50 * SECOND
    assert budgets.spend(TEN, "alice").left == 4


def test_buckets_are_apart_and_bounded_in_number(clock):
    budgets = Budgets(clock, max_buckets=3)
    for who in ("a", "b", "c"):
        budgets.spend(TEN, who, 10)
    with pytest.raises(TooMany):
        budgets.spend(TEN, "a")
    budgets.spend(TEN, "d")
    assert len(budgets) == 3
    with pytest.raises(TooMany):
        budgets.spend(TEN, "a")
    assert budgets.spend(TEN, "b").left == 9


def test_an_address_counts_with_what_one_subscriber_has_to_himself():
    assert caller_of("203.0.113.9") == caller_of("::ffff:203.0.113.9") == "203.0.113.9/32"
    assert caller_of("2001:db8:1:2:3::4") == caller_of("2001:db8:1:2::9") != caller_of("2001:db8:1:3::9")
    assert network_of("203.0.113.9") == network_of("203.0.113.77")
    assert network_of("2001:db8:1:2::") == network_of("2001:db8:1:ffff::")
    assert caller_of("") == network_of("a name") == "unknown"


METHODS = Methods()


@METHODS.query("org.example.ask", auth=OPTIONAL, cost=4)
async def ask(site: Any, caller: Caller, given: Given) -> dict[str, Any]:
    return {}


@METHODS.procedure("org.example.enter", auth=NONE, budget="sign-in", cost=10)
async def enter(site: Any, caller: Caller, given: Given) -> None:
    return None


DOCUMENTS = [
    {
        "lexicon": 1,
        "id": "org.example.ask",
        "defs": {"main": {"type": "query", "output": {"encoding": "application/json", "schema": {"type": "object"}}}},
    },
    {"lexicon": 1, "id": "org.example.enter", "defs": {"main": {"type": "procedure"}}},
]


async def authenticate(site: Any, method: Method, headers: RequestHeaders, scope: Any) -> Caller:
    return Caller(headers.get("x-did"), "access")


@pytest.fixture
async def door(clock) -> AsyncIterator[Served]:
    spending = Spending(
        clock, {"read": (TEN,), "write": (TEN,), "sign-in": (Limit("in", 20, 100), Limit("day", 1000, 1000))}
    )
    hooks = Hooks(authenticate, spend=lambda site, method, caller, scope: spending(method, caller, scope))
    async with serve(Door(Catalog(DOCUMENTS), METHODS, hooks), None) as served:
        yield served


async def test_a_caller_is_told_what_is_left_and_when_to_come_again(door, clock):
    told = (await door.http.get("/xrpc/org.example.ask")).headers
    assert (told["ratelimit-limit"], told["ratelimit-remaining"]) == ("10", "6")
    assert (told["ratelimit-reset"], told["ratelimit-policy"]) == (str(clock.now // SECOND + 40), "10;w=100")
    await door.http.get("/xrpc/org.example.ask")
    refused = await door.http.get("/xrpc/org.example.ask")
    assert (refused.status_code, refused.json()["error"]) == (429, "RateLimitExceeded")
    assert (refused.headers["retry-after"], refused.headers["ratelimit-remaining"]) == ("20", "2")
    clock.now += 20 * SECOND
    assert (await door.http.get("/xrpc/org.example.ask")).status_code == 200


async def test_members_spend_their_own_points_wherever_they_are(door):
    for who in ("did:plc:alice", "did:plc:bob"):
        statuses = [
            (await door.http.get("/xrpc/org.example.ask", headers={"x-did": who})).status_code for _ in range(3)
        ]
        assert statuses == [200, 200, 429]


async def test_a_method_may_have_a_budget_of_its_own_and_the_tightest_limit_is_told(door):
    answers = [await door.http.post("/xrpc/org.example.enter") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit-limit"] == "20"
    assert (await door.http.get("/xrpc/org.example.ask")).status_code == 200


def test_the_real_limits_allow_a_full_page_of_writes_and_thirty_sign_ins():
    assert LIMITS["write"][0].points // 3 > 1_600
    assert LIMITS["sign-in"][0].points // 10 == 30
