"""A standby that is removed may still be let succeed by a witness that has not heard of it: nothing is said yes to that
it would lack."""

import asyncio
import base64
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from bench.ports import free_port

from freehold.haven import lease, machine, papers
from freehold.haven.haven import WitnessAway
from freehold.haven.lease import Request, Vote
from freehold.haven.machine import Machine, Peer
from freehold.haven.standby import StandbyMachine
from freehold.haven.wire import LinkLost, Voted
from freehold.haven.witness import FarWitness, Witness, make
from support.pair import Pair
from support.patience import until


class Third:
    """A witness that comes and goes."""

    def __init__(self, folder: Path) -> None:
        self.directory, self.port = folder / "third", free_port()
        make(self.directory, "a code")
        certificate = base64.b64encode(papers.own(self.directory)).decode()
        self.peer = Peer("witness", f"tls://127.0.0.1:{self.port}", certificate)

    def start(self, *known: Path) -> None:
        self.witness = Witness(self.directory)
        for folder in known:
            folder.mkdir(exist_ok=True)
            self.witness._admit(papers.own(folder))
        self.witness.open_port(f"127.0.0.1:{self.port}")

    def would_let(self, id: str) -> bool:
        """Whether it grants that this machine succeeds, when the lease ran out."""
        return self.witness._vote.asked(Request(2, id), 2**60) is not None


async def test_no_write_is_acknowledged_that_a_removed_standby_would_lack_also_not_after_a_restart(
    tmp_path: Path,
) -> None:
    third = Third(tmp_path)
    third.start(tmp_path / "first")
    pair = Pair(tmp_path, third.peer)
    await pair.in_step()
    await pair.add("on both")
    await until(lambda: third.would_let("2" * 32))
    third.witness.close()
    pair.haven._witness.close()
    await asyncio.to_thread(pair.haven.remove, "second")
    assert not pair.haven.has_forgotten(0)
    pair.stop()  # killed before the witness is reached
    pair.start()
    assert machine.read(pair.first).standbys == ()
    writing = asyncio.create_task(pair.add("the removed standby lacks it"))
    await asyncio.sleep(lease.LEASE_MS / 1000)
    assert not writing.done()
    third.start()
    await writing
    assert not third.would_let("2" * 32)
    assert await asyncio.to_thread(pair.haven.has_forgotten, 10)
    assert machine.read(pair.first).former == ()
    pair.close()
    third.witness.close()


async def test_a_witness_that_is_lost_is_taken_away_when_every_standby_asks_it_no_more(tmp_path: Path) -> None:
    third = Third(tmp_path)
    third.start(tmp_path / "first")
    pair = Pair(tmp_path, third.peer)
    told: list[tuple[str, bytes]] = []
    pair.standby._witness_at = lambda *words: told.append(words)
    await pair.in_step()
    await until(lambda: third.would_let("2" * 32))
    third.witness.close()
    pair.haven._witness.close()
    heard = len(told)
    await asyncio.to_thread(pair.haven.remove_witness)
    assert ("", b"") in told[heard:], "before this was done, for else it could still ask"
    assert machine.read(pair.first).witness is None
    await pair.add("without a lease")
    pair.close()


async def test_a_witness_that_is_lost_with_a_standby_is_taken_away_by_a_person_only(tmp_path: Path) -> None:
    third = Third(tmp_path)
    third.start(tmp_path / "first")
    pair = Pair(tmp_path, third.peer)
    await pair.in_step()
    await until(lambda: third.would_let("2" * 32))
    pair.door.close()
    third.witness.close()
    pair.haven._witness.close()
    await until(lambda: not pair.haven.carrier.in_step())
    with pytest.raises(WitnessAway):
        await asyncio.to_thread(pair.haven.remove_witness)
    assert pair.haven.machine.witness == third.peer
    assert pair.haven.witness_state(), "it is asked again"
    await asyncio.to_thread(partial(pair.haven.remove_witness, even_so=True))
    assert machine.read(pair.first).witness is None
    pair.close()


async def test_a_standby_takes_back_what_it_asked_of_a_witness_that_was_taken_away_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Peer("witness", "tls://127.0.0.1:1", base64.b64encode(b"its certificate").decode())
    folder = tmp_path / "second"
    folder.mkdir()
    machine.write(folder, Machine("2" * 32, "standby", witness=peer))
    standby = StandbyMachine(folder, lambda: None)
    monkeypatch.setattr(lease, "PROMISE_MS", 0)
    standby.following.vote = Vote(1, "", frozenset(), 0)

    def asked(heard: Callable[[], object]) -> bool:
        monkeypatch.setattr(FarWitness, "ask", lambda *words, **more: heard() or Voted(True, 2, "2" * 32))
        return standby.elected()

    assert not asked(lambda: standby._witness_at("", b""))
    standby._witness_at(peer.address, peer.certificate)
    assert asked(lambda: None)
    with pytest.raises(LinkLost):
        standby._witness_at("", b"")
    standby.close()


async def test_a_standby_forgets_a_witness_that_was_taken_away(tmp_path: Path) -> None:
    third = Third(tmp_path)
    third.start(tmp_path / "first")
    pair = Pair(tmp_path, third.peer)
    told: list[tuple[str, bytes]] = []
    pair.standby._witness_at = lambda *words: told.append(words)
    await until(lambda: (third.peer.address, third.peer.certificate) in told)
    await pair.in_step()
    await until(lambda: pair.haven.witness_state() == "grants")
    await asyncio.to_thread(pair.haven.remove_witness)
    await until(lambda: told[-1] == ("", b""))
    pair.close()
    third.witness.close()
