"""Is a commit what its account signed, all of it, and next after the one before? Nothing else is believed.

In come a message, the key of its account and how far the index knows the repository; out comes what changed, or why it
is dropped. Pure: the time is passed in.
A commit says which tree came before it (`prevData`). Its operations are undone on the tree that it brings, and must
lead there: so nothing that it did is kept silent. If that tree is not the one that we hold, something in between was
missed: a `Gap`, and the repository is fetched whole. Streams of before 2025 do not say it: there each operation is
looked up in the tree, and `since` tells whether anything was missed.
Source: https://atproto.com/specs/sync#commit-validation
"""

from collections.abc import Mapping
from typing import NamedTuple

from freehold.outside.messages import Commit, Dropped, Sync
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.protocol.tid import tid_decode
from freehold.repo import commit, diff
from freehold.repo.car import read_car
from freehold.repo.commit import BadSignature
from freehold.repo.diff import BadProof
from freehold.repo.mst import Tree

AHEAD_MICROS = 5 * 60 * 1_000_000
"""How far a revision may be in the future, by our clock."""


class Gap(Dropped):
    """What came between is missing: only the whole repository can help."""


class Forged(Dropped):
    """Not signed by the key that we know: it may be another by now."""


class Held(NamedTuple):
    """How far the index knows a repository."""

    rev: str
    data: bytes


class Change(NamedTuple):
    """A record as it is now; cid and raw are None when it is gone."""

    path: str
    cid: Cid | None
    raw: bytes | None


class Proven(NamedTuple):
    """What a commit did."""

    did: str
    rev: str
    data: Cid
    changes: list[Change]


def prove(message: Commit, held: Held | None, key: str, now: int) -> Proven:
    """What a commit did. held: None where the index holds nothing yet. Raises Forged, Gap, Dropped."""
    _check_rev(message.rev, held, now)
    roots, blocks = _blocks_of(message.blocks)
    if message.too_big:
        _signed(blocks, message.commit, message.did, message.rev, key)
        raise Gap("too-big")
    if roots[:1] != [message.commit]:
        raise Dropped("other-root")
    signed = _signed(blocks, message.commit, message.did, message.rev, key)
    changes = [_change(op.path, op.cid, blocks) for op in message.ops]
    if message.prev_data is None:
        _look_up(message, signed.data, blocks, held)
    else:
        _undo(message, signed.data, blocks, held)
    return Proven(message.did, message.rev, signed.data, changes)


def prove_sync(message: Sync, held: Held | None, key: str, now: int) -> Proven | None:
    """A commit without what it did: None when the repository must be fetched; else it is what the index holds, which a
    host says of an account that comes back to life. Raises Forged, Dropped.
    """
    if held is None or message.rev != held.rev:
        _check_rev(message.rev, held, now)
    roots, blocks = _blocks_of(message.blocks)
    if len(roots) != 1:
        raise Dropped("other-root")
    signed = _signed(blocks, roots[0], message.did, message.rev, key)
    same = held is not None and held.data == signed.data
    return Proven(message.did, message.rev, signed.data, []) if same else None


def _check_rev(rev: str, held: Held | None, now: int) -> None:
    if held is not None and rev <= held.rev:
        raise Dropped("old-revision", rev=rev)
    if tid_decode(rev)[0] > now + AHEAD_MICROS:
        raise Dropped("future-revision", rev=rev)


def _blocks_of(car: bytes) -> tuple[list[Cid], dict[Cid, bytes]]:
    try:
        return read_car(car)
    except Refused as refused:
        raise Dropped("broken-blocks", why=refused.name) from None


def _signed(blocks: Mapping[Cid, bytes], root: Cid, did: str, rev: str, key: str) -> commit.Commit:
    """The commit at `root`, signed for this account and revision."""
    data = blocks.get(root)
    if data is None:
        raise Dropped("no-commit")
    try:
        signed = commit.read(data)
    except Refused as refused:
        raise Dropped("broken-commit", why=refused.name) from None
    if (signed.did, signed.rev) != (did, rev):
        raise Dropped("other-commit", did=signed.did, rev=signed.rev)
    try:
        commit.verify(signed, key)
    except BadSignature:
        raise Forged("bad-signature") from None
    return signed


def _change(path: str, cid: Cid | None, blocks: Mapping[Cid, bytes]) -> Change:
    if cid is None:
        return Change(path, None, None)
    raw = blocks.get(cid)
    if raw is None:
        raise Gap("missing-record", path=path)
    return Change(path, cid, raw)


def _undo(message: Commit, data: Cid, blocks: Mapping[Cid, bytes], held: Held | None) -> None:
    """Raises Dropped unless the operations, undone, lead to the tree that the message names; Gap if it is not ours."""
    done = [diff.Op(op.action, op.path, op.cid, op.prev) for op in message.ops]
    try:
        before = diff.invert(data, blocks, done)
    except BadProof as bad:
        raise Dropped("bad-inversion", why=bad.facts) from None
    if before != message.prev_data:
        raise Dropped("bad-inversion")
    if held is None or held.data != before:
        raise Gap("gap")


def _look_up(message: Commit, data: Cid, blocks: Mapping[Cid, bytes], held: Held | None) -> None:
    """Raises Dropped unless each operation shows in the tree; Gap if anything came between."""
    tree = Tree.load(data, blocks.__getitem__)
    try:
        fits = all(tree.get(op.path) == op.cid for op in message.ops)
    except Refused as refused:
        raise Dropped("bad-proof", why=refused.name) from None
    if not fits:
        raise Dropped("bad-proof")
    if held is None or message.since != held.rev:
        raise Gap("gap")
