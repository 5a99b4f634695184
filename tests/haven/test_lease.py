"""One writer, always: every interleaving of a small network of primary, standby and witness is searched.

The model moves the product's own `Vote` and `Lease` through messages that are delayed, reordered and lost, through
restarts, and through time. The clock stands still; time passes by moving everything else into the past, so that worlds
which differ in nothing but the hour are one. It acknowledges in one step with looking at the clock; what a machine that
is paused between the two acknowledges late is on the standby by then.

In the searches with `parting` the primary takes a witness away that does not answer: it acknowledges without a lease
when the standby has said that it asks no witness any more.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import msgspec
import pytest

from freehold.haven import lease as rules
from freehold.haven.lease import LEASE_MS, PROMISE_MS, Lease, Request, Vote

NOW = 100_000
TICK = 1_500
"""A promise is two of them, a lease more than one."""
B = frozenset({"b"})
NOBODY = frozenset[str]()


class Message(NamedTuple):
    """kind: ask, grant, frame or have; part (ask no witness any more) or parted.

    at: when the lease was asked for. value: how many entries.
    """

    kind: str
    to: str
    epoch: int
    sender: str
    at: int = 0
    value: int = 0


class World(NamedTuple):
    """a: the first primary. b: its standby, which may become the second. w: the witness."""

    vote_b: Vote
    vote_w: Vote
    lease_a: Lease
    fenced_a: bool
    written: int
    """Entries that a has."""
    confirmed: int
    """Of which b has told a that it has them."""
    copied: int
    """Of which b has."""
    acknowledged: int
    began: int
    """The newest epoch under which anybody could acknowledge."""
    restarts: int
    flight: frozenset[Message]
    free_a: bool = False
    """It needs no lease."""
    free_b: bool = False
    """It asks no witness."""


def first() -> World:
    vote = Vote(1, "a", B, NOW + PROMISE_MS)
    return World(vote, vote, Lease(1, NOW), False, 0, 0, 0, 0, 1, 0, frozenset())


Held = TypeVar("Held", Vote, Lease)


class BrokenError(AssertionError):
    """A network in which two write, or something acknowledged is lost."""


def steps(world: World, in_flight: int, parting: bool = False, restarts: int = 1) -> Iterator[World]:
    """All that can happen next."""
    yield later(world)
    yield from deliveries(world)
    if world.restarts < restarts:
        yield world._replace(vote_w=world.vote_w.restarted(NOW), restarts=world.restarts + 1)
        yield from restarted(world)
    if len(world.flight) < in_flight:
        yield from sendings(world)
        if parting and not (world.fenced_a or world.free_a):
            yield sent(world, Message("part", "b", 1, "a"))
    may = world.lease_a.holds(NOW) or world.free_a
    if not world.fenced_a and world.acknowledged < world.confirmed and may:
        if world.began > 1:
            raise BrokenError("the old primary acknowledges after the new one began")
        yield world._replace(acknowledged=world.confirmed)


def restarted(world: World) -> Iterator[World]:
    """The first primary restarts: its link ends, with what was said by it about the witness; at the next greeting, at
    once or later, the standby hears which witness there is."""
    flight = frozenset(each for each in world.flight if each.kind not in ("part", "parted"))
    again = world._replace(lease_a=Lease(1, NOW), restarts=world.restarts + 1, flight=flight)
    yield again
    if again.vote_b.epoch == 1:
        yield again._replace(free_b=again.free_a)


def later(world: World) -> World:
    """A tick passes. What is long ago is as long ago as may matter."""
    return world._replace(
        vote_b=past(world.vote_b),
        vote_w=past(world.vote_w),
        lease_a=past(world.lease_a),
        flight=frozenset(
            message._replace(at=max(message.at - TICK, NOW - LEASE_MS)) if message.at else message
            for message in world.flight
        ),
    )


def past(held: Held) -> Held:
    return msgspec.structs.replace(held, until=max(held.until - TICK, NOW))


def sendings(world: World) -> Iterator[World]:
    if not world.fenced_a:
        for voter in ("b", "w"):
            yield sent(world, Message("ask", voter, 1, "a", NOW))
        if world.written < 1:
            n = world.written + 1
            yield sent(world._replace(written=n), Message("frame", "b", 1, "a", value=n))
    if world.vote_b.until <= NOW and world.vote_b.epoch == 1 and not world.free_b:
        yield sent(world, Message("ask", "w", 2, "b", NOW))


def sent(world: World, message: Message) -> World:
    return world._replace(flight=world.flight | {message})


def deliveries(world: World) -> Iterator[World]:
    for message in world.flight:
        rest = world._replace(flight=world.flight - {message})
        yield rest  # lost
        yield HEARD[message.kind](rest, message)


def hear_ask(world: World, message: Message) -> World:
    name = f"vote_{message.to}"
    request = Request(message.epoch, message.sender, B if message.sender == "a" else NOBODY)
    vote: Vote = getattr(world, name)
    granted = vote.asked(request, NOW)
    if granted is None:
        newer = message.sender == "a" and vote.epoch > message.epoch
        return world._replace(fenced_a=True) if newer else world
    changed = world._replace(**{name: granted})
    return sent(changed, Message("grant", message.sender, message.epoch, message.to, message.at))


def hear_grant(world: World, message: Message) -> World:
    """With one standby, either voter is enough for a; b needs the witness and itself."""
    if message.to == "a":
        lease = world.lease_a.granted(Request(1, "a", B), message.at)
        return world._replace(lease_a=lease)
    own = world.vote_b.asked(Request(2, "b"), NOW)
    if own is None or takes_back(world):
        return world
    if world.copied < world.acknowledged:
        raise BrokenError("the new primary lacks what the old one acknowledged")
    lease = Lease(2, NOW).granted(Request(2, "b"), message.at)
    return world._replace(vote_b=own, began=2 if lease.holds(NOW) else world.began)


def hear_frame(world: World, message: Message) -> World:
    if world.vote_b.epoch > message.epoch or message.value != world.copied + 1:
        return world
    return sent(world._replace(copied=message.value), Message("have", "a", 1, "b", value=message.value))


def hear_have(world: World, message: Message) -> World:
    return world._replace(confirmed=max(world.confirmed, message.value))


def takes_back(world: World) -> bool:
    """Whether what it asked before stands no more (`StandbyMachine.elected`)."""
    return world.free_b


def hear_part(world: World, message: Message) -> World:
    if world.vote_b.epoch > message.epoch:
        return world
    return sent(world._replace(free_b=True), Message("parted", "a", 1, "b"))


def hear_parted(world: World, message: Message) -> World:
    return world._replace(free_a=not world.fenced_a)


HEARD: dict[str, Callable[[World, Message], World]] = {
    "ask": hear_ask,
    "grant": hear_grant,
    "frame": hear_frame,
    "have": hear_have,
    "part": hear_part,
    "parted": hear_parted,
}


def search(in_flight: int, parting: bool = False, restarts: int = 1) -> tuple[int, int, int]:
    """How many worlds there are, in how many the second primary began, and in how many the first acknowledged."""
    seen = {first()}
    queue = deque(seen)
    while queue:
        for world in steps(queue.popleft(), in_flight, parting, restarts):
            if world not in seen:
                seen.add(world)
                queue.append(world)
    return len(seen), sum(w.began == 2 for w in seen), sum(w.acknowledged > 0 for w in seen)


@pytest.mark.parametrize("in_flight", [2, pytest.param(4, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def test_no_interleaving_has_two_writers_or_loses_what_was_acknowledged(in_flight: int) -> None:
    worlds, second, acknowledged = search(in_flight)
    assert worlds > 10_000
    assert second > 100
    assert acknowledged > 100


@pytest.mark.parametrize("restarts", [0, pytest.param(1, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
def test_nor_has_one_in_which_a_witness_is_taken_away_that_does_not_answer(restarts: int) -> None:
    worlds, second, acknowledged = search(2, parting=True, restarts=restarts)
    assert worlds > 1_000
    assert min(second, acknowledged) > 100


def test_the_search_finds_a_primary_that_needs_no_lease_before_its_standby_asks_no_witness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(HEARD, "part", lambda world, message: sent(world, Message("parted", "a", 1, "b")))
    with pytest.raises(BrokenError):
        search(2, parting=True, restarts=0)


def test_the_search_finds_a_standby_that_does_not_take_back_what_it_asked_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "takes_back", lambda world: False)
    with pytest.raises(BrokenError):
        search(2, parting=True, restarts=0)


def test_the_search_finds_a_promise_that_is_shorter_than_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "PROMISE_MS", LEASE_MS // 2)
    with pytest.raises(BrokenError):
        search(2)


def test_the_search_finds_a_voter_that_forgets_its_promise_when_it_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Vote, "restarted", lambda vote, now: Vote(vote.epoch, vote.holder, vote.in_step, now))
    with pytest.raises(BrokenError):
        search(2)


def test_a_newer_epoch_goes_only_to_who_was_in_step() -> None:
    vote = Vote(1, "a", frozenset({"b"}), until=0)
    assert vote.asked(Request(2, "c"), 10) is None
    assert vote.asked(Request(2, "b"), 10) is not None


def test_an_epoch_is_granted_to_one_machine() -> None:
    vote = Vote(1, "a", frozenset({"b", "c"}), until=0).asked(Request(2, "b", frozenset({"c"})), 10)
    assert vote is not None
    assert vote.asked(Request(2, "c"), 100_000) is None
    assert vote.asked(Request(2, "b"), 11) is not None
