"""Record writes: what may be written, what is refused and by which name, and that a refused write changes nothing.

Source: https://atproto.com/specs/repository, https://atproto.com/specs/record-key, lexicons com.atproto.repo.*
"""

import asyncio
import threading

import pytest

from freehold.pds.repositories import RecordExists, SwapMismatch
from freehold.pds.writes import Create, Put, Written
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.repo import car
from freehold.stream import frames
from support.network import LIKE, POST, PROFILE, Caller, Person, Ref, Refusal, now, refused

NOTE = "example.town.note"
OTHER = str(Cid.of_cbor(b"something else"))


async def head(person):
    return await person.get("com.atproto.sync.getLatestCommit", did=person.did)


async def texts(person):
    listed = await person.get("com.atproto.repo.listRecords", repo=person.did, collection=POST)
    return [record["value"]["text"] for record in listed["records"]]


# --- swaps


async def test_the_slower_of_two_editors_is_told(alice):
    first = await alice.post("one")
    await alice.post("two")
    with refused("InvalidSwap"):
        await alice.create(POST, {"text": "three", "createdAt": now()}, swapCommit=first.commit)
    assert await texts(alice) == ["two", "one"]
    third = await alice.create(POST, {"text": "three", "createdAt": now()}, swapCommit=(await head(alice))["cid"])
    assert third.commit == (await head(alice))["cid"]


async def test_a_record_is_swapped_only_for_the_version_that_was_read(alice):
    first = await alice.put(PROFILE, "self", {"displayName": "One"}, swapRecord=None)
    with refused("InvalidSwap"):  # somebody believes that nothing is there
        await alice.put(PROFILE, "self", {"displayName": "Two"}, swapRecord=None)
    second = await alice.put(PROFILE, "self", {"displayName": "Two"}, swapRecord=first.cid)
    with refused("InvalidSwap"):
        await alice.put(PROFILE, "self", {"displayName": "Three"}, swapRecord=first.cid)
    with refused("InvalidSwap"):
        await alice.delete(second, swapRecord=first.cid)
    with refused("InvalidSwap"):
        await alice.apply(deleting(PROFILE, "self"), swapCommit=OTHER)
    await alice.delete(second, swapRecord=second.cid)
    with refused("InvalidSwap"):
        await alice.put(PROFILE, "self", {"displayName": "Four"}, swapRecord=second.cid)


async def test_of_many_who_swap_the_same_commit_one_wins(alice, verified):
    stands = (await head(alice))["cid"]
    record = {"text": "mine", "createdAt": now()}
    all_at_once = [alice.create(POST, record, swapCommit=stands) for _ in range(12)]
    done = await asyncio.gather(*all_at_once, return_exceptions=True)
    assert sum(isinstance(one, Ref) for one in done) == 1
    assert {one.name for one in done if isinstance(one, Refusal)} == {"InvalidSwap"}
    assert len((await verified(alice)).records) == 1


# --- what stands at a key


async def test_a_record_key_is_taken_once(alice):
    await alice.create(NOTE, {"n": 1}, rkey="one")
    with refused("InvalidRequest", say="already"):
        await alice.create(NOTE, {"n": 2}, rkey="one")
    with refused("InvalidRequest", say="already"):
        await alice.apply(creating(NOTE, "two"), creating(NOTE, "two"))
    read = await alice.get("com.atproto.repo.getRecord", repo=alice.did, collection=NOTE, rkey="one")
    assert read["value"] == {"$type": NOTE, "n": 1}
    with refused("RecordNotFound"):
        await alice.get("com.atproto.repo.getRecord", repo=alice.did, collection=NOTE, rkey="two")


async def test_updating_or_deleting_what_is_not_there_among_others_undoes_all(alice):
    for missing in (updating(NOTE, "gone"), deleting(NOTE, "gone")):
        with refused("RecordNotFound"):
            await alice.apply(creating(NOTE, "new"), missing)
    listed = await alice.get("com.atproto.repo.listRecords", repo=alice.did, collection=NOTE)
    assert listed["records"] == []


async def test_a_write_that_changes_nothing_makes_no_commit(alice, site):
    post = await alice.post("as it is")
    seq, stands = site.log.last, await head(alice)
    same = (await alice.get("com.atproto.repo.getRecord", repo=alice.did, collection=POST, rkey=post.rkey))["value"]
    again = await alice.put(POST, post.rkey, same)
    assert (again.cid, again.commit) == (post.cid, post.commit)
    assert await alice.delete(Ref(f"at://{alice.did}/{NOTE}/never", "")) == {}
    await alice.apply(creating(NOTE, "x"), deleting(NOTE, "x"))
    assert (site.log.last, await head(alice)) == (seq, stands)


async def test_several_writes_at_one_key_become_one_operation(alice, verified):
    done = await alice.apply(creating(NOTE, "x", n=1), updating(NOTE, "x", n=2), creating(NOTE, "y"))
    kinds = [result["$type"].partition("#")[2] for result in done["results"]]
    assert kinds == ["createResult", "updateResult", "createResult"]
    records = (await verified(alice)).records
    assert records[f"{NOTE}/x"] == Cid.of_cbor(cbor.encode_json({"$type": NOTE, "n": 2}))
    assert len(records) == 2


