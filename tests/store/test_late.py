"""A snapshot that is taken when something is asked, and statements whose plan stands."""

from pathlib import Path

import apsw
import pytest

from freehold.store.connection import connect
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.tx import TookTooLong

TABLE = Migration("late-1", "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT NOT NULL);")


@pytest.fixture
def db(tmp_path: Path):
    with Database(tmp_path / "late.db", (TABLE,), durable=False) as db:
        db.write_sync(lambda tx: tx.many("INSERT INTO thing (name) VALUES (?)", [("one",), ("two",)]))
        yield db


def test_who_asks_nothing_holds_up_nothing(db: Database):
    with db.reading() as tx:
        assert tx.now > 0
        db.write_sync(lambda tx: tx.run("DELETE FROM thing WHERE name = 'one'"))
        assert db.fold()
        assert tx.run("SELECT name FROM thing") == [("two",)]
        db.write_sync(lambda tx: tx.run("DELETE FROM thing"))
        assert [name for (name,) in tx.each("SELECT name FROM thing")] == ["two"]  # as it was at the first question


def test_walking_may_be_the_first_question_and_nothing_is_asked_after_the_end(db: Database):
    with db.reading() as tx:
        assert [name for (name,) in tx.each("SELECT name FROM thing ORDER BY id")] == ["one", "two"]
    with pytest.raises(RuntimeError):
        tx.run("SELECT 1")
    with db.reading() as unasked:
        pass
    with pytest.raises(RuntimeError):
        unasked.each("SELECT 1")


def test_a_bound_limit_has_no_statement_planned_anew(db: Database):
    link = connect(db.path, "read", durable=False)
    assert link.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1
    link.close()


def test_a_question_is_given_up_when_its_time_is_over_and_the_next_is_answered(db: Database):
    count = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT count(*) FROM n"
    with db.reading() as tx:
        with pytest.raises(TookTooLong), tx.within(0):
            tx.run(count)
        with tx.within(10**12):
            assert tx.run(count) == [(20_000,)]
        assert tx.run(count) == [(20_000,)]
    with db.reading() as tx:
        assert tx.run(count) == [(20_000,)]  # on the connection that was given back
