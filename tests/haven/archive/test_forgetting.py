"""What a member deleted is in no file of the network, of its standby and of its archive when 96 hours have passed."""

import argparse
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from freehold.cli import purge
from freehold.cli.terminal import LocalTerminal
from freehold.haven.archive import stores
from freehold.haven.archive.archive import Archive
from freehold.haven.archive.folder import Folder
from freehold.haven.archive.forms import KEY, Generation
from freehold.haven.wire import Channel, LinkLost
from freehold.site import Shared, Site
from support.carried import Follower
from support.inside import HOUR, Clock, calling, opened
from support.network import Person
from support.patience import until
from support.pictures import png

SECRET = "a planted secret that must not stay"
PASSPHRASE = "seven words that nobody guesses"


def unsealed(archive: Archive, folder: Path) -> bytes:
    """All that the archive holds, opened."""
    store = Folder(folder)
    names = [name for name, _ in store.entries("") if name != KEY and not name.startswith("epoch/")]
    return b"".join(archive._key.open(name, store.get(name)) for name in names)


@contextmanager
def followed(site: Site, directory: Path) -> Iterator[None]:
    """A standby that follows the network; its files are as they are on its disk when this ends."""
    ours, theirs = socket.socketpair()
    standby = Follower(directory)
    standby.follow(theirs)
    carrier = site.haven.carrier

    def keep() -> None:
        with suppress(LinkLost):
            carrier.keep("second", Channel(ours))

    link = threading.Thread(target=keep)
    link.start()
    try:
        yield
    finally:
        ours.shutdown(socket.SHUT_RDWR)
        link.join()
        standby.left()


async def test_a_planted_post_and_picture_are_nowhere(tmp_path: Path, shared: Shared) -> None:
    clock, town, second, away = Clock(), tmp_path / "town", tmp_path / "second", tmp_path / "away"
    with opened(town, shared, clock, archive_every_seconds=1) as site, followed(site, second):
        site.archiving.add("away", stores.parse(f"file://{away}"), PASSPHRASE)
        archive = site.archiving._writing["away"]

        async def pass_by(hours: int) -> None:
            clock.pass_by(hours * HOUR)
            then = clock()
            await site.sweep()
            await mei.renew()
            await mei.post("news")
            if hours > 20:
                begun = lambda: Generation.parse(archive.memory.generation).begins >= then  # noqa: E731
                await until(lambda: begun() and archive.memory.base_sent)

        async with calling(site) as http:
            mei = await Person.join(http, "mei")
            picture = await mei.upload(png(8, 8))
            shown = await mei.post_picture(picture, "shown")
            planted = await mei.post(SECRET)
            await until(lambda: archive.memory.base_sent and not archive.spool.logs())
            await until(lambda: SECRET.encode() in unsealed(archive, away))
            view = (await mei.get("app.bsky.feed.getAuthorFeed", actor=mei.did))["feed"][-1]["post"]
            assert (await http.get(view["embed"]["images"][0]["thumb"])).status_code == 200
            assert [path for path in (town / "cache").rglob("*") if path.is_file()]
            (file,) = (path for path in (town / "blobs").rglob("baf*"))
            image = file.read_bytes()
            assert list((away / "blob").glob("*"))
            await until(lambda: set(holders(tmp_path, SECRET.encode())) >= {"town", "second"})
            await mei.delete(planted)
            await mei.delete(shown)
            for hours in (23, 2, 21, 24, 24, 2):
                await pass_by(hours)
            await until(lambda: SECRET.encode() not in unsealed(archive, away))
            assert not list((away / "blob").glob("*"))
    for secret in (SECRET.encode(), image):
        assert holders(tmp_path, secret) == {}
    assert not [path for path in (town / "cache").rglob("*") if path.is_file()]


async def test_a_purge_leaves_nothing_of_it_at_once(tmp_path: Path, shared: Shared) -> None:
    town, away = tmp_path / "town", tmp_path / "away"
    with opened(town, shared, Clock(), archive_every_seconds=1) as site:
        site.archiving.add("away", stores.parse(f"file://{away}"), PASSPHRASE)
        archive = site.archiving._writing["away"]
        async with calling(site) as http:
            mei = await Person.join(http, "mei")
            planted = await mei.post(SECRET)
            await mei.post("this stays")
            await until(lambda: archive.memory.base_sent and SECRET.encode() in unsealed(archive, away))
            await mei.delete(planted)
            await purge.act(site, argparse.Namespace(), LocalTerminal())
            assert SECRET.encode() not in unsealed(archive, away)
            assert b"this stays" in unsealed(archive, away)


def holders(root: Path, secret: bytes) -> dict[str, list[Path]]:
    """The files that hold it, by the machine that they are on."""
    found = defaultdict(list)
    for path in root.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and secret in path.read_bytes():
                found[path.relative_to(root).parts[0]].append(path)
    return dict(found)
