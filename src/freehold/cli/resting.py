"""What an upgrade does with a network's data, as the network's user: back up, try, put back.

While nobody serves the network its two databases are copied whole by SQLite itself, so that what still lies in a
write-ahead log is in the copy. Blobs and pictures are not copied: no version changes a file that is there.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import apsw

from freehold.protocol.refused import Refused
from freehold.store.files import sync
from freehold.store.lock import DirectoryLock
from freehold.stream.log import newest_in

DATABASES = ("truth.db", "index.db")
SMALL = ("settings.toml", "network.key", "unlock.key")
ROOM_LEFT = 1.1
KEPT_BACKUPS = 3
PAGES_AT_ONCE = 10_000


class NoRoom(Refused):
    """The disk is too full for a copy."""

    kind, name = "unavailable", "NoRoom"


class NotSound(Refused):
    """The database is damaged."""

    kind, name = "unavailable", "NotSound"


def back_up(directory: Path, backup: Path) -> str:
    """Copy what an upgrade may change. The mark of the data. Raises NoRoom, AlreadyRunning."""
    lock = DirectoryLock(directory)
    try:
        assure_room(directory)
        shutil.rmtree(backup, ignore_errors=True)
        backup.mkdir(parents=True, mode=0o700)
        for name in DATABASES:
            if (directory / name).exists():
                copy_database(directory / name, backup / name)
        for name in SMALL:
            if (directory / name).exists():
                _copy(directory / name, backup / name)
        sync(backup)
        return mark(directory)
    finally:
        lock.release()


def assure_room(directory: Path) -> None:
    """Raises NoRoom unless both databases fit a second time."""
    wanted = sum((directory / name).stat().st_size for name in DATABASES if (directory / name).exists())
    free = shutil.disk_usage(directory).free
    if free < wanted * ROOM_LEFT:
        raise NoRoom(f"A copy takes {wanted / 1e6:.0f} MB, and the disk has {free / 1e6:.0f} MB left.")


def restore(directory: Path, backup: Path, names: Sequence[str] = DATABASES) -> None:
    """Put the copies back. Killed half-way, it can be done again."""
    lock = DirectoryLock(directory)
    try:
        for name in names:
            if not (backup / name).exists():
                continue
            beside = directory / f".{name}.restored"
            _copy(backup / name, beside)
            for log in (f"{name}-wal", f"{name}-shm"):
                (directory / log).unlink(missing_ok=True)
            beside.replace(directory / name)
            sync(directory)
    finally:
        lock.release()


def tidy(directory: Path, backup: Path) -> None:
    """After success: the index's copy goes (it can be made anew), and backups but for the newest few."""
    (backup / "index.db").unlink(missing_ok=True)
    backups = sorted((directory / "backups").iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in backups[KEPT_BACKUPS:]:
        shutil.rmtree(old, ignore_errors=True)


def trial(directory: Path) -> str:
    """Open the network with this version, changing its tables, and close it; the mark after that. Raises Refused,
    and whatever else a broken version raises."""
    from freehold import settings
    from freehold.cli import run as _run  # noqa: F401 - what a start would import
    from freehold.cli.opening import open_site, shared_by
    from freehold.server import Networks
    from freehold.site import Listening

    told = settings.load(directory)
    site = open_site(directory, told, Listening(told.https_port if told.https else told.port), shared_by(told))
    try:
        Networks([site])
        assure_sound(directory / "truth.db")
    finally:
        site.close()
    return mark(directory)


def rehearse(copy: Path) -> None:
    """Change the tables of a copy, to see that it can be done. Raises whatever a broken version raises."""
    from freehold.cli import run as _run  # noqa: F401 - what a start would import
    from freehold.site import TRUTH_SCHEMA
    from freehold.store.database import Database

    Database(copy, TRUTH_SCHEMA, durable=True).close()
    assure_sound(copy)


def assure_sound(database: Path) -> None:
    """Raises NotSound."""
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        said = connection.execute("PRAGMA quick_check(1)").fetchall()
    finally:
        connection.close()
    if said != [("ok",)]:
        raise NotSound(f"{database} is damaged: {said[0][0]}")


def mark(directory: Path) -> str:
    """How far the truth has come: its tables' migrations, and the newest numbers of both streams."""
    connection = apsw.Connection(str(directory / "truth.db"), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM migration ORDER BY name")]
    finally:
        connection.close()
    return json.dumps({"tables": len(tables), "streams": newest_in(directory / "truth.db")}, sort_keys=True)


def copy_database(source: Path, to: Path) -> None:
    """A consistent copy, also of a database that is being written."""
    reading = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
    writing = apsw.Connection(str(to))
    try:
        reading.setbusytimeout(30_000)
        with writing.backup("main", reading, "main") as backup:
            while not backup.done:
                backup.step(PAGES_AT_ONCE if source.name == "index.db" else -1)
        writing.pragma("journal_mode", "delete")
    finally:
        writing.close()
        reading.close()
    sync(to)


def _copy(source: Path, to: Path) -> None:
    shutil.copyfile(source, to)
    to.chmod(0o600)
    sync(to)
