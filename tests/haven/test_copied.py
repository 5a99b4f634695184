"""A copy whose log is written behind SQLite's back: nothing of it is lost to what SQLite remembers."""

from pathlib import Path

import apsw
import pytest

from freehold.haven.copied import CopiedTruth
from freehold.haven.copy import Copy
from freehold.store.migrations import Migration, SchemaTooOld
from freehold.store.wal import NOWHERE, Log, log_of, read_header

READ_ONLY = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI


class Ended(BaseException):
    """The process has."""


class Source:
    """A database that is copied as it grows."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "source.db"
        self._connection = apsw.Connection(str(self._path))
        self._connection.execute(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
            " CREATE TABLE word (text); CREATE TABLE migration (name, at)"
        ).fetchall()
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self.copy = Copy(folder / "copy")
        self.copy.path.write_bytes(self._path.read_bytes())

    def say(self, text: str) -> None:
        """Write it here and there."""
        self._connection.execute("INSERT INTO word VALUES (?)", (text,))
        data = log_of(self._path).read_bytes()
        header = read_header(data)
        assert header is not None
        stretch = Log(self._path).since(self.copy.position, header.frames(len(data)))
        assert stretch is not None
        self.copy.take(self.copy.position, stretch)


def said(path: Path) -> list[str]:
    connection = apsw.Connection(f"file:{path}?mode=ro", READ_ONLY)
    try:
        return [text for (text,) in connection.execute("SELECT text FROM word")]
    finally:
        connection.close()


def test_a_log_is_not_folded_by_what_somebody_else_in_the_process_remembers_of_it(tmp_path: Path) -> None:
    source = Source(tmp_path)
    source.say("one")
    forgotten = apsw.Connection(f"file:{source.copy.path}?mode=ro", READ_ONLY)
    assert forgotten.execute("SELECT text FROM word").fetchall() == [("one",)]
    source.say("two")
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        raise Ended

    source.copy.end_process = end
    with pytest.raises(Ended):
        source.copy.fold(all_known=True)
    assert codes == [1]
    forgotten.close()
    again = Copy(tmp_path / "copy")
    again.fold(all_known=True)
    assert again.position == NOWHERE
    assert said(again.path) == ["one", "two"]


def test_nobody_has_the_copy_alone_who_reads_it(tmp_path: Path) -> None:
    source = Source(tmp_path)
    source.say("one")
    truth = CopiedTruth(source.copy, ())
    with truth.reading() as tx:
        assert tx.one("SELECT text FROM word") == ("one",)
        with pytest.raises(RuntimeError, match="alone"), source.copy.alone():
            pass
    source.say("two")
    truth.renew()
    with truth.reading() as tx:
        assert tx.run("SELECT text FROM word") == [("one",), ("two",)]
    source.copy.fold(all_known=True)
    truth.close()
    assert said(source.copy.path) == ["one", "two"]


def test_a_copy_of_an_older_version_is_let_go(tmp_path: Path) -> None:
    source = Source(tmp_path)
    source.say("one")
    with pytest.raises(SchemaTooOld) as raised:
        CopiedTruth(source.copy, (Migration("one", "CREATE TABLE other (text)"),))
    source.say("two")
    source.copy.fold(all_known=True)
    assert said(source.copy.path) == ["one", "two"]
    assert raised.value is not None  # and with it all that led there
