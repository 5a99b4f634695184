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
from freehold.stream.log import SCHEMA as LOGS
from freehold.stream.log import Log, append

SCHEMA = (
    Migration("haven-1", "CREATE TABLE line (id TEXT PRIMARY KEY, text TEXT NOT NULL)"),
    *LOGS,
)
SILENCE_SECONDS = 10


class Primary:
    """A database in `directory` whose commits are carried."""

    def __init__(
        self, directory: Path, *, epoch: int = 1, wait: bool = True, witnessed: bool = False, begun: bool = True
    ) -> None:
        directory.mkdir(exist_ok=True)
        self.path = directory / "truth.db"
        self.blobs = BlobStore(directory / "blobs")
        self.carrier = Carrier(self.path, self.blobs, epoch=epoch, wait=wait, witnessed=witnessed, begun=begun)
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

    async def tell(self, text: str) -> None:
        """One acknowledged event."""
        await self.db.write(lambda tx: append(tx, "identity", f"did:web:{text}.example", {}))

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
        self.in_step: list[bool] = []
        """What it was told of whether it has everything."""
        self._threads: list[threading.Thread] = []

    def follow(self, end: socket.socket) -> None:
        """Serve one link until it is lost."""
        thread = threading.Thread(target=self._serve, args=(end,))
        thread.start()
        self._threads.append(thread)

    def _serve(self, end: socket.socket) -> None:
        copy = Copy(self.directory)
        try:
            words = BlobStore(self.directory / "blobs"), self.epoch, self._promise
            standby = Standby(copy, *words, id=self.name, in_step=self.in_step.append)
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

    def told(self) -> list[str]:
        """Whom its events are about, in order."""
        with Database(self.directory / "truth.db", SCHEMA, durable=True) as db:
            return [event.did.split(":")[2].split(".")[0] for event in Log(db).read(0)]

    def rows(self) -> set[str]:
        """What it would show as the primary. It cannot follow without comparing after this."""
        with Database(self.directory / "truth.db", SCHEMA, durable=True) as db, db.reading() as tx:
            assert tx.one("PRAGMA integrity_check") == ("ok",)
            return {str(id) for (id,) in tx.each("SELECT id FROM line")}
