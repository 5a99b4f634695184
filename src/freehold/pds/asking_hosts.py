"""Hosts that asked this network to read from them: known by name, not read from yet.

Table: asking_host. A network reads its own stream only, so asking changes nothing that a member sees; but a host that
is one (it answers describeServer, at a public address) is kept and shown, for the operator and for an intake to begin
with. At most MOST are kept: of those, whoever asked longest ago makes room.
Source: lexicons com.atproto.sync.requestCrawl, com.atproto.sync.listHosts
"""

import re
from typing import NamedTuple

from freehold.net.client import Client
from freehold.net.xrpc import Remote
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.protocol.syntax import DISALLOWED_TLDS, is_did, is_handle
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-41-asking-host",
        """
        CREATE TABLE asking_host (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            hostname TEXT NOT NULL UNIQUE,
            asked_at BIGINT NOT NULL
        );
        """,
    ),
)

MOST = 1_000
AGAIN_MICROS = 3600 * 1_000_000
"""How long a host that asked is not looked at again."""
MAX_BYTES = 100_000
_LOOPBACK = re.compile(r"localhost(?::[0-9]{1,5})?")


class HostNotFound(Refused):
    """A host that never asked."""

    name = "HostNotFound"
    say = "That host has not asked to be read from."


class Host(NamedTuple):
    """A host that asked. id: rises with the time of its first asking."""

    id: int
    hostname: str


class AskingHosts:
    """Those who asked one network. own: its own host name. dev: hosts on this very machine count too."""

    def __init__(self, truth: Database, client: Client, own: str, *, dev: bool) -> None:
        self._truth = truth
        self._client = client
        self._own = own
        self._dev = dev

    async def ask(self, hostname: str) -> None:
        """Look whether there is a host under that name, and keep it. Raises InvalidRequest, what the guard and the
        client raise, and RemoteRefused."""
        hostname = hostname.lower()
        local = self._dev and _LOOPBACK.fullmatch(hostname) is not None
        public = is_handle(hostname) and hostname.rpartition(".")[2] not in DISALLOWED_TLDS
        if hostname == self._own or not (local or public):
            raise InvalidRequest("Say the host name of another host, without scheme and path.")
        with self._truth.reading() as tx:
            if _asked_lately(tx, hostname):
                return
        host = Remote(self._client, f"{'http' if local else 'https'}://{hostname}")
        said = await host.query("com.atproto.server.describeServer", max_bytes=MAX_BYTES)
        if not isinstance(said, dict) or not is_did(str(said.get("did"))):
            raise InvalidRequest("There is no host of the AT Protocol under that name.", hostname=hostname)
        await self._truth.write(lambda tx: _keep(tx, hostname))

    def page(self, after: int, limit: int) -> list[Host]:
        """Those who asked, in the order of their first asking."""
        with self._truth.reading() as tx:
            rows = tx.run(
                "SELECT id, hostname FROM asking_host WHERE id > :after ORDER BY id LIMIT :n", after=after, n=limit
            )
        return [Host(*row) for row in rows]

    def one(self, hostname: str) -> Host:
        """Raises HostNotFound."""
        with self._truth.reading() as tx:
            row = tx.one("SELECT id, hostname FROM asking_host WHERE hostname = :h", h=hostname.lower())
        if row is None:
            raise HostNotFound(hostname=hostname)
        return Host(*row)


def _asked_lately(tx: Tx, hostname: str) -> bool:
    """Whether a host is known and was looked at within AGAIN_MICROS."""
    row = tx.one("SELECT asked_at FROM asking_host WHERE hostname = :h", h=hostname)
    return row is not None and row[0] > tx.now - AGAIN_MICROS


def _keep(tx: Tx, hostname: str) -> None:
    tx.run(
        "INSERT INTO asking_host (hostname, asked_at) VALUES (:h, :now)"
        " ON CONFLICT (hostname) DO UPDATE SET asked_at = excluded.asked_at",
        h=hostname,
        now=tx.now,
    )
    tx.run(
        "DELETE FROM asking_host WHERE id IN (SELECT id FROM asking_host ORDER BY asked_at DESC LIMIT -1 OFFSET :most)",
        most=MOST,
    )
