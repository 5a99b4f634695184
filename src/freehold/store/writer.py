"""The one writer of a file: a thread that takes whole groups of writes, commits each group once and answers it once.

In come functions over a `Tx`; out go their results, only after the commit (and its fsync, if the file is durable).
A write that raises is undone alone; those of one kind may be done together. A commit that fails takes the whole group
with it; when the disk answered with an I/O error nobody can say what is on it, so the process ends and the next start
reads what is really there.
After some idle seconds the log is folded into the file, the file closed and the thread gone.
Sources: https://sqlite.org/wal.html, https://sqlite.org/rescode.html, https://wiki.postgresql.org/wiki/Fsync_Errors
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future as ThreadFuture
from functools import partial
from itertools import groupby
from operator import attrgetter
from queue import Empty, SimpleQueue
from typing import Any

import apsw

from freehold.protocol.refused import Refused
from freehold.store.clock import Clock
from freehold.store.connection import BUSY_MS
from freehold.store.gate import Gate
from freehold.store.tx import Hook, Link, Tx

log = logging.getLogger(__name__)

GROUP_MAX = 64
CROWD = 3
GATHER_SECONDS = 0.002
"""How long the first of a group waits for company, where the group before was a crowd: many share what a commit costs,
and in a crowd each is answered sooner for it."""
CHECKPOINT_PAGES = 4_096
READERS_WAIT_MS = 20
GRACE_SECONDS = 0.2
EXIT_CODE = 70

Listener = Callable[[dict[str, Any]], object]
AnyFuture = asyncio.Future[Any] | ThreadFuture[Any]
Work = Callable[[Tx, list[Any]], Sequence[Any]]
"""Does several writes of one kind: for each its result, or what to raise."""


class StoreFailed(Refused):
    """The disk or the database did not take a change. Nothing of it may be taken for true."""

    kind, name = "unavailable", "StoreFailed"
    say = "The change could not be saved. Please try again in a moment."


class Job:
    """One write on its way: what to do, whom to answer (None: nobody waits), and the answer. work, item: of one that
    may be done together with others of its kind."""

    __slots__ = ("error", "fn", "future", "item", "loop", "result", "tx", "work")

    def __init__(
        self,
        fn: Callable[[Tx], Any],
        loop: asyncio.AbstractEventLoop | None = None,
        future: AnyFuture | None = None,
        work: Work | None = None,
        item: Any = None,
    ) -> None:
        self.fn = fn
        self.loop = loop
        self.future = future
        self.work = work
        self.item = item
        self.tx: Tx | None = None
        self.result: Any = None
        self.error: BaseException | None = None


def alone(work: Work, item: Any, tx: Tx) -> Any:
    """Do what could be done with others."""
    (result,) = work(tx, [item])
    if isinstance(result, Exception):
        raise result
    return result


class Writer:
    """Owns the thread and the writing connection.

    reopen: opens the file for writing, when the thread starts again after a rest. rested: called when it goes to rest.
    gate: who must have a commit before it is acknowledged. gathers: whether writes wait for company in a crowd.
    end_process: called with an exit code when the state of the file is unknown.
    """

    def __init__(
        self,
        link: Link,
        reopen: Callable[[], Link],
        *,
        clock: Clock,
        idle_seconds: float,
        end_process: Callable[[int], object],
        rested: Hook,
        gate: Gate,
        gathers: bool,
    ) -> None:
        self._link: Link | None = link
        self._reopen = reopen
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._end_process = end_process
        self._rested = rested
        self._gate = gate
        self._gathers, self._crowded = gathers, False
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._switching = threading.Lock()
        self._closed = False
        self._broken = False
        self._wal_pages = 0
        self._checkpoint_at = CHECKPOINT_PAGES
        self.lost: list[Hook] = []
        self.listeners: list[Listener] = []
        self.settled: list[Hook] = []
        self.writes = 0
        self.groups = 0
        self._watch_wal(link)

    # -- handing over ------------------------------------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        """Queue a write, from any thread. Raises StoreFailed when no more are taken."""
        with self._switching:
            if self._closed or self._broken:
                raise StoreFailed(closed=self._closed, broken=self._broken)
            self._queue.put(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="writer", daemon=True)
                self._thread.start()

    def fold_next(self) -> None:
        """Fold the log after the next group, however short it is."""
        self._checkpoint_at = 0

    @property
    def is_folded(self) -> bool:
        """Is the log empty?"""
        return not self._wal_pages

    def is_current_thread(self) -> bool:
        """Whether the caller runs on the writer's own thread, where waiting for a write would wait for ever."""
        return self._thread is threading.current_thread()

    def close(self) -> None:
        """Finish what is queued, fold the log into the file, close it. Idempotent."""
        with self._switching:
            self._closed = True
            thread = self._thread
            if thread is not None:
                self._queue.put(None)  # behind all that was taken: nothing is taken after
        if thread is not None:
            thread.join()
        self._rest()

    # -- the thread --------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            group = self._next_group()
            if group:
                self._write(group)
            elif self._leave():
                return

    def _next_group(self) -> list[Job]:
        """What is waiting now, at most GROUP_MAX; waits for the first, and in a crowd a moment for more.

        Empty: long idle, or told to stop.
        """
        queue = self._queue
        group: list[Job] = []
        try:
            job = queue.get(timeout=self._idle_seconds)
            if self._crowded:
                time.sleep(GATHER_SECONDS)
            while job is not None:
                group.append(job)
                if len(group) == GROUP_MAX:
                    break
                job = queue.get_nowait()
            else:
                if group:
                    queue.put(None)  # told to stop behind these: hear it again when they are done
        except Empty:
            pass
        self._crowded = self._gathers and len(group) >= CROWD
        return group

    def _leave(self) -> bool:
        """Go to rest and end the thread, unless a write came in meanwhile or somebody needs the log."""
        if not self._rest():
            return False
        with self._switching:
            if not self._queue.empty():
                return False
            self._thread = None
            return True

    def _write(self, group: list[Job]) -> None:
        try:
            if self._broken:
                raise StoreFailed(broken=True)
            link = self._link or self._wake()
            self._attempt_all(link, group)
        except Exception as error:
            self._lose(group, error)
        else:
            if not self._pass_gate(group):
                return
            self._after_commit(group)
            _answer(group)
            if self._wal_pages >= self._checkpoint_at:
                self._checkpoint()

    def _pass_gate(self, group: list[Job]) -> bool:
        """Wait until the group may be acknowledged. If it never may, nobody hears "yes", and no more is written."""
        try:
            self._gate.committed(self._wal_pages)
        except Exception as error:
            self._broken = True
            log.critical("a commit may not be acknowledged; nothing more is written here: %r", error)
            for job in group:
                job.error = StoreFailed(because=repr(error))
            _answer(group)
            return False
        return True

    def _wake(self) -> Link:
        self._link = self._reopen()
        self._watch_wal(self._link)
        return self._link

    def _attempt_all(self, link: Link, group: list[Job]) -> None:
        """Run and commit the group. Raises when the whole of it is lost, most often an apsw.Error."""
        now = self._clock()
        known: dict[str, Any] = {}
        link.cursor.execute("BEGIN IMMEDIATE")
        if len(group) == 1:
            self._attempt_alone(link, group[0], now, known)
        else:
            self._attempt_each(link, group, now, known)
        self.groups += 1
        self.writes += len(group)

    def _attempt_alone(self, link: Link, job: Job, now: int, known: dict[str, Any]) -> None:
        """Run the only write of a group and commit it. It needs no savepoint: it is undone with its transaction."""
        self._run(link, job, now, known)
        link.cursor.execute("COMMIT" if job.error is None else "ROLLBACK")

    def _attempt_each(self, link: Link, group: list[Job], now: int, known: dict[str, Any]) -> None:
        """Run the writes of a group, each of which may be undone alone, and commit them."""
        for work, jobs in groupby(group, key=attrgetter("work")):
            some = list(jobs)
            if work is None or len(some) == 1 or not self._attempt_together(link, work, some, now, known):
                for job in some:
                    self._attempt(link, job, now, known)
        link.cursor.execute("COMMIT")

    def _attempt_together(self, link: Link, work: Work, jobs: list[Job], now: int, known: dict[str, Any]) -> bool:
        """Do writes of one kind inside one savepoint. False, with all of them undone, when that failed."""
        execute, tx = link.cursor.execute, Tx(link, now, known)
        execute("SAVEPOINT writes")
        try:
            results = work(tx, [job.item for job in jobs])
        except BaseException as error:
            _assure_transaction(link, error)
            _run_undone(tx)
            execute("ROLLBACK TO writes")
            known.clear()
            return False
        finally:
            tx.end()
            if link.connection.in_transaction:
                execute("RELEASE writes")
        for job, result in zip(jobs, results, strict=True):
            job.error, job.result = (result, None) if isinstance(result, Exception) else (None, result)
        next((job for job in jobs if job.error is None), jobs[0]).tx = tx
        return True

    def _attempt(self, link: Link, job: Job, now: int, known: dict[str, Any]) -> None:
        """Run one write inside its own savepoint."""
        execute = link.cursor.execute
        execute("SAVEPOINT write")
        self._run(link, job, now, known)
        if job.error is not None:
            execute("ROLLBACK TO write")
            known.clear()
        execute("RELEASE write")

    def _run(self, link: Link, job: Job, now: int, known: dict[str, Any]) -> None:
        """Run one write; what memory took for true is put back if it raises, what it wrote is not."""
        job.error = None
        job.tx = tx = Tx(link, now, known)
        try:
            job.result = job.fn(tx)
        except BaseException as error:
            _assure_transaction(link, error)
            # An asyncio future cannot carry StopIteration; the others of the group wait for their answers.
            job.error = RuntimeError("the write raised StopIteration") if isinstance(error, StopIteration) else error
            _undo([job])
        finally:
            tx.end()

    def _after_commit(self, group: list[Job]) -> None:
        """Pass on what the writes told, once for the group, then run what they left for now."""
        told = _told(job.tx for job in group if job.error is None and job.tx is not None)
        for listener in self.listeners if told else ():
            _call(partial(listener, told))
        for job in group:
            if job.error is None and job.tx is not None and job.tx.committed is not None:
                for hook in job.tx.committed:
                    _call(hook)
        for hook in self.settled:
            _call(hook)

    # -- when it goes wrong ------------------------------------------------------------------------------------------

    def _lose(self, group: list[Job], error: Exception) -> None:
        """Undo, forget, answer everyone; end the process if nobody knows what the file holds."""
        unknown = _state_is_unknown(error)
        if self._link is not None and not self._roll_back(self._link):
            unknown = True
        self._broken = self._broken or unknown
        log.error("a group of %d writes was lost: %s", len(group), error)
        _undo(group)
        for hook in self.lost:
            _call(hook)
        for job in group:
            job.error = StoreFailed(because=repr(error))
        _answer(group)
        if unknown:
            self._end("a commit failed and the state of the file is unknown", error)

    def _roll_back(self, link: Link) -> bool:
        try:
            if link.connection.in_transaction:
                link.cursor.execute("ROLLBACK")
        except apsw.Error:
            log.exception("the rollback failed too")
            return False
        return True

    def _end(self, why: str, error: BaseException) -> None:
        self._broken = True
        log.critical("%s; the process ends so that the next start reads what is really there: %r", why, error)
        time.sleep(GRACE_SECONDS)  # on the writer's thread: the doors send their answers meanwhile
        self._end_process(EXIT_CODE)

    # -- the write-ahead log -----------------------------------------------------------------------------------------

    def _watch_wal(self, link: Link) -> None:
        def grown(_connection: apsw.Connection, _name: str, pages: int) -> int:
            self._wal_pages = pages
            return apsw.SQLITE_OK

        link.connection.set_wal_hook(grown)
        frames, _ = link.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
        self._wal_pages = frames
        self._gate.opened(frames)

    def _checkpoint(self) -> None:
        """Fold the log into the file and truncate it, unless somebody needs it; else put it off."""
        link = self._link
        if link is None or self._broken:
            return
        with self._gate.folding() as may:
            if not (may and self._fold(link)):
                self._checkpoint_at = self._wal_pages + CHECKPOINT_PAGES
                log.info("the write-ahead log stays at %d pages for now", self._wal_pages)

    def _fold(self, link: Link) -> bool:
        """Whether it could be done now: when a reader is in the way, it is waited for a little only."""
        connection = link.connection
        try:
            connection.set_busy_timeout(READERS_WAIT_MS)
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except (apsw.BusyError, apsw.LockedError, apsw.FullError):
            return False
        except apsw.Error as error:
            self._end("the write-ahead log could not be folded into the file", error)
            return False
        finally:
            connection.set_busy_timeout(BUSY_MS)
        self._wal_pages, self._checkpoint_at = 0, CHECKPOINT_PAGES
        self._gate.folded()
        return True

    def _rest(self) -> bool:
        """Fold, close, let go; the next write opens the file again. False: somebody needs the log."""
        link = self._link
        if link is None:
            return True
        with self._gate.folding() as may:
            if not (may or self._closed):
                return False
            self._rested()
            if may and not self._broken:
                self._fold(link)
            link.close()
            self._link = None
        return True


