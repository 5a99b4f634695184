"""A file that is closed is read by nobody: else SQLite goes on by what it remembers of a log that has changed since."""

import os
import threading
from pathlib import Path

import apsw
import pytest

from freehold.store import database
from freehold.store.database import Database, StoreFailed
from freehold.store.migrations import Migration, SchemaTooOld

SCHEMA = (Migration("one", "CREATE TABLE word (text TEXT); INSERT INTO word VALUES ('hello')"),)
LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0"


def open_files(path: Path) -> list[str]:
    """What of a database this process has open."""
    links = (os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.is_symlink())
    return [link for link in links if link.startswith(str(path))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Database(tmp_path / "some.db", SCHEMA, durable=False) as db:
        db.write_sync(lambda tx: tx.run("INSERT INTO word VALUES ('more')"))
    return tmp_path / "some.db"


def test_who_has_not_asked_yet_is_not_answered_any_more(path: Path) -> None:
    db = Database(path, SCHEMA, durable=False, read_only=True)
    with db.reading() as tx:
        db.close()
        with pytest.raises(StoreFailed):
            tx.one("SELECT text FROM word")
    assert open_files(path) == []


def test_who_reads_is_waited_for(path: Path) -> None:
    db = Database(path, SCHEMA, durable=False, read_only=True)
    reads, may_end = threading.Event(), threading.Event()

    def read() -> None:
        with db.reading() as tx:
            tx.one("SELECT text FROM word")
            reads.set()
            may_end.wait()

    reader, closing = threading.Thread(target=read), threading.Thread(target=db.close)
    reader.start()
    reads.wait()
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    may_end.set()
    closing.join()
    reader.join()
    assert open_files(path) == []


def test_who_reads_for_too_long_is_interrupted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.2)
    db = Database(path, SCHEMA, durable=False, read_only=True, end_process=lambda code: pytest.fail("it ended"))
    failed: list[BaseException] = []
    reads = threading.Event()

    def read() -> None:
        with db.reading() as tx:
            tx.one("SELECT text FROM word")
            reads.set()
            try:
                tx.one(LONG)
            except apsw.InterruptError as error:
                failed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    reads.wait()
    db.close()
    reader.join()
    assert len(failed) == 1
    assert open_files(path) == []


def test_a_process_ends_rather_than_keep_a_reader_of_a_closed_copy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.05)
    codes: list[int] = []
    db = Database(path, SCHEMA, durable=False, read_only=True, end_process=codes.append)
    with db.reading() as tx:
        tx.one("SELECT text FROM word")
        db.close()
    assert codes == [1]


def test_a_file_that_cannot_be_taken_is_let_go_at_once(path: Path) -> None:
    more = (*SCHEMA, Migration("two", "CREATE TABLE other (text TEXT)"))
    with pytest.raises(SchemaTooOld) as raised:
        Database(path, more, durable=False, read_only=True)
    assert raised.value is not None  # and with it all that led there
    assert open_files(path) == []