async def test_keys_that_we_draw_rise_also_within_one_call(alice):
    done = await alice.apply(*({"do": "create", "collection": POST, "value": post(str(n))} for n in range(50)))
    rkeys = [result["uri"].rsplit("/", 1)[1] for result in done["results"]]
    assert rkeys == sorted(set(rkeys))
    assert done["commit"]["rev"] > rkeys[-1]


# --- what may be in a record


def post(text="a word", **more):
    return {"$type": POST, "text": text, "createdAt": now(), **more}


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"a": value}
    return {"$type": NOTE, "tree": value}


BAD = {
    "a field is missing": (POST, {"text": "no time"}),
    "a field has another type": (POST, post(text=5)),
    "a text is too long": (POST, post("x" * 3001)),
    "a text has too many graphemes": (POST, post("é" * 301)),
    "a date is none": (POST, post() | {"createdAt": "yesterday"}),
    "a language is none": (POST, post(langs=["a language"])),
    "a facet ends before it begins": (POST, post(facets=[{"index": {"byteStart": -1, "byteEnd": 1}, "features": []}])),
    "a subject has no cid": (LIKE, {"subject": {"uri": "at://did:plc:a/b/c"}, "createdAt": now()}),
    "a cid is none": (LIKE, {"subject": {"uri": f"at://did:plc:{'a' * 24}/{POST}/a", "cid": "x"}, "createdAt": now()}),
    "its type is not its collection": (POST, {"$type": LIKE, "text": "a", "createdAt": now()}),
    "a number is not whole": (NOTE, {"$type": NOTE, "n": 1.5}),
    "a number is too large": (NOTE, {"$type": NOTE, "n": 2**53 + 1}),
    "a link is none": (NOTE, {"$type": NOTE, "link": {"$link": "not a cid"}}),
    "bytes are none": (NOTE, {"$type": NOTE, "data": {"$bytes": "!!!"}}),
    "it is too deep": (NOTE, nested(80)),
    "it is too large": (NOTE, {"$type": NOTE, "text": "x" * 1_000_001}),
    "its blob is in the old form": (PROFILE, {"avatar": {"cid": OTHER, "mimeType": "image/png"}}),
}


@pytest.mark.parametrize("why", BAD)
async def test_a_record_is_refused_when(alice, why):
    collection, record = BAD[why]
    stands = await head(alice)
    with refused("InvalidRequest"):
        await alice.do("com.atproto.repo.createRecord", repo=alice.did, collection=collection, record=record)
    assert await head(alice) == stands


@pytest.mark.parametrize(
    ("collection", "rkey"),
    [
        ("not an nsid", "a"),
        ("two.parts", "a"),
        (NOTE, ".."),
        (NOTE, "with space"),
        (NOTE, "a/b"),
        (NOTE, "x" * 513),
        (POST, "not-a-tid"),
        (PROFILE, "other"),
        (PROFILE, None),
    ],
)
async def test_a_key_or_collection_that_cannot_be_is_refused(alice, collection, rkey):
    given = {"repo": alice.did, "collection": collection, "record": {}} | ({"rkey": rkey} if rkey else {})
    with refused("InvalidRequest"):
        await alice.do("com.atproto.repo.createRecord", **given)


async def test_unknown_lexicons_pass_unless_the_caller_asks_for_the_check(alice):
    given = {"repo": alice.did, "collection": NOTE, "record": {"any": ["thing", None, {"$bytes": "AAEC"}]}}
    done = await alice.do("com.atproto.repo.createRecord", **given)
    assert done["validationStatus"] == "unknown"
    with refused("InvalidRequest", say="lexicon"):
        await alice.do("com.atproto.repo.createRecord", **given, validate=True)
    given = {"repo": alice.did, "collection": POST, "record": post()}
    for validate in ({}, {"validate": True}):
        done = await alice.do("com.atproto.repo.createRecord", **given, **validate)
        assert done["validationStatus"] == "valid"
    unchecked = await alice.do("com.atproto.repo.createRecord", **given | {"record": {}}, validate=False)
    assert unchecked["validationStatus"] == "unknown"


async def test_one_commit_has_its_limits(alice):
    with refused("InvalidRequest", say="200"):
        await alice.apply(*(creating(NOTE, str(n)) for n in range(201)))
    assert len((await alice.apply(*(creating(NOTE, str(n)) for n in range(200))))["results"]) == 200
    large = [creating(NOTE, f"large-{n}", text=str(n) * 690_000) for n in range(3)]
    with refused("PayloadTooLarge", 413):
        await alice.apply(*large)
    assert len((await alice.apply(*large[:2]))["results"]) == 2


async def test_nobody_writes_to_anothers_repository(alice, bob, http):
    given = {"collection": POST, "record": post()}
    with refused("InvalidRepo", 403):
        await alice.do("com.atproto.repo.createRecord", repo=bob.did, **given)
    with refused("InvalidRepo", 403):
        await alice.do("com.atproto.repo.createRecord", repo="nobody.test", **given)
    with refused("AuthMissing", 401):
        await Caller(http).do("com.atproto.repo.createRecord", repo=bob.did, **given)
    written = await alice.do("com.atproto.repo.createRecord", repo="Alice.test", **given)
    assert written["uri"].startswith(f"at://{alice.did}/")


