"""Checks each #commit of the firehose as a careful reader does: signature, tree, records, and undone again.

Source: https://atproto.com/specs/sync#commit-validation
"""

from collections.abc import Sequence
from typing import Any

from freehold.protocol.cid import Cid
from freehold.repo import commit
from freehold.repo.car import read_car
from freehold.repo.diff import Op, invert

Payload = dict[str, Any]


def assure_all_proven(payloads: Sequence[Payload], did_key: str | None) -> int:
    """One account's commits from its first on, each proven on its own and led on from the one before. How many
    operations they hold."""
    data: Cid | None = None
    rev: str | None = None
    for payload in payloads:
        assert payload["since"] == rev
        assert payload.get("prevData") == data
        data, rev = assure_proven(payload, did_key), payload["rev"]
    revs = [payload["rev"] for payload in payloads]
    assert revs == sorted(set(revs))
    return sum(len(payload["ops"]) for payload in payloads)


def assure_proven(payload: Payload, did_key: str | None) -> Cid:
    """Check one commit on nothing but its own blocks; the root of its tree."""
    roots, blocks = read_car(payload["blocks"])
    assert roots == [payload["commit"]]
    signed = commit.read(blocks[payload["commit"]])
    assert did_key is not None
    commit.verify(signed, did_key)
    assert (signed.did, signed.rev) == (payload["repo"], payload["rev"])
    ops = [Op(op["action"], op["path"], op["cid"], op.get("prev")) for op in payload["ops"]]
    assert all(op.cid in blocks for op in ops if op.cid is not None)
    before = invert(signed.data, blocks, ops)
    assert payload.get("prevData", before) == before
    assert (payload["rebase"], payload["tooBig"], payload["blobs"]) == (False, False, [])
    return signed.data
