"""Frames of `com.atproto.sync.subscribeRepos`, read and checked for their form; what they claim is proven elsewhere.

Other kinds of message are read as None: a stream may learn to say more.
Source: lexicon com.atproto.sync.subscribeRepos
"""

from typing import Any, Literal, NamedTuple, cast

from freehold.protocol.cbor import MAX_INTEGER
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import is_did, is_tid
from freehold.repo.diff import MAX_OPS
from freehold.repo.node import BadPath, check_path
from freehold.stream import frames

MAX_BLOCKS_BYTES = 2_000_000
"""Of one commit, by the lexicon."""
LONGEST_DID = 2_048
LONGEST_STATUS = 64
_ACTIONS = ("create", "update", "delete")


class Dropped(Refused):
    """A message that is not taken in. reason: a short word for the figures."""

    def __init__(self, reason: str, **facts: object) -> None:
        self.reason = reason
        super().__init__(None, name=None, reason=reason, **facts)


class Op(NamedTuple):
    """What a commit did at one path. prev: what stood there before; streams of before 2025 do not say it."""

    action: Literal["create", "update", "delete"]
    path: str
    cid: Cid | None
    prev: Cid | None


class Commit(NamedTuple):
    """A repository changed. prev_data: the root of its tree before, None from streams of before 2025. too_big: what it
    did is not told."""

    seq: int
    did: str
    rev: str
    commit: Cid
    blocks: bytes
    ops: tuple[Op, ...]
    since: str | None
    prev_data: Cid | None
    too_big: bool


class Sync(NamedTuple):
    """A repository is another now, whatever it was: only its commit is told."""

    seq: int
    did: str
    rev: str
    blocks: bytes


class Identity(NamedTuple):
    """A DID's document, or the name that it claims, may be another now."""

    seq: int
    did: str


class Account(NamedTuple):
    """How an account stands with the host that says so. status: None is active."""

    seq: int
    did: str
    status: str | None


class Notice(NamedTuple):
    """Not of an account: `info` or `error`, with its name."""

    seq: None
    kind: str
    name: str


Message = Commit | Sync | Identity | Account


def opened(frame: bytes) -> tuple[str, dict[str, Any]] | Notice:
    """(kind, payload) of a frame of any stream, nothing of it checked; or what it says of nobody. Raises Dropped."""
    try:
        kind, payload = frames.decode(frame)
    except Refused as refused:
        raise Dropped("broken-frame", why=refused.name) from None
    if kind in ("info", "error"):
        return Notice(None, kind, str(payload.get("name") or payload.get("error"))[:80])
    return kind, payload


def read(frame: bytes) -> Message | Notice | None:
    """What a frame says. Raises Dropped."""
    found = opened(frame)
    if isinstance(found, Notice):
        return found
    kind, payload = found
    reader = _READERS.get(kind)
    if reader is None:
        return None
    seq = payload.get("seq")
    if type(seq) is not int or not 0 <= seq <= MAX_INTEGER:
        raise Dropped("malformed", kind=kind)
    try:
        message: Message = reader(seq, payload)
        return message
    except (_Misfit, BadPath) as misfit:
        raise Dropped("malformed", kind=kind, seq=seq) from misfit


class _Misfit(Exception):  # noqa: N818
    """A field is not what it should be."""


def _text(payload: dict[str, Any], name: str, most: int) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or len(value) > most:
        raise _Misfit
    return value


def _did(payload: dict[str, Any], name: str) -> str:
    did = _text(payload, name, LONGEST_DID)
    if not is_did(did):
        raise _Misfit
    return did


def _rev(payload: dict[str, Any]) -> str:
    rev = _text(payload, "rev", 13)
    if not is_tid(rev):
        raise _Misfit
    return rev


def _blocks(payload: dict[str, Any]) -> bytes:
    value = payload.get("blocks")
    if isinstance(value, Cid) or not isinstance(value, bytes) or len(value) > MAX_BLOCKS_BYTES:
        raise _Misfit
    return value


def _link(value: object) -> Cid | None:
    if value is not None and not isinstance(value, Cid):
        raise _Misfit
    return value


def _op(raw: object) -> Op:
    if not isinstance(raw, dict) or raw.get("action") not in _ACTIONS or not isinstance(raw.get("path"), str):
        raise _Misfit
    check_path(raw["path"])
    op = Op(raw["action"], raw["path"], _link(raw.get("cid")), _link(raw.get("prev")))
    if (op.cid is None) != (op.action == "delete") or (op.action == "create" and op.prev is not None):
        raise _Misfit
    return op


def _commit(seq: int, payload: dict[str, Any]) -> Commit:
    commit, ops, since = _link(payload.get("commit")), payload.get("ops"), payload.get("since")
    if commit is None or not isinstance(ops, list) or not (since is None or isinstance(since, str)):
        raise _Misfit
    if len(ops) > MAX_OPS:
        raise Dropped("too-many-operations", ops=len(ops))
    return Commit(
        seq,
        _did(payload, "repo"),
        _rev(payload),
        commit,
        _blocks(payload),
        tuple(map(_op, ops)),
        since,
        _link(payload.get("prevData")),
        payload.get("tooBig") is True,
    )


def _sync(seq: int, payload: dict[str, Any]) -> Sync:
    return Sync(seq, _did(payload, "did"), _rev(payload), _blocks(payload))


def _identity(seq: int, payload: dict[str, Any]) -> Identity:
    return Identity(seq, _did(payload, "did"))


def _account(seq: int, payload: dict[str, Any]) -> Account:
    active = payload.get("active")
    if not isinstance(active, bool):
        raise _Misfit
    status = payload.get("status")
    named = status if isinstance(status, str) and 0 < len(status) <= LONGEST_STATUS else "deactivated"
    return Account(seq, _did(payload, "did"), None if active else named)


_READERS = cast("dict[str, Any]", {"commit": _commit, "sync": _sync, "identity": _identity, "account": _account})
