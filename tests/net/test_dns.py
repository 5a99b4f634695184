"""TXT records from a real little nameserver."""

import asyncio

import dns.message
import dns.rcode
import dns.rrset
import pytest

from freehold.net.dns import Dns
from freehold.net.errors import UpstreamFailed


class Nameserver(asyncio.DatagramProtocol):
    """Answers TXT questions out of a dict; stays silent for names under `silent`."""

    def __init__(self, records):
        self.records = records

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        question = dns.message.from_wire(data)
        name = question.question[0].name.to_text(omit_final_dot=True)
        if name.startswith("silent."):
            return
        said = dns.message.make_response(question)
        if name in self.records:
            if self.records[name]:
                said.answer.append(dns.rrset.from_text(name + ".", 60, "IN", "TXT", *self.records[name]))
        else:
            said.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(said.to_wire(), address)


@pytest.fixture
async def ask():
    records = {
        "_atproto.alice.test": ['"did=did:plc:alice"', '"something else"'],
        "long.test": ['"' + "a" * 200 + '" "' + "b" * 100 + '"'],
        "empty.test": [],
    }
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Nameserver(records), local_addr=("127.0.0.1", 0)
    )
    yield Dns(["127.0.0.1"], transport.get_extra_info("sockname")[1])
    transport.close()


async def test_every_record_of_a_name_is_read(ask):
    assert sorted(await ask.txt("_atproto.alice.test")) == ["did=did:plc:alice", "something else"]


async def test_a_record_in_pieces_is_joined(ask):
    assert await ask.txt("long.test") == ["a" * 200 + "b" * 100]


@pytest.mark.parametrize("name", ["nobody.test", "empty.test"])
async def test_no_record_is_an_empty_list(ask, name):
    assert await ask.txt(name) == []


async def test_a_silent_nameserver_is_left_after_the_limit(ask):
    with pytest.raises(UpstreamFailed):
        await ask.txt("silent.test", seconds=0.2)
