"""One transaction as a rule sees it: run SQL, and leave word of what to do when it is committed or undone.

In come SQL with named parameters (`:did`) and plain values (None, int, str, bytes, float); out come tuples. A `Tx` is
valid only inside the function or `with` block that it was handed to. The database commits, never the caller.
Write SQL that PostgreSQL would take too: a failed statement is to be raised, not caught and stepped over.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import apsw

Row = tuple[Any, ...]
Hook = Callable[[], object]

_STEPS = 100
"""Of SQLite's machine between two looks at the clock: some 0.5 ms of a full-text index."""


TookTooLong = apsw.InterruptError
"""What a question raises that had no answer within the time that `Tx.within` gave it."""
ConstraintBroken = apsw.ConstraintError
"""What a statement raises that breaks a rule of the schema: UNIQUE, CHECK, NOT NULL, REFERENCES."""


class Link:
    """A connection with one cursor that is used again for every statement, which halves the cost of each."""

    __slots__ = ("connection", "cursor")

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self.cursor = connection.cursor()

    def close(self) -> None:
        """Close the file; a statement still running is abandoned."""
        self.cursor.close(True)
        self.connection.close(True)


def _over(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("this transaction has ended; do the work inside the function that was handed the Tx")


class Tx:
    """A running transaction. `now` is the time of the group, in microseconds since 1970 UTC.

    known: what the writes of one group may tell each other of what they wrote, so that the next need not read it from
    the file. It begins empty with each group, and is emptied when one of them is undone.
    """

    __slots__ = ("_connection", "_execute", "_walks", "committed", "known", "now", "told", "told_each", "undone")

    def __init__(self, link: Link, now: int, known: dict[str, Any] | None = None) -> None:
        self._connection = link.connection
        self._execute: Callable[..., apsw.Cursor] = link.cursor.execute
        self.now = now
        self.known: dict[str, Any] = {} if known is None else known
        self._walks: list[apsw.Cursor] | None = None
        self.committed: list[Hook] | None = None
        self.undone: list[Hook] | None = None
        self.told: dict[str, object] | None = None
        self.told_each: dict[str, list[object]] | None = None

    def run(self, sql: str, /, **params: object) -> list[Row]:
        """Run a statement; all its rows."""
        return self._execute(sql, params).fetchall()

    def one(self, sql: str, /, **params: object) -> Row | None:
        """Run a statement to its end; its first row, or None."""
        rows = self._execute(sql, params).fetchall()
        return rows[0] if rows else None

    def each(self, sql: str, /, **params: object) -> Iterator[Row]:
        """Run a statement; its rows one by one as they are asked for, so that a long answer need not fit in memory."""
        if self._execute is _over:
            _over()
        walk = self._begun().cursor()
        if self._walks is None:
            self._walks = []
        self._walks.append(walk)
        return walk.execute(sql, params)

    def many(self, sql: str, rows: Sequence[dict[str, Any]] | Sequence[Row]) -> int:
        """Run a statement without answer once for each dict of parameters, or tuple of them as they stand in it; how
        many rows were touched."""
        if self._execute is _over:
            _over()
        if not rows:
            return 0
        before = self._connection.total_changes()
        self._connection.executemany(sql, rows)
        return self._connection.total_changes() - before

    def answers(self, sql: str, rows: Iterable[Row]) -> list[Row]:
        """As `many`, of a statement that answers: all its rows, in the order of the parameters."""
        if self._execute is _over:
            _over()
        answers: list[Row] = self._begun().cursor().executemany(sql, rows).fetchall()
        return answers

    @contextmanager
    def within(self, nanos: int) -> Iterator[None]:
        """Let the questions asked meanwhile take so much CPU of this thread together; they raise TookTooLong."""
        until = time.thread_time_ns() + nanos
        connection = self._begun()
        connection.set_progress_handler(lambda: time.thread_time_ns() > until, _STEPS)
        try:
            yield
        finally:
            connection.set_progress_handler(None)

    def _begun(self) -> apsw.Connection:
        return self._connection

    def changes(self) -> int:
        """How many rows the last INSERT, UPDATE or DELETE touched."""
        if self._execute is _over:
            _over()
        return self._connection.changes()

    def after_commit(self, fn: Hook) -> None:
        """Call `fn` once the write is safe on disk and before its caller is answered, on the writer's thread.

        It must be short and must not fail: the write stands whatever it does. Dropped when this write is undone.
        """
        if self.committed is None:
            self.committed = []
        self.committed.append(fn)

    def on_rollback(self, fn: Hook) -> None:
        """Call `fn` if this write is undone, alone or with its group: put back what memory already took for true."""
        if self.undone is None:
            self.undone = []
        self.undone.append(fn)

    def tell(self, topic: str, value: object) -> None:
        """Leave word for those who `Database.listen`: they hear the last value of each topic, after the commit."""
        if self.told is None:
            self.told = {}
        self.told[topic] = value

    def tell_each(self, topic: str, value: object) -> None:
        """As `tell`, of a topic of which they hear all values of the group, in order, as a list."""
        if self.told_each is None:
            self.told_each = {}
        self.told_each.setdefault(topic, []).append(value)

    def end(self) -> None:
        """Forbid further use; close what `each` left open, so that no forgotten iterator holds a snapshot."""
        self._execute = _over
        if self._walks is not None:
            for walk in self._walks:
                walk.close(True)
            self._walks = None


class LateTx(Tx):
    """One for reading, that begins when something is asked of it. begin: gives the connection, in its transaction."""

    __slots__ = ("_begin",)

    def __init__(self, begin: Callable[[], Link], now: int) -> None:
        self._begin = begin
        self._execute = self._first
        self.now, self.known = now, {}
        self._walks = self.committed = self.undone = self.told = self.told_each = None

    def _begun(self) -> apsw.Connection:
        if self._execute == self._first:
            self._start()
        return self._connection

    def _first(self, *asked: Any) -> apsw.Cursor:
        self._start()
        return self._execute(*asked)

    def _start(self) -> None:
        link = self._begin()
        self._connection, self._execute = link.connection, link.cursor.execute
