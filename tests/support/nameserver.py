"""A little nameserver on port 0 that answers TXT questions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.message
import dns.rcode
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
