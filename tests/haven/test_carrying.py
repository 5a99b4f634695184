"""What a primary acknowledged is on its standby's disk, whatever happens to either or to the link between them."""

import asyncio
import random
import socket
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from freehold.haven import joining
from freehold.haven import link as link_rules
from freehold.haven.copy import Copy
from freehold.haven.joining import StandbyAhead
from freehold.haven.lease import LEASE_MS
from freehold.haven.link import PATIENT_SECONDS, Link, OldEpoch
from freehold.haven.wire import Begin, Channel, Hello, Refuse
from freehold.store import writer
from freehold.store.database import StoreFailed
from freehold.store.wal import Position, Stretch
from support.carried import Follower, Primary
from support.patience import until


async def in_step(primary: Primary, name: str = "standby") -> None:
    await until(lambda: primary.carrier.states().get(name) == "in step")


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of standbys to whom the file was sent."""
    names: list[str] = []

    def copy_file(link: Link, path: Path) -> None:
        names.append(link.name)
        really(link, path)

    really = joining.copy_file
    monkeypatch.setattr(joining, "copy_file", copy_file)
    return names


async def test_the_standby_has_every_row_that_was_acknowledged(primary: Primary, standby: Follower) -> None:
    primary.link(standby)
    for n in range(50):
        await primary.add(str(n))
    primary.stop()
    standby.left()
    assert standby.rows() == {str(n) for n in range(50)}


async def test_a_write_waits_for_a_standby(primary: Primary, standby: Follower) -> None:
    writing = asyncio.create_task(primary.add("early"))
    await asyncio.sleep(0.1)
    assert not writing.done()
    primary.link(standby)
    await writing


async def test_a_write_does_not_wait_where_the_operator_said_so(primary: Primary) -> None:
    writing = asyncio.create_task(primary.add("early"))
    primary.carrier.go_on_alone(alone=True)
    await writing


async def test_writes_go_on_until_the_first_standby_has_its_first_copy_and_wait_for_it_from_then_on(
    tmp_path: Path, standby: Follower
) -> None:
    primary = Primary(tmp_path / "primary", wait=False)
    primary.carrier.wait_once_in_step()
    await primary.add("alone")
    end = primary.link(standby)
    await in_step(primary)
    await primary.add("on both")
    end.shutdown(socket.SHUT_RDWR)
    await until(lambda: not primary.carrier.in_step())
    writing = asyncio.create_task(primary.add("late"))
    await asyncio.sleep(0.1)
    assert not writing.done()
    primary.link(standby)
    await writing
    primary.stop()
    standby.left()
    assert standby.rows() == {"alone", "on both", "late"}


async def test_a_standby_that_was_cut_off_goes_on_where_it_was(
    primary: Primary, standby: Follower, copied: list[str]
) -> None:
    end = primary.link(standby)
    await primary.add("before")
    end.shutdown(2)
    standby.left()
    writing = asyncio.create_task(primary.add("meanwhile"))
    await asyncio.sleep(0.05)
    assert not writing.done()
    primary.link(standby)
    await writing
    primary.stop()
    standby.left()
    assert standby.rows() == {"before", "meanwhile"}
    assert copied == ["standby"], "the file was sent once, at the first link"


async def test_it_goes_on_also_when_the_log_was_folded_and_the_primary_restarted(
    primary: Primary, standby: Follower, copied: list[str], tmp_path: Path
) -> None:
    primary.link(standby)
    await primary.add("before")
    primary.stop()
    standby.left()
    again = Primary(tmp_path / "primary")
    again.link(standby)
    await again.add("after")
    again.stop()
    standby.left()
    assert standby.rows() == {"before", "after"}
    assert copied == ["standby"]


async def test_the_log_is_folded_on_both_sides(
    primary: Primary, standby: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 20)
    primary.db._the_writer()._checkpoint_at = 20
    primary.link(standby)
    await in_step(primary)
    for n in range(200):
        await primary.add(str(n))
    primary.stop()
    standby.left()
    assert len(standby.rows()) == 200
    assert (standby.directory / "truth.db").read_bytes() == primary.path.read_bytes()


@pytest.mark.parametrize("folded", [False, True])
async def test_a_copy_is_found_the_same_and_a_damaged_one_is_not(
    primary: Primary, standby: Follower, folded: bool
) -> None:
    primary.link(standby)
    cid = keep(primary, b"a blob")
    await asyncio.to_thread(primary.carrier.carry_blob, cid)
    for n in range(30):
        await primary.add(str(n))
    if folded:
        primary.db._the_writer()._checkpoint()
    look = partial(asyncio.to_thread, primary.carrier.verify, "standby", lambda what, done, total: None)
    report = await look()
    assert report.sound
    assert report.blobs == 1
    await primary.add("goes on")
    (standby.directory / "blobs").glob(f"*/{cid}").__next__().write_bytes(b"another")
    with (standby.directory / "truth.db").open("r+b") as file:
        file.seek(5_000)
        file.write(b"damage")
    report = await look()
    assert report.damaged == [cid]
    assert report.other_blocks == [0]


async def test_a_standby_with_writes_that_are_not_here_is_not_overwritten(
    primary: Primary, standby: Follower, tmp_path: Path
) -> None:
    end = primary.link(standby)
    await primary.add("both")
    image = {each: each.read_bytes() for each in (primary.path, primary.path.with_name("truth.db-wal"))}
    await primary.add("standby only")
    end.shutdown(2)
    standby.left()
    primary.stop()
    for path, data in image.items():
        path.write_bytes(data)
    again = Primary(tmp_path / "primary")
    again.link(standby)
    await until(lambda: bool(again.refused))
    again.stop()
    assert isinstance(again.refused[0], StandbyAhead)
    standby.left()
    assert standby.rows() == {"both", "standby only"}


async def test_a_primary_that_was_put_back_from_an_old_copy_does_not_overwrite_its_standby(
    primary: Primary, standby: Follower, tmp_path: Path
) -> None:
    primary.link(standby)
    await primary.tell("both")
    primary.stop()
    standby.left()
    old = primary.path.read_bytes()
    again = Primary(tmp_path / "primary")
    again.link(standby)
    await again.tell("later")
    again.stop()
    standby.left()
    again.path.write_bytes(old)
    back = Primary(tmp_path / "primary")
    back.link(standby)
    await until(lambda: bool(back.refused))
    back.stop()
    standby.left()
    assert isinstance(back.refused[0], StandbyAhead)
    assert standby.told() == ["both", "later"]


async def test_an_asynchronous_standby_is_not_waited_for_and_comes_after(tmp_path: Path, standby: Follower) -> None:
    primary = Primary(tmp_path / "primary", wait=False)
    primary.link(standby, sync=False)
    for n in range(50):
        await primary.add(str(n))
    await in_step(primary)
    link = primary.carrier._behind[0]
    await until(lambda: primary.carrier._log.since(link.position, primary.carrier._frames) is None)
    primary.stop()
    standby.left()
    assert len(standby.rows()) == 50


async def test_a_primary_of_an_older_epoch_is_refused_and_acknowledges_nothing_more(
    tmp_path: Path, standby: Follower
) -> None:
    old, new = Primary(tmp_path / "old"), Primary(tmp_path / "new", epoch=2)
    old.link(standby).shutdown(2)
    standby.left()
    new.link(standby)
    await new.add("new")
    new.stop()
    standby.left()
    old.link(standby)
    with pytest.raises(StoreFailed):
        await old.add("old")
    old.stop()
    standby.left()
    assert isinstance(old.refused[-1], OldEpoch)
    assert standby.rows() == {"new"}


async def test_a_standby_takes_nothing_from_an_older_primary(tmp_path: Path, standby: Follower) -> None:
    standby.epoch = 3
    ours, theirs = socket.socketpair()
    standby.follow(theirs)
    channel = Channel(ours)
    assert isinstance(channel.receive(), Hello)
    channel.send(Begin(2))
    assert isinstance(channel.receive(), Refuse)
    channel.close()
    standby.left()


async def test_the_log_is_folded_while_one_behind_takes_it(
    tmp_path: Path, standby: Follower, monkeypatch: pytest.MonkeyPatch, copied: list[str]
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 20)
    primary = Primary(tmp_path / "primary", wait=False)
    primary.db._the_writer()._checkpoint_at = 20
    primary.link(standby, sync=False)
    await in_step(primary)
    for n in range(300):
        await primary.add(str(n))
    assert primary.refused == []
    primary.carrier.leave()
    primary.db.close()
    primary.stop()
    standby.left()
    assert len(standby.rows()) == 300
    assert copied == ["standby"]


async def test_one_of_two_standbys_is_enough(primary: Primary, standby: Follower, tmp_path: Path) -> None:
    other = Follower(tmp_path / "other")
    primary.link(other)
    end = primary.link(standby)
    await in_step(primary)
    await in_step(primary, "other")
    await primary.add("both")
    end.shutdown(2)
    await primary.add("one")
    primary.stop()
    other.left()
    standby.left()
    assert other.rows() == {"both", "one"}
    assert standby.rows() == {"both"}


async def test_two_standbys_write_down_a_commit_at_the_same_time(
    primary: Primary, standby: Follower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Follower(tmp_path / "other")
    for each in (standby, other):
        primary.link(each)
        await in_step(primary, each.name)
    both, really = threading.Barrier(2, timeout=20), Copy.take

    def take(copy: Copy, before: Position, stretch: Stretch) -> None:
        both.wait()
        really(copy, before, stretch)

    monkeypatch.setattr(Copy, "take", take)
    await primary.add("both")
    assert not both.broken
    primary.stop()
    for each in (standby, other):
        each.left()
        assert each.rows() == {"both"}


async def test_blobs_are_there_before_they_are_named_and_go_when_they_are_gone(
    primary: Primary, standby: Follower
) -> None:
    early, late = keep(primary, b"early" * 400_000), b"late"
    primary.link(standby)
    await in_step(primary)
    cid = keep(primary, late)
    await asyncio.to_thread(primary.carrier.carry_blob, cid)
    folder = standby.directory / "blobs"
    names = {file.name for file in folder.glob("*/b*")}
    assert names == {str(early), str(cid)}
    primary.blobs.delete(early)
    primary.carrier.forget_blob(early)
    await until(lambda: not list(folder.glob(f"*/{early}")))


async def test_a_blob_that_comes_back_is_not_lost_to_its_own_ending(primary: Primary, standby: Follower) -> None:
    primary.link(standby)
    await in_step(primary)
    cid = keep(primary, b"again")
    primary.carrier.carry_blob(cid)
    primary.carrier.forget_blob(cid)
    await asyncio.to_thread(primary.carrier.carry_blob, cid)
    await asyncio.to_thread(primary.carrier._in_step[0].pay)
    assert list((standby.directory / "blobs").glob(f"*/{cid}"))


def keep(primary: Primary, data: bytes) -> bytes:
    with primary.blobs.incoming(10_000_000) as upload:
        upload.write(data)
        return primary.blobs.keep(upload)


@pytest.mark.parametrize("seed", range(6))
async def test_cut_links_restarts_and_folds_lose_nothing(tmp_path: Path, standby: Follower, seed: int) -> None:
    dice = random.Random(seed)
    acknowledged: set[str] = set()
    for life in range(4):
        primary = Primary(tmp_path / "primary")
        primary.db._the_writer()._checkpoint_at = dice.choice([5, 20, 4_096])
        for cut in range(3):
            end = primary.link(standby)
            for n in range(dice.randint(1, 30)):
                await primary.add(id := f"{life}-{cut}-{n}")
                acknowledged.add(id)
            end.shutdown(2)
            standby.left()
        primary.stop()
    assert standby.rows() == acknowledged


async def test_a_standby_that_is_slow_blocks_nobody_who_asks_how_it_is(
    primary: Primary, standby: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease is renewed meanwhile: else another machine would take over from one that only waits for its disk."""
    monkeypatch.setattr(link_rules, "SILENT_SECONDS", 20.0)
    primary.link(standby)
    await in_step(primary)
    begun, slow = threading.Event(), threading.Event()
    really = Copy.take

    def take(copy: Copy, before: Position, stretch: Stretch) -> None:
        begun.set()
        assert slow.wait(20)
        really(copy, before, stretch)

    monkeypatch.setattr(Copy, "take", take)
    writing = asyncio.create_task(primary.add("late"))
    await until(begun.is_set)
    asked = [primary.carrier.successors, primary.carrier.states, primary.carrier.in_step]
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*map(asyncio.to_thread, asked))
        await asyncio.to_thread(primary.carrier.reign_until, 0, None)
    assert answers[:2] == [{"standby"}, {"standby": "in step"}]
    assert not writing.done()
    slow.set()
    await writing


