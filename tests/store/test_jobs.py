"""A queued job is done at least once, whatever happens meanwhile."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freehold.store import jobs as jobs_module
from freehold.store.database import Database
from freehold.store.jobs import SCHEMA, Jobs, enqueue

SECOND = 1_000_000


class Clock:
    now = 1_000 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def db(tmp_path: Path, clock: Clock) -> Iterator[Database]:
    with Database(tmp_path / "truth.db", SCHEMA, durable=True, clock=clock) as database:
        yield database


class Worker:
    """Notes what it was given; fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.given: list[Any] = []
        self.failures = failures
        self.done = asyncio.Event()

    async def __call__(self, payload: dict[str, Any]) -> None:
        self.given.append(payload["n"])
        if len(self.given) <= self.failures:
            raise ConnectionError("the password is hunter2")
        self.done.set()


async def test_a_job_is_done_once_and_gone(db: Database) -> None:
    jobs, worker = Jobs(db), Worker()
    jobs.handles("mail", worker)
    await db.write(lambda tx: enqueue(tx, "mail", {"n": 1}))
    assert await jobs.run_due() == 1
    assert await jobs.run_due() == 0
    assert worker.given == [1]


async def test_a_job_of_a_write_that_was_undone_is_never_done(db: Database) -> None:
    def undone(tx: Any) -> None:
        enqueue(tx, "mail", {"n": 1})
        raise ValueError("changed my mind")

    jobs, worker = Jobs(db), Worker()
    jobs.handles("mail", worker)
    with pytest.raises(ValueError, match="mind"):
        await db.write(undone)
    assert await jobs.run_due() == 0


async def test_a_job_waits_for_its_time_and_for_its_handler(db: Database, clock: Clock) -> None:
    jobs, worker = Jobs(db), Worker()
    await db.write(lambda tx: enqueue(tx, "mail", {"n": 1}, run_at=clock.now + 10 * SECOND))
    clock.now += 10 * SECOND
    assert await jobs.run_due() == 0
    jobs.handles("mail", worker)
    clock.now -= 1
    assert await jobs.run_due() == 0
    clock.now += 1
    assert await jobs.run_due() == 1


async def test_a_job_that_fails_is_tried_again_later_each_time(db: Database, clock: Clock) -> None:
    jobs, worker = Jobs(db), Worker(failures=3)
    jobs.handles("mail", worker)
    await db.write(lambda tx: enqueue(tx, "mail", {"n": 1}))
    for seconds in (5, 10, 20):
        assert await jobs.run_due() == 1
        clock.now += seconds * SECOND - 1
        assert await jobs.run_due() == 0
        clock.now += 1
    assert await jobs.run_due() == 1
    clock.now *= 2
    assert await jobs.run_due() == 0
    assert len(worker.given) == 4


async def test_a_hopeless_job_is_given_up_and_kept_and_its_failure_tells_no_secret(
    db: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jobs_module, "ATTEMPTS_MAX", 3)
    jobs, worker = Jobs(db), Worker(failures=99)
    jobs.handles("mail", worker)
    await db.write(lambda tx: enqueue(tx, "mail", {"n": 1}))
    for _ in range(5):
        await jobs.run_due()
        clock.now += 3600 * SECOND
    assert len(worker.given) == 3
    [job] = jobs.given_up()
    assert (job.kind, job.payload, job.attempts, job.failure) == ("mail", {"n": 1}, 3, "ConnectionError")
    assert "hunter2" not in caplog.text


async def test_a_running_runner_is_woken_by_a_new_job(db: Database) -> None:
    jobs, worker = Jobs(db), Worker()
    jobs.handles("mail", worker)
    runner = asyncio.ensure_future(jobs.run())
    await asyncio.sleep(0)
    await db.write(lambda tx: enqueue(tx, "mail", {"n": 1}))
    await asyncio.wait_for(worker.done.wait(), 5)
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)


async def test_a_slow_job_does_not_hold_up_the_others(db: Database) -> None:
    jobs, worker, never = Jobs(db), Worker(), asyncio.Event()

    async def slow(payload: dict[str, Any]) -> None:
        await never.wait()

    jobs.handles("slow", slow)
    jobs.handles("mail", worker)
    runner = asyncio.ensure_future(jobs.run())
    await db.write(lambda tx: enqueue(tx, "slow", {}))
    for n in range(20):
        await db.write(lambda tx, n=n: enqueue(tx, "mail", {"n": n}))  # type: ignore[misc]
    async with asyncio.timeout(5):
        while len(worker.given) < 20:
            worker.done.clear()
            await worker.done.wait()
    assert sorted(worker.given) == list(range(20))
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)


async def test_a_job_that_was_cut_short_is_done_after_the_next_start(tmp_path: Path) -> None:
    path, started = tmp_path / "truth.db", asyncio.Event()

    async def cut_short(payload: dict[str, Any]) -> None:
        started.set()
        await asyncio.Event().wait()

    with Database(path, SCHEMA, durable=True) as db:
        jobs = Jobs(db)
        jobs.handles("mail", cut_short)
        await db.write(lambda tx: enqueue(tx, "mail", {"n": 1}))
        runner = asyncio.ensure_future(jobs.run())
        await asyncio.wait_for(started.wait(), 5)
        runner.cancel()
        await asyncio.gather(runner, return_exceptions=True)
    with Database(path, SCHEMA, durable=True) as db:
        jobs, worker = Jobs(db), Worker()
        jobs.handles("mail", worker)
        assert await jobs.run_due() == 1
        assert worker.given == [1]
