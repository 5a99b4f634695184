"""Believe nothing: check the signature, the tree and the records of what somebody sent.

In come blocks by CID and what the account's DID document says; out comes what is proven.
Source: https://atproto.com/specs/repository, https://atproto.com/specs/sync
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from freehold.protocol.cid import Cid
from freehold.repo import commit
from freehold.repo.commit import BadCommit, Commit
from freehold.repo.mst import BadTree, MissingBlock, Tree
from freehold.repo.walk import walk

MAX_RECORDS = 5_000_000


class WrongAccount(BadCommit):
    """A repository, but of another account."""

    name, say = "WrongAccount", "This repository belongs to another account."


class Verified(NamedTuple):
    """A repository that was checked. `records`: CIDs by path, in order of path; their blocks are there and intact."""

    commit: Commit
    tree: Tree
    records: dict[str, Cid]


def verify_commit(blocks: Mapping[Cid, bytes], root: Cid, did: str, did_key: str) -> Commit:
    """The commit `root`, of this account and signed by this key. Raises MissingBlock or a kind of BadCommit."""
    signed = commit.read(block_of(blocks, root))
    if signed.did != did:
        raise WrongAccount(wanted=did, found=signed.did)
    commit.verify(signed, did_key)
    return signed


def verify_repo(blocks: Mapping[Cid, bytes], root: Cid, did: str, did_key: str) -> Verified:
    """A whole repository, every node and record of it. Other blocks among `blocks` do no harm.

    Raises MissingBlock, BadTree, or BadCommit (UnsupportedRepoVersion, BadSignature and WrongAccount are kinds of it).
    """
    signed = verify_commit(blocks, root, did, did_key)
    records: dict[str, Cid] = {}
    for run in walk(signed.data, partial(block_of, blocks)):
        for path, cid in run:
            block_of(blocks, cid)
            records[path] = Cid(cid)
        if len(records) > MAX_RECORDS:
            raise BadTree("The repository has too many records.", limit=MAX_RECORDS)
    return Verified(signed, Tree.load(signed.data, blocks.__getitem__), records)


def verify_record(blocks: Mapping[Cid, bytes], root: Cid, did: str, did_key: str, path: str) -> bytes | None:
    """The record's block that the proof shows to stand at `path`, or None where it shows that nothing does.

    Raises as `verify_repo` does.
    """
    signed = verify_commit(blocks, root, did, did_key)
    cid = Tree.load(signed.data, blocks.__getitem__).get(path)
    return None if cid is None else block_of(blocks, cid)


def block_of(blocks: Mapping[Any, bytes], cid: bytes) -> bytes:
    """A record's or commit's block, its hash checked. Raises MissingBlock or BadTree."""
    try:
        data = blocks[cid]
    except KeyError:
        raise MissingBlock(cid=str(Cid(cid))) from None
    if Cid.of_cbor(data) != cid:
        raise BadTree("A block does not have the hash by which it was asked for.", cid=str(Cid(cid)))
    return data