def _state_is_unknown(error: BaseException) -> bool:
    """A failed write or fsync reached the disk or did not. A full disk, a lock or a broken rule changed nothing."""
    causes = (error, error.__cause__)
    return any(isinstance(cause, apsw.IOError | apsw.CorruptError | apsw.NotADBError) for cause in causes)


def _assure_transaction(link: Link, error: BaseException) -> None:
    """Raise StoreFailed where SQLite gave up the whole transaction with a statement: disk full, I/O error."""
    if not link.connection.in_transaction:
        raise StoreFailed(because=repr(error)) from error


def _undo(group: list[Job]) -> None:
    """Run what the writes left for this case, newest first. A write undone alone is not undone again with its group."""
    for job in reversed(group):
        if job.tx is not None:
            _run_undone(job.tx)


def _run_undone(tx: Tx) -> None:
    if tx.undone is not None:
        hooks, tx.undone = tx.undone, None
        for hook in reversed(hooks):
            _call(hook)


def _told(committed: Iterable[Tx]) -> dict[str, Any]:
    """What the writes of a group left word of, by topic."""
    told: dict[str, Any] = {}
    for tx in committed:
        if tx.told is not None:
            told.update(tx.told)
        if tx.told_each is not None:
            for topic, values in tx.told_each.items():
                told.setdefault(topic, []).extend(values)
    return told


def _call(hook: Hook) -> None:
    """Run a hook. Nobody waits for it, for the write stands or is lost already: a failure is logged as our bug."""
    try:
        hook()
    except Exception:
        log.critical("a hook of the writer failed", exc_info=True)


def _answer(group: list[Job]) -> None:
    """Answer everyone: one call into each event loop (there is one, as a rule), and the waiting threads directly."""
    by_loop: dict[asyncio.AbstractEventLoop | None, list[Job]] = {}
    for job in group:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, jobs in by_loop.items():
        if loop is None:
            _settle(jobs)
            continue
        try:
            loop.call_soon_threadsafe(_settle, jobs)
        except RuntimeError:
            log.info("the event loop was closed before %d writes were answered", len(jobs))


def _settle(jobs: Iterable[Job]) -> None:
    for job in jobs:
        future = job.future
        if future is None:
            if job.error is not None:
                log.error("a write that nobody waits for failed: %r", job.error)
            continue
        if future.done():  # its caller went away
            continue
        if job.error is not None:
            future.set_exception(job.error)
        else:
            future.set_result(job.result)
