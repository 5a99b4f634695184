"""Work that must be done some day, whatever happens meanwhile: kept in the truth, done outside of any transaction.

Owns the table `job`. A job is queued in the transaction that makes it necessary and deleted in one of its own after its
handler returned: it runs at least once, and after a kill perhaps again, so handlers do no harm when repeated. A handler
that raises, or takes two minutes, is tried again later and later; after some days its row only stays for the doctor.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from freehold.store.database import Database, StoreFailed
from freehold.store.migrations import Migration
from freehold.store.tx import Tx

log = logging.getLogger(__name__)

SCHEMA: tuple[Migration, ...] = (
    Migration(
        "store-1-jobs",
        """
        CREATE TABLE job (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            payload BLOB NOT NULL,
            run_at BIGINT,
            attempts INTEGER NOT NULL,
            failure TEXT
        );
        CREATE INDEX job_by_time ON job (run_at, id);
        """,
    ),
)

AT_ONCE = 8
ATTEMPTS_MAX = 40
FIRST_DELAY_MICROS = 5_000_000
LONGEST_DELAY_MICROS = 6 * 3600 * 1_000_000
PATIENCE_SECONDS = 60.0
HANDLER_SECONDS = 120.0

Handler = Callable[[dict[str, Any]], Awaitable[object]]


class Queued(NamedTuple):
    """A job in the table. failure: the last attempt's exception by type, never its text, for that may hold secrets."""

    id: int
    kind: str
    payload: dict[str, Any]
    attempts: int
    failure: str | None = None


def enqueue(tx: Tx, kind: str, payload: dict[str, Any], run_at: int = 0) -> int:
    """Queue a job with the change that needs it; its id. payload: JSON, secrets sealed. run_at: micros, 0 is now."""
    row = tx.one(
        "INSERT INTO job (kind, payload, run_at, attempts) VALUES (:kind, :payload, :run_at, 0) RETURNING id",
        kind=kind,
        payload=msgspec.json.encode(payload),
        run_at=run_at,
    )
    assert row is not None
    tx.tell("job", row[0])
    return int(row[0])


class Jobs:
    """Runs the jobs of one database. Register handlers first, then keep one task in `run`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._handlers: dict[str, Handler] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._running: set[int] = set()
        db.listen(self._heard)

    def handles(self, kind: str, handler: Handler) -> None:
        """Name the coroutine function that does jobs of a kind; it gets the payload. Jobs of other kinds wait."""
        self._handlers[kind] = handler

    async def run(self) -> None:
        """Do what is due, a few at a time, and wait for more, until cancelled."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._news.clear()
                for job in self._take_due():
                    tasks.create_task(self._attempt(job))
                await self._wait()

    async def run_due(self) -> int:
        """Do a handful of what is due now; how many were tried."""
        due = self._take_due()
        await asyncio.gather(*(self._attempt(job) for job in due))
        return len(due)

    def given_up(self) -> list[Queued]:
        """The jobs that nobody will try again."""
        with self._db.reading() as tx:
            rows = tx.run("SELECT id, kind, payload, attempts, failure FROM job WHERE run_at IS NULL ORDER BY id")
        return [Queued(id, kind, msgspec.json.decode(payload), *rest) for id, kind, payload, *rest in rows]

    def _take_due(self) -> list[Queued]:
        """Due jobs that nobody is at yet, as many as there are hands free."""
        taken: list[Queued] = []
        with self._db.reading() as tx:
            rows = tx.each(
                "SELECT id, kind, payload, attempts FROM job WHERE run_at <= :now ORDER BY run_at, id", now=tx.now
            )
            for id, kind, payload, attempts in rows:
                if len(self._running) >= AT_ONCE:
                    break
                if kind in self._handlers and id not in self._running:
                    taken.append(Queued(id, kind, msgspec.json.decode(payload), attempts))
                    self._running.add(id)
        return taken

    async def _attempt(self, job: Queued) -> None:
        try:
            failure = await self._failure(job)
            if failure is None:
                await self._settle(lambda tx: tx.run("DELETE FROM job WHERE id = :id", id=job.id))
            else:
                log.warning("job %d (%s) failed at attempt %d: %s", job.id, job.kind, job.attempts + 1, failure)
                await self._settle(lambda tx: self._put_off(tx, job, failure))
        finally:
            self._running.discard(job.id)
            self._news.set()

    async def _failure(self, job: Queued) -> str | None:
        """Run the handler; what it raised, by name."""
        try:
            async with asyncio.timeout(HANDLER_SECONDS):
                await self._handlers[job.kind](job.payload)
        except Exception as error:
            return type(error).__name__
        return None

    async def _settle(self, write: Callable[[Tx], object]) -> None:
        """Note the outcome. If the store fails the job simply runs again, as it would after a kill."""
        try:
            await self._db.write(write)
        except StoreFailed:
            await asyncio.sleep(1.0)

    def _put_off(self, tx: Tx, job: Queued, failure: str) -> None:
        delay = min(FIRST_DELAY_MICROS << min(job.attempts, 30), LONGEST_DELAY_MICROS)
        tx.run(
            "UPDATE job SET attempts = attempts + 1, failure = :failure, run_at = :run_at WHERE id = :id",
            failure=failure,
            run_at=None if job.attempts + 1 >= ATTEMPTS_MAX else tx.now + delay,
            id=job.id,
        )

    async def _wait(self) -> None:
        """Until a job is queued, until the next is due, or for a minute."""
        with self._db.reading() as tx:
            row = tx.one("SELECT min(run_at) FROM job WHERE run_at > :now", now=tx.now)
            now = tx.now
        seconds = PATIENCE_SECONDS if row is None or row[0] is None else min(PATIENCE_SECONDS, (row[0] - now) / 1e6)
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass

    def _heard(self, told: dict[str, Any]) -> None:
        loop = self._loop
        if "job" in told and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._news.set)
