"""What a succeeded primary had is put aside: all of it, with young blobs, for as long as events are kept."""

import os
import time
from pathlib import Path

import pytest

from freehold.haven import aside, forks
from freehold.haven.aside import KEEP_SECONDS, ForkUnknown
from freehold.haven.forks import Fork
from freehold.store.blobs import BlobStore
from support.carried import SCHEMA, Primary


async def put_aside(directory: Path) -> Path:
    """A machine that had told three events, and was succeeded after the first."""
    primary = Primary(directory, wait=False)
    primary.carrier.go_on_alone(alone=True)
    for name in ("both", "alone", "too"):
        await primary.tell(name)
    primary.stop()
    (directory / "index.db").write_bytes(b"derived")
    aside.put(directory, 1)
    (folder,) = aside.found(directory)
    return folder


def names(folder: Path, pattern: str) -> list[str]:
    return [path.name for path in folder.glob(pattern)]


async def test_nothing_that_was_put_aside_is_taken_for_the_networks(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path / "blobs")
    with blobs.incoming(100) as young, blobs.incoming(100) as old:
        for upload, data in ((young, b"young"), (old, b"old")):
            upload.write(data)
            blobs.keep(upload)
        long_ago = time.time() - KEEP_SECONDS - 1
        os.utime(blobs.path(old.cid), (long_ago, long_ago))
        folder = await put_aside(tmp_path)
        assert names(folder / "blobs", "*") == [str(young.cid)]
        blobs.delete(young.cid)
        assert (folder / "blobs" / str(young.cid)).read_bytes() == b"young"
    assert names(tmp_path, "truth.db*") + names(tmp_path, "index.db*") == []


async def test_a_tail_begins_where_the_next_reign_did(tmp_path: Path) -> None:
    folder = await put_aside(tmp_path)
    with pytest.raises(ForkUnknown):
        aside.tail(folder, SCHEMA)
    deliver(tmp_path, Fork(2, 1, 0), Fork(3, 2, 0))
    assert [event.seq for event in aside.events(folder, SCHEMA)[0]] == [2, 3]


def deliver(directory: Path, *known: Fork) -> None:
    forks.write(directory, list(known))


async def test_each_reign_is_noted_once_and_before_it_writes(tmp_path: Path) -> None:
    primary = Primary(tmp_path, wait=False)
    primary.carrier.go_on_alone(alone=True)
    forks.begin(tmp_path, 1)
    assert forks.read(tmp_path) == []
    await primary.tell("first")
    for _ in range(2):
        forks.begin(tmp_path, 2)
        await primary.tell("second")
    forks.begin(tmp_path, 4)
    primary.stop()
    assert forks.read(tmp_path) == [Fork(2, 1, 0), Fork(4, 3, 0)]
    assert forks.after(tmp_path, 2) == Fork(4, 3, 0)
    assert forks.after(tmp_path, 4) is None


async def test_it_is_gone_when_events_of_that_time_are(tmp_path: Path) -> None:
    folder = await put_aside(tmp_path)
    aside.discard_old(tmp_path)
    assert aside.found(tmp_path) == [folder]
    long_ago = time.time() - KEEP_SECONDS - 1
    os.utime(folder / "blobs", (long_ago, long_ago))
    aside.discard_old(tmp_path)
    assert aside.found(tmp_path) == []
