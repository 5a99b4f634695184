"""A name server of a drill, as a process: `python -m freehold.cli.drill.nameserver ZONE ADDRESS`.

It answers from the zone's file (see `names.Zone`) as it is at the moment, with answers that nobody may keep.
Source: https://www.rfc-editor.org/rfc/rfc1035
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import msgspec


class Nameserver(asyncio.DatagramProtocol):
    """Answers questions for addresses."""

    def __init__(self, zone: Path) -> None:
        self._zone = zone

    def connection_made(self, transport: Any) -> None:
        """See asyncio."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """One question."""
        try:
            question = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return
        self._transport.sendto(self._answer(question).to_wire(), addr)

    def _answer(self, question: dns.message.Message) -> dns.message.Message:
        asked, said = question.question[0], dns.message.make_response(question)
        name = asked.name.to_text(omit_final_dot=True).lower()
        addresses = msgspec.json.decode(self._zone.read_bytes(), type=dict[str, list[str]])
        found = next((at for domain, at in addresses.items() if f".{name}".endswith(f".{domain}")), None)
        if found is None:
            said.set_rcode(dns.rcode.NXDOMAIN)
        elif asked.rdtype == dns.rdatatype.A:
            said.answer.append(dns.rrset.from_text(asked.name, 0, "IN", "A", *found))
        return said


async def serve(zone: Path, address: str) -> None:
    """Until it is killed."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Nameserver(zone), local_addr=(address, 53))
    print("answers", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
