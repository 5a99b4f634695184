"""Short writes run on the event loop that asks; only their commit is another thread's."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from freehold.store import connection
from freehold.store.database import Database, StoreFailed
from freehold.store.short import MOST
from freehold.store.tx import ConstraintBroken, Tx

from .test_database import NOTES, note, notes, rest
from .test_disk_faults import House, house, told_no

__all__ = ["house"]


async def awake(db: Database) -> Database:
    """With the file open for writing, and nobody's turn."""
    await db.write(note("first"))
    while db._the_writer()._turn.locked():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.001)
    return db


@pytest.fixture
async def db(tmp_path: Path):
    with Database(tmp_path / "truth.db", NOTES, durable=True) as database:
        yield await awake(database)


async def together(db: Database, *writes: Callable[[Tx], object]) -> list[object]:
    """Short writes asked for in one round of the event loop; their answers."""
    asked = (db.write(write, repeatable=True, short=True) for write in writes)
    return await asyncio.gather(*asked, return_exceptions=True)


async def test_they_run_where_they_are_asked_for_and_are_committed_elsewhere_together(db: Database):
    committing: list[str] = []

    def where(tx: Tx) -> int:
        tx.after_commit(lambda: committing.append(threading.current_thread().name))
        return threading.get_ident()

    before, here = db.counts, threading.get_ident()
    assert await together(db, where, note("a"), where) == [here, "a", here]
    assert committing == ["commits", "commits"]
    assert [now - then for now, then in zip(db.counts, before, strict=True)] == [3, 1]
    assert notes(db) == ["first", "a"]


async def test_many_make_several_groups_and_all_are_answered(db: Database):
    before = db.counts[1]
    texts = [str(n) for n in range(3 * MOST + 1)]
    assert await together(db, *map(note, texts)) == texts
    assert db.counts[1] - before == 4
    assert notes(db) == ["first", *texts]


async def test_one_that_fails_is_undone_alone(db: Database):
    def half_done(tx: Tx) -> None:
        tx.run("INSERT INTO note (text) VALUES ('half')")
        raise ValueError("changed my mind")

    a, wrong, b, twice = await together(db, note("a"), half_done, note("b"), note("a"))
    assert (a, b) == ("a", "b")
    assert isinstance(wrong, ValueError)
    assert isinstance(twice, ConstraintBroken)
    assert notes(db) == ["first", "a", "b"]
    (alone,) = await together(db, half_done)
    assert isinstance(alone, ValueError)
    assert await together(db, note("c")) == ["c"]
    assert notes(db) == ["first", "a", "b", "c"]


async def test_nobody_is_answered_before_the_commit(db: Database):
    may_commit = threading.Event()
    db.on_settled(lambda: may_commit.wait(5))
    asked = asyncio.ensure_future(db.write(note("a"), short=True))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not asked.done()
    may_commit.set()
    assert await asked == "a"


@pytest.mark.parametrize("operation", ["sync", "write"])
async def test_a_commit_that_fails_is_a_no_for_all_and_the_end_of_the_process(house: House, operation: str):
    await house.db.write(note("before"))

    def break_disk(tx: Tx) -> None:
        house.disk.fail(operation, wal=True)

    assert told_no(await together(house.db, house.note("a"), house.note("b"), break_disk))
    await asyncio.to_thread(house.close)
    assert house.noticed == ["undo b", "undo a", "lost"]
    assert house.ended == [70]
    with pytest.raises(StoreFailed):
        await house.db.write(note("after"), short=True)
    with Database(house.path, NOTES, durable=True) as again:
        assert notes(again) in (["before"], ["before", "a", "b"])


async def test_when_sqlite_gives_up_the_transaction_while_they_run_all_are_told(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    house.close()
    monkeypatch.setattr(connection, "WRITER_CACHE_KIB", 64)  # so that a large row goes to disk before the commit
    house = House(tmp_path)
    await house.db.write(note("before"))

    def large(tx: Tx) -> None:
        house.disk.fail("write", wal=True, full=True)
        tx.run("INSERT INTO note (text) VALUES (:text)", text="x" * 2_000_000)

    assert told_no(await together(house.db, house.note("a"), large, house.note("b")))
    house.disk.mend()
    assert house.noticed == ["undo a", "lost"]
    assert await together(house.db, note("after")) == ["after"]
    assert notes(house.db) == ["before", "after"]
    house.close()


async def test_closing_finishes_what_was_asked_and_then_refuses(tmp_path: Path):
    db = Database(tmp_path / "truth.db", NOTES, durable=True)
    await db.write(note("first"))
    asked = [asyncio.ensure_future(db.write(note(str(n)), short=True)) for n in range(3 * MOST)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # some of them run, the rest waits
    db.close()
    assert await asyncio.gather(*asked) == [str(n) for n in range(3 * MOST)]
    with pytest.raises(StoreFailed):
        await db.write(note("late"), short=True)


async def test_long_and_short_ones_from_everywhere_get_their_turns_and_their_rest(tmp_path: Path):
    chance = Random()
    with Database(tmp_path / "truth.db", NOTES, durable=False, idle_seconds=0.002) as db:

        async def one(n: int) -> None:
            await asyncio.sleep(chance.random() * 0.2)
            if n % 3:
                assert await db.write(note(str(n)), repeatable=True, short=n % 3 == 1) == str(n)
            else:
                assert await asyncio.to_thread(db.write_sync, note(str(n))) == str(n)

        await asyncio.wait_for(asyncio.gather(*map(one, range(300))), 15)
        assert sorted(notes(db)) == sorted(map(str, range(300)))
        await asyncio.to_thread(rest)
    assert not [thread for thread in threading.enumerate() if thread.name == "commits" and thread.join(5)]


async def test_nobody_waits_for_a_write_within_the_writers_turn(db: Database):
    (refused,) = await together(db, lambda tx: db.write_sync(note("a")))
    assert isinstance(refused, RuntimeError)
    assert await asyncio.to_thread(db.write_sync, note("b")) == "b"


async def test_what_is_written_at_once_is_there_at_once_unless_somebody_else_writes(tmp_path: Path, db: Database):
    with Database(tmp_path / "index.db", NOTES, durable=False) as index:
        assert not index.write_at_once(note("asleep"))
        await awake(index)
        assert index.write_at_once(note("b"))
        assert not index.write_at_once(note("b"))  # there is one already
        running, held = threading.Event(), threading.Event()
        busy = asyncio.ensure_future(index.write(lambda tx: (running.set(), held.wait(5))))
        await asyncio.to_thread(running.wait, 5)
        assert not index.write_at_once(note("c"))
        held.set()
        await busy
        assert notes(index) == ["first", "b"]
    assert not db.write_at_once(note("not where each commit is synced"))
