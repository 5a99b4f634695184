"""What labelers of other networks say is taken in as far as they signed it, and no longer than it holds."""

import asyncio

import pytest
from bench.elsewhere import HANG_UP, Person, running

from freehold.outside import said
from freehold.outside.labels import proven
from freehold.outside.messages import Dropped
from freehold.protocol import cbor
from freehold.protocol.keys import K256Key
from freehold.protocol.syntax import format_datetime
from freehold.store.clock import now_micros
from freehold.stream import frames

ALICE, BOB = "did:plc:" + "a" * 24, "did:plc:" + "b" * 24
POST = f"at://{ALICE}/app.bsky.feed.post/3kabc"
PATIENCE_SECONDS = 30


class Labeler(Person):
    """An account elsewhere that labels. seq: of its newest message."""

    def __init__(self, number, elsewhere):
        super().__init__(number, elsewhere.url)
        self.elsewhere, self.label_key = elsewhere, K256Key.from_raw(bytes([9]) * 32)

    @property
    def document(self):
        document = super().document
        multikey = self.label_key.did_key.removeprefix("did:key:")
        key = {"id": "#atproto_label", "type": "Multikey", "controller": self.did, "publicKeyMultibase": multikey}
        service = {"id": "#atproto_labeler", "type": "AtprotoLabeler", "serviceEndpoint": self.elsewhere.url}
        document["verificationMethod"].append(key)
        document["service"].append(service)
        return document

    def label(self, uri, val, **more):
        """A signed label. by: another key; signed: fields that are changed after that."""
        by, changed = more.pop("by", self.label_key), more.pop("changed", {})
        fields = {"ver": 1, "src": self.did, "uri": uri, "val": val, "cts": format_datetime(now_micros()), **more}
        return fields | {"sig": by.sign(cbor.encode(fields))} | changed

    def say(self, *labels):
        seq = len(self.elsewhere.label_frames) + 1
        self.elsewhere.send_labels(frames.encode("labels", {"seq": seq, "labels": list(labels)}))


@pytest.fixture
def labeler(other, intake):
    labeler = Labeler(900, other)
    other.people[labeler.did] = labeler
    intake.subscribed.append(labeler.did)
    return labeler


@pytest.fixture
async def listened(other, intake, labeler):
    """The network listens to somebody, and so to labelers too."""
    async with running(intake):
        await intake.listen(other.url)
        yield


def labels(intake):
    with intake.db.reading() as tx:
        return [(uri, view["val"]) for uri, _, view, _, _ in said.on(tx, [ALICE, BOB, POST])]


async def until(intake, seen):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not seen():
            stroke = intake.index.moved.next
            if not seen():
                await stroke.wait(0.2)


async def test_labels_are_heard_from_the_first_one_and_until_they_are_taken_back(intake, labeler):
    labeler.say(labeler.label(ALICE, "rude"), labeler.label(POST, "spam"))
    async with running(intake):
        await intake.listen(labeler.elsewhere.url)
        await until(intake, lambda: labels(intake) == [(ALICE, "rude"), (POST, "spam")])
        labeler.say(labeler.label(BOB, "rude"))
        labeler.say(labeler.label(ALICE, "rude", neg=True))
        await until(intake, lambda: labels(intake) == [(POST, "spam"), (BOB, "rude")])
    (standing,) = intake.outside.labelers.standing()
    assert (standing.labels, standing.dropped) == (2, {})


async def test_what_the_labeler_did_not_sign_is_dropped(intake, labeler, listened):
    other_key = K256Key.from_raw(bytes([3]) * 32)
    labeler.say(
        labeler.label(ALICE, "forged", by=other_key),
        labeler.label(ALICE, "changed", changed={"uri": BOB}),
        labeler.label(ALICE, "not-theirs", changed={"src": BOB}),
        labeler.label("https://example.org", "no-subject"),
        labeler.label(ALICE, "odd", cts="yesterday"),
        labeler.label(ALICE, "x" * 129),
        7,
        labeler.label(ALICE, "fine"),
    )
    await until(intake, lambda: labels(intake) == [(ALICE, "fine")])
    (standing,) = intake.outside.labelers.standing()
    assert standing.dropped == {"bad-signature": 2, "other-labeler": 1, "malformed": 4}


