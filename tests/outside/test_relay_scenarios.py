"""The official relay's scenarios: which messages of a host's stream are taken for true, and which are dropped.

A scenario begins in the middle of a repository's life, of which the index here holds nothing: so it is told, before the
first commit, that it holds what that commit says came before. What is proven is then the commits' own work.
"""

import json
from base64 import b64decode
from pathlib import Path

import pytest

from freehold.outside import messages
from freehold.outside.messages import Account, Commit, Dropped, Identity, Sync
from freehold.outside.proving import Held, prove, prove_sync
from freehold.protocol.cid import Cid
from freehold.protocol.diddoc import did_key_of_multikey
from freehold.protocol.tid import tid_decode
from freehold.stream import frames

SCENARIOS = ("account_lifecycle", "legacy", "post_lifecycle", "seq_ordering")


def from_json(value):
    """DAG-JSON, as it is meant."""
    if isinstance(value, dict):
        if set(value) == {"$link"}:
            return Cid.parse(value["$link"])
        if set(value) == {"$bytes"}:
            return _bytes(value["$bytes"])
        return {key: from_json(item) for key, item in value.items()}
    return [from_json(item) for item in value] if isinstance(value, list) else value


def _bytes(text):
    return b64decode(text + "=" * (-len(text) % 4))


class Consumer:
    """One account's stream, judged as `reader` does, without an index."""

    def __init__(self, key):
        self.key = key
        self.last = -1
        self.held = None

    def take(self, frame, *, begins):
        """Raises Dropped."""
        message = messages.read(frame)
        if message.seq <= self.last:
            raise Dropped("old-sequence")
        self.last = message.seq
        if isinstance(message, Commit):
            if self.held is None or begins:
                before = message.prev_data or message.commit
                self.held = Held(message.since, before)
            proven = prove(message, self.held, self.key, tid_decode(message.rev)[0])
            self.held = Held(proven.rev, proven.data)
        elif isinstance(message, Sync):
            prove_sync(message, self.held, self.key, tid_decode(message.rev)[0])
        else:
            assert isinstance(message, Identity | Account)


def scenario(folder: Path, name: str):
    told = json.loads((folder / "relay-scenarios" / f"{name}.json").read_text())
    key = did_key_of_multikey(told["accounts"][0]["identity"]["keys"]["atproto"]["publicKeyMultibase"])
    for each in told["messages"]:
        frame = each["frame"]
        kind = frame["header"]["t"].removeprefix("#")
        yield key, frames.encode(kind, from_json(frame["body"])), each["drop"] or each["invalid"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_judged_as_the_relay_judges_it(vectors, name):
    consumer = None
    judged, wanted = [], []
    for key, frame, dropped in scenario(vectors, name):
        consumer = consumer or Consumer(key)
        wanted.append(dropped)
        try:
            consumer.take(frame, begins=False)
        except Dropped:
            judged.append(True)
        else:
            judged.append(False)
    assert judged == wanted


@pytest.mark.parametrize("name", ["legacy", "post_lifecycle"])
def test_a_commit_whose_bytes_were_changed_anywhere_is_dropped(vectors, name):
    """Every byte of the frame may lie; what is read at all must be caught by hash, signature or inversion."""
    key, frame, _ = next(one for one in scenario(vectors, name) if b"#commit" in one[1])
    whole = messages.read(frame)
    assert isinstance(whole, Commit)
    accepted = []
    for at in range(0, len(whole.blocks), 7):
        blocks = bytearray(whole.blocks)
        blocks[at] ^= 1
        consumer = Consumer(key)
        body = {**frames.payload_of("commit", frame), "blocks": bytes(blocks)}
        try:
            consumer.take(frames.encode("commit", body), begins=True)
        except Dropped:
            continue
        accepted.append(at)
    assert accepted == []
