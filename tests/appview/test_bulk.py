"""Many records at once leave the index as one by one does: in pieces of any size, in any order, and said again."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.appview.bundle import bundle, opened, packed
from freehold.appview.foreign import Foreign
from freehold.appview.index import Index
from freehold.appview.schema import SCHEMA
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.store.database import Database
from support.ledger import ledger
from support.parish import FOLLOW, LIKE, REPOST, Parish, Person
from support.reference.worlds import Deed, World, deeds

ELSEWHERE = ("take down", "mute", "partly mute", "label", "save", "subscribe", "leave")
"""Deeds that no records tell of."""
Records = list[tuple[str, Cid, bytes]]


class Account:
    """Somebody as a host tells of them: their repository as it was, and as it is."""

    def __init__(self, person: Person) -> None:
        self.person, self.before = person, person.sorted_records()

    def take_in(self, taker: Foreign, size: int, again: bool) -> None:
        """size: records to a piece. again: the last one twice."""
        person, now = self.person, self.person.sorted_records()
        taker.identity(person.did, person.handle)
        for version in (self.before, now):
            taker.only(person.did, [path for path, _, _ in version])
            pieces = list(_pieces(version, size))
            for piece in pieces + pieces[-1:] * again:
                taker.records(person.did, packed(piece, person.parish.now))
        taker.account(person.did, person.status)
        if person.rev is not None:
            taker.reached(person.did, person.rev)


def _pieces(records: Records, size: int) -> Iterator[list[tuple[str, bytes, bytes, dict[str, object]]]]:
    for at in range(0, len(records), size):
        yield [(path, bytes(cid), raw, cbor.decode_json(raw)) for path, cid, raw in records[at : at + size]]


def compare(told: list[Deed], half: int, size: int, again: bool, order: Random) -> None:
    """Hold an index that takes in what accounts were after `half` of these deeds, and what they are after all, against
    the one that followed."""
    with TemporaryDirectory() as folder:
        world = World(Parish(Path(folder)))
        parish = world.parish
        try:
            told = [deed for deed in told if deed.kind not in ELSEWHERE]
            for deed in told[:half]:
                world.do(deed)
            accounts = [Account(person) for person in parish.people.values()]
            for deed in told[half:]:
                world.do(deed)
            parish.settle()
            order.shuffle(accounts)
            with Database(Path(folder) / "other.db", SCHEMA, durable=False, clock=parish.clock) as db:
                index = Index(db, parish.log, clock=parish.clock)
                for one in accounts:
                    db.write_sync(lambda tx, one=one: index._take_in(tx, lambda to: one.take_in(to, size, again)))
                found, followed = ledger(db), ledger(parish.index_db)
            for table in followed:
                assert found[table] == followed[table], table
        finally:
            parish.close()


QUICK = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
drawn = partial(given, half=st.integers(0, 60), size=st.integers(1, 30), again=st.booleans(), order=st.randoms())


@settings(QUICK, max_examples=12)
@drawn(told=deeds(20, 90))
def test_whole_repositories_leave_what_following_them_left(told, half, size, again, order):
    compare(told, half, size, again, order)


@pytest.mark.long
@settings(QUICK, max_examples=80)
@drawn(told=deeds(40, 160))
def test_many_and_large_repositories_leave_what_following_them_left(told, half, size, again, order):
    compare(told, half, size, again, order)


def test_records_of_all_kinds_travel_as_bytes(parish: Parish):
    ana = parish.join("ana")
    first = ana.post("a #word", langs=["en"], facets=[])
    ana.post("an answer", reply=(first, first))
    for collection, subject in ((LIKE, first.strong), (REPOST, first.strong), (FOLLOW, ana.did)):
        ana.write(collection, {"subject": subject, "createdAt": "2026-11-01T00:00:00Z"})
    ana.write(LIKE, {"subject": "nothing that could be liked", "createdAt": "2026-11-01T00:00:00Z"})
    records = next(_pieces(ana.sorted_records(), 10))
    made = bundle(records, parish.now)
    assert opened(packed(records, parish.now)) == made
    assert [len(columns.rkeys) for columns in (made.posts, made.likes, made.reposts, made.follows)] == [2, 1, 1, 1]
    assert [path.split("/")[0] for path, *_ in made.others] == [LIKE]
    assert made.posts.naming[0].row == 1
    assert made.posts.naming[0].parent == (ana.did, first.rkey)
