"""What happened is read in order, once, by everyone who may read it, and by nobody else."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.store.database import Database
from freehold.store.tx import ConstraintBroken, Tx
from freehold.stream import frames, log
from freehold.stream.log import SCHEMA, Event, Log, append, append_private, cut

NEVER = 2**60


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "truth.db", SCHEMA, durable=True, clock=lambda: 1_795_291_331_123_456) as database:
        yield database


def tell(text: str = "", kind: Any = "commit") -> Callable[[Tx], int]:
    return lambda tx: append(tx, kind, "did:plc:alice", {"text": text})


def whisper(kind: str = "mute") -> Callable[[Tx], int]:
    return lambda tx: append_private(tx, kind, "did:plc:alice", {"did": "did:plc:bob", "on": True})


def test_a_file_tells_how_far_it_has_come_at_work_and_at_rest(tmp_path: Path) -> None:
    path = tmp_path / "truth.db"
    with Database(path, SCHEMA, durable=True) as db:
        assert log.newest_in(path) == (0, 0)
        db.write_sync(tell())
        db.write_sync(tell())
        db.write_sync(whisper())
        assert log.newest_in(path) == (2, 1)
    assert log.newest_in(path) == (2, 1)
    with Database(tmp_path / "other.db", durable=True):
        assert log.newest_in(tmp_path / "other.db") == (0, 0)


async def test_an_event_is_a_whole_frame_with_its_number_and_time(db: Database) -> None:
    events = Log(db)
    assert await db.write(tell("hello")) == 1
    [event] = events.read(0)
    assert (event.seq, event.kind, event.did, event.at) == (1, "commit", "did:plc:alice", 1_795_291_331_123_456)
    assert frames.decode(event.frame) == ("commit", {"text": "hello", "seq": 1, "time": "2026-11-21T20:02:11.123Z"})
    assert events.last == 1


async def test_a_private_event_comes_back_as_it_was_told(db: Database) -> None:
    events = Log(db)
    assert await db.write(whisper()) == 1
    [event] = events.read_private(0)
    assert event[:3] == (1, "mute", "did:plc:alice")
    assert event.body == {"did": "did:plc:bob", "on": True}
    assert (events.last, events.last_private) == (0, 1)


async def test_private_events_leave_no_trace_and_no_gap_in_the_public_log(db: Database) -> None:
    events = Log(db)
    for kind in ("mute", "preference", "seen", "report", "decision"):
        await db.write(whisper(kind))
        await db.write(lambda tx, kind=kind: (tell()(tx), whisper(kind)(tx)))  # type: ignore[misc]
    assert [event.seq for event in events.read(0)] == [1, 2, 3, 4, 5]
    assert {event.kind for event in events.read(0)} == {"commit"}
    assert [event.seq for event in events.read_private(0)] == list(range(1, 11))


@pytest.mark.parametrize("kind", ["mute", "preference", "report", "info", "Commit", ""])
async def test_the_firehose_can_hold_nothing_but_the_protocols_own_kinds(db: Database, kind: str) -> None:
    with pytest.raises(ConstraintBroken):
        await db.write(tell(kind=kind))
    assert Log(db).read(0) == []


@pytest.mark.parametrize("kind", ["commit", "sync", "identity", "account"])
async def test_the_two_logs_share_no_kind(db: Database, kind: Any) -> None:
    await db.write(tell(kind=kind))
    with pytest.raises(ConstraintBroken):
        await db.write(whisper(kind))


async def test_a_write_that_is_undone_leaves_no_gap(db: Database) -> None:
    def undone(tx: Tx) -> None:
        tell()(tx)
        raise ValueError("changed my mind")

    events = Log(db)
    answers = await asyncio.gather(*(db.write(w) for w in (tell(), undone, tell())), return_exceptions=True)
    assert answers[::2] == [1, 2]
    assert events.last == 2


async def test_the_bell_rings_once_a_group_after_the_commit_and_before_the_answers(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Log(db)
    order: list[object] = []
    monkeypatch.setattr(events.bell, "ring", lambda: order.append(("rung", events.last, len(events.read(0)))))

    async def write() -> None:
        await db.write(lambda tx: (tell()(tx), whisper()(tx)))
        order.append("answered")

    await asyncio.gather(*(write() for _ in range(20)))
    rings = [entry for entry in order if entry != "answered"]
    assert len(rings) == db.counts[1] < 20
    assert all(isinstance(ring, tuple) and ring[1] == ring[2] for ring in rings)
    assert order[0] == rings[0]


async def test_a_follower_gets_the_old_and_then_the_new_as_it_comes(db: Database) -> None:
    events = Log(db)
    await db.write(tell("old"))
    follower = events.follow(0)
    assert texts(await anext(follower)) == ["old"]
    for text in ("new", "newer"):
        waiting = asyncio.ensure_future(anext(follower))
        await asyncio.sleep(0)
        await db.write(tell(text))
        assert texts(await asyncio.wait_for(waiting, 5)) == [text]


async def test_what_is_appended_between_the_look_and_the_wait_is_not_missed(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Log(db)
    look, looks = events.read, []

    def look_then_append(after: int, limit: int) -> list[Event]:
        found = look(after, limit)
        looks.append(found)
        if len(looks) == 1:
            db.write_sync(tell("just after"))
        return found

    monkeypatch.setattr(events, "read", look_then_append)
    assert texts(await asyncio.wait_for(anext(events.follow(0)), 5)) == ["just after"]
    assert looks[0] == []


async def test_the_bell_rings_for_the_private_log_too(db: Database) -> None:
    log = Log(db)
    stroke = log.bell.next
    await db.write(whisper())
    assert await stroke.wait(5)
    assert [event.seq for event in log.read_private(0)] == [1]


def texts(batch: list[Event]) -> list[str]:
    return [frames.decode(event.frame)[1]["text"] for event in batch]


@settings(max_examples=15)
@given(
    writers=st.lists(st.lists(st.sampled_from(["public", "private", "both", "fails"]), max_size=30), max_size=4),
    cursors=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 40)), min_size=1, max_size=3),
)
def test_no_follower_skips_or_doubles_under_concurrent_writers(
    writers: list[list[str]], cursors: list[tuple[int, int]]
) -> None:
    with (
        TemporaryDirectory() as folder,
        Database(Path(folder) / "truth.db", SCHEMA, durable=False) as db,
    ):
        order: list[int] = []
        total = sum(act in ("public", "both") for acts in writers for act in acts)
        threads = [threading.Thread(target=act_all, args=(db, acts, order)) for acts in writers]

        async def follow(after: int, batch: int) -> list[int]:
            seen: list[int] = []
            follower = events.follow(after, batch)
            while after + len(seen) < total:
                got = [event.seq for event in await asyncio.wait_for(anext(follower), 10)]
                assert 0 < len(got) <= batch
                seen += got
            return seen

        async def run() -> list[list[int]]:
            for thread in threads:
                thread.start()
            return await asyncio.gather(*(follow(after, batch) for after, batch in cursors))

        events = Log(db)
        seen = asyncio.run(run())
        for thread in threads:
            thread.join()
        for (after, _), numbers in zip(cursors, seen, strict=True):
            assert numbers == list(range(after + 1, total + 1))
        assert order == list(range(1, total + 1)), "the numbers were not drawn in the order of the commits"
        assert events.last == total


def act_all(db: Database, acts: list[str], order: list[int]) -> None:
    """Do a thread's acts; note each public number when it is committed."""

    def write(tx: Tx, act: str) -> None:
        if act in ("private", "both"):
            whisper()(tx)
        if act != "private":
            seq = tell()(tx)
            tx.after_commit(lambda: order.append(seq))
        if act == "fails":
            raise ValueError

    for act in acts:
        try:
            db.write_sync(lambda tx, act=act: write(tx, act))  # type: ignore[misc]
        except ValueError:
            assert act == "fails"


