"""What callers may spend: buckets, their keys, and the headers and refusals that a caller sees."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from freehold.api.caller import NONE, OPTIONAL, Caller
from freehold.api.door import Door, Hooks
from freehold.api.spending import payer_of, spend
from freehold.api.xrpc import Given, Method, Methods, RequestHeaders
from freehold.net.allowances import LIMITS, NETWORK_FACTOR, Allowances, Payer
from freehold.net.budgets import Budgets, Limit, TooMany, caller_of, network_of
from freehold.net.shares import Shares
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


@METHODS.procedure("org.example.many", auth=OPTIONAL, weigh=lambda said: 3 * len(said["writes"]))
async def many(site: Any, caller: Caller, given: Given) -> None:
    return None


WRITES = {"type": "object", "properties": {"writes": {"type": "array", "items": {"type": "integer"}}}}
DOCUMENTS = [
    {
        "lexicon": 1,
        "id": "org.example.many",
        "defs": {"main": {"type": "procedure", "input": {"encoding": "application/json", "schema": WRITES}}},
    },
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
    allowances = Allowances(
        clock, {"read": (TEN,), "write": (TEN,), "sign-in": (Limit("in", 20, 100), Limit("day", 1000, 1000))}
    )
    hooks = Hooks(
        authenticate,
        spend=lambda site, method, caller, scope, points: spend(allowances, method, caller, scope, points),
    )
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


async def test_what_the_body_costs_is_taken_once_it_is_known(door):
    told = await door.post_json("org.example.many", {"writes": [1, 2, 3]})
    assert (told.status_code, told.headers["ratelimit-remaining"]) == (200, "1")
    refused = await door.post_json("org.example.many", {"writes": [1]})
    assert (refused.status_code, refused.headers["ratelimit-remaining"]) == (429, "0")


def test_a_refusal_by_one_of_several_limits_takes_from_none(clock):
    budgets = Budgets(clock)
    small, large = Limit("small", 3, 100), Limit("large", 100, 100)
    budgets.spend(small, "alice", 3)
    with pytest.raises(TooMany) as refused:
        budgets.spend_all([(large, "alice"), (small, "alice")], 1)
    assert refused.value.standing.limit is small
    assert budgets.spend(large, "alice").left == 99


def test_the_standing_that_is_told_is_that_of_the_tightest_limit(clock):
    budgets = Budgets(clock)
    assert budgets.spend_all([(Limit("large", 100, 100), "a"), (TEN, "a")], 2).left == 8


def test_a_neighbourhood_has_ten_times_the_points_of_an_address(clock):
    allowances = Allowances(clock, {"read": (TEN,)})
    for host in range(NETWORK_FACTOR):
        allowances.spend("read", 10, Payer("", "", f"203.0.113.{host}"))
    with pytest.raises(TooMany) as refused:
        allowances.spend("read", 1, Payer("", "", "203.0.113.200"))
    assert refused.value.standing.limit.name == "ten-network"
    assert allowances.spend("read", 1, Payer("", "", "203.0.114.1")).left == 9


def test_a_spray_of_addresses_takes_bounded_memory_and_no_points_of_members(clock):
    most = 200
    allowances = Allowances(clock, {"read": (TEN,)}, max_strangers=most)
    allowances.spend("read", 10, Payer("did:plc:alice", "", "203.0.113.1"))
    for n in range(3 * most):
        allowances.spend("read", 1, Payer("", "", f"2001:db8:{n >> 4:x}:{n & 15:x}::1"))
    assert len(allowances) <= 2 * most + 1
    with pytest.raises(TooMany):
        allowances.spend("read", 1, Payer("did:plc:alice", "", "203.0.113.1"))


def test_members_of_other_hosts_count_by_their_did_and_sign_ups_by_address():
    scope = {"client": ("203.0.113.9", 1)}
    assert payer_of(Caller("did:plc:far", "service"), scope) == Payer("", "did:plc:far", "203.0.113.9")
    assert payer_of(Caller("did:plc:near", "access"), scope).key == "did:plc:near"
    assert payer_of(Caller(None, "nobody"), scope).key == "203.0.113.9/32"


def test_who_was_slowed_down_pays_more_until_it_ends(clock):
    allowances = Allowances(clock, {"read": (Limit("read", 100, 100),)})
    alice = Payer("did:plc:alice", "", "")
    allowances.slow(alice.key, clock.now + 60 * SECOND)
    assert allowances.spend("read", 1, alice).left == 90
    clock.now += 61 * SECOND
    assert allowances.spend("read", 1, alice).left == 99


class Machine:
    """A clock, and how long the thread has computed."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def pass_by(self, seconds: float, load: float) -> None:
        self.wall += seconds
        self.cpu += seconds * load


def test_a_busy_network_leaves_a_quiet_one_its_share_and_uses_what_is_left_over():
    machine = Machine()
    shares = Shares(lambda: machine.wall, lambda: machine.cpu)
    busy, quiet = shares.join(), shares.join()
    for load, held_back in ((0.5, 0), (1.0, 200), (0.5, 0)):
        refused = 0
        machine.pass_by(0.3, load)
        for n in range(200):
            if n % 20 == 0:
                quiet.spend(1)
            try:
                busy.spend(1)
            except TooMany:
                refused += 1
        assert refused == held_back


def test_a_network_alone_is_never_held_back():
    machine = Machine()
    shares = Shares(lambda: machine.wall, lambda: machine.cpu)
    alone, idle = shares.join(), shares.join()
    for _ in range(50):
        machine.pass_by(0.3, 1.0)
        for _ in range(100):
            alone.spend(1)
    assert idle.points == 0
