"""What a member deleted is in no file of the network and in no object of its archive, once the windows have passed."""

from pathlib import Path

from freehold.haven.archive import stores
from freehold.haven.archive.archive import Archive
from freehold.haven.archive.folder import Folder
from freehold.haven.archive.forms import KEY, Generation
from freehold.site import Shared
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


async def test_a_planted_post_and_picture_are_nowhere(tmp_path: Path, shared: Shared) -> None:
    clock, town, away = Clock(), tmp_path / "town", tmp_path / "away"
    with opened(town, shared, clock, archive_every_seconds=1) as site:
        site.archiving.add("away", stores.parse(f"file://{away}"), PASSPHRASE)
        archive = site.archiving._writing["away"]

        async def a_day_passes() -> None:
            clock.pass_by(25 * HOUR)
            then = clock() - HOUR
            await site.sweep()
            await mei.renew()
            await mei.post("news")
            await until(lambda: Generation.parse(archive.memory.generation).begins > then and archive.memory.base_sent)

        async with calling(site) as http:
            mei = await Person.join(http, "mei")
            picture = await mei.upload(png(8, 8))
            shown = await mei.post_picture(picture, "shown")
            planted = await mei.post(SECRET)
            await until(lambda: archive.memory.base_sent and not archive.spool.logs())
            await until(lambda: SECRET.encode() in unsealed(archive, away))
            (file,) = (path for path in (town / "blobs").rglob("baf*"))
            image = file.read_bytes()
            assert list((away / "blob").glob("*"))
            await mei.delete(planted)
            await mei.delete(shown)
            for _ in range(7):  # the event's 72 hours, the archive's 72, a base's 24
                await a_day_passes()
            await until(lambda: SECRET.encode() not in unsealed(archive, away))
            assert not list((away / "blob").glob("*"))
    for path in town.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert SECRET.encode() not in data, path
            assert image not in data, path
