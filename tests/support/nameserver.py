"""Little nameservers: one on port 0 that answers TXT questions, and one for a zone, on any socket."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from freehold.net.dns import Dns


class Nameserver(asyncio.DatagramProtocol):
    """Answers out of a dict of record texts by name; stays silent for names under `silent`."""

    def __init__(self, records):
        self.records = records

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        question = dns.message.from_wire(data)
        name = question.question[0].name.to_text(omit_final_dot=True)
        if name.split(".")[-2] == "silent":
            return
        said = dns.message.make_response(question)
        if name not in self.records:
            said.set_rcode(dns.rcode.NXDOMAIN)
        elif self.records[name]:
            said.answer.append(dns.rrset.from_text(name + ".", 60, "IN", "TXT", *self.records[name]))
        self.transport.sendto(said.to_wire(), address)


@asynccontextmanager
async def nameserver(records: dict[str, list[str]]) -> AsyncIterator[Dns]:
    """Serve these records (texts in quotes, as in a zone file); gives what asks for them."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Nameserver(records), local_addr=("127.0.0.1", 0))
    try:
        yield Dns(["127.0.0.1"], transport.get_extra_info("sockname")[1], seconds=1.0)
    finally:
        transport.close()


class Zone:
    """A zone for tests: addresses by name (`*.` and a name: any one label before it), and TXT records that a program
    wrote into `texts`, a file with `NAME VALUE` in each line."""

    def __init__(self, addresses: dict[str, str], texts: Path | None = None) -> None:
        self.addresses, self.texts = addresses, texts

    def answer(self, data: bytes) -> bytes:
        """The answer to one question."""
        question = dns.message.from_wire(data)
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.question[0].rdtype)
        said = dns.message.make_response(question)
        found = self._found(name, kind)
        if found:
            said.answer.append(dns.rrset.from_text(name + ".", 0, "IN", kind, *found))
        elif not self._found(name, "A"):
            said.set_rcode(dns.rcode.NXDOMAIN)
        return said.to_wire()

    def _found(self, name: str, kind: str) -> list[str]:
        if kind == "TXT" and self.texts is not None and self.texts.exists():
            lines = [line.split(" ", 1) for line in self.texts.read_text().splitlines()]
            return [f'"{value}"' for about, value in lines if about == name]
        address = self.addresses.get(name) or self.addresses.get("*." + name.partition(".")[2])
        return [address] if address and kind == "A" else []


@contextmanager
def serving_zone(zone: Zone, bound: socket.socket) -> Iterator[None]:
    """Answer out of `zone` on a bound UDP socket, in a thread."""

    ended = threading.Event()
    bound.settimeout(0.1)

    def serve() -> None:
        while not ended.is_set():
            with suppress(TimeoutError):
                data, address = bound.recvfrom(4096)
                bound.sendto(zone.answer(data), address)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        bound.close()