async def test_a_key_that_was_replaced_is_asked_for(intake, labeler, listened):
    labeler.say(labeler.label(ALICE, "one"))
    await until(intake, lambda: labels(intake) == [(ALICE, "one")])
    labeler.label_key = K256Key.from_raw(bytes([4]) * 32)
    intake.identity.forget(labeler.did)  # as if it had been learnt an hour ago
    labeler.say(labeler.label(ALICE, "two"))
    await until(intake, lambda: labels(intake) == [(ALICE, "one"), (ALICE, "two")])


async def test_after_a_cut_it_goes_on_where_it_was(intake, labeler, listened):
    labeler.say(labeler.label(ALICE, "one"))
    labeler.elsewhere.send_labels(HANG_UP)
    labeler.say(labeler.label(ALICE, "two"))
    await until(intake, lambda: labels(intake) == [(ALICE, "one")])
    labeler.elsewhere.label_frames[1] = labeler.elsewhere.label_frames[0]  # old, and dropped as such
    await until(intake, lambda: labels(intake) == [(ALICE, "one"), (ALICE, "two")])
    assert labeler.elsewhere.label_cursors == [0, 1]


async def test_another_stream_than_before_is_heard_from_its_beginning(intake, labeler, listened):
    labeler.say(labeler.label(ALICE, "one"))
    await until(intake, lambda: labels(intake) == [(ALICE, "one")])
    stream, states = labeler.elsewhere.label_frames, intake.outside.labelers.states
    stream[0] = frames.encode("labels", {"seq": 1, "labels": [labeler.label(BOB, "two")]})
    labeler.elsewhere.send_labels(frames.error_frame("FutureCursor", "no"))
    await until(intake, lambda: "FutureCursor" in states.get(labeler.did, ""))
    del stream[1]
    await until(intake, lambda: labels(intake) == [(BOB, "two")])
    assert labeler.elsewhere.label_cursors == [0, 0]


async def test_an_index_that_is_emptied_hears_it_all_again(intake, labeler, listened):
    labeler.say(labeler.label(ALICE, "one"))
    await until(intake, lambda: labels(intake) == [(ALICE, "one")])
    await asyncio.to_thread(intake.index.rebuild)
    assert labels(intake) == []
    labeler.say(labeler.label(ALICE, "two"))
    await until(intake, lambda: labels(intake) == [(ALICE, "one"), (ALICE, "two")])


async def test_of_each_so_many_are_kept_and_none_of_those_who_are_not_wanted(intake, labeler, listened):
    intake.outside.labelers._most_labels = 3
    labeler.say(*(labeler.label(ALICE, f"label-{letter}") for letter in "abcde"))
    await until(intake, lambda: labels(intake) == [(ALICE, f"label-{letter}") for letter in "cde"])
    (standing,) = intake.outside.labelers.standing()
    assert standing.labels == 3
    (source,) = intake.outside.sources.all()
    await intake.outside.drop(source, lambda gone: None)  # the last one
    await until(intake, lambda: intake.outside.labelers.standing() == [])
    assert labels(intake) == []


async def test_one_that_an_owner_names_is_followed_and_one_nobody_wants_is_let_go(intake, labeler, other, listened):
    await until(intake, lambda: intake.outside.labelers.states.get(labeler.did) == "listening")
    second = Labeler(901, other)
    other.people[second.did] = second
    await intake.outside.labelers.name(second.did)
    assert intake.outside.labelers.named() == [second.did]
    await until(intake, lambda: intake.outside.labelers.states.get(second.did) == "listening")
    assert await intake.outside.labelers.unname(second.did)
    await until(intake, lambda: [one.did for one in intake.outside.labelers.standing()] == [labeler.did])
    intake.outside.labelers.subscribed([second.did])
    await until(intake, lambda: intake.outside.labelers.states.get(second.did) == "listening")


def test_a_label_that_ran_out_and_one_for_a_version_are_told_as_such(labeler):
    ends = now_micros() + 1_000_000
    cid = "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm"
    raw = labeler.label(POST, "spam", cid=cid, exp=format_datetime(ends))
    label = proven(raw, labeler.did, labeler.label_key.did_key)
    assert (label.cid, label.ends, label.neg) == (cid, ends // 1000 * 1000, False)
    assert label.view == {name: value for name, value in raw.items() if name != "sig"}
    with pytest.raises(Dropped):
        proven({**raw, "neg": True}, labeler.did, labeler.label_key.did_key)
