"""Two machines of a network in this process, as their `Haven` and their doors make them: a primary and its standby."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from freehold.haven import machine, papers, transport
from freehold.haven.copy import Copy
from freehold.haven.following import Standby
from freehold.haven.haven import Haven
from freehold.haven.machine import Machine, Peer
from freehold.haven.receiving import Herald, Receiver
from freehold.store.blobs import BlobStore
from freehold.store.database import Database
from support.carried import SCHEMA
from support.patience import until


class Pair:
    """A primary in a folder, and its standby in another one, reached by its socket.

    ordered: what the standby does when it is told to succeed; it may refuse. succeeded: when that was answered.
    """

    def __init__(self, folder: Path, witness: Peer | None = None) -> None:
        self.first, self.second = folder / "first", folder / "second"
        self.first.mkdir(exist_ok=True)
        address = f"unix://{self.second / transport.SOCKET}"
        machine.write(self.first, Machine("1" * 32, standbys=(Peer("second", address),), witness=witness))
        self.copy = Copy(self.second)
        self.ordered: Callable[[], object] = lambda: None
        self.succeeded: Callable[[], object] = lambda: None
        words = {"succeed": lambda: self.ordered(), "succeeded": lambda: self.succeeded()}
        mine = {"id": "2" * 32, "certificate": papers.own(self.second)}
        self.standby = Standby(self.copy, BlobStore(self.second / "blobs"), 1, lambda epoch: None, **mine, **words)
        self.door = Receiver(self.second, self.standby, lambda token, certificate: False)
        self.door.open()
        self.start()

    def start(self) -> None:
        """The primary's process."""
        self.haven = Haven(self.first, BlobStore(self.first / "blobs"))
        self.db = Database(self.first / "truth.db", SCHEMA, durable=True, gate=self.haven.carrier)
        self.haven.start()

    def stop(self) -> None:
        """Its end."""
        self.haven.leave()
        self.haven.carrier.close()
        self.db.close()
        self.haven.close()

    async def add(self, id: str) -> None:
        """One acknowledged row."""
        await self.db.write(lambda tx: tx.run("INSERT INTO line (id, text) VALUES (:id, '')", id=id))

    async def in_step(self) -> None:
        await until(lambda: [state for _, state in self.haven.states()] == ["in step"])

    async def hand_over(self) -> None:
        await self.in_step()
        await asyncio.to_thread(self.haven.hand_over, "second")

    def announce(self) -> None:
        """Be the primary at the standby's door, as a machine that was promoted is."""
        self.door.close()
        self.door = Receiver(self.second, Herald(2), lambda token, certificate: False)
        self.door.open()

    def close(self) -> None:
        self.stop()
        self.door.close()
        self.copy.close()
