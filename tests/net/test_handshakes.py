"""Whose TLS connection is opened while there are too many: rules and a clock that is set."""

from ipaddress import ip_address

import pytest

from freehold.net.handshakes import KEY_NAME_BYTES, OF_ONE_KNOWN, Handshakes, Turn
from freehold.net.siege import CALM_SECONDS, HANDSHAKE_SECONDS, HANDSHAKES, OF_ONE_EDGE, TICK_SECONDS, Siege

TICKET = bytes(range(KEY_NAME_BYTES)) + b"the rest of it"
OTHER = bytes(range(KEY_NAME_BYTES)) + b"the rest of another"


def a_second(share: float) -> float:
    """How many a second have such a share of the loop's time; here they take none."""
    return 1 / HANDSHAKE_SECONDS / (1 / share - 1)


class Gate:
    """Who comes, at moments that the test sets. Strangers' addresses never run out."""

    def __init__(self, mode: str = "always") -> None:
        self.now, self.known = 1000.0, set[str]()
        self.siege = Siege(mode)  # type: ignore[arg-type]
        self.handshakes = Handshakes(self.siege, self.known.__contains__, lambda: self.now)
        self._strangers = 0

    def comes(
        self, caller: str, ticket: bytes = b"", resumed: bool | None = None, *, edge_itself: bool = False
    ) -> bool:
        """One that is over at once."""
        turn = self.handshakes.enter(caller, ticket, edge_itself=edge_itself)
        if turn is None:
            return False
        with turn:
            turn.resumed = resumed
        return True

    def strangers(self, count: int, edge: str = "") -> int:
        """So many, each from an address of its own; how many were let in."""
        let_in = 0
        for _ in range(count):
            self._strangers += 1
            caller = f"{ip_address((10 << 24) + self._strangers)}/32"
            let_in += self.comes(f"{caller} by {edge}" if edge else caller)
        return let_in

    def rage(self, seconds: float, per_second: int, edge: str = "") -> int:
        """A flood; how many of it were let in."""
        let_in = 0
        for _ in range(int(seconds / TICK_SECONDS)):
            let_in += self.strangers(int(per_second * TICK_SECONDS), edge)
            self.now += TICK_SECONDS
        return let_in + self.strangers(100, edge)


def test_in_calm_hours_everybody_is_let_in():
    gate = Gate("auto")
    assert all(gate.comes("10.0.0.1/32") for _ in range(1_000))
    assert gate.siege.handshakes_refused == 0


def test_strangers_together_have_their_share_of_the_loop_and_no_more():
    gate = Gate()
    gate.rage(5, 2_000)  # what was saved up is used
    let_in = gate.rage(10, 2_000)
    assert let_in == pytest.approx(10 * a_second(HANDSHAKES["unknown"].share), rel=0.05)
    assert gate.siege.handshakes_refused > 10_000


def test_members_come_in_while_strangers_are_turned_away():
    gate = Gate()
    gate.known.add("192.0.2.7/32")
    gate.rage(5, 2_000)
    assert gate.strangers(100) == 0
    assert all(gate.comes("192.0.2.7/32") for _ in range(OF_ONE_KNOWN.points))


def test_who_floods_from_a_known_address_is_a_stranger_before_long():
    gate = Gate()
    gate.known |= {"192.0.2.7/32", "192.0.2.8/32"}
    gate.rage(5, 2_000)
    assert sum(gate.comes("192.0.2.7/32") for _ in range(1_000)) <= OF_ONE_KNOWN.points + 1
    assert gate.comes("192.0.2.8/32")


def test_each_stranger_has_one_turn_until_others_had_theirs():
    gate = Gate()
    assert [gate.comes("10.0.0.1/32") for _ in range(3)] == [True, False, False]
    assert gate.comes("10.0.0.2/32")
    gate.now += HANDSHAKES["unknown"].again_seconds
    assert gate.comes("10.0.0.1/32")


