"""One writer, always: machines are killed, paused, cut off, set to another hour and robbed of their power, in rounds,
while members write and read at both of them. Whatever was acknowledged is there at the end, and it was one at a time
that acknowledged.

The machines are `freehold run` and `freehold witness` as they are, each in a network namespace of its own, on a disk of
its own where disks can be mounted (else power cuts are kills). Their clocks, addresses and timeouts are the real ones.
A round takes some 10 seconds, 1.5 of them of CPU: let more campaigns of the long rounds run at once than there are
cores, and the 1,000 take half an hour of two cores.
"""

import hashlib
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from freehold.protocol.cid import Cid
from support.crowd import Member, all_records, blob_of, crowd, whole_stream
from support.history import (
    History,
    assure_all_kept,
    assure_no_number_reused,
    assure_one_writer,
    assure_reads_are_fresh,
)
from support.trio import Machine, Trio, trio

pytestmark = pytest.mark.hosts

WITHIN_SECONDS = 1.5
"""All faults of a round begin."""
HOLD_SECONDS = ((0.1, 1.5), (1.5, 6.0))
"""What is over before anybody gives up, and what lasts longer than a lease."""
CLOCK_OFF_SECONDS = (-86_400.0, 3_000.0)
SHORT = [pytest.param(campaign, 10, marks=pytest.mark.timeout(600)) for campaign in range(2)]
LONG = [pytest.param(campaign, 25, marks=[pytest.mark.long, pytest.mark.timeout(1800)]) for campaign in range(40)]


class Fault(NamedTuple):
    """what: for people. begin, end: what happens then."""

    what: str
    begin: Callable[[], object]
    end: Callable[[], object]


def faults(three: Trio, chance: Random) -> list[Fault]:
    """What befalls them in one round: each machine at most once, and perhaps some of the ways between them."""
    unlucky = chance.sample(three.all, chance.choice((0, 1, 1, 1, 2, 3)))
    found = [of_machine(each, chance) for each in unlucky]
    if chance.random() < 0.5 or not found:
        found += [of_ways(three, chance)]
    return found


def of_machine(machine: Machine, chance: Random) -> Fault:
    off = chance.uniform(*CLOCK_OFF_SECONDS)
    kinds = {
        "is killed": (lambda: machine.send(signal.SIGKILL), machine.start),
        "loses its power": (machine.cut_power, machine.start),
        "is paused": (lambda: machine.send(signal.SIGSTOP), lambda: machine.send(signal.SIGCONT)),
        f"is set off by {off:.0f} s": (lambda: machine.set_clock(off), lambda: None),
    }
    kind = chance.choices(list(kinds), (3, 3, 3, 1))[0]
    return Fault(f"{machine.name} {kind}", *kinds[kind])


def of_ways(three: Trio, chance: Random) -> Fault:
    """Some ways are cut: one, both of a pair, or those of one machine."""
    ways = three.ways()
    alone = chance.choice(three.all)
    pair = set(chance.sample(three.all, 2))
    lost = chance.choice(
        (
            [chance.choice(ways)],
            [way for way in ways if set(way) == pair],
            [way for way in ways if alone in way],
            [way for way in ways if way[0] is alone],
        )
    )
    said = ", ".join(f"{a.name}→{b.name}" for a, b in lost)

    def cut() -> None:
        for a, b in lost:
            three.lose(a, b)

    def mend() -> None:
        for a, b in lost:
            three.find(a, b)

    return Fault(f"cut {said}", cut, mend)


def befall(found: list[Fault], chance: Random) -> None:
    """Each fault begins and ends at its own time."""
    began = time.monotonic()
    steps = []
    for fault in found:
        at = chance.uniform(0, WITHIN_SECONDS)
        steps += [(at, fault.begin), (at + chance.uniform(*chance.choice(HOLD_SECONDS)), fault.end)]
    for at, step in sorted(steps, key=lambda each: each[0]):
        time.sleep(max(0.0, began + at - time.monotonic()))
        step()


@pytest.mark.parametrize(("campaign", "rounds"), [*SHORT, *LONG])
def test_nothing_acknowledged_is_lost_and_one_at_a_time_acknowledges(
    tmp_path: Path, campaign: int, rounds: int
) -> None:
    seed = Random().randrange(2**32)
    chance, history = Random(seed), History()
    alone = "go-on" if campaign % 2 else "wait"
    print(f"seed {seed}, without a standby: {alone}")
    with trio(tmp_path, f'without_standby = "{alone}"\n') as three:
        with crowd(three, history, chance) as members:
            for number in range(rounds):
                found = faults(three, chance)
                print(f"round {number}: {'; '.join(fault.what for fault in found)}")
                befall(found, chance)
                three.settle()
        primary = three.primary()
        assert primary is not None
        print(f"{len(history.written())} acknowledged, epochs {three.epochs()}")
        look_at(history, three, primary, members, waits=alone == "wait")


def look_at(history: History, three: Trio, primary: Machine, members: list[Member], *, waits: bool) -> None:
    """All that there is at the end, and all that was said meanwhile."""
    records = primary.host.there(lambda: [all_records(primary, member) for member in members])
    found = {uri: record for each in records for uri, record in each.items()}
    assert len(history.written()) > 10
    assure_all_kept(history, {uri: record["cid"] for uri, record in found.items()})
    epochs = three.epochs()
    assure_one_writer(history, epochs)
    assure_reads_are_fresh(history, epochs, waits=waits)
    assure_no_number_reused(history, primary.host.there(lambda: whole_stream(primary)))
    for uri, record in found.items():
        for image in record["value"].get("embed", {}).get("images", ()):
            cid, did = image["image"]["ref"]["$link"], uri.split("/")[2]
            data = primary.host.there(lambda did=did, cid=cid: blob_of(primary, did, cid))  # type: ignore[misc]
            assert str(Cid.of_raw_digest(hashlib.sha256(data).digest())) == cid
    standby = three.two if primary is three.one else three.one
    assert "has the same" in primary.compared_with(standby)
