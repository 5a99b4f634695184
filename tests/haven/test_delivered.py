"""The owner's feeds are on every other machine too, and come back from an archive."""

from pathlib import Path

import msgspec
import pytest

from freehold.haven.archive.restoring import Restorer
from freehold.haven.archive.sealing import ArchiveKey
from freehold.haven.delivered import BadPaper, feeds, put, put_feeds
from freehold.store.files import write_durably
from support.archived import SECOND, Archived, Clock, place
from support.pair import Pair
from support.patience import until


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*")}


async def test_a_standby_has_the_feeds_of_the_owner_as_they_are_now_without_a_write(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "first" / "feeds", tmp_path / "second" / "feeds"
    ours.mkdir(parents=True)
    (ours / "bread.py").write_bytes(b"name = 'Bread'")
    (ours / "notes.txt").write_bytes(b"no feed")
    (ours / "Not A Feed.py").write_bytes(b"nor this")
    pair = Pair(tmp_path)
    await until(lambda: written(theirs) == {"bread.py": b"name = 'Bread'"})
    (ours / "bread.py").write_bytes(b"name = 'Rolls'")
    write_durably(ours / "cake.py", b"name = 'Cake'")
    await until(lambda: written(theirs) == {"bread.py": b"name = 'Rolls'", "cake.py": b"name = 'Cake'"})
    (ours / "bread.py").unlink()
    await until(lambda: not (theirs / "bread.py").exists())
    assert feeds(theirs) == feeds(ours)
    pair.close()


async def test_what_somebody_changed_at_the_standby_is_put_right_when_it_is_compared(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "first" / "feeds", tmp_path / "second" / "feeds"
    ours.mkdir(parents=True)
    (ours / "bread.py").write_bytes(b"name = 'Bread'")
    pair = Pair(tmp_path)
    await pair.in_step()
    await until(lambda: (theirs / "bread.py").exists())
    (theirs / "bread.py").write_bytes(b"altered")
    assert pair.haven.verify("second", lambda what, done, total: None).sound
    assert written(theirs) == {"bread.py": b"name = 'Bread'"}
    pair.close()


@pytest.mark.parametrize("name", ["../bread.py", "a/b.py", "bread", ".py", "/tmp/bread.py", "Bread.py"])
def test_nothing_is_written_beside_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadPaper):
        put(tmp_path / "town", "feeds", msgspec.msgpack.encode({"good.py": b"", name: b"evil"}))
    with pytest.raises(BadPaper):
        put(tmp_path / "town", "settings.toml", b"")
    assert not list(tmp_path.rglob("*.py"))


async def test_a_restore_brings_the_feeds_as_they_were_then(tmp_path: Path) -> None:
    key, clock, folder = ArchiveKey.new(), Clock(), tmp_path / "town" / "feeds"
    store = place(tmp_path / "away", key)
    network = Archived(tmp_path / "town", store, key, clock)
    moments = []
    for text in (b"", b"name = 'Bread'", b"name = 'Rolls'", b"name = 'Rolls'"):
        if text:
            put_feeds(folder, msgspec.msgpack.encode({"bread.py": text}))
        await network.add(f"at {clock.now}")
        await network.send()
        moments.append(clock.now)
        clock.go_on(SECOND)
    network.stop()
    restorer = Restorer(store, key)
    found = [restorer.restore(tmp_path / "again", at).feeds for at in moments]
    assert [msgspec.msgpack.decode(each) for each in found] == [
        {},
        {"bread.py": b"name = 'Bread'"},
        {"bread.py": b"name = 'Rolls'"},
        {"bread.py": b"name = 'Rolls'"},
    ]
