"""A primary's database with a gate, and standbys that follow it over socket pairs, all in this process."""

import socket
import threading
from pathlib import Path

from freehold.haven.carrier import Carrier
from freehold.haven.copy import Copy
from freehold.haven.following import Standby
from freehold.haven.wire import Channel, LinkLost
from freehold.protocol.refused import Refused
from freehold.store.blobs import BlobStore
from freehold.store.database import Database
from freehold.store.migrations import Migration

SCHEMA = (
    Migration("haven-1", "CREATE TABLE line (id TEXT PRIMARY KEY, text TEXT NOT NULL)"),
    Migration("haven-2", "CREATE TABLE counted (n INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL)"),
)
SILENCE_SECONDS = 10


class Primary:
    """A database in `directory` whose commits are carried."""

    def __init__(self, directory: Path, *, epoch: int = 1, wait: bool = True) -> None:
        directory.mkdir(exist_ok=True)
        self.path = directory / "truth.db"
        self.blobs = BlobStore(directory / "blobs")
        self.carrier = Carrier(self.path, self.blobs, epoch=epoch, wait=wait)
        self.db = Database(self.path, SCHEMA, durable=True, gate=self.carrier, idle_seconds=60)
        self.refused: list[Refused] = []
        self._threads: list[threading.Thread] = []

    def link(self, standby: "Follower", *, sync: bool = True) -> socket.socket:
        """Connect a standby; the socket is our end, which a test may cut."""
        ours, theirs = socket.socketpair()
        ours.settimeout(SILENCE_SECONDS)
        standby.follow(theirs)
        thread = threading.Thread(target=self._keep, args=(standby.name, ours, sync))
        thread.start()
        self._threads.append(thread)
        return ours

    def _keep(self, name: str, end: socket.socket, sync: bool) -> None:
        try:
            self.carrier.keep(name, Channel(end), sync=sync)
        except Refused as refused:
            self.refused.append(refused)

    async def add(self, id: str) -> None:
        """One acknowledged row."""
        await self.db.write(lambda tx: tx.run("INSERT INTO line (id, text) VALUES (:id, :text)", id=id, text="x" * 999))

    async def count(self, text: str) -> None:
        """One acknowledged row of a table that numbers its rows."""
        await self.db.write(lambda tx: tx.run("INSERT INTO counted (text) VALUES (:text)", text=text))

    def stop(self) -> None:
        """As the end of a process: links first."""
        self.carrier.close()
        self.db.close()
        for thread in self._threads:
            thread.join()


class Follower:
    """A standby in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.name, self.directory = directory.name, directory
        self.epoch = 0
        self._threads: list[threading.Thread] = []

    def follow(self, end: socket.socket) -> None:
        """Serve one link until it is lost."""
        thread = threading.Thread(target=self._serve, args=(end,))
        thread.start()
        self._threads.append(thread)

    def _serve(self, end: socket.socket) -> None:
        copy = Copy(self.directory)
        try:
            standby = Standby(copy, BlobStore(self.directory / "blobs"), self.epoch, self._promise, id=self.name)
            standby.follow(Channel(end))
        except LinkLost:
            pass
        finally:
            end.close()
            copy.close()

    def _promise(self, epoch: int) -> None:
        self.epoch = epoch

    def left(self) -> None:
        """All its links have ended."""
        for thread in self._threads:
            thread.join()

    def counted(self) -> list[str]:
        """What it would show of the numbered table, in order."""
        with Database(self.directory / "truth.db", SCHEMA, durable=True) as db, db.reading() as tx:
            return [str(text) for (text,) in tx.each("SELECT text FROM counted ORDER BY n")]

    def rows(self) -> set[str]:
        """What it would show as the primary. It cannot follow without comparing after this."""
        with Database(self.directory / "truth.db", SCHEMA, durable=True) as db, db.reading() as tx:
            assert tx.one("PRAGMA integrity_check") == ("ok",)
            return {str(id) for (id,) in tx.each("SELECT id FROM line")}
