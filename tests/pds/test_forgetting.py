"""What is deleted or replaced is in the stream no more, and what is left of its event is still a proof."""

import pytest

from freehold.pds import forgetting
from freehold.protocol.cid import Cid
from freehold.repo import car
from freehold.repo.car import read_own_car
from freehold.stream import frames, log
from support.network import POST

KEYS = ["3l2aaaaaaaa2a", "3l2aaaaaaab2a", "3l2aaaaaaac2a"]


def commits(site, did):
    """The payloads of all commits of somebody that the stream holds."""
    events = [event for event in site.log.read(0) if event.kind == "commit" and event.did == did]
    return {event.seq: frames.payload_of("commit", event.frame) for event in events}


def holders(site, text):
    return [event.seq for event in site.log.read(0) if text.encode() in event.frame]


async def test_a_deleted_record_leaves_its_event_with_the_write_that_deletes_it(alice, site):
    kept, gone = await alice.post("this stays"), await alice.post("this goes")
    (seq,) = holders(site, "this goes")
    before = commits(site, alice.did)[seq]
    await alice.delete(gone)
    assert holders(site, "this goes") == []
    assert holders(site, "this stays")
    after = commits(site, alice.did)[seq]
    assert {**after, "blocks": b""} == {**before, "blocks": b""}, "all but the blocks is as it was"
    left, all_of_it = read_own_car(after["blocks"]), read_own_car(before["blocks"])
    assert all_of_it.keys() - left.keys() == {Cid.parse(gone.cid)}
    assert all(all_of_it[cid] == data for cid, data in left.items())
    assert kept.cid != gone.cid


async def test_what_is_replaced_goes_and_what_replaces_it_stays(alice, site):
    post = await alice.post("first words")
    await alice.put(POST, post.rkey, {"text": "second words", "createdAt": "2026-01-01T00:00:00Z"})
    assert (holders(site, "first words"), len(holders(site, "second words"))) == ([], 1)


async def test_of_several_in_one_commit_only_the_deleted_one_goes(alice, site):
    record = {"$type": POST, "createdAt": "2026-01-01T00:00:00Z"}
    create = {"do": "create", "collection": POST}
    await alice.apply(*({**create, "rkey": KEYS[n], "value": {**record, "text": f"words {n}"}} for n in range(3)))
    await alice.apply({"do": "delete", "collection": POST, "rkey": KEYS[1]})
    assert [len(holders(site, f"words {n}")) for n in range(3)] == [1, 0, 1]


@pytest.mark.parametrize("together", [False, True])
async def test_what_was_said_twice_goes_with_the_second(alice, site, together):
    record = {"$type": POST, "text": "twice the same", "createdAt": "2026-01-01T00:00:00Z"}
    creates = [{"do": "create", "collection": POST, "rkey": key, "value": record} for key in KEYS[:2]]
    for some in [creates] if together else [[one] for one in creates]:
        await alice.apply(*some)
    await alice.apply({"do": "delete", "collection": POST, "rkey": KEYS[0]})
    assert len(holders(site, "twice the same")) == 1
    await alice.apply({"do": "delete", "collection": POST, "rkey": KEYS[1]})
    assert holders(site, "twice the same") == []


async def test_an_account_that_ends_leaves_nothing_that_it_wrote(alice, bob, site):
    for number in range(5):
        await alice.post(f"alice wrote {number}")
    await bob.post("bob wrote")
    await site.members.delete(site.accounts.find(alice.did))
    assert holders(site, "alice wrote") == []
    assert len(holders(site, "bob wrote")) == 1


@pytest.mark.parametrize("gap", [0, 1_000_000])
async def test_an_event_is_found_among_many_by_its_time(site, alice, gap):
    """gap: numbers that were leapt over."""
    texts = [f"number {n} of many" for n in range(30)]
    posts = []
    for n, text in enumerate(texts):
        posts.append(await alice.post(text))
        if gap and n == 15:
            await site.truth.write(lambda tx: (log.leap(tx, gap), log.append(tx, "identity", alice.did, {"did": "x"})))
    for post, text in list(zip(posts, texts, strict=True))[::3]:
        await alice.delete(post)
        assert holders(site, text) == []
    assert all(holders(site, text) for n, text in enumerate(texts) if n % 3)


def test_a_car_without_some_blocks_keeps_its_root_and_order() -> None:
    blocks = [(Cid.of_cbor(bytes([0x61, n])), bytes([0x61, n])) for n in range(65, 70)]
    whole = car.header([blocks[0][0]]) + b"".join(car.block(cid, data) for cid, data in blocks)
    left = forgetting.without(whole, {bytes(blocks[2][0])})
    reader = car.CarReader()
    assert reader.feed(left) == blocks[:2] + blocks[3:]
    assert reader.roots == [blocks[0][0]]
