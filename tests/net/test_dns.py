"""TXT records from a real little nameserver."""

import pytest

from freehold.net.errors import UpstreamFailed
from support.nameserver import nameserver

RECORDS = {
    "_atproto.alice.test": ['"did=did:plc:alice"', '"something else"'],
    "long.test": ['"' + "a" * 200 + '" "' + "b" * 100 + '"'],
    "empty.test": [],
}


@pytest.fixture
async def ask():
    async with nameserver(RECORDS) as dns:
        yield dns


async def test_every_record_of_a_name_is_read(ask):
    assert sorted(await ask.txt("_atproto.alice.test")) == ["did=did:plc:alice", "something else"]


async def test_a_record_in_pieces_is_joined(ask):
    assert await ask.txt("long.test") == ["a" * 200 + "b" * 100]


@pytest.mark.parametrize("name", ["nobody.test", "empty.test"])
async def test_no_record_is_an_empty_list(ask, name):
    assert await ask.txt(name) == []


async def test_a_silent_nameserver_is_left_after_the_limit(ask):
    with pytest.raises(UpstreamFailed):
        await ask.txt("name.silent.test")
