"""With a witness a primary says yes only while it is granted time, and a standby takes over only when that ran out."""

import asyncio
import base64
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.haven import lease, papers
from freehold.haven.lease import Request
from freehold.haven.reign import Reign
from freehold.haven.wire import Ask, Introduce, LinkLost, Pair, Refuse, Voted
from freehold.haven.witness import FarWitness, Witness, make
from support.carried import Follower, Primary
from support.patience import until

CODE = "a code of the test"


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[tuple[Witness, str]]:
    make(tmp_path / "witness", CODE)
    made = Witness(tmp_path / "witness")
    port = made.open_port("127.0.0.1:0")
    yield made, f"tls://127.0.0.1:{port}"
    made.close()


def far(primary: Primary, address: str, tmp_path: Path) -> FarWitness:
    return FarWitness(primary.path.parent, address, papers.own(tmp_path / "witness"))


def reigning(primary: Primary, witness: Witness, address: str, tmp_path: Path, fenced: threading.Event) -> Reign:
    witness._admit(papers.own(primary.path.parent))
    primary.carrier.reign(frozenset({"standby"}))
    reign = Reign("primary", 1, primary.carrier, far(primary, address, tmp_path), fenced.set)
    reign.start()
    return reign


def test_a_witness_is_introduced_once_and_then_hears_whom_it_knows(witness: tuple[Witness, str]) -> None:
    made, _ = witness
    certificate = papers.own(made._directory)
    assert isinstance(made._introduced(Pair("another", certificate)), Refuse)
    assert not isinstance(made._introduced(Pair(CODE, certificate)), Refuse)
    assert isinstance(made._introduced(Pair(CODE, certificate)), Refuse)
    assert isinstance(made._introduced(Introduce(certificate)), Refuse)


def test_a_machine_that_the_witness_does_not_know_is_not_answered(witness: tuple[Witness, str], tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    asking = FarWitness(stranger, witness[1], papers.own(tmp_path / "witness"))
    with pytest.raises(LinkLost):
        asking.ask(Request(9, "stranger"))


def test_a_witness_that_restarts_grants_nobody_a_newer_epoch_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, CODE)
    first = Witness(tmp_path)
    assert first.answer(Ask(1, "a", ["b"])) == Voted(True, 1, "a")
    again = Witness(tmp_path)
    assert again.answer(Ask(2, "b", [])) == Voted(False, 1, "a")
    assert again.answer(Ask(1, "a", ["b"])) == Voted(True, 1, "a")
    monkeypatch.setattr(lease, "PROMISE_MS", 0)
    late = Witness(tmp_path)
    assert late.answer(Ask(2, "c", [])) == Voted(False, 1, "a"), "c was never in step"
    assert late.answer(Ask(2, "b", [])) == Voted(True, 2, "b")
    assert Witness(tmp_path).answer(Ask(1, "a", [])) == Voted(False, 2, "b"), "it is on disk"


def test_a_person_may_decide_before_the_time_ran_out(tmp_path: Path) -> None:
    make(tmp_path, CODE)
    witness = Witness(tmp_path)
    witness.answer(Ask(1, "a", []))
    assert witness.answer(Ask(2, "b", [], by_hand=True)) == Voted(True, 2, "b")


async def test_writes_are_acknowledged_while_the_witness_or_the_standby_grants(
    primary: Primary, standby: Follower, witness: tuple[Witness, str], tmp_path: Path
) -> None:
    reign = reigning(primary, *witness, tmp_path, threading.Event())
    primary.link(standby)
    await primary.add("both grant")
    witness[0].close()
    reign._witness.close()
    await primary.add("the standby grants")
    await asyncio.sleep(lease.LEASE_MS / 1000)
    await primary.add("it still does")
    reign.close()


async def test_a_witness_that_vanished_without_a_word_is_not_waited_for(
    primary: Primary, standby: Follower, witness: tuple[Witness, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = threading.Event()

    def ask(self: FarWitness, request: Request, *, by_hand: bool = False) -> Voted:
        given_up.wait()
        raise LinkLost

    monkeypatch.setattr(FarWitness, "ask", ask)
    reign = reigning(primary, *witness, tmp_path, threading.Event())
    primary.link(standby)
    async with asyncio.timeout(2 * lease.LEASE_MS / 1000):
        await primary.add("the standby grants")
    await asyncio.sleep(lease.LEASE_MS / 1000)
    async with asyncio.timeout(lease.LEASE_MS / 1000):
        await primary.add("it still does")
    given_up.set()
    reign.close()


async def test_no_write_is_acknowledged_when_nobody_grants(
    primary: Primary, standby: Follower, witness: tuple[Witness, str], tmp_path: Path
) -> None:
    reign = reigning(primary, *witness, tmp_path, threading.Event())
    end = primary.link(standby)
    await primary.add("granted")
    witness[0].close()
    reign._witness.close()
    end.shutdown(2)
    writing = asyncio.create_task(primary.add("not granted"))
    await asyncio.sleep(lease.LEASE_MS / 1000 + 0.5)
    assert not writing.done()
    primary.link(standby)
    await writing
    reign.close()


async def test_a_primary_that_lost_its_standby_tells_the_witness_before_it_goes_on_alone(
    primary: Primary, standby: Follower, witness: tuple[Witness, str], tmp_path: Path
) -> None:
    reign = reigning(primary, *witness, tmp_path, threading.Event())
    end = primary.link(standby)
    await primary.add("both")
    assert witness[0]._vote.in_step == {"standby"}
    primary.carrier.go_on_alone(alone=True)
    end.shutdown(2)
    standby.left()
    await primary.add("alone")
    assert witness[0]._vote.in_step == frozenset()
    assert not witness[0]._vote.asked(Request(2, "standby"), 2**60), "it lacks what was acknowledged"
    reign.close()


async def test_a_primary_that_was_succeeded_is_fenced(
    primary: Primary, standby: Follower, witness: tuple[Witness, str], tmp_path: Path
) -> None:
    fenced = threading.Event()
    reign = reigning(primary, *witness, tmp_path, fenced)
    primary.link(standby)
    await primary.add("granted")
    witness[0].answer(Ask(2, "standby", [], by_hand=True))
    await asyncio.to_thread(fenced.wait, 5)
    assert fenced.is_set()
    assert reign.witness_state == "has another primary"
    reign.close()


async def test_a_lease_is_counted_from_before_it_was_asked_for(
    primary: Primary, witness: tuple[Witness, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = FarWitness.ask

    def ask(self: FarWitness, request: Request, *, by_hand: bool = False) -> Voted:
        answer = slow(self, request)
        time.sleep(lease.LEASE_MS / 1000)
        return answer

    monkeypatch.setattr(FarWitness, "ask", ask)
    reign = reigning(primary, *witness, tmp_path, threading.Event())
    primary.carrier.go_on_alone(alone=True)
    writing = asyncio.create_task(primary.add("late"))
    await until(lambda: primary.carrier._until > 0)
    await asyncio.sleep(0.2)
    assert not writing.done(), "an answer that took as long as the lease grants nothing"
    monkeypatch.undo()
    await writing
    reign.close()


def test_a_certificate_is_kept_as_text(tmp_path: Path) -> None:
    make(tmp_path, CODE)
    Witness(tmp_path)._admit(papers.own(tmp_path))
    assert base64.b64encode(papers.own(tmp_path)).decode() in Witness(tmp_path)._kept.machines
