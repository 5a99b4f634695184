"""Handles of other hosts, asked for in a real little DNS and at real little servers."""

import pytest

from freehold.identity.handles import NEVER_ASKED, HandleNotFound, Handles
from freehold.net.client import Client
from freehold.net.guard import Guard
from support.nameserver import nameserver
from support.servers import answer, serving

ALICE, BOB = "did:plc:ewvi7nxzyoun6zhxrhs64oiz", "did:web:bob.example.org"
TXT = {
    "_atproto.dns.example.org": [f'"did={ALICE}"', '"v=spf1 -all"'],
    "_atproto.both.example.org": [f'"did={ALICE}"'],
    "_atproto.two.example.org": [f'"did={ALICE}"', f'"did={BOB}"'],
    "_atproto.twice.example.org": [f'"did={ALICE}"', f'"did={ALICE}"'],
    "_atproto.nonsense.example.org": ['"did=alice"'],
}
PAGES = {
    "page.example.org": answer(200, f"{ALICE}\n".encode(), content_type="text/plain"),
    "both.example.org": answer(200, BOB.encode()),
    "two.example.org": answer(200, ALICE.encode()),
    "nonsense.example.org": answer(200, b"<html>"),
    "huge.example.org": answer(200, ALICE.encode() + b" " * 5000),
    "missing.example.org": answer(404, ALICE.encode()),
    "name.silent.org": answer(200, ALICE.encode()),
}


@pytest.fixture
async def handles():
    """Every name has its own page, told apart by the Host header, at one server behind a look-up of our own."""
    asked = []

    async def page(method, target, body, writer):
        name = asked[-1]
        assert target == "/.well-known/atproto-did"
        writer.write(PAGES.get(name, answer(404)))

    async with serving(page) as port, nameserver(TXT) as dns:

        async def lookup(host, wanted_port):
            asked.append(host)
            return ["127.0.0.1"]

        client = Client(Guard(allow_loopback=True, lookup=lookup))
        client.get = at_port(client.get, port)
        yield Handles(client, dns, scheme="http")
        await client.close()


def at_port(get, port):
    """Ask at the test's port what would be asked at port 80."""

    def asked(url, **more):
        scheme, _, host, path = url.split("/", 3)
        return get(f"{scheme}//{host}:{port}/{path}", **more)

    return asked


async def test_the_dns_says_who_it_is(handles):
    assert await handles.did_of("dns.example.org") == ALICE


async def test_a_page_says_who_it_is(handles):
    assert await handles.did_of("page.example.org") == ALICE


async def test_the_dns_comes_first(handles):
    assert await handles.did_of("both.example.org") == ALICE


async def test_the_same_record_twice_is_one(handles):
    assert await handles.did_of("twice.example.org") == ALICE


async def test_two_that_contradict_are_nobody(handles):
    with pytest.raises(HandleNotFound, match="two accounts"):
        await handles.did_of("two.example.org")


@pytest.mark.parametrize("name", ["nonsense", "huge", "missing", "nobody"])
async def test_what_says_nothing_is_nobody(handles, name):
    with pytest.raises(HandleNotFound):
        await handles.did_of(f"{name}.example.org")


async def test_a_silent_dns_leaves_the_page(handles):
    assert await handles.did_of("name.silent.org") == ALICE


@pytest.mark.parametrize("tld", sorted(NEVER_ASKED))
async def test_some_names_are_never_asked_for(tld):
    async def lookup(host, port):
        raise AssertionError(f"asked for {host}")

    with pytest.raises(HandleNotFound):
        await Handles(Client(Guard(lookup=lookup)), None).did_of(f"alice.{tld}")


@pytest.mark.parametrize("text", ["", "alice", "a..b", "-a.com", "a" * 300 + ".com", "alice.com/", "alice.com:80"])
async def test_what_is_no_handle_is_never_asked_for(text):
    with pytest.raises(HandleNotFound):
        await Handles(Client(Guard()), None).did_of(text)
