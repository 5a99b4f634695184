"""Certificates for the network's names that it did not order are found in logs, and logs that lie are not believed."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from freehold.net.client import Client
from freehold.net.guard import Guard
from freehold.store.database import Database
from freehold.tls import foreign
from freehold.tls.logbook import grown, leaf_hash, root
from freehold.tls.watching import Watch, covers
from support.ctlog import CtLog, certificate, serving_log, tree

NAME = "town.example.org"


@pytest.fixture
def log() -> Iterator[CtLog]:
    with serving_log() as made:
        yield made


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(Guard(allow_loopback=True))
    yield made
    await made.close()


@pytest.fixture
def truth(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "truth.db", foreign.SCHEMA, durable=True) as made:
        yield made


class Told:
    """A watch, and what it raised."""

    def __init__(self, truth: Database, client: Client, url: str, own: list[bytes]) -> None:
        self.alarms: list[str] = []
        self.watch = Watch(truth, client, [url], lambda: [NAME], lambda: own, lambda tx, one: self._hear(one))

    def _hear(self, one: foreign.Foreign) -> None:
        self.alarms.append(one.names)

    async def look(self) -> list[str]:
        await self.watch.look()
        return self.alarms

    @property
    def failure(self) -> str:
        return self.watch.sources()[0].failure


def test_a_frontier_grows_to_the_root_that_the_standard_defines() -> None:
    peaks: list[bytes] = []
    leaves = [leaf_hash(bytes([n])) for n in range(70)]
    for size, leaf in enumerate(leaves):
        assert root(peaks) == tree(leaves[:size])
        peaks = grown(peaks, size, leaf)


@pytest.mark.parametrize("how", ["", "tiles+"])
@pytest.mark.parametrize("before", [0, 1, 700])
async def test_a_certificate_for_a_name_of_ours_is_found_among_others_and_ours_is_not(
    truth: Database, client: Client, log: CtLog, how: str, before: int
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    own = certificate(NAME, f"*.{NAME}", key=key)
    log.add_others(before)
    told = Told(truth, client, how + log.url, [own.public_bytes(Encoding.PEM)])
    assert await told.look() == []
    log.add_others(300)
    log.add(own, pre=True)
    log.add(certificate(f"alice.{NAME}"), pre=True)
    log.add_others(3)
    assert await told.look() == [f"alice.{NAME}"]
    assert await told.look() == [f"alice.{NAME}"]  # once
    log.add(certificate("*.example.org"))  # would be taken for ours as well
    assert (await told.look())[1:] == ["*.example.org"]
    assert told.failure == ""
    assert told.watch.sources()[0].size == len(log.leaves)


async def test_a_key_is_known_before_its_certificate_is_ordered(truth: Database, client: Client, log: CtLog) -> None:
    told, key = Told(truth, client, log.url, []), ec.generate_private_key(ec.SECP256R1())
    await told.look()
    await truth.write(lambda tx: foreign.note_own_key(tx, foreign.spki_of(key)))
    log.add(certificate(NAME, key=key), pre=True)
    assert await told.look() == []


@pytest.mark.parametrize("how", ["", "tiles+"])
async def test_a_log_that_takes_an_entry_out_or_puts_another_in_its_place_is_said(
    truth: Database, client: Client, log: CtLog, how: str
) -> None:
    told = Told(truth, client, how + log.url, [])
    log.add_others(5)
    await told.look()
    log.leaves[2] = log.leaves[2][:-3] + b"\xff\0\0"
    log.add_others(1)
    await told.look()
    assert "contradicts itself" in told.failure
    del log.leaves[3:]
    await told.look()
    assert "shorter than it was" in told.failure


async def test_a_monitor_is_asked_for_the_name_and_what_is_known_is_silent(
    truth: Database, client: Client, log: CtLog
) -> None:
    own = certificate(NAME)
    for one in (own, certificate(f"x.{NAME}"), certificate(NAME, days=0)):
        log.add(one)
    told = Told(truth, client, log.url + "/monitor?q={domain}", [own.public_bytes(Encoding.PEM)])
    assert await told.look() == [f"x.{NAME}"]
    [found] = told.watch.found()
    assert (found.expected, found.issuer) == (False, "CN=Some Authority")
    assert await told.watch.expect(found.id)
    assert not await told.watch.expect("0" * 16)
    assert told.watch.found()[0].expected
    assert await told.look() == [f"x.{NAME}"]


async def test_what_cannot_be_read_is_said_and_gone_on_with_later(truth: Database, client: Client, log: CtLog) -> None:
    told = Told(truth, client, log.url, [])
    log.add_others(3)
    await told.look()
    url, log.leaves[3:] = log.url, [b"\0\7nonsense"]
    assert url
    await told.look()
    assert "a kind that nobody knows" in told.failure
    del log.leaves[3:]
    log.add(certificate(NAME))
    assert await told.look() == [NAME]
    assert told.failure == ""


def test_which_names_a_certificate_covers() -> None:
    assert covers(NAME, NAME)
    assert covers(f"*.{NAME}", NAME)
    assert covers(f"a.b.{NAME}", NAME)
    assert covers("*.example.org", NAME)
    assert not covers("example.org", NAME)
    assert not covers(f"not{NAME}", NAME)
    assert not covers("*.org", NAME)
