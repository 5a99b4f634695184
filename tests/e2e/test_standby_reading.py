"""While the primary is gone its standby is read; when the primary comes back, it follows as if nothing had been."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest
from bench.ports import free_port

from freehold.appview.gathered import Words
from freehold.appview.schema import SCHEMA as INDEX_SCHEMA
from freehold.outside.schema import BESIDE_THE_INDEX
from freehold.store.database import Database
from freehold.store.tx import Tx
from freehold.stream.log import newest_in
from support.children import environment
from support.ledger import ledger
from support.network import CHEAP, Person, Refusal, RunningNetwork, running
from support.patience import until
from support.standbys import add_by_tls, command, in_step, standing_by

ROUNDS = [2, pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(900)])]


class Machine:
    """The primary, at a port of its own: it is killed, and comes back."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port()
        directory.mkdir()
        (directory / "settings.toml").write_text(CHEAP)
        self.start()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        words = [sys.executable, "-m", "support.network_child", str(self.directory), "--dev", "--port", str(self.port)]
        log = self.directory / "stderr.log"
        with log.open("ab") as stderr:
            child = subprocess.Popen(words, env=environment(), stdout=stderr, stderr=stderr)
        self.network = RunningNetwork(self.directory, child, log)
        self.network.wait()

    @contextmanager
    def killed(self) -> Iterator[None]:
        os.kill(self.network.pid, signal.SIGKILL)
        self.network.stop()
        yield
        self.start()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """As one whose cable was pulled: nobody hears that it went."""
        os.kill(self.network.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.network.pid, signal.SIGCONT)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "first")
    yield made
    made.network.stop()


@asynccontextmanager
async def at(url: str, person: Person) -> AsyncIterator[Person]:
    """The same member at another door, with the session that they have."""
    async with httpx.AsyncClient(base_url=url, timeout=10) as http:
        yield person.at(http)


async def home(door: Person) -> list[str]:
    """What the member's home shows: it wants a session, the truth and the index. Waits until the door is open."""
    found: list[str] = []

    async def is_open() -> bool:
        try:
            feed = await door.get("app.bsky.feed.getTimeline", limit=100)
        except (httpx.TransportError, Refusal):
            return False
        found[:] = [item["post"]["record"]["text"] for item in feed["feed"]]
        return True

    await until(is_open)
    return found


async def is_shut(url: str) -> bool:
    async with httpx.AsyncClient(base_url=url) as http:
        try:
            await http.get("/xrpc/_health")
        except httpx.TransportError:
            return True
    return False


async def assert_read_only(door: Person) -> None:
    with pytest.raises(Refusal) as refusal:
        await door.post("to nobody")
    assert (refusal.value.name, refusal.value.status) == ("ReadOnly", 503)
    assert int(refusal.value.headers["retry-after"]) > 0


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_it_is_read_while_the_primary_is_gone_and_follows_again_without_a_new_copy(
    machine: Machine, tmp_path: Path, rounds: int
) -> None:
    first, second, there = machine.directory, tmp_path / "second", f"http://localhost:{free_port()}"
    await add_by_tls(first, second)
    shutil.copy(first / "unlock.key", second)
    with standing_by(second, there.rpartition(":")[2]):
        await in_step(first)
        copy = (second / "truth.db").stat().st_ino
        async with httpx.AsyncClient(base_url=machine.url, timeout=30) as http:
            mei = await Person.join(http, "mei")
            for n in range(rounds):
                await mei.post(f"post {n}")
                with machine.silent() if n % 2 else machine.killed():
                    began = time.monotonic()
                    async with at(there, mei) as door:
                        assert (await home(door))[0] == f"post {n}"
                        print(f"read after {time.monotonic() - began:.2f} s")
                        await assert_read_only(door)
                await until(lambda: is_shut(there))
                await mei.post(f"after {n}")
        assert (second / "truth.db").stat().st_ino == copy, "no new copy was made"
        verified = await command("standby", first, "verify", "second")
        assert verified.code == 0, verified.err


async def test_an_index_goes_on_where_it_was_after_kill_9_of_the_standby(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with running(first) as primary:
        await add_by_tls(first, second)
        async with httpx.AsyncClient(base_url=primary.url, timeout=60) as http:
            for life in range(3):
                with standing_by(second) as standby:
                    mei = await Person.join(http, f"mei-{life}")
                    await asyncio.gather(*(mei.post(f"{life} {n}") for n in range(20)))
                    if life == 2:
                        await until(lambda: stands(first) == stands(second) == newest(first))
                    os.kill(standby.pid, signal.SIGKILL)
                    standby.stop()
                    assert "made anew" not in standby.log()
    ours, theirs = tables(first, tmp_path / "a"), tables(second, tmp_path / "b")
    for table, rows in ours.items():
        assert theirs[table] == rows, table


def newest(directory: Path) -> dict[str, int]:
    """How far an index of all that is there would have come."""
    return dict(zip(("seq", "private_seq"), newest_in(directory / "truth.db"), strict=True))


def stands(directory: Path) -> dict[str, int]:
    """How far the index of another process has come."""
    try:
        with closing(apsw.Connection(str(directory / "index.db"), apsw.SQLITE_OPEN_READONLY)) as found:
            return dict(found.execute("SELECT name, value FROM state WHERE name LIKE '%seq'").fetchall())
    except apsw.Error:
        return {}


def tables(directory: Path, aside: Path) -> dict[str, Any]:
    aside.mkdir()
    for file in directory.glob("index.db*"):
        shutil.copy(file, aside)
    with Database(aside / "index.db", (*INDEX_SCHEMA, *BESIDE_THE_INDEX), durable=False) as db:
        db.write_sync(_write_words)  # those of the last second waited in memory
        return ledger(db)


def _write_words(tx: Tx) -> None:
    words, settled = Words(), tx.one("SELECT value FROM state WHERE name = 'words'")
    words.load(tx, settled[0] if settled else None)
    words.settle(tx, {}, (), {}, at_once=True)
