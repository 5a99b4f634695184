"""The edges of one network: which machines may speak for others at its door.

Owns the table `edge`. It is part of the truth, not of one machine: a standby that is promoted must know the same edges
at once. Readers at the door ask memory; a change is heard there when it is committed, so edges come and go live.
"""

import re
from collections import Counter
from ipaddress import ip_address

import msgspec

from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.tx import Tx

SCHEMA: tuple[Migration, ...] = (
    Migration(
        "edges-1-edge",
        """
        CREATE TABLE edge (
            name TEXT PRIMARY KEY,
            made BLOB NOT NULL,
            at BIGINT NOT NULL
        );
        """,
    ),
)

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - an edge is there to be reached
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


class NoSuchEdge(Refused):
    """Nobody was made by that name."""

    kind, name = "missing", "NoSuchEdge"


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """One edge. addresses: from which it reaches the origins. origins: ADDRESS:PORT, the primary's first, then spares.

    listen: its own addresses to be bound. http01: it passes on the authority's questions to port 80.
    """

    name: str
    addresses: tuple[str, ...]
    origins: tuple[str, ...]
    listen: tuple[str, ...] = EVERYWHERE
    http01: bool = False


class Edges:
    """Keep one for each network that is open."""

    def __init__(self, truth: Database) -> None:
        self._truth = truth
        self._by_address: dict[str, str] | None = None
        self.connections: Counter[str] = Counter()
        """How many each has opened since the start."""

    def speaking_from(self, address: str) -> str | None:
        """The name of the edge at an address, if there is one."""
        if self._by_address is None:
            self._by_address = {address: each.name for each in self.all() for address in each.addresses}
        name = self._by_address.get(address)
        if name is not None:
            self.connections[name] += 1
        return name

    def all(self) -> list[Edge]:
        """By name."""
        with self._truth.reading() as tx:
            return _all(tx)

    def one(self, name: str) -> Edge:
        """Raises NoSuchEdge."""
        for each in self.all():
            if each.name == name:
                return each
        raise NoSuchEdge(f"There is no edge “{name}”. `freehold edge DIRECTORY list` names them.")

    async def put(self, edge: Edge) -> None:
        """Add an edge, or change it. Raises InvalidRequest."""
        checked = _checked(edge)
        await self._truth.write(lambda tx: self._put(tx, checked))

    async def remove(self, name: str) -> None:
        """Nobody speaks for others from there any more. Raises NoSuchEdge."""
        self.one(name)
        await self._truth.write(lambda tx: self._changed(tx, "DELETE FROM edge WHERE name = :name", name=name))

    def forget(self) -> None:
        """Read anew."""
        self._by_address = None

    def _put(self, tx: Tx, edge: Edge) -> None:
        for other in _all(tx):
            if other.name != edge.name and (same := set(other.addresses) & set(edge.addresses)):
                raise InvalidRequest(f"{same.pop()} is the address of the edge “{other.name}” already.")
        self._changed(
            tx,
            "INSERT INTO edge (name, made, at) VALUES (:name, :made, :at)"
            " ON CONFLICT (name) DO UPDATE SET made = excluded.made",
            name=edge.name,
            made=msgspec.json.encode(edge),
            at=tx.now,
        )

    def _changed(self, tx: Tx, sql: str, **params: object) -> None:
        tx.run(sql, **params)
        tx.after_commit(self.forget)


def _all(tx: Tx) -> list[Edge]:
    return [msgspec.json.decode(made, type=Edge) for (made,) in tx.run("SELECT made FROM edge ORDER BY name")]


def _checked(edge: Edge) -> Edge:
    """With every word as it is written elsewhere, so that none can be more than a word there. Raises InvalidRequest."""
    if not _NAME.fullmatch(edge.name):
        raise InvalidRequest(f"“{edge.name}” cannot be an edge's name: letters, digits and hyphens, 31 at most.")
    if not edge.addresses or not edge.origins:
        raise InvalidRequest("An edge has an --address, and an --origin to which it leads.")
    return msgspec.structs.replace(
        edge,
        addresses=tuple(map(_address, edge.addresses)),
        listen=tuple(map(_address, edge.listen)),
        origins=tuple(map(_origin, edge.origins)),
    )


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise InvalidRequest(f"“{text}” is not an address.") from None


def _origin(text: str) -> str:
    """ADDRESS:PORT, [ADDRESS]:PORT, or an address alone: port 443. A name would tell everybody where the origin is."""
    try:
        return _shown(str(ip_address(text.strip("[]"))), 443)
    except ValueError:
        host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise InvalidRequest(f"“{text}” is not ADDRESS:PORT.")
    return _shown(_address(host.removeprefix("[").removesuffix("]")), int(port))


def _shown(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