# --- together


async def test_many_writers_at_once_leave_whole_repositories(http, verified):
    people = [await Person.join(http) for _ in range(4)]
    unknown = {"$type": "blob", "ref": {"$link": OTHER}, "mimeType": "image/png", "size": 1}

    async def write(person, n):
        """Each third write is refused in the middle of its transaction, after the tree has moved."""
        if n % 3 == 0:
            with refused("BlobNotFound"):
                await person.put(PROFILE, "self", {"avatar": unknown | {"ref": {"$link": blob_link(n)}}})
        elif n % 3 == 1:
            await person.create(NOTE, {"n": n}, rkey=f"n{n}")
        else:
            await person.apply(creating(NOTE, f"n{n}"), creating(NOTE, f"m{n}"))

    await asyncio.gather(*(write(person, n) for person in people for n in range(30)))
    for person in people:
        found = await verified(person)
        assert len(found.records) == 30
        assert not any(path.startswith(PROFILE) for path in found.records)
        await person.post("and on it goes")
        assert len((await verified(person)).records) == 31


async def test_of_a_group_each_write_has_its_own_fate(alice, bob, site, verified):
    carol = await Person.join(alice.http, "carol")
    running, held = threading.Event(), threading.Event()

    def hold(tx):
        running.set()
        held.wait(5)

    def damage(tx):
        tx.run("DELETE FROM repo_node WHERE repo = :id", id=site.accounts.one(carol.did).id)

    def write(person, n, **more):
        return site.writes.begin(person.did, [Create(NOTE, f"n{n}", {"n": n})], **more)

    async def together(*begin):
        holding = asyncio.ensure_future(site.truth.write(hold))
        await asyncio.to_thread(running.wait, 5)
        futures = [one() for one in begin]
        held.set()
        await holding
        running.clear(), held.clear()
        return await asyncio.gather(*futures, return_exceptions=True)

    last = site.log.last
    done = await together(
        lambda: write(alice, 1),
        lambda: write(bob, 1, swap_commit=Cid.parse(OTHER)),
        lambda: write(carol, 1),
        lambda: write(alice, 2),
        lambda: write(bob, 2),
        lambda: write(alice, 2),
    )
    assert [type(one) for one in done] == [Written, SwapMismatch, Written, Written, Written, RecordExists]
    assert [one.seq for one in done if isinstance(one, Written)] == list(range(last + 1, last + 5))
    await site.truth.write(damage)
    edit = Put(NOTE, "n1", {"n": 9})
    done = await together(lambda: write(alice, 3), lambda: site.writes.begin(carol.did, [edit]), lambda: write(bob, 3))
    assert [type(one) for one in done] == [Written, LookupError, Written]
    assert [event.seq for event in site.log.read(last)] == list(range(last + 1, last + 7))
    assert set((await verified(alice)).records) == {f"{NOTE}/n1", f"{NOTE}/n2", f"{NOTE}/n3"}
    assert set((await verified(bob)).records) == {f"{NOTE}/n2", f"{NOTE}/n3"}


def blob_link(n):
    return str(Cid.of_raw(b"%d" % n))


def creating(collection, rkey, **value):
    return {"do": "create", "collection": collection, "rkey": rkey, "value": {"$type": collection, **value}}


def updating(collection, rkey, **value):
    return {"do": "update", "collection": collection, "rkey": rkey, "value": {"$type": collection, **value}}


def deleting(collection, rkey):
    return {"do": "delete", "collection": collection, "rkey": rkey}


async def test_what_followers_are_told_in_memory_is_what_the_frame_says(alice, site):
    kept = await alice.post("kept")
    await alice.apply(
        {"do": "create", "collection": NOTE, "value": {"any": ["thing", {"a": 1}]}},
        {
            "do": "create",
            "collection": POST,
            "value": {"text": "é", "createdAt": now()},
        },
    )
    await alice.create(POST, {"text": 5}, validate=False)
    await alice.put(POST, kept.uri.rsplit("/", 1)[1], {"text": "edited", "createdAt": now()})
    await alice.delete(kept)
    own = [event for event in site.log.read(0) if event.did == alice.did]
    told = [(event.told, event) for event in own if event.told is not None]
    assert [len(one.changes) for one, _ in told] == [1, 2, 1, 1, 1]
    for one, event in told:
        payload = frames.payload_of("commit", event.frame)
        _, blocks = car.read_car(payload["blocks"])
        said = [(op["path"], op["cid"], blocks.get(op["cid"])) for op in payload["ops"]]
        assert (payload["repo"], payload["rev"]) == (event.did, one.rev)
        assert [change[:3] for change in one.changes] == said
        for change in one.changes:
            assert change.value is None or cbor.decode_json(change.data) == change.value
    values = [change.value for one, _ in told for change in one.changes]
    assert sum(value is None for value in values) == 3  # of no known lexicon, not looked at, gone
