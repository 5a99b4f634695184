"""What callers may ask for whose addresses only an edge knows."""

import pytest

from freehold.net.allowances import EDGE_FACTOR, Allowances, Payer
from freehold.net.budgets import Limit, TooMany, by_edge, caller_of, network_of
from freehold.pds.bulk_reading import prefix_of

LIMITS = {"read": (Limit("read", 10, 60),)}


def behind(address: str, edge: str = "west") -> Payer:
    return Payer("", "", by_edge(address, edge))


def test_a_caller_behind_an_edge_is_counted_for_that_edge_alone() -> None:
    budgets = Allowances(lambda: 0, LIMITS)
    budgets.spend("read", 10, behind("198.51.100.9"))
    with pytest.raises(TooMany):
        budgets.spend("read", 1, behind("198.51.100.9"))
    budgets.spend("read", 10, behind("198.51.100.9", "east"))
    budgets.spend("read", 10, Payer("", "", "198.51.100.9"))


def test_an_edge_that_invents_addresses_has_an_end_which_members_do_not_feel() -> None:
    budgets = Allowances(lambda: 0, LIMITS)
    for number in range(EDGE_FACTOR):
        budgets.spend("read", 10, behind(f"2001:db8:{number:x}::1"))
    with pytest.raises(TooMany) as refused:
        budgets.spend("read", 10, behind("2001:db8:ffff::1"))
    assert refused.value.standing.limit.name == "read-edge"
    budgets.spend("read", 10, behind("198.51.100.9", "east"))
    budgets.spend("read", 10, Payer("did:plc:member", "", by_edge("198.51.100.9", "west")))


def test_the_name_of_such_a_caller_is_no_address_and_is_shortened_as_one() -> None:
    caller = by_edge("2001:db8:1:2:3::4", "west")
    assert caller_of(caller) == "2001:db8:1:2::/64 by west"
    assert network_of(caller) == "2001:db8:1::/48 by west"
    assert caller_of(by_edge("nonsense", "west")) == "unknown by west"
    assert prefix_of(caller_of(by_edge("198.51.100.9", "west"))) == "198.51.100.0/24 by west"
