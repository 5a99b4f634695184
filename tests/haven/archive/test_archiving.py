"""An archive holds every second of its window, nothing older, and lets nobody but the passphrase's owner in."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.haven.archive import restoring, sending
from freehold.haven.archive.archive import Plan, Superseded
from freehold.haven.archive.folder import Folder
from freehold.haven.archive.restoring import NothingThere, Restorer, open_key
from freehold.haven.archive.sealing import Altered, ArchiveKey, WrongPassphrase
from freehold.haven.archive.stores import OutOfReach, Store
from freehold.store import writer
from support.archived import HOUR, PASSPHRASE, RING, SECOND, Archived, Clock, place, restored, rows


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key() -> ArchiveKey:
    return ArchiveKey.new()


@pytest.fixture
def store(tmp_path: Path, key: ArchiveKey) -> Store:
    return place(tmp_path / "away", key)


@pytest.fixture
def network(tmp_path: Path, store: Store, key: ArchiveKey, clock: Clock) -> Iterator[Archived]:
    made = Archived(tmp_path / "town", store, key, clock)
    yield made
    made.stop()


async def test_all_of_it_comes_back(network: Archived, store: Store, tmp_path: Path) -> None:
    await network.add("in the base")
    await network.send()
    await network.add("in the log")
    kept = network.keep(b"a picture")
    await network.send()
    restorer = Restorer(store, open_key(store, PASSPHRASE))
    found = restorer.restore(tmp_path / "again")
    assert rows(tmp_path / "again") == {"in the base", "in the log"}
    assert (tmp_path / "again/blobs").joinpath(str(kept)[-3:-1], str(kept)).read_bytes() == b"a picture"
    assert (found.ring, found.settings, found.epoch) == (RING, b'domain = "town.example"\n', 1)


async def test_it_claims_no_more_than_it_was_brought(
    network: Archived, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await network.send()
    monkeypatch.setattr(network.carrier, "_feed", lambda archive: None)  # the next stretch is long in coming
    before = clock.now
    await network.add("not brought")
    clock.go_on(SECOND)
    network.archive.step()
    assert network.archive.memory.sent_at == before


async def test_any_second_can_be_chosen(
    network: Archived, store: Store, key: ArchiveKey, clock: Clock, tmp_path: Path
) -> None:
    await network.send()
    moments = []
    for n in range(6):
        moments.append(clock.go_on(SECOND))
        await network.add(str(n))
        await network.fed()
    await network.send()
    for n, moment in enumerate(moments):
        assert restored(store, key, tmp_path / f"at {n}", moment) == {str(each) for each in range(n + 1)}
    with pytest.raises(NothingThere):
        restored(store, key, tmp_path / "before", moments[0] - HOUR)


async def test_it_goes_on_over_folds_and_restarts_without_a_new_base(
    network: Archived, store: Store, key: ArchiveKey, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 20)
    network.db._the_writer()._checkpoint_at = 20
    await network.send()
    for n in range(100):
        await network.add(str(n))
    await network.send()
    network.stop()
    again = Archived(tmp_path / "town", store, key, clock)
    await again.add("after")
    await again.send()
    again.stop()
    assert restored(store, key, tmp_path / "again") == {*map(str, range(100)), "after"}
    assert sum(name.endswith("/head") for name, _ in store.entries("base")) == 1


async def test_what_waited_on_disk_is_sent_after_a_restart(
    network: Archived, store: Store, key: ArchiveKey, clock: Clock, tmp_path: Path
) -> None:
    await network.add("never sent")
    await network.fed()
    network.stop()
    assert not any(True for _ in store.entries("base"))
    again = Archived(tmp_path / "town", store, key, clock)
    await again.send()
    again.stop()
    assert restored(store, key, tmp_path / "again") == {"never sent"}


async def test_a_base_that_was_cut_off_goes_on_where_it_was(
    network: Archived, store: Store, key: ArchiveKey, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "CHUNK_BYTES", 4_096)
    monkeypatch.setattr(restoring, "CHUNK_BYTES", 4_096)
    for n in range(60):
        await network.add(str(n))
    network.db.fold()
    await network.fed()
    put, sent, cut = Folder.put, list[str](), 3

    def puts(self: Folder, name: str, data: bytes) -> None:
        if len(sent) == cut:
            raise OutOfReach
        put(self, name, data)
        if name.startswith("base/"):
            sent.append(name)

    monkeypatch.setattr(Folder, "put", puts)
    with pytest.raises(OutOfReach):
        network.archive.step()
    network.stop()
    cut = -1
    again = Archived(tmp_path / "town", store, key, clock)
    await again.send()
    again.stop()
    assert len(sent) == len(set(sent)) > 4, "nothing is sent twice"
    assert restored(store, key, tmp_path / "again") == set(map(str, range(60)))


async def test_no_more_is_sent_in_a_second_than_is_allowed() -> None:
    waited = list[float]()
    pace = sending.Pace(1_000_000, waited.append)
    for _ in range(5):
        pace.spend(500_000)
    assert sum(waited[-1:]) == pytest.approx(2.0, abs=0.1), "all but the last are paid for"
    sending.Pace(0, waited.append).spend(1 << 40)
    assert len(waited) == 4


async def test_a_torn_spool_is_healed_by_a_new_base(
    network: Archived, store: Store, key: ArchiveKey, clock: Clock, tmp_path: Path
) -> None:
    await network.send()
    for n in range(3):
        await network.add(str(n))
        await network.fed()
    network.stop()
    (waiting,) = (tmp_path / "town/archive/spool").glob("*/0*")
    os.truncate(waiting, waiting.stat().st_size - 100)
    clock.go_on(SECOND)
    again = Archived(tmp_path / "town", store, key, clock)
    await again.send()
    again.stop()
    assert restored(store, key, tmp_path / "again") == {"0", "1", "2"}


async def test_a_spool_that_grows_too_large_is_given_up_for_a_new_base(
    tmp_path: Path, store: Store, key: ArchiveKey, clock: Clock
) -> None:
    network = Archived(tmp_path / "town", store, key, clock, plan=Plan(spool_max_bytes=200_000))
    await network.send()
    away = tmp_path / "away"
    away.rename(tmp_path / "unmounted")
    for n in range(60):
        await network.add(str(n))
    clock.go_on(SECOND)
    await network.fed()
    with pytest.raises(OutOfReach):
        network.archive.step()
    assert network.archive.spool.bytes <= 200_000
    (tmp_path / "unmounted").rename(away)
    network.archive.step()
    network.archive._plan = Plan()
    await network.send()
    network.stop()
    assert restored(store, key, tmp_path / "again") == set(map(str, range(60)))


async def test_what_was_deleted_is_nowhere_after_the_window_and_a_day(
    network: Archived, store: Store, key: ArchiveKey, clock: Clock, tmp_path: Path
) -> None:
    planted = network.keep(b"planted picture")
    await network.add("planted")
    await network.send()
    network.blobs.delete(planted)
    await network.drop("planted")
    await network.send()
    assert not any(name.startswith("blob/") for name, _ in store.entries("")), "a blob goes at once"
    deleted = clock.now
    while clock.now < deleted + 96 * HOUR:
        clock.go_on(6 * HOUR)
        await network.add(str(clock.now))
        await network.send()
        network.archive.step()
        await network.send()
    for at in (None, clock.now - 48 * HOUR):
        folder = tmp_path / str(at)
        assert "planted" not in restored(store, key, folder, at)
        shutil.copyfile(folder / "truth.db", folder / "looked at")
        assert b"planted" not in (folder / "looked at").read_bytes()
    assert len({name.split("/")[1] for name, _ in store.entries("log")}) <= 5


async def test_a_purge_leaves_one_new_base(network: Archived, store: Store, key: ArchiveKey, clock: Clock) -> None:
    await network.add("planted")
    await network.send()
    clock.go_on(SECOND)
    await network.drop("planted")
    network.archive.purge()
    await network.send()
    assert network.archive.purged.is_set()
    whole = [name for name, _ in store.entries("base") if name.endswith("/head")]
    assert len(whole) == 1
    with pytest.raises(NothingThere):
        Restorer(store, key).restore(network.directory / "before", clock.now - SECOND)


async def test_a_wrong_passphrase_is_named(network: Archived, store: Store) -> None:
    await network.send()
    with pytest.raises(WrongPassphrase):
        open_key(store, "some other words than those")


async def test_no_part_can_be_altered_moved_or_left_out(
    network: Archived, store: Store, key: ArchiveKey, tmp_path: Path
) -> None:
    await network.send()
    network.keep(b"a picture")
    for n in range(3):
        await network.add(str(n))
        await network.send()
    names = [name for name, _ in store.entries("") if not name.startswith(("key", "epoch"))]
    logs = [name for name in names if name.startswith("log/")]
    assert len(logs) > 2
    for number, name in enumerate(names):
        true = store.get(name)
        for altered in (true[:-1], true[:40] + bytes([true[40] ^ 1]) + true[41:], store.get(logs[1])):
            if altered != true:
                store.put(name, altered)
                with pytest.raises(Altered):
                    Restorer(store, key).restore(tmp_path / f"altered {number}")
        store.put(name, true)
    store.delete([logs[1]])
    with pytest.raises(Altered, match="--at"):
        Restorer(store, key).restore(tmp_path / "lacking")


async def test_an_older_primary_stops(
    network: Archived, store: Store, key: ArchiveKey, clock: Clock, tmp_path: Path
) -> None:
    await network.add("before")
    await network.send()
    newer = Archived(tmp_path / "promoted", store, key, clock, epoch=2)
    await newer.send()
    await network.add("under the old reign")
    await network.fed()
    network.archive._claimed = -1e9
    with pytest.raises(Superseded):
        network.archive.step()
    twin = Archived(tmp_path / "twin", store, key, clock, epoch=2)
    await twin.fed()
    with pytest.raises(Superseded):
        twin.archive.step()
    newer.stop()
    twin.stop()
