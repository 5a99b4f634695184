"""A standby that is removed may still be let succeed by a witness that has not heard of it: nothing is said yes to that
it would lack."""

import asyncio
import base64
from pathlib import Path

from freehold.haven import lease, machine, papers
from freehold.haven.lease import Request
from freehold.haven.machine import Peer
from freehold.haven.witness import Witness, make
from support.pair import Pair
from support.patience import until
from support.standbys import free_port


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
