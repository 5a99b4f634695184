"""A network's certificates without the network: a database, a seal, an authority, a zone, a clock that can be set."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from bench.ports import free_ports

from freehold.store.clock import now_micros
from freehold.store.database import Database
from freehold.store.sealed import Seal, new_network_key
from freehold.tls import kept
from freehold.tls.certificates import Certificates, Plan
from support.acme import Authority, pebble
from support.nameserver import Zone, serving_zone

DOMAIN = "town.example"


class Office:
    """What the tests turn the knobs of."""

    def __init__(self, folder: Path, authority: Authority, zone: Zone, http_port: int) -> None:
        self.folder, self.authority, self.zone, self.http_port = folder, authority, zone, http_port
        self.names = {DOMAIN, f"mei.{DOMAIN}"}
        self.ahead = 0
        self.key = new_network_key()
        self.truth = Database(folder / "truth.db", kept.SCHEMA, durable=True, clock=self.clock)

    def clock(self) -> int:
        return now_micros() + self.ahead

    def certificates(
        self,
        hook: str = "",
        names_per_week: int = 40,
        directory: str = "",
        others: tuple[str, ...] = (),
        orders: bool = True,
    ) -> Certificates:
        plan = Plan(directory or self.authority.directory, "", hook, names_per_week)
        words = DOMAIN, self.names.__contains__, plan, self.clock, lambda: others
        return Certificates(self.truth, Seal(self.key), *words, orders=orders)

    @asynccontextmanager
    async def answering(self, certificates: Certificates) -> AsyncIterator[None]:
        """Serve the proofs as the door on port 80 does."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            said = (certificates.files.answer(line.rpartition("/")[2]) or "").encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (len(said), said))
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", self.http_port)
        async with server:
            yield

    def failure(self, name: str = DOMAIN) -> kept.Failure | None:
        with self.truth.reading() as tx:
            return kept.failure(tx, name)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    zone = Zone({DOMAIN: "127.0.0.1", f"*.{DOMAIN}": "127.0.0.1"}, tmp_path / "texts")
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    http_port, *ports = free_ports(3)
    nameserver = f"127.0.0.1:{bound.getsockname()[1]}"
    with (
        serving_zone(zone, bound),
        pebble(tmp_path / "pebble", nameserver, http_port=http_port, ports=(ports[0], ports[1])) as authority,
    ):
        trust(authority, monkeypatch)
        made = Office(tmp_path, authority, zone, http_port)
        yield made
        made.truth.close()


def trust(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process trust the authority's own https, as a system does whose list of authorities holds it."""
    from freehold.net import transport
    from freehold.tls import authority as room

    context = transport.trusted.__wrapped__()
    context.load_verify_locations(authority.trust)
    monkeypatch.setattr(room, "trusted", lambda: context)
    monkeypatch.setattr("acme.client.time", SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / 20)))