def test_who_comes_again_goes_before_who_never_came():
    gate = Gate()
    assert gate.comes("10.9.0.1/32", TICKET, resumed=True)  # as a stranger: nobody knows yet how ours begin
    gate.rage(5, 2_000)
    assert gate.comes("10.9.0.2/32", OTHER, resumed=True)
    assert not gate.handshakes.turns_away("10.9.0.3/32", b"..." + OTHER + b"..."), "its first message was not looked at"
    assert gate.handshakes.turns_away("10.9.0.3/32", b"nothing of ours")
    assert not gate.comes("10.9.0.4/32", b"?" + OTHER)


def test_a_ticket_that_did_not_count_is_believed_once():
    gate = Gate()
    assert gate.comes("10.9.0.1/32", TICKET, resumed=True)
    gate.rage(5, 2_000)
    assert gate.comes("10.9.0.2/32", OTHER, resumed=False)
    gate.now += 2
    gate.rage(5, 2_000)
    assert not gate.comes("10.9.0.2/32", OTHER)
    assert gate.comes("10.9.0.3/32", OTHER)


def test_one_edge_does_not_take_what_all_strangers_have():
    gate = Gate()
    gate.rage(5, 2_000, edge="west")
    part = a_second(HANDSHAKES["unknown"].share * OF_ONE_EDGE)
    assert gate.rage(10, 2_000, edge="west") == pytest.approx(10 * part, rel=0.05)
    assert gate.strangers(10) == 10, "who comes another way waits for that edge"


def test_behind_an_edge_a_member_is_known_by_what_the_edge_says_and_by_that_edge_alone():
    gate = Gate()
    gate.known.add("2001:db8:1:2::/64 by west")
    gate.rage(5, 2_000)
    gate.rage(5, 2_000, edge="east")
    assert gate.comes("2001:db8:1:2::/64 by west")
    assert not gate.comes("2001:db8:1:2::/64 by east")


def test_an_edge_that_asks_for_itself_is_heard_while_strangers_flood_by_it_and_may_not_flood_itself():
    gate = Gate()
    itself = "203.0.113.9/32 by west"
    gate.rage(5, 2_000, edge="west")
    for _ in range(70):
        gate.rage(1 / 7, 2_000, edge="west")
        assert gate.comes(itself, edge_itself=True)
    part = a_second(HANDSHAKES["edge"].share * OF_ONE_EDGE)
    came = 0
    for _ in range(10_000):
        came += gate.comes(itself, edge_itself=True)
        gate.now += 0.001
    assert came < 10 * part + 2 * part + 10, "and what it saved"
    assert gate.comes("198.51.100.9/32 by east", edge_itself=True)


def test_nothing_stays_counted_when_all_are_open():
    gate = Gate()
    held = [gate.handshakes.enter(f"10.0.0.{number}/32 by west", b"") for number in range(200)]
    turns = [turn for turn in held if isinstance(turn, Turn)]
    assert 0 < len(turns) < 200
    for turn in turns:
        with turn:
            pass
    limiters = [*gate.siege.handshakes.values(), *gate.handshakes._edges.values()]
    assert [limiter.inside for limiter in limiters] == [0] * len(limiters)


def test_handshakes_alone_begin_a_siege_and_their_end_is_its_end():
    gate = Gate("auto")

    def tick(count: int, each: int) -> bool:
        for _ in range(count):
            gate.strangers(each)
            gate.now += TICK_SECONDS
            gate.siege.tick(0.0, gate.now)
        return gate.siege.on

    assert not tick(100, int(0.5 * TICK_SECONDS / HANDSHAKE_SECONDS)), "half of the loop's time is no flood"
    assert tick(40, int(TICK_SECONDS / HANDSHAKE_SECONDS))
    assert tick(int(CALM_SECONDS / TICK_SECONDS) + 40, int(0.5 * TICK_SECONDS / HANDSHAKE_SECONDS)), "it goes on"
    assert gate.siege.last is not None
    assert gate.siege.last.ended == 0
    assert not tick(int(CALM_SECONDS / TICK_SECONDS) + 40, 1)
    seen = gate.siege.last
    assert seen.ended - seen.began >= CALM_SECONDS
    assert (seen.handshakes, seen.refused) == (gate.siege.handshakes_refused, 0)
