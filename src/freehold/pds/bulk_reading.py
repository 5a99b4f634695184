"""An alarm on reading in bulk, which names who reads: for the owner's eyes, a line of the log, and a figure.

All of it is public, and nobody is kept from reading it; but the owner shall know who takes a copy of everybody. Readers
are members (and the apps that they let in), members of other hosts, and for anyone else the network that their address
belongs to. Tables: bulk_reading, expected_reader. An alarm is kept for a month, an address only as its network (a /24,
or a /64 of IPv6), and only of somebody who gave the alarm: see docs/decisions/0013.
"""

import asyncio
import logging
from collections.abc import Callable
from ipaddress import ip_network
from typing import NamedTuple

from freehold.net.allowances import Allowances, Payer
from freehold.net.budgets import apart, by_edge
from freehold.net.distinct import Readers
from freehold.pds.accounts import Accounts
from freehold.pds.network import Network
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.tx import Tx

logger = logging.getLogger(__name__)

SCHEMA = (
    Migration(
        "pds-52-bulk-reading",
        """
        CREATE TABLE bulk_reading (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            kind TEXT NOT NULL,
            things BIGINT NOT NULL,
            first_at BIGINT NOT NULL,
            last_at BIGINT NOT NULL
        );
        CREATE INDEX bulk_reading_name ON bulk_reading (name, kind);
        CREATE TABLE expected_reader (name TEXT PRIMARY KEY, at BIGINT NOT NULL);
        """,
    ),
)

KINDS = ("repositories", "records", "profiles", "files", "stream")
FACTOR = {"files": 5}
"""A page shows many pictures at once, so that many more of them are nothing unusual."""
HOUR_MICROS = 3600 * 1_000_000
KEPT_MICROS = 30 * 24 * HOUR_MICROS
SAME_MICROS = 2 * HOUR_MICROS
"""An alarm of the same reader within this time is the same one, grown."""
MOST_KEPT = 1_000


class Alarm(NamedTuple):
    """Somebody has read very much. kind: one of KINDS; things: how many different ones within an hour, about.

    first_at, last_at: microseconds since 1970 UTC.
    """

    name: str
    kind: str
    things: int
    first_at: int
    last_at: int


class Watch:
    """Watches who reads one network. Called on the event loop."""

    def __init__(
        self,
        truth: Database,
        accounts: Accounts,
        network: Network,
        allowances: Allowances,
        clock: Callable[[], int],
    ) -> None:
        self._truth, self._accounts, self._network, self._clock = truth, accounts, network, clock
        self._allowances, self._readers = allowances, Readers(clock)
        self._expected: frozenset[str] | None = None
        self._writing: set[asyncio.Task[None]] = set()
        self.alarms = 0
        """Since the start."""

    def note(self, kind: str, payer: Payer, app: str, *things: str) -> None:
        """Somebody asks for these things. app: the client id of an app by OAuth; "" for none."""
        most = self._network.choices.alarm_reads * FACTOR.get(kind, 1)
        for key in (payer.key, f"app {app}") if app else (payer.key,):
            reader = self._readers.note((kind, key), *things)
            if reader.count < most or most == 0:
                continue
            now = self._clock()
            if reader.told_at + HOUR_MICROS > now and reader.count < 2 * reader.told:
                continue
            reader.told, reader.told_at = reader.count, now
            self._raise(key if key != payer.key else self._name(payer), kind, reader.count, payer)

    def follows(self, address: str) -> None:
        """Somebody listens to the firehose, and so reads everything."""
        payer = Payer("", "", address)
        reader = self._readers.note(("stream", payer.key))
        if self._network.choices.alarm_reads and reader.told_at + 24 * HOUR_MICROS <= self._clock():
            reader.told_at = self._clock()
            self._raise(self._name(payer), "stream", 0, payer)

    async def settled(self) -> None:
        """Wait until the alarms given so far are on disk."""
        await asyncio.gather(*self._writing)

    def all(self) -> list[Alarm]:
        """The alarms of the last month, newest first, without those of expected readers."""
        with self._truth.reading() as tx:
            rows = tx.run(
                "SELECT name, kind, things, first_at, last_at FROM bulk_reading b WHERE NOT EXISTS"
                " (SELECT 1 FROM expected_reader e WHERE e.name = b.name) ORDER BY last_at DESC, id DESC LIMIT 200"
            )
        return [Alarm(*row) for row in rows]

    def expected(self) -> frozenset[str]:
        """Readers of whom the owner knows: relays, archives."""
        if self._expected is None:
            with self._truth.reading() as tx:
                self._expected = frozenset(name for (name,) in tx.run("SELECT name FROM expected_reader"))
        return self._expected

    async def expect(self, name: str, expected: bool) -> None:
        """Give no alarm for this reader any more, or again."""

        def change(tx: Tx) -> None:
            tx.run("DELETE FROM expected_reader WHERE name = :name", name=name)
            if expected:
                tx.run("INSERT INTO expected_reader (name, at) VALUES (:name, :now)", name=name, now=tx.now)

        await self._truth.write(change)
        self._expected = None

    def _name(self, payer: Payer) -> str:
        if payer.member:
            account = self._accounts.find(payer.member)
            return f"@{account.handle}" if account is not None else payer.member
        return payer.guest or prefix_of(payer.key)

    def _raise(self, name: str, kind: str, things: int, payer: Payer) -> None:
        if name in self.expected():
            return
        self.alarms += 1
        level = logging.INFO if kind == "stream" else logging.WARNING
        logger.log(level, "reading in bulk", extra={"reader": name, "kind": kind, "things": things})
        if self._network.choices.alarm_slow and kind != "stream":
            self._allowances.slow(payer.key, self._clock() + HOUR_MICROS)
        task = asyncio.get_running_loop().create_task(self._keep(name, kind, things))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _keep(self, name: str, kind: str, things: int) -> None:
        await self._truth.write(lambda tx: _note(tx, name, kind, things))


def _note(tx: Tx, name: str, kind: str, things: int) -> None:
    row = tx.one(
        "SELECT id FROM bulk_reading WHERE name = :name AND kind = :kind AND last_at > :then ORDER BY id DESC LIMIT 1",
        name=name,
        kind=kind,
        then=tx.now - SAME_MICROS,
    )
    if row is not None:
        tx.run("UPDATE bulk_reading SET things = :n, last_at = :now WHERE id = :id", n=things, now=tx.now, id=row[0])
        return
    tx.run(
        "INSERT INTO bulk_reading (name, kind, things, first_at, last_at) VALUES (:name, :kind, :n, :now, :now)",
        name=name,
        kind=kind,
        n=things,
        now=tx.now,
    )
    tx.run(
        "DELETE FROM bulk_reading WHERE id IN (SELECT id FROM bulk_reading ORDER BY id DESC LIMIT 100 OFFSET :most)",
        most=MOST_KEPT,
    )


def prefix_of(caller: str) -> str:
    """What is kept of an address that gave an alarm: the /24 around an IPv4 address, or the /64 of IPv6; and the edge
    that told of it, if one did."""
    address, edge = apart(caller)
    try:
        network = ip_network(address)
    except ValueError:
        return caller
    if network.version == 4:
        address = str(network.supernet(new_prefix=24))
    return by_edge(address, edge) if edge else address


def sweep(tx: Tx) -> None:
    """Forget alarms of more than a month ago."""
    tx.run("DELETE FROM bulk_reading WHERE last_at <= :then", then=tx.now - KEPT_MICROS)