async def test_a_batch_is_bounded_in_bytes_so_that_no_reader_fills_the_memory(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "READ_MAX_BYTES", 10_000)
    for _ in range(6):
        await db.write(tell("x" * 4_000))
    events = Log(db)
    assert [event.seq for event in events.read(0)] == [1, 2, 3]
    assert [event.seq for event in events.read(3)] == [4, 5, 6]


async def test_old_events_are_cut_and_no_number_is_used_twice(tmp_path: Path) -> None:
    now = [0]
    with Database(tmp_path / "truth.db", SCHEMA, durable=True, clock=lambda: now[0]) as db:
        events = Log(db)
        assert events.oldest() == 1
        for now[0] in range(10):
            await db.write(lambda tx: (tell()(tx), whisper()(tx)))
        assert await db.write(lambda tx: cut(tx, 4, NEVER)) == 8
        assert events.oldest() == 5
        assert [event.seq for event in events.read(0)] == [5, 6, 7, 8, 9, 10]
        assert [event.seq for event in events.read_private(0)] == [5, 6, 7, 8, 9, 10]
        assert await db.write(lambda tx: cut(tx, NEVER, NEVER)) == 10
        assert await db.write(lambda tx: cut(tx, NEVER, 0)) == 0
        assert await db.write(tell()) == 11
        assert await db.write(whisper()) == 11