async def test_a_standby_that_is_silent_holds_up_a_write_no_longer_than_a_lease_lasts(
    tmp_path: Path, standby: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection stands, and nobody answers; the operator wants to go on without it."""
    assert link_rules.SILENT_SECONDS * 1_000 <= LEASE_MS
    monkeypatch.setattr(link_rules, "SILENT_SECONDS", 0.5)
    primary = Primary(tmp_path / "primary", wait=False)
    primary.link(standby)
    await in_step(primary)
    await primary.add("both")
    silent = threading.Event()
    really = Copy.take
    monkeypatch.setattr(Copy, "take", lambda *given: silent.wait(60) and really(*given))
    began = time.monotonic()
    await primary.add("alone")
    assert 0.5 <= time.monotonic() - began < PATIENT_SECONDS
    assert not primary.carrier.in_step()
    silent.set()
    primary.stop()
    standby.left()
    assert {"both"} <= standby.rows()


async def test_a_standby_is_told_that_it_has_everything_and_takes_that_back_for_a_new_copy(
    primary: Primary, standby: Follower
) -> None:
    end = primary.link(standby)
    await in_step(primary)
    assert standby.in_step == [False, True], "it was given its first copy, and the log"
    end.shutdown(socket.SHUT_RDWR)
    standby.left()
    primary.link(standby)
    await primary.add("more")
    assert standby.in_step == [False, True, True], "it went on where it was, and had everything all the time"
    primary.stop()
    standby.left()
    assert standby.rows() == {"more"}
    again = Primary(primary.path.parent)
    again.link(standby)
    await in_step(again)
    assert standby.in_step[3:] == [False, True], "somebody opened its file: it is compared anew"
    again.stop()
    standby.left()
