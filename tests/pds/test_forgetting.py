"""What is deleted or replaced leaves the stream a day later, and what its event says then is still the protocol."""

import pytest
from atproto import parse_subscribe_repos_message
from atproto_subscription.frames import Frame

from freehold.pds import forgetting
from freehold.protocol.cid import Cid
from freehold.repo import commit
from freehold.repo.car import read_own_car
from freehold.stream import frames, log
from support.network import POST

KEYS = ["3l2aaaaaaaa2a", "3l2aaaaaaab2a", "3l2aaaaaaac2a"]
RECORD = {"$type": POST, "createdAt": "2026-01-01T00:00:00Z"}


async def a_day_later(site):
    """All that was noted is old enough."""
    while await site.truth.write(lambda tx: forgetting.sweep(tx, site.clock() + 1)):
        pass


def events(site):
    return {event.seq: event for event in site.log.read(0)}


def holders(site, text):
    return [event.seq for event in site.log.read(0) if text.encode() in event.frame]


async def test_a_day_after_it_was_deleted_the_event_asserts_the_commit_and_brings_no_record(alice, site):
    kept, gone = await alice.post("this stays"), await alice.post("this goes")
    (seq,) = holders(site, "this goes")
    before = events(site)
    said = frames.payload_of("commit", before[seq].frame)
    await alice.delete(gone)
    assert holders(site, "this goes") == [seq], "whoever was away for a moment has it, and then its deletion"
    await a_day_later(site)
    assert holders(site, "this goes") == []
    assert holders(site, "this stays")
    after = events(site)
    assert after.keys() >= before.keys()
    assert [at for at in before if after[at].frame != before[at].frame] == [seq]
    kind, payload = frames.decode(after[seq].frame)
    assert (kind, after[seq].kind) == ("sync", "sync")
    assert {name: payload[name] for name in ("seq", "did", "rev", "time")} == {
        "seq": seq,
        "did": said["repo"],
        "rev": said["rev"],
        "time": said["time"],
    }
    (block,) = read_own_car(payload["blocks"]).items()
    assert block[0] == said["commit"] == Cid.parse(gone.commit)
    commit.verify(commit.read(block[1]), site.key_of(site.accounts.find(alice.did)).did_key)
    assert parse_subscribe_repos_message(Frame.from_bytes(after[seq].frame)).seq == seq
    assert kept.cid != gone.cid


async def test_what_is_not_yet_old_enough_stays(alice, site):
    gone = await alice.post("gone a moment ago")
    before = site.clock()
    await alice.delete(gone)
    assert await site.truth.write(lambda tx: forgetting.sweep(tx, before)) == 0
    assert holders(site, "gone a moment ago")


async def test_what_is_replaced_goes_and_what_replaces_it_stays(alice, site):
    post = await alice.post("first words")
    await alice.put(POST, post.rkey, {"text": "second words", "createdAt": "2026-01-01T00:00:00Z"})
    await a_day_later(site)
    assert (holders(site, "first words"), len(holders(site, "second words"))) == ([], 1)


@pytest.mark.parametrize("together", [False, True])
async def test_what_was_said_twice_goes_with_the_second(alice, site, together):
    creates = [
        {"do": "create", "collection": POST, "rkey": key, "value": {**RECORD, "text": "twice the same"}}
        for key in KEYS[:2]
    ]
    for some in [creates] if together else [[one] for one in creates]:
        await alice.apply(*some)
    for key, left in zip(KEYS[:2], (0 if together else 1, 0), strict=True):
        await alice.apply({"do": "delete", "collection": POST, "rkey": key})
        await a_day_later(site)
        assert len(holders(site, "twice the same")) == left


async def test_an_account_that_ends_leaves_nothing_that_it_wrote_at_the_next_sweep(alice, bob, site):
    for number in range(5):
        await alice.post(f"alice wrote {number}")
    await bob.post("bob wrote")
    await site.members.delete(site.accounts.find(alice.did))
    await site.sweep()
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
        await a_day_later(site)
        assert holders(site, text) == []
    assert all(holders(site, text) for n, text in enumerate(texts) if n % 3)


async def test_an_event_is_found_also_when_the_clock_was_set_back_meanwhile(alice, bob, site):
    """Ahead by an hour, back, ahead by a minute, back: what alice wrote while it was ahead has gone before."""
    really, texts, posts = site.truth._writer._clock, [], []

    async def write(off_seconds, who):
        site.truth._writer._clock = lambda: really() + off_seconds * 1_000_000
        texts.append(f"{who.handle} wrote {len(texts):03}")
        posts.append((who, await who.post(texts[-1])))

    for off in (0, 3_600, 3_601, 0, 1, 60, 2, 3):
        for who in (alice, bob) if off != 3_601 else (alice,):
            for _ in range(3):
                await write(off, who)
    site.truth._writer._clock = really
    for number, (who, post) in list(enumerate(posts))[::2]:
        await who.delete(post)
        await a_day_later(site)
        assert holders(site, texts[number]) == [], number
    assert all(holders(site, text) for text in texts[1::2])