async def test_who_follows_closely_hears_the_same_from_memory_as_from_the_file(tmp_path: Path) -> None:
    def fails(tx: Tx) -> None:
        tell("never said")(tx)
        raise ValueError

    with Database(tmp_path / "truth.db", SCHEMA, durable=True) as db:
        near, far = Log(db), Log(db)
        far._recent.get = lambda seq: None  # it has to read the file
        for number in range(0, 400, 5):
            told = [db.write(tell(f"number {number + n} " + "x" * 5_000)) for n in range(5)]
            done = await asyncio.gather(db.write(fails), *told, db.write(fails), return_exceptions=True)
            assert [type(one) for one in done[::6]] == [ValueError, ValueError]
        for after in (0, 10, 120, 200, 390, 399, 400):
            assert near.read(after, 50) == far.read(after, 50)
            assert near.mark(after, 0) == far.mark(after, 0)
        assert [event.seq for event in near.read(398)] == [399, 400]
        assert near._recent.after(398, 400, 9, NEVER) is not None
        assert near._recent.after(0, 400, 9, NEVER) is None
        await db.write(lambda tx: log.replace(tx, 400, "sync", {"text": "forgotten"}))
        assert near.read(399)[0].kind == "sync"


async def test_events_are_cut_by_bytes_a_few_at_a_time(db: Database) -> None:
    for _ in range(10):
        await db.write(tell("x" * 1_000))
    size = sum(len(event.frame) for event in Log(db).read(0))
    cuts = []
    while cuts[-1:] != [0]:
        cuts.append(await db.write(lambda tx: cut(tx, 0, size // 2, limit=2)))
    assert cuts == [2, 2, 1, 0]
    left = Log(db).read(0)
    assert [event.seq for event in left] == [6, 7, 8, 9, 10]
    assert sum(len(event.frame) for event in left) <= size // 2


async def test_a_log_opened_later_knows_where_it_stands(db: Database) -> None:
    await db.write(tell())
    await db.write(whisper())
    again = Log(db)
    assert (again.last, again.last_private, again.oldest()) == (1, 1, 1)


async def test_a_bell_wakes_every_loop_and_every_waiter_once() -> None:
    bell = log.Bell()
    early = bell.next

    def elsewhere() -> bool:
        async def wait() -> bool:
            ready.set()
            return await early.wait(5)

        return asyncio.run(wait())

    ready = threading.Event()
    other = asyncio.ensure_future(asyncio.to_thread(elsewhere))
    here = [asyncio.ensure_future(early.wait(5)) for _ in range(3)]
    await asyncio.to_thread(ready.wait, 5)
    bell.ring()
    assert await asyncio.gather(other, *here) == [True] * 4
    assert await early.wait(0.001)
    assert not await bell.next.wait(0.001)


def test_a_bell_rung_from_many_threads_forgets_nobody() -> None:
    bell = log.Bell()
    random = Random(1)
    stop = threading.Event()

    def ringer() -> None:
        while not stop.is_set():
            bell.ring()

    threads = [threading.Thread(target=ringer) for _ in range(2)]
    for thread in threads:
        thread.start()

    async def wait() -> None:
        for _ in range(random.randint(100, 200)):
            assert await bell.next.wait(5)

    try:
        asyncio.run(wait())
    finally:
        stop.set()
        for thread in threads:
            thread.join()
