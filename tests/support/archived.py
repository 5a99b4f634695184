"""A database whose commits go to an archive, in this process, by a clock that the test moves."""

import threading
from pathlib import Path

from freehold.haven import carrier
from freehold.haven.archive.archive import Archive, Plan, Source
from freehold.haven.archive.folder import Folder
from freehold.haven.archive.forms import KEY, Papers
from freehold.haven.archive.memory import recalled
from freehold.haven.archive.restoring import Restorer
from freehold.haven.archive.sealing import ArchiveKey
from freehold.haven.archive.stores import Store
from freehold.haven.carrier import Carrier
from freehold.haven.delivered import FEEDS, feeds
from freehold.protocol.cid import Cid
from freehold.store.blobs import BlobStore
from freehold.store.clock import now_micros
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.sealed import Ring
from freehold.stream import log as stream
from support.patience import until

LINES = (Migration("line-1", "CREATE TABLE line (id TEXT PRIMARY KEY, text TEXT NOT NULL)"),)
SCHEMA = (*stream.SCHEMA, *LINES)
carrier.FED_EVERY_SECONDS = 0.02  # nobody writes much here, and every step is waited for
SECOND, HOUR = 1_000_000, 3_600_000_000
BEGINNING = 1_790_000_000 * SECOND
PASSPHRASE = "seven words that nobody guesses"
RING = Ring.of(bytes(range(32)))


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = BEGINNING

    def __call__(self) -> int:
        return self.now

    def go_on(self, micros: int) -> int:
        self.now += micros
        return self.now


def place(folder: Path, key: ArchiveKey) -> Store:
    """A new archive's folder."""
    folder.mkdir(exist_ok=True)
    store = Folder(folder)
    store.put_new(KEY, key.wrapped(PASSPHRASE))
    return store


class Archived:
    """A network's database in `directory`, as far as an archive sees one. What is sent is sent by `send`."""

    def __init__(
        self, directory: Path, store: Store, key: ArchiveKey, clock: Clock, *, epoch: int = 1, plan: Plan | None = None
    ) -> None:
        directory.mkdir(exist_ok=True)
        self.directory, self.clock = directory, clock
        self.blobs = BlobStore(directory / "blobs")
        path = directory / "truth.db"
        self.carrier = Carrier(path, self.blobs, epoch=epoch, wait=False)
        self.blobs.elsewhere = self.carrier
        self.db = Database(path, SCHEMA, durable=True, gate=self.carrier, idle_seconds=60, clock=clock)
        settings = b'domain = "town.example"\n'

        def papers() -> Papers:
            return Papers(RING.packed(), settings, feeds(directory / FEEDS))

        source = Source(self.blobs, stream.Log(self.db), epoch, papers, clock, self.db.fold)
        self.archive = Archive("away", directory / "archive", store, key, source, plan or Plan())
        self._feeding = threading.Thread(target=self.carrier.feed, args=(self.archive,))
        self._feeding.start()

    async def add(self, id: str) -> None:
        """One acknowledged row."""
        await self.db.write(lambda tx: tx.run("INSERT INTO line (id, text) VALUES (:id, :text)", id=id, text="x" * 999))

    async def drop(self, id: str) -> None:
        """Delete it."""
        await self.db.write(lambda tx: tx.run("DELETE FROM line WHERE id = :id", id=id))

    def keep(self, data: bytes) -> Cid:
        """A blob."""
        upload = self.blobs.incoming(1 << 20)
        upload.write(data)
        return self.blobs.keep(upload)

    async def fed(self) -> None:
        """Until everything committed is spooled, dated by the clock as it stands."""
        await until(lambda: self._is_fed())

    def _is_fed(self) -> bool:
        carrier, archive = self.carrier, self.archive
        with carrier._lock:
            if archive not in carrier._fed or archive in carrier._copied or archive._wants_base:
                return False
            return carrier._log.since(archive.position, carrier._frames) is None

    async def send(self) -> None:
        """Everything committed is in the archive."""
        await self.fed()
        self.archive.step()

    def stop(self) -> None:
        """As the end of a process; what was not sent waits."""
        self.db.close()
        self.carrier.close()
        self.archive.close()
        self._feeding.join()
        self.archive.finish()


async def all_sent(network: Path) -> None:
    """Until each archive that the network in this directory writes has all that was acknowledged before now."""
    now, folders = now_micros(), list((network / "archives").iterdir())
    assert folders
    await until(lambda: all(recalled(folder).sent_at >= now for folder in folders))


def rows(directory: Path) -> set[str]:
    """What a restored database holds."""
    with Database(directory / "truth.db", SCHEMA, durable=True) as db, db.reading() as tx:
        assert tx.one("PRAGMA integrity_check") == ("ok",)
        return {str(id) for (id,) in tx.each("SELECT id FROM line")}


def restored(store: Store, key: ArchiveKey, directory: Path, at: int | None = None) -> set[str]:
    """The rows as they were at a moment."""
    Restorer(store, key).restore(directory, at)
    return rows(directory)
