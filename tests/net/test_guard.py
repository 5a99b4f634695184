"""Which addresses a stranger may make us connect to."""

import asyncio

import pytest

from freehold.net.client import Client
from freehold.net.guard import AddressRefused, Guard, HostNotFound
from support.servers import answer, pages, serving

PRIVATE = """
0.0.0.0 10.1.2.3 100.64.0.1 100.100.100.200 127.0.0.1 127.9.9.9 168.63.129.16 169.254.169.254 172.16.0.1 172.31.255.255
192.0.0.192 192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.9 203.0.113.9 224.0.0.1 239.255.255.250 255.255.255.255
:: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe fc00::1 fd00:ec2::254 fe80::1
fe80::1%eth0 ff02::1 2001::1 2001:db8::1 2002:7f00:1::1 3fff::1 100::1 5f00::1
""".split()
PUBLIC = (
    "1.1.1.1 8.8.8.8 172.15.0.1 172.32.0.1 192.0.1.1 2606:4700:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::808:808"
)


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_inside_a_network_is_refused(address):
    assert not Guard().allows(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_an_address_of_the_public_internet_is_allowed(address):
    assert Guard().allows(address)


def test_development_allows_this_machine_and_nothing_else_inside():
    guard = Guard(allow_loopback=True)
    assert guard.allows("127.0.0.1")
    assert guard.allows("::1")
    assert [address for address in PRIVATE if guard.allows(address)] == ["127.0.0.1", "127.9.9.9", "::1"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.1", "::1"])
async def test_no_spelling_of_this_machine_gets_through(host):
    with pytest.raises(AddressRefused):
        await Guard().addresses(host, 80)


async def test_a_name_without_an_address_says_so():
    with pytest.raises(HostNotFound):
        await Guard().addresses("nothing.invalid", 80)


async def test_a_name_that_points_inside_is_refused_before_any_connection():
    async with pages({"/": answer(200, b"secret")}) as origin:
        port = origin.rsplit(":", 1)[1]
        client = Client(Guard())
        with pytest.raises(AddressRefused):
            await client.get(f"http://localhost:{port}/", plain_http=True)


async def test_of_a_name_with_both_kinds_only_the_public_address_is_tried():
    async def lookup(host, port):
        return ["10.0.0.1", "8.8.8.8", "127.0.0.1"]

    assert await Guard(lookup=lookup).addresses("both.example", 443) == ["8.8.8.8"]


async def test_the_connection_goes_to_the_address_that_was_checked():
    """DNS rebinding: the second answer would point elsewhere, but nobody asks a second time."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def lookup(host, port):
        return answers.pop(0)

    async with pages({"/": answer(200, b"here")}) as origin:
        port = origin.rsplit(":", 1)[1]
        client = Client(Guard(allow_loopback=True, lookup=lookup))
        got = await client.get(f"http://rebinding.example:{port}/")
        await client.close()
    assert got.body == b"here"
    assert answers == [["10.0.0.1"]]


async def test_a_second_address_is_tried_when_the_first_is_dead():
    async def lookup(host, port):
        return ["127.0.0.2", "127.0.0.1"]

    async with pages({"/": answer(200, b"here")}) as origin:
        port = origin.rsplit(":", 1)[1]
        client = Client(Guard(allow_loopback=True, lookup=lookup))
        got = await client.get(f"http://two.example:{port}/")
        await client.close()
    assert got.body == b"here"


async def test_a_redirect_into_the_private_network_is_refused():
    """The first host is allowed, the second is not: each hop is checked on its own."""
    reached = asyncio.Event()

    async def inside(method, target, body, writer):
        reached.set()
        writer.write(answer(200, b"secret"))

    async def lookup(host, port):
        return {"outside.example": ["127.0.0.1"], "inside.example": ["10.0.0.1"]}[host]

    async with serving(inside) as port, pages({"/": answer(302, location=f"http://inside.example:{port}/")}) as origin:
        client = Client(Guard(allow_loopback=True, lookup=lookup))
        with pytest.raises(AddressRefused):
            await client.get(f"http://outside.example:{origin.rsplit(':', 1)[1]}/", redirects=3)
        await client.close()
    assert not reached.is_set()
