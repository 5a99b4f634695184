"""The archives of a network: which there are, and what the operator does with them.

Table: archive (name, and sealed: address, key). It is in the truth, so that a standby that is promoted goes on with
them, and so does a network that was restored. Owns DIRECTORY/archives/NAME, what a machine needs while it writes one.
"""

import asyncio
import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from freehold.haven.archive import places, rehearsing, stores
from freehold.haven.archive.archive import Archive, Plan, Source
from freehold.haven.archive.forms import KEY
from freehold.haven.archive.memory import Memory, recalled
from freehold.haven.archive.sealing import ArchiveKey
from freehold.haven.archive.stores import Address, Store
from freehold.haven.carrier import Carrier
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal

logger = logging.getLogger(__name__)

PURPOSE = "archive"
SCHEMA = (Migration("haven-1-archives", "CREATE TABLE archive (name TEXT PRIMARY KEY, box BLOB NOT NULL);"),)
SEALED = (Sealed("archive", "box", PURPOSE),)
AGAIN_SECONDS = 30.0
PURGE_SECONDS = 0.5
REHEARSAL_SECONDS = 600.0


class NoSuchArchive(Refused):
    """A name that no archive has."""

    kind, name = "missing", "NoSuchArchive"


class KeepsDeleted(Refused):
    """The place keeps old versions of what is deleted in it."""

    name = "KeepsDeleted"
    say = (
        "That bucket keeps versions of what is deleted, or locks it, so that what members delete would live on in it."
        " Turn versioning off (a new bucket is simplest), or add it all the same with --even-so."
    )


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """An archive as it is kept. address: with its secrets."""

    address: str
    key: bytes


class State(NamedTuple):
    """An archive, for people. state: in plain words; empty where nobody writes it just now. failing: nothing could be
    sent the last time."""

    name: str
    address: Address
    state: str
    memory: Memory
    waiting: int
    failing: bool = False


