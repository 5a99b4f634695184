"""A SQLite file with many readers and one writer that commits in groups.

In come functions over a `Tx`. `write` answers after the commit (and its fsync, if durable); `reading` gives a snapshot.
One file per purpose: `truth.db` (durable) holds all that must not be lost, `index.db` (not durable) is derived from it.
Whoever opens a file owns it: hold the directory's lock (store.lock) before.
"""

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future as ThreadFuture
from functools import partial
from pathlib import Path
from typing import TypeVar

from freehold.store.clock import Clock, now_micros
from freehold.store.connection import connect
from freehold.store.gate import OPEN, Gate
from freehold.store.migrations import Migration, assure_current, migrate
from freehold.store.tx import Hook, LateTx, Link, Tx
from freehold.store.writer import Job, Listener, StoreFailed, Writer, alone

__all__ = ["Database", "ReadOnly", "StoreFailed"]

logger = logging.getLogger(__name__)

T = TypeVar("T")
Item = TypeVar("Item")


class ReadOnly(StoreFailed):
    """A write to a file that is open to read only: a standby's, whose primary is gone."""

    name = "ReadOnly"
    say = "This network can be read just now, and not be written to. Please try again in a moment."


READERS_KEPT = 8
PATIENCE_SECONDS = 5.0
IDLE_SECONDS = 5.0


