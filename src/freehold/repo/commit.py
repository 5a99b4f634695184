"""The commit: who, which tree, which revision, signed.

Source: https://atproto.com/specs/repository#commit-objects
"""

from typing import NamedTuple

from freehold.protocol import cbor
from freehold.protocol.cid import DAG_CBOR, Cid
from freehold.protocol.keys import SigningKey
from freehold.protocol.keys import verify as verify_signature
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import is_did, is_tid

VERSION = 3
_FIELDS = {"did", "version", "data", "rev", "prev", "sig"}


class BadCommit(Refused):
    """Not a commit as the protocol has it."""

    name, say = "InvalidCommit", "The repository's commit is not well formed."


class UnsupportedRepoVersion(BadCommit):
    """A repository of another format, such as 2, which the network left in 2023."""

    name, say = "UnsupportedRepoVersion", "This repository is of an old format. Export it again from a current server."


class BadSignature(BadCommit):
    """The commit is not signed by the key of its account."""

    name, say = "InvalidSignature", "The repository's signature does not match its account's key."


class Commit(NamedTuple):
    """`data` is the root of the tree; `rev` a TID that rises with every commit; `prev` null in all but old commits."""

    did: str
    version: int
    data: Cid
    rev: str
    prev: Cid | None
    sig: bytes

    def unsigned(self) -> bytes:
        """The bytes that `sig` signs."""
        return _unsigned(self.did, self.rev, self.data, self.prev)


def _unsigned(did: str, rev: str, data: Cid, prev: Cid | None) -> bytes:
    return cbor.encode_own({"did": did, "version": VERSION, "data": data, "rev": rev, "prev": prev})


def sign(key: SigningKey, did: str, rev: str, data: Cid) -> tuple[Cid, bytes]:
    """A new commit: its CID and its block."""
    sig = key.sign(_unsigned(did, rev, data, None))
    block = cbor.encode_own({"did": did, "version": VERSION, "data": data, "rev": rev, "prev": None, "sig": sig})
    return Cid.of_cbor(block), block


def read(data: bytes) -> Commit:
    """Read a commit's block, without checking its signature. Raises BadCommit or UnsupportedRepoVersion."""
    try:
        raw = cbor.decode(data)
    except cbor.BadCbor as error:
        raise BadCommit from error
    if not isinstance(raw, dict) or type(raw.get("version")) is not int:
        raise BadCommit
    if raw["version"] != VERSION:
        raise UnsupportedRepoVersion(version=raw["version"])
    if set(raw) != _FIELDS:
        raise BadCommit(fields=sorted(raw))
    commit = Commit(**raw)
    _check(commit)
    return commit


def _check(commit: Commit) -> None:
    did, _, data, rev, prev, sig = commit
    if not (isinstance(did, str) and is_did(did) and isinstance(rev, str) and is_tid(rev)):
        raise BadCommit(did=did, rev=rev)
    if not isinstance(data, Cid) or data.codec != DAG_CBOR or not (prev is None or isinstance(prev, Cid)):
        raise BadCommit(did=did, rev=rev)
    if isinstance(sig, Cid) or not isinstance(sig, bytes) or len(sig) != 64:
        raise BadCommit(did=did, rev=rev)


def verify(commit: Commit, did_key: str) -> None:
    """Raises BadSignature unless `did_key` ("did:key:z…") signed this commit."""
    if not verify_signature(did_key, commit.unsigned(), commit.sig):
        raise BadSignature(did=commit.did, rev=commit.rev, key=did_key)
