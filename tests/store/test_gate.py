"""Somebody else may have to have a commit before it is acknowledged; they read it from the write-ahead log."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from freehold.store.database import Database, StoreFailed
from freehold.store.migrations import Migration
from freehold.store.tx import Tx
from freehold.store.wal import NOWHERE, Log, log_of
from freehold.stream.log import SCHEMA as STREAM
from freehold.stream.log import Log as Stream
from freehold.stream.log import append
from support.patience import until

SCHEMA = (Migration("gate-1", "CREATE TABLE line (n INTEGER PRIMARY KEY, text TEXT NOT NULL)"),)


class Watched:
    """A gate that can be shut, and says what it was told."""

    def __init__(self) -> None:
        self.passing = threading.Event()
        self.passing.set()
        self.frames = 0
        self.folds = 0
        self.may_fold = True
        self.refuses = False

    def opened(self, frames: int) -> None:
        self.frames = frames

    def committed(self, frames: int) -> None:
        self.frames = frames
        self.passing.wait()
        if self.refuses:
            raise RuntimeError("somebody else writes now")

    @contextmanager
    def folding(self) -> Iterator[bool]:
        yield self.may_fold

    def folded(self) -> None:
        self.folds += 1
        self.frames = 0


def add(tx: Tx) -> None:
    tx.run("INSERT INTO line (text) VALUES (:text)", text="x" * 3_000)


async def test_a_write_is_answered_only_when_the_gate_lets_it_pass(tmp_path: Path) -> None:
    gate = Watched()
    with Database(tmp_path / "truth.db", SCHEMA, durable=True, gate=gate) as db:
        gate.passing.clear()
        told: list[object] = []
        db.listen(told.append)
        writing = asyncio.create_task(db.write(lambda tx: tx.tell("line", 1)))
        second = asyncio.create_task(db.write(add))
        await until(lambda: gate.frames > 0)
        await asyncio.sleep(0.01)
        assert not writing.done()
        assert not second.done()
        assert not told
        gate.passing.set()
        await asyncio.gather(writing, second)
        assert told == [{"line": 1}]


async def test_nobody_hears_of_what_is_not_acknowledged_yet(tmp_path: Path) -> None:
    gate = Watched()
    with Database(tmp_path / "truth.db", STREAM, durable=True, gate=gate) as db:
        log = Stream(db)
        await db.write(lambda tx: append(tx, "identity", "did:plc:a", {"did": "did:plc:a"}))
        gate.passing.clear()
        writing = asyncio.create_task(db.write(lambda tx: append(tx, "identity", "did:plc:b", {"did": "did:plc:b"})))
        await until(lambda: count_of(db) == 2)
        assert [event.did for event in log.read(0)] == ["did:plc:a"]
        gate.passing.set()
        await writing
        assert [event.did for event in log.read(0)] == ["did:plc:a", "did:plc:b"]


def count_of(db: Database) -> int:
    with db.reading() as tx:
        return int((tx.one("SELECT count(*) FROM event") or (0,))[0])


async def test_after_what_may_not_be_acknowledged_nothing_more_is_written(tmp_path: Path) -> None:
    gate = Watched()
    with Database(tmp_path / "truth.db", SCHEMA, durable=True, gate=gate) as db:
        gate.refuses = True
        with pytest.raises(StoreFailed):
            await db.write(add)
        with pytest.raises(StoreFailed):
            await db.write(add)
        gate.refuses = False
        with pytest.raises(StoreFailed):
            await db.write(add)


async def test_the_log_is_not_folded_while_the_gate_needs_it(tmp_path: Path) -> None:
    gate = Watched()
    with Database(tmp_path / "truth.db", SCHEMA, durable=True, gate=gate, idle_seconds=0.01) as db:
        gate.may_fold = False
        await db.write(add)
        await asyncio.sleep(0.05)
        assert gate.folds == 0
        assert log_of(db.path).stat().st_size
        gate.may_fold = True
        await until(lambda: not log_of(db.path).exists())
        assert gate.folds == 1


async def test_the_log_carried_elsewhere_opens_to_the_same_rows(tmp_path: Path) -> None:
    gate = Watched()
    path, copy = tmp_path / "truth.db", tmp_path / "copy.db"
    with Database(path, SCHEMA, durable=True, gate=gate) as db:
        log, position = Log(path), NOWHERE
        copy.write_bytes(path.read_bytes())
        with log_of(copy).open("wb") as copied:
            for _ in range(20):
                await db.write(add)
                stretch = log.since(position, gate.frames)
                assert stretch is not None
                assert stretch.start == position.end
                copied.write(stretch.data)
                position = stretch.position
        assert log.since(position, gate.frames) is None
        log.close()
        assert apsw.Connection(str(copy)).execute("SELECT count(*) FROM line").fetchall() == [(20,)]


async def test_a_log_that_began_anew_is_given_from_its_start(tmp_path: Path) -> None:
    gate, path = Watched(), tmp_path / "truth.db"
    with Database(path, SCHEMA, durable=True, gate=gate, idle_seconds=0.01) as db:
        await db.write(add)
        log = Log(path)
        before = log.end(gate.frames)
        await until(lambda: gate.folds > 0)
        log.close()
        await db.write(add)
        stretch = log.since(before, gate.frames)
        assert stretch is not None
        assert stretch.start == 0
        assert stretch.salt != before.salt
        log.close()


@pytest.mark.parametrize("mode", [apsw.SQLITE_CHECKPOINT_RESTART, apsw.SQLITE_CHECKPOINT_TRUNCATE])
def test_a_log_that_began_anew_in_the_same_file_and_grew_longer_is_given_from_its_start(
    tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "truth.db"
    writer = apsw.Connection(str(path))
    writer.execute("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE line (text)").fetchall()
    log, known, seen = Log(path), NOWHERE, []
    for _ in range(3):
        writer.execute("INSERT INTO line VALUES ('before')")
        stretch = log.since(known, writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)[0])
        assert stretch is not None
        known = stretch.position
        seen.append(stretch.start)
    assert seen[0] == 0 < seen[1] < seen[2]
    writer.wal_checkpoint(mode=mode)
    writer.execute("INSERT INTO line VALUES (randomblob(100000))")
    frames = writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)[0]
    anew = log.since(known, frames)
    assert anew is not None
    assert (anew.start, anew.position) == (0, log.end(frames))
    assert anew.position.end > known.end
    assert anew.salt != known.salt
    writer.close()
    log.close()


async def test_a_database_that_was_killed_says_how_much_its_log_holds(tmp_path: Path) -> None:
    gate, path = Watched(), tmp_path / "truth.db"
    db = Database(path, SCHEMA, durable=True, gate=gate)
    await db.write(add)
    held = Watched()
    for each in (path, log_of(path)):
        (tmp_path / each.name.replace("truth", "later")).write_bytes(each.read_bytes())
    with Database(tmp_path / "later.db", SCHEMA, durable=True, gate=held):
        assert held.frames == gate.frames > 0
    db.close()
