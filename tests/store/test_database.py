"""One writer in groups, many readers, and nothing left running when nobody writes."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest

from freehold.store import writer
from freehold.store.database import Database, StoreFailed
from freehold.store.migrations import Migration, SchemaTooNew, SchemaTooOld
from freehold.store.tx import ConstraintBroken, Tx

NOTES = (Migration("notes-1", "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)"),)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "truth.db", NOTES, durable=True) as database:
        yield database


def note(text: str) -> Callable[[Tx], str]:
    def write(tx: Tx) -> str:
        tx.run("INSERT INTO note (text) VALUES (:text)", text=text)
        return text

    return write


def notes(db: Database) -> list[str]:
    with db.reading() as tx:
        return [text for (text,) in tx.each("SELECT text FROM note ORDER BY id")]


def in_turn(tx: Tx, writes: list[Callable[[Tx], Any]]) -> list[Any]:
    return [write(tx) for write in writes]


async def in_one_group(db: Database, *writes: Callable[[Tx], Any], together: bool = False) -> list[Any]:
    """Hold the writer until all are queued, so that they share a transaction; results and exceptions."""
    running, held = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        running.set()
        held.wait(5)

    first = asyncio.ensure_future(db.write(hold))
    await asyncio.to_thread(running.wait, 5)
    begin = partial(db.promise_with_others, in_turn) if together else db.write
    rest = [asyncio.ensure_future(begin(write)) for write in writes]
    await asyncio.sleep(0)  # lets each of them queue its write
    held.set()
    await first
    return await asyncio.gather(*rest, return_exceptions=True)


async def test_a_write_is_answered_with_what_it_returned_and_can_be_read(db: Database) -> None:
    assert await db.write(note("one")) == "one"
    assert notes(db) == ["one"]


@pytest.mark.parametrize("together", [False, True])
async def test_a_write_that_fails_in_a_group_is_undone_alone(db: Database, together: bool) -> None:
    def half_done(tx: Tx) -> None:
        tx.run("INSERT INTO note (text) VALUES ('half')")
        raise ValueError("changed my mind")

    writes = (note("a"), half_done, note("b"), note("a"), note("c"))
    answers = await in_one_group(db, *writes, together=together)
    assert answers[0] == "a"
    assert isinstance(answers[1], ValueError)
    assert answers[2] == "b"
    assert isinstance(answers[3], ConstraintBroken)
    assert answers[4] == "c"
    assert notes(db) == ["a", "b", "c"]


async def test_writes_of_one_kind_are_done_together_once_unless_one_fails_late(db: Database) -> None:
    ran: list[str] = []

    def counted(text: str, fails: str = "") -> Callable[[Tx], str | ValueError]:
        def write(tx: Tx) -> str | ValueError:
            ran.append(text)
            tx.on_rollback(lambda: ran.append(f"not {text}"))
            if fails == "early":
                return ValueError(text)
            tx.run("INSERT INTO note (text) VALUES (:text)", text=text)
            if fails == "late":
                raise ValueError(text)
            return text

        return write

    early = await in_one_group(db, counted("a"), counted("b", "early"), counted("c"), together=True)
    assert ran == ["a", "b", "c"]
    assert isinstance(early[1], ValueError)
    assert (early[0], str(early[1]), early[2]) == ("a", "b", "c")
    ran.clear()
    late = await in_one_group(db, counted("d"), counted("e", "late"), counted("f"), together=True)
    assert ran == ["d", "e", "not e", "not d", "d", "e", "not e", "f"]
    assert (late[0], str(late[1]), late[2]) == ("d", "e", "f")
    assert notes(db) == ["a", "c", "d", "f"]


async def test_in_a_crowd_a_write_waits_a_moment_for_company_and_alone_it_does_not(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_one_group(db, note("a"), note("b"), note("g"))
    monkeypatch.setattr(writer, "GATHER_SECONDS", 0.3)
    _, groups = db.counts
    first = asyncio.ensure_future(db.write(note("c")))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(db.write(note("d")))
    assert await asyncio.gather(first, second) == ["c", "d"]
    assert db.counts[1] == groups + 1
    monkeypatch.setattr(writer, "GATHER_SECONDS", 30)
    await asyncio.wait_for(db.write(note("e")), 10)


async def test_a_write_that_raises_stop_iteration_does_not_leave_its_group_waiting(db: Database) -> None:
    answers = await asyncio.wait_for(in_one_group(db, note("a"), lambda tx: next(iter(())), note("b")), 5)
    assert answers[0] == "a"
    assert isinstance(answers[1], RuntimeError)
    assert answers[2] == "b"


async def test_a_group_is_answered_with_one_call_into_the_loop(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    calls: list[int] = []
    through = loop.call_soon_threadsafe

    def counted(callback: Any, *args: Any, **kwargs: Any) -> Any:
        if callback is writer._settle:
            calls.append(len(args[0]))
        return through(callback, *args, **kwargs)

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    await in_one_group(db, *[note(str(n)) for n in range(20)])
    assert calls == [1, 20]  # the one that held the writer, then all the others


async def test_groups_have_an_upper_size(db: Database) -> None:
    await asyncio.gather(*(db.write(note(str(n))) for n in range(writer.GROUP_MAX * 3)))
    assert db.counts[0] == writer.GROUP_MAX * 3
    assert db.counts[1] >= 3


async def test_a_caller_that_goes_away_changes_nothing_for_the_others(db: Database) -> None:
    held = threading.Event()
    first = asyncio.ensure_future(db.write(lambda tx: held.wait(5)))
    gone = asyncio.ensure_future(db.write(note("gone")))
    stays = asyncio.ensure_future(db.write(note("stays")))
    await asyncio.sleep(0)
    gone.cancel()
    held.set()
    assert await first
    assert await stays == "stays"
    assert notes(db) == ["gone", "stays"]


async def test_hooks_run_after_the_commit_and_before_the_answer(db: Database) -> None:
    order: list[str] = []
    db.listen(lambda told: order.append(f"{told} {notes(db)}"))

    def write(tx: Tx) -> None:
        note("a")(tx)
        tx.after_commit(lambda: order.append("committed"))
        tx.on_rollback(lambda: order.append("never"))
        tx.tell("topic", 1)
        tx.tell("topic", 2)

    await db.write(write)
    order.append("answered")
    assert order == ["{'topic': 2} ['a']", "committed", "answered"]


async def test_what_an_undone_write_told_and_left_is_dropped_and_its_own_undoing_runs_backwards(db: Database) -> None:
    order: list[object] = []
    db.listen(order.append)

    def write(tx: Tx) -> None:
        tx.tell("topic", "wrong")
        tx.after_commit(lambda: order.append("wrong"))
        tx.on_rollback(lambda: order.append("first"))
        tx.on_rollback(lambda: order.append("second"))
        raise ValueError("changed my mind")

    with pytest.raises(ValueError, match="mind"):
        await db.write(write)
    assert order == ["second", "first"]


async def test_a_hook_that_fails_is_our_bug_and_the_write_stands(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def write(tx: Tx) -> str:
        tx.after_commit(lambda: 1 / 0)
        return note("a")(tx)

    assert await db.write(write) == "a"
    assert "hook" in caplog.text


async def test_an_idle_database_has_no_thread_and_no_log_and_wakes_up(tmp_path: Path) -> None:
    with Database(tmp_path / "truth.db", NOTES, durable=True, idle_seconds=0.02) as db:
        assert not writers()
        for text in ("a", "b"):
            await db.write(note(text))
            assert writers()
            await asyncio.to_thread(rest)
            assert list(contents(tmp_path)) == ["truth.db"]
        assert notes(db) == ["a", "b"]


async def test_writes_that_meet_the_writer_going_to_rest_are_not_lost(tmp_path: Path) -> None:
    with Database(tmp_path / "truth.db", NOTES, durable=False, idle_seconds=0.0005) as db:
        for n in range(150):
            await asyncio.wait_for(db.write(note(str(n))), 5)
            await asyncio.sleep(n % 7 * 0.0004)
        assert len(notes(db)) == 150


def writers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "writer"]


def rest() -> None:
    """Wait until no writer is left."""
    for thread in writers():
        thread.join(5)
    assert not writers()


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


async def test_closing_finishes_what_is_queued_and_then_refuses(tmp_path: Path) -> None:
    db = Database(tmp_path / "truth.db", NOTES, durable=True)
    waiting = [asyncio.ensure_future(db.write(note(str(n)))) for n in range(100)]
    await asyncio.sleep(0)
    db.close()
    db.close()
    assert len(await asyncio.gather(*waiting)) == 100
    assert not writers()
    with pytest.raises(StoreFailed):
        await db.write(note("late"))
    with pytest.raises(StoreFailed):
        db.reading()


async def test_a_closed_event_loop_does_not_stop_the_writer(db: Database) -> None:
    held = threading.Event()

    def other_loop() -> None:
        async def leave() -> None:
            task = asyncio.ensure_future(db.write(lambda tx: held.wait(5)))
            await asyncio.sleep(0)
            task.cancel()

        asyncio.run(leave())

    await asyncio.to_thread(other_loop)
    held.set()
    assert await db.write(note("a")) == "a"


def test_a_thread_without_a_loop_writes_too_but_never_from_within_a_write(db: Database) -> None:
    assert db.write_sync(note("a")) == "a"
    with pytest.raises(RuntimeError, match="own thread"):
        db.write_sync(lambda tx: db.write_sync(note("b")))
    assert notes(db) == ["a"]


async def test_a_snapshot_does_not_see_what_is_written_meanwhile_and_cannot_write(db: Database) -> None:
    await db.write(note("a"))
    with db.reading() as tx:
        assert tx.one("SELECT count(*) FROM note") == (1,)
        await db.write(note("b"))
        assert tx.one("SELECT count(*) FROM note") == (1,)
        with pytest.raises(apsw.ReadOnlyError):
            tx.run("DELETE FROM note")
    assert notes(db) == ["a", "b"]


async def test_a_transaction_cannot_be_used_after_its_end(db: Database) -> None:
    kept: list[Tx] = []
    await db.write(kept.append)
    with db.reading() as tx:
        kept.append(tx)
    uses: list[Callable[[Tx], object]] = [
        lambda tx: tx.run("SELECT 1"),
        lambda tx: tx.one("SELECT 1"),
        lambda tx: tx.each("SELECT 1"),
        lambda tx: tx.many("SELECT 1", [{}]),
        lambda tx: tx.changes(),
    ]
    for tx, use in itertools.product(kept, uses):
        with pytest.raises(RuntimeError, match="has ended"):
            use(tx)


async def test_many_rows_are_given_by_name_or_as_they_stand(db: Database) -> None:
    sql = "INSERT INTO note (id, text) VALUES (:id, :text)"
    await db.write(lambda tx: tx.many(sql, [{"text": "by name", "id": 1}]))
    await db.write(lambda tx: tx.many(sql, [(2, "as it"), (3, "stands")]))
    with db.reading() as tx:
        assert tx.run("SELECT id, text FROM note ORDER BY id") == [(1, "by name"), (2, "as it"), (3, "stands")]


async def test_a_forgotten_iterator_holds_no_snapshot(db: Database) -> None:
    await db.write(lambda tx: tx.many("INSERT INTO note (text) VALUES (:text)", [{"text": str(n)} for n in range(100)]))
    with db.reading() as tx:
        forgotten = tx.each("SELECT text FROM note")
        assert next(forgotten)
    with pytest.raises(apsw.Error):
        next(forgotten)


async def test_changes_counts_rows_and_one_gives_the_first(db: Database) -> None:
    def write(tx: Tx) -> None:
        tx.many("INSERT INTO note (text) VALUES (:text)", [{"text": str(n)} for n in range(5)])
        tx.run("UPDATE note SET text = text || '!' WHERE id > 2")
        assert tx.changes() == 3
        assert tx.one("SELECT text FROM note ORDER BY id") == ("0",)
        assert tx.one("SELECT text FROM note WHERE id = 77") is None

    await db.write(write)


async def test_a_reader_puts_off_the_folding_of_the_log_and_no_longer_than_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 20)
    wal = tmp_path / "truth.db-wal"
    with Database(tmp_path / "truth.db", NOTES, durable=True) as db:
        with db.reading() as tx:
            tx.run("SELECT * FROM note")
            for n in range(40):
                await db.write(note(f"{n}" * 2000))
            assert wal.stat().st_size > 40 * 4096
        for n in range(40, 80):
            await db.write(note(f"{n}" * 2000))
        await db.write(lambda tx: None)  # answered after the last folding
        assert wal.stat().st_size < 30 * 4096


async def test_a_delete_leaves_no_byte_of_the_text_behind(tmp_path: Path) -> None:
    secret = "a sentence that somebody took back"
    with Database(tmp_path / "truth.db", NOTES, durable=True, idle_seconds=0.02) as db:
        await db.write(note(secret * 3))
        await db.write(note(secret * 500))  # on overflow pages
        for n in range(50):
            await db.write(note(f"others {n}" * 50))
        await db.write(lambda tx: tx.run("UPDATE note SET text = 'nothing' WHERE id = 1"))
        await db.write(lambda tx: tx.run("DELETE FROM note WHERE id = 2"))
        assert any(secret.encode() in data for data in contents(tmp_path).values())
        await asyncio.to_thread(rest)
        assert not any(secret.encode() in data for data in contents(tmp_path).values())
        assert len(notes(db)) == 51


def test_the_file_is_for_its_owner_only(db: Database, tmp_path: Path) -> None:
    db.write_sync(note("a"))
    for file in tmp_path.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file.name


def test_a_durable_file_is_synced_at_every_commit_and_overwrites_what_is_deleted(db: Database) -> None:
    def pragmas(tx: Tx) -> list[Any]:
        names = ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
        return [(tx.one(f"PRAGMA {name}") or ("",))[0] for name in names]

    assert db.write_sync(pragmas) == ["wal", 2, 1, 1]


def test_migrations_run_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "truth.db"
    more = (*NOTES, Migration("notes-2", "ALTER TABLE note ADD COLUMN at BIGINT; UPDATE note SET at = 7"))
    with Database(path, NOTES, durable=True, clock=lambda: 5) as db:
        assert db.migrated == ["notes-1"]
        db.write_sync(note("a"))
    with Database(path, more, durable=True) as db, db.reading() as tx:
        assert db.migrated == ["notes-2"]
        assert tx.one("SELECT at FROM note") == (7,)
        assert tx.one("SELECT at FROM migration WHERE name = 'notes-1'") == (5,)
    with pytest.raises(SchemaTooNew):
        Database(path, NOTES, durable=True)


def test_a_migration_that_fails_leaves_nothing_of_itself(tmp_path: Path) -> None:
    broken = (*NOTES, Migration("broken-1", "CREATE TABLE half (a INTEGER); INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(apsw.SQLError):
        Database(tmp_path / "truth.db", broken, durable=True)
    with Database(tmp_path / "truth.db", NOTES, durable=True) as db, db.reading() as tx:
        assert tx.one("SELECT 1 FROM sqlite_master WHERE name = 'half'") is None


def test_two_migrations_of_one_name_are_our_bug(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="same name"):
        Database(tmp_path / "truth.db", NOTES * 2, durable=True)


def test_read_only_makes_nothing_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "truth.db"
    with pytest.raises(apsw.CantOpenError):
        Database(path, NOTES, durable=True, read_only=True)
    assert not path.exists()
    Database(path, (), durable=True).close()
    with pytest.raises(SchemaTooOld):
        Database(path, NOTES, durable=True, read_only=True)
    with Database(path, NOTES, durable=True) as db:
        db.write_sync(note("a"))
        with Database(path, NOTES, durable=True, read_only=True) as other:
            assert notes(other) == ["a"]
            with pytest.raises(StoreFailed):
                other.write_sync(note("b"))
            with other.reading() as tx, pytest.raises(apsw.ReadOnlyError):
                tx.run("DELETE FROM note")


def test_several_threads_may_open_one_file_at_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def open_and_write(n: int) -> None:
        try:
            with Database(tmp_path / "truth.db", NOTES, durable=True) as db:
                db.write_sync(note(str(n)))
        except BaseException as error:
            failures.append(error)

    Database(tmp_path / "truth.db", NOTES, durable=True).close()
    threads = [threading.Thread(target=open_and_write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
