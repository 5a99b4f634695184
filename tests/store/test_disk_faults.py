"""When the disk fails: everyone is told, nobody believes what is not there, and what was acknowledged stays."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from freehold.store import connection, writer
from freehold.store.database import Database, StoreFailed
from freehold.store.tx import Tx
from support.faulty_disk import FaultyDisk

from .test_database import NOTES, in_one_group, note, notes


class House:
    """A database on a disk that fails on order, and what was noticed when it did."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.disk = FaultyDisk()
        self.path = folder / "truth.db"
        self.ended: list[int] = []
        self.has_ended = threading.Event()
        self.noticed: list[str] = []
        self.db = Database(self.path, NOTES, durable=durable, vfs=self.disk.name, end_process=self.end)
        self.db.on_lost(lambda: self.noticed.append("lost"))

    def note(self, text: str) -> Callable[[Tx], str]:
        def write(tx: Tx) -> str:
            tx.on_rollback(lambda: self.noticed.append(f"undo {text}"))
            tx.after_commit(lambda: self.noticed.append(f"committed {text}"))
            return note(text)(tx)

        return write

    def end(self, code: int) -> None:
        self.ended.append(code)
        self.has_ended.set()

    def close(self) -> None:
        self.disk.mend()
        self.db.close()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(writer, "GRACE_SECONDS", 0)
    return House(tmp_path)


def told_no(answers: list[object]) -> bool:
    return all(isinstance(answer, StoreFailed) and answer.kind == "unavailable" for answer in answers)


@pytest.mark.parametrize("operation", ["sync", "write"])
async def test_a_commit_that_fails_is_a_no_for_the_whole_group_and_the_end_of_the_process(
    house: House, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    await house.db.write(note("before"))

    def break_disk(tx: Tx) -> None:
        house.disk.fail(operation, wal=True)

    answers = await in_one_group(house.db, house.note("a"), house.note("b"), break_disk)
    assert told_no(answers)
    await asyncio.to_thread(house.close)
    assert house.noticed == ["undo b", "undo a", "lost"]
    assert house.ended == [70]
    assert "unknown" in caplog.text
    with pytest.raises(StoreFailed):
        await house.db.write(note("after"))
    with Database(house.path, NOTES, durable=True) as again:
        assert notes(again) in (["before"], ["before", "a", "b"])


async def test_a_full_disk_is_a_no_for_the_group_and_the_next_write_may_succeed(house: House) -> None:
    await house.db.write(note("before"))

    def fill_disk(tx: Tx) -> None:
        house.disk.fail("write", wal=True, full=True)

    assert told_no(await in_one_group(house.db, house.note("a"), fill_disk, house.note("b")))
    assert house.noticed == ["undo b", "undo a", "lost"]
    assert notes(house.db) == ["before"]
    house.disk.mend()
    assert await house.db.write(house.note("after")) == "after"
    assert notes(house.db) == ["before", "after"]
    assert house.ended == []
    house.close()


async def test_when_a_statement_makes_sqlite_give_up_the_transaction_the_whole_group_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WRITER_CACHE_KIB", 64)  # so that a large row goes to disk before the commit
    house = House(tmp_path)

    def large(tx: Tx) -> None:
        house.disk.fail("write", wal=True, full=True)
        tx.run("INSERT INTO note (text) VALUES (:text)", text="x" * 2_000_000)

    assert told_no(await in_one_group(house.db, house.note("a"), large, house.note("b")))
    house.disk.mend()
    assert house.noticed == ["undo a", "lost"]
    assert await house.db.write(note("after")) == "after"
    assert notes(house.db) == ["after"]
    house.close()


@pytest.mark.parametrize("operation", ["sync", "write"])
async def test_a_disk_that_fails_while_the_log_is_folded_ends_the_process_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    monkeypatch.setattr(writer, "GRACE_SECONDS", 0)
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 1)
    house = House(tmp_path)
    house.disk.fail(operation, wal=False)
    assert await house.db.write(note("a")) == "a"
    assert await asyncio.to_thread(house.has_ended.wait, 5)
    await asyncio.to_thread(house.close)
    assert house.ended == [70]
    with Database(house.path, NOTES, durable=True) as again:
        assert notes(again) == ["a"]


async def test_a_full_disk_while_the_log_is_folded_only_puts_it_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 1)
    house = House(tmp_path)
    house.disk.fail("write", wal=False, full=True)
    assert await house.db.write(note("a")) == "a"
    assert await house.db.write(note("b")) == "b"
    house.close()
    assert house.ended == []


async def test_the_log_of_a_lost_group_holds_no_text_of_it(house: House, caplog: pytest.LogCaptureFixture) -> None:
    def secret(tx: Tx) -> None:
        tx.run("INSERT INTO note (text) VALUES (:text)", text="my secret")
        house.disk.fail("sync")

    assert told_no(await in_one_group(house.db, secret))
    await asyncio.to_thread(house.close)
    assert "secret" not in caplog.text


async def write_until_the_power_goes(house: House, random: Random, into: Path) -> list[str]:
    """Four authors at once; the power is cut after a random number of acknowledgements, amid the rest."""
    acknowledged: list[str] = []
    last = random.randint(20, 200)
    cut = asyncio.Event()

    async def author(name: int) -> None:
        for n in range(last):
            if cut.is_set():
                return
            acknowledged.append(await house.db.write(note(f"{name} {n} " + "x" * random.randint(0, 3000))))
            if len(acknowledged) == last:
                house.disk.cut_power(into, random)
                cut.set()

    await asyncio.gather(*(author(name) for name in range(4)))
    return acknowledged[:last]


@pytest.mark.parametrize("rounds", [6, pytest.param(150, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
async def test_what_was_acknowledged_survives_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 30)
    random = Random()
    for n in range(rounds):
        (tmp_path / f"{n}").mkdir()
        house = House(tmp_path / f"{n}")
        acknowledged = await write_until_the_power_goes(house, random, tmp_path / f"{n}-cut")
        house.close()
        with Database(tmp_path / f"{n}-cut" / "truth.db", NOTES, durable=True) as after, after.reading() as tx:
            assert tx.one("PRAGMA integrity_check") == ("ok",)
            assert set(acknowledged) <= set(notes(after))


async def test_a_derived_file_may_lose_its_newest_rows_in_a_power_cut_but_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 30)
    random = Random()
    lost = 0
    for n in range(4):
        (tmp_path / f"{n}").mkdir()
        house = House(tmp_path / f"{n}", durable=False)
        acknowledged = await write_until_the_power_goes(house, random, tmp_path / f"{n}-cut")
        written = notes(house.db)
        house.close()
        with Database(tmp_path / f"{n}-cut" / "truth.db", NOTES, durable=False) as after, after.reading() as tx:
            assert tx.one("PRAGMA integrity_check") == ("ok",)
            found = notes(after)
            assert found == written[: len(found)]
            lost += len(set(acknowledged) - set(found))
    assert lost, "the power cut of these tests is too gentle to prove anything"