class Archiving:
    """Of the network in `directory`. `open`, then `start` where it is served, then `close` after its database."""

    def __init__(self, directory: Path, carrier: Carrier, seal: Seal, plan: Plan) -> None:
        self._directory, self._carrier, self._seal, self._plan = directory, carrier, seal, plan
        self._writing: dict[str, Archive] = {}
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()
        self._started = False

    def open(self, truth: Database, schema: Sequence[Migration], source: Source) -> None:
        """The database that is archived, and what else is."""
        self._truth, self._schema, self._source = truth, schema, source

    def start(self) -> None:
        """Write all archives from now on."""
        self._started = True
        for name, kept in self._all().items():
            self._write(name, kept)

    def close(self) -> None:
        """After the database was closed: send what can be sent quickly. The rest waits here on disk."""
        self._closed.set()
        for archive in self._writing.values():
            archive.close()
        for archive in self._writing.values():
            archive.finish()
        for thread in self._threads:
            thread.join()

    async def run(self) -> None:
        """Rehearse the restore of each archive when it is due, until cancelled."""
        while True:
            await asyncio.sleep(REHEARSAL_SECONDS)
            for name, archive in tuple(self._writing.items()):
                if archive.rehearsal_is_due():
                    await asyncio.to_thread(self._rehearse_alone, name)

    def _rehearse_alone(self, name: str) -> None:
        try:
            wrong = self.rehearse(name, lambda what, done, total: None)
        except Refused as refused:
            wrong = [refused.say]
        if wrong:
            logger.error("the archive %s could not be restored in a rehearsal: %s", name, "; ".join(wrong))

    # -- what the operator does. Everything blocks

    def add(self, name: str, address: Address, passphrase: str, *, even_so: bool = False) -> None:
        """Archive there from now on, to be restored by the passphrase. even_so: although it keeps what is deleted.

        Raises InvalidRequest, BadUnlockKey, KeepsDeleted, OutOfReach.
        """
        if name in self._all() or not name.isprintable() or "/" in name or name.startswith("."):
            raise InvalidRequest(f"There is an archive called {name} already, or none can be called so. Say --name.")
        store, key = places.open_store(address), ArchiveKey.new()
        wrapped = key.wrapped(passphrase)
        if address.kind == "file":
            Path(address.where).mkdir(mode=0o700, parents=True, exist_ok=True)
        if store.keeps_deleted() and not even_so:
            raise KeepsDeleted
        if any(True for _ in store.entries("")) or not store.put_new(KEY, wrapped):
            raise InvalidRequest("Something is at that address already. An archive wants a place of its own.")
        kept = Kept(address.full, key.raw)
        box = self._seal.seal(PURPOSE, msgspec.msgpack.encode(kept))
        self._truth.write_sync(
            lambda tx: tx.run("INSERT INTO archive (name, box) VALUES (:name, :box)", name=name, box=box)
        )
        if self._started:
            self._write(name, kept)

    def remove(self, name: str, *, leave: bool = False) -> None:
        """Archive there no more, and delete what is there, or leave it. Raises NoSuchArchive, OutOfReach."""
        store, _ = self._opened(name)
        archive = self._writing.pop(name, None)
        if archive is not None:
            archive.close()
            archive.finish()
        if not leave:
            store.delete([each for each, _ in store.entries("") if each != KEY])
            store.delete([KEY])
        self._truth.write_sync(lambda tx: tx.run("DELETE FROM archive WHERE name = :name", name=name))
        shutil.rmtree(self._folder(name), ignore_errors=True)

    @property
    def forgets_after_hours(self) -> int:
        """How long after it was deleted something may still be in an archive."""
        return self._plan.keep_hours + self._plan.base_hours + self._plan.forget_hours

    def states(self) -> list[State]:
        """Each archive and how it is."""
        return [self._state(name, kept) for name, kept in self._all().items()]

    def purge(self, told: Callable[[str], object] = lambda name: None) -> None:
        """Begin new bases at once, and wait until all that is older is gone. told: which one is done.

        Raises OutOfReach when an archive cannot be reached.
        """
        if not self._started:
            self.start()
        for archive in self._writing.values():
            archive.purge()
        for name, archive in self._writing.items():
            while not archive.purged.wait(PURGE_SECONDS):
                if archive.done or self._closed.is_set() or archive.trouble is not None:
                    raise archive.trouble or stores.OutOfReach
            told(name)

    def rehearse(self, name: str, told: Callable[[str, int, int | None], object]) -> list[str]:
        """Restore into a folder here, check all of it, throw it away; what is wrong. Raises NoSuchArchive, Altered …"""
        store, key = self._opened(name)
        archive, now = self._writing.get(name), self._source.clock()
        until, wrong = 0, ["it was broken off"]
        try:
            until, wrong = rehearsing.rehearse(store, key, self._folder(name) / "rehearsal", self._schema, told)
        except Refused as refused:
            wrong = [refused.say]
            raise
        finally:
            if archive is not None:
                archive.rehearsed(now, until, "; ".join(wrong))
        return wrong

    # -- within

    def _all(self) -> dict[str, Kept]:
        with self._truth.reading() as tx:
            rows = tx.run("SELECT name, box FROM archive ORDER BY name")
        return {name: self._kept(box) for name, box in rows}

    def _kept(self, box: bytes) -> Kept:
        return msgspec.msgpack.decode(self._seal.open(PURPOSE, box), type=Kept)

    def _opened(self, name: str) -> tuple[Store, ArchiveKey]:
        kept = self._all().get(name)
        if kept is None:
            raise NoSuchArchive(f"There is no archive called {name}.")
        return places.open_store(stores.parse(kept.address)), ArchiveKey(kept.key)

    def _folder(self, name: str) -> Path:
        return self._directory / "archives" / name

    def _state(self, name: str, kept: Kept) -> State:
        archive = self._writing.get(name)
        memory = archive.memory if archive is not None else recalled(self._folder(name))
        if archive is None:
            return State(name, stores.parse(kept.address), "", memory, 0)
        failing = archive.trouble is not None
        return State(name, stores.parse(kept.address), archive.state, memory, archive.spool.bytes, failing)

    def _write(self, name: str, kept: Kept) -> None:
        store = places.open_store(stores.parse(kept.address))
        archive = Archive(name, self._folder(name), store, ArchiveKey(kept.key), self._source, self._plan)
        self._writing[name] = archive
        archive.start()
        thread = threading.Thread(target=self._feed, args=(archive,), name=f"feeding {archive.name}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _feed(self, archive: Archive) -> None:
        """Until it is done; a full disk is waited for."""
        while not (archive.done or self._closed.is_set()):
            try:
                self._carrier.feed(archive)
            except OSError as error:
                logger.error("%s: no base could be begun: %s", archive.name, error)
                archive.state = f"no base could be begun: {error}"
                self._closed.wait(AGAIN_SECONDS)