class Database:
    """One file.

    durable: sync every commit. read_only: open with mode=ro, make nothing, refuse writes. clock: micros since 1970 UTC.
    idle_seconds: after so long without a write the writer's thread ends and the file is folded and closed.
    end_process: called with an exit code when an I/O error leaves the file in an unknown state. vfs: SQLite's, by name.
    gate: who must have a commit before it is acknowledged.
    Raises SchemaTooNew, SchemaTooOld (read_only), apsw.Error when the file cannot be opened.
    """

    def __init__(
        self,
        path: Path | str,
        migrations: Sequence[Migration] = (),
        *,
        durable: bool,
        read_only: bool = False,
        clock: Clock = now_micros,
        idle_seconds: float = IDLE_SECONDS,
        end_process: Callable[[int], object] = os._exit,
        vfs: str | None = None,
        gate: Gate = OPEN,
    ) -> None:
        self.path = Path(path)
        self.durable = durable
        self.read_only = read_only
        self.clock = clock
        self._vfs = vfs
        self._idle: deque[Link] = deque()
        self._lent: set[Link] = set()
        self._opening = 0
        self._given_back = threading.Condition()
        self._closed = False
        self._end_process = end_process
        self._writer: Writer | None = None
        self._on_rest: list[Hook] = [self.let_readers_go]
        if read_only:
            link = self._open_reader()
            try:
                assure_current(link, migrations)
            except BaseException:
                link.close()  # at once: whoever catches this may be about to change the file
                raise
            self._idle.append(link)
            return
        link = self._open_writer()
        try:
            self.migrated = migrate(link, migrations, clock())
        except BaseException:
            link.close()
            raise
        self._writer = Writer(
            link,
            self._open_writer,
            clock=clock,
            idle_seconds=idle_seconds,
            end_process=end_process,
            rested=self._rested,
            gate=gate,
            gathers=durable,
        )

    def _open_writer(self) -> Link:
        return connect(self.path, "write", durable=self.durable, vfs=self._vfs)

    def _open_reader(self) -> Link:
        return connect(self.path, "read-only" if self.read_only else "read", durable=self.durable, vfs=self._vfs)

    # -- reading -----------------------------------------------------------------------------------------------------

    def reading(self) -> "Reading":
        """`with db.reading() as tx:` a snapshot, from any thread. Keep it short: it holds up the folding of the log."""
        if self._closed:
            raise StoreFailed(closed=True)
        return Reading(self)

    def _borrow(self) -> Link:
        """Raises StoreFailed once this is closed: a file that nobody reads any more may be changed behind SQLite."""
        with self._given_back:
            if self._closed:
                raise StoreFailed(closed=True)
            link = self._idle.pop() if self._idle else None
            if link is not None:
                self._lent.add(link)
                return link
            self._opening += 1
        try:
            link = self._open_reader()
        finally:
            with self._given_back:
                self._opening -= 1
                if link is not None:
                    self._lent.add(link)
                self._given_back.notify_all()
        return link

    def _give_back(self, link: Link) -> None:
        with self._given_back:
            kept = not (self._closed or len(self._idle) >= READERS_KEPT or link.connection.in_transaction)
            if kept:
                self._idle.append(link)
            else:
                link.close()
            self._lent.discard(link)
            if self._closed:
                self._given_back.notify_all()

    @property
    def is_read(self) -> bool:
        """Whether anybody reads just now."""
        return bool(self._lent or self._opening)

    def _await_readers(self) -> None:
        """Closed means closed: who reads is waited for, then interrupted. A copy that a standby takes up again must not
        be open anywhere in the process, for SQLite would go on by what it remembers of the log: rather end it all."""
        with self._given_back:
            if self._given_back.wait_for(lambda: not self.is_read, PATIENCE_SECONDS):
                return
            for link in self._lent:
                link.connection.interrupt()
            if self._given_back.wait_for(lambda: not self.is_read, PATIENCE_SECONDS):
                return
        logger.critical("%s is closed, and somebody reads it still", self.path)
        if self.read_only:
            self._end_process(1)

    def let_readers_go(self) -> None:
        """Close the connections that nobody reads by just now; the next reader opens another."""
        while True:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    def _rested(self) -> None:
        for hook in self._on_rest:
            hook()

    def on_rest(self, fn: Hook) -> None:
        """Call `fn` on the writer's thread when there was no write for long: let go what only makes work faster."""
        self._on_rest.append(fn)

    # -- writing -----------------------------------------------------------------------------------------------------

    async def write(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` in the next group and answer what it returns once that is committed.

        `fn` is plain and short: it runs on the writer's thread. What it raises undoes it alone and is raised here.
        Raises StoreFailed when the group could not be committed. A caller that is cancelled stops waiting; the write
        goes on.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._the_writer().submit(Job(fn, loop, future))
        return await future

    def promise_with_others(
        self, work: Callable[[Tx, list[Item]], Sequence[T | Exception]], item: Item
    ) -> "asyncio.Future[T]":
        """As `write`, of many of one kind: `work` is given the items of those that stand together in a group, and gives
        for each its result, or what to raise for one that has changed nothing.

        What it raises itself undoes all of them, and it is asked for each alone: so it touches nothing but its Tx, and
        memory only with `Tx.on_rollback`.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._the_writer().submit(Job(partial(alone, work, item), loop, future, work, item))
        return future

    def write_sync(self, fn: Callable[[Tx], T]) -> T:
        """As `write`, for a thread without an event loop."""
        writer = self._the_writer()
        if writer.is_current_thread():
            raise RuntimeError("a write cannot wait for another write: it is on the writer's own thread")
        future: ThreadFuture[T] = ThreadFuture()
        writer.submit(Job(fn, None, future))
        return future.result()

    def begin(self, fn: Callable[[Tx], object]) -> None:
        """As `write`, from any thread, for a write that nobody waits for: it says by `Tx.after_commit` that it is done.
        What it raises is logged."""
        self._the_writer().submit(Job(fn))

    def settle(self, fn: Callable[[Tx], T]) -> T:
        """As `write_sync`; where the file is open to read only, `fn` must find all settled and change nothing."""
        if self._writer is None:
            with self.reading() as tx:
                return fn(tx)
        return self.write_sync(fn)

    def fold(self) -> bool:
        """Put the log into the file now; whether it is empty then, which it is not if a reader or the gate needs it.

        Blocks. Raises StoreFailed.
        """
        self._the_writer().fold_next()
        for _ in range(2):  # the first is answered before the log is folded, the second after
            self.write_sync(lambda tx: None)
        return self._the_writer().is_folded

    def on_lost(self, fn: Hook) -> None:
        """Call `fn` on the writer's thread whenever a group was lost: drop what memory holds of the newest state.

        Never, where the file is open to read only.
        """
        if self._writer is not None:
            self._writer.lost.append(fn)

    def listen(self, fn: Listener) -> None:
        """Call `fn` after each group whose writes told something by `Tx.tell`, once, with {topic: last value}.

        It runs on the writer's thread, after the commit and before anyone is answered, is short and must not fail.
        Never, where the file is open to read only.
        """
        if self._writer is not None:
            self._writer.listeners.append(fn)

    def on_settled(self, fn: Hook) -> None:
        """Call `fn` on the writer's thread after each group, when all that its writes left for then is done, and before
        anyone is answered. Short, as in `listen`. Never, where the file is open to read only.
        """
        if self._writer is not None:
            self._writer.settled.append(fn)

    @property
    def counts(self) -> tuple[int, int]:
        """Writes and groups committed since the start, for the figures."""
        writer = self._the_writer()
        return writer.writes, writer.groups

    def _the_writer(self) -> Writer:
        if self._writer is None:
            raise ReadOnly
        return self._writer

    def close(self) -> None:
        """Finish the queued writes, fold the log into the file, close everything, when nobody reads any more.
        Idempotent."""
        if self._writer is not None:
            self._writer.close()
        with self._given_back:
            self._closed = True
        self.let_readers_go()
        self._await_readers()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Reading:
    """A snapshot on a pooled connection, from `Database.reading`. It is taken at the first question: whoever finds all
    they want in memory takes none."""

    __slots__ = ("_database", "_link", "_tx")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._link: Link | None = None

    def __enter__(self) -> Tx:
        self._tx = LateTx(self._begin, self._database.clock())
        return self._tx

    def _begin(self) -> Link:
        self._link = self._database._borrow()
        self._link.cursor.execute("BEGIN")
        return self._link

    def __exit__(self, *_: object) -> None:
        self._tx.end()
        link = self._link
        if link is None:
            return
        try:
            if link.connection.in_transaction:  # an I/O error may have ended it
                link.cursor.execute("ROLLBACK")
        finally:
            self._database._give_back(link)
