"""Record writes: may this record be, and then one signed commit.

Before the transaction: the record is checked by its lexicon, encoded, hashed, its blobs listed. Within it: blobs are
there, swaps hold, the repository moves, the event is appended. The caller gets the answer after the fsync.
Source: https://atproto.com/specs/repository, lexicons com.atproto.repo.*
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from freehold.pds.blobs import Blobs
from freehold.pds.repositories import Done, Edit, Repositories, Step
from freehold.protocol import cbor, syntax
from freehold.protocol.blobrefs import BlobRef, blob_refs
from freehold.protocol.cid import Cid
from freehold.protocol.lexicon import Catalog
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.database import Database
from freehold.store.tx import Tx

MAX_RECORD_BYTES = 1_000_000
MAX_WRITES = 200

Record = dict[str, object]


class UnknownLexicon(Refused):
    """The caller asked for a check that we cannot make."""

    say = "This host does not know the lexicon of that collection, so it cannot check the record."


class Create(NamedTuple):
    """A new record. rkey: None for the next TID. swap: CID the caller expects there; False: not checked; None:
    nothing."""

    collection: str
    rkey: str | None
    record: Record


class Put(NamedTuple):
    """A record at a key, new or not. must_exist: refuse to create. swap: as in repositories.Step."""

    collection: str
    rkey: str
    record: Record
    must_exist: bool = False
    swap: Cid | None | bool = False


class Delete(NamedTuple):
    """A record to be gone. must_exist: refuse if it is not there."""

    collection: str
    rkey: str
    must_exist: bool = False
    swap: Cid | None | bool = False


Write = Create | Put | Delete


class Result(NamedTuple):
    """What became of one write. cid: None for a delete. status: valid or unknown, None for a delete."""

    uri: str
    cid: Cid | None
    status: str | None


class Written(NamedTuple):
    """What became of all. commit, rev: where the repository stands now; seq: of the event, None if nothing changed."""

    commit: Cid
    rev: str
    seq: int | None
    results: list[Result]


class _Ready(NamedTuple):
    """A write that was checked and encoded, ready for the transaction. rkey None: a TID will be drawn there. value: of
    a record that fits its lexicon."""

    collection: str
    rkey: str | None
    cid: Cid | None
    data: bytes | None
    blobs: list[BlobRef]
    status: str | None
    must: str
    swap: Cid | None | bool
    value: Record | None = None


class _Asked(NamedTuple):
    """The writes of one call."""

    did: str
    ready: list[_Ready]
    swap_commit: Cid | None


class Writes:
    """The write side of one network's repositories."""

    def __init__(self, truth: Database, repositories: Repositories, blob_rows: Blobs, catalog: Catalog) -> None:
        self._truth = truth
        self._repositories = repositories
        self._blobs = blob_rows
        self._catalog = catalog

    async def write(
        self, did: str, writes: Sequence[Write], swap_commit: Cid | None = None, validate: bool | None = None
    ) -> Written:
        """As `begin`; what came of it."""
        return await self.begin(did, writes, swap_commit, validate)

    def begin(
        self, did: str, writes: Sequence[Write], swap_commit: Cid | None = None, validate: bool | None = None
    ) -> "asyncio.Future[Written]":
        """Apply `writes` to the repository of `did` as one commit, durably.

        validate: True refuses unknown lexicons, None checks known ones, False checks none.
        Raises InvalidRecord, UnknownLexicon, SwapMismatch, RecordExists, NoSuchRecord, BlobNotFound, NotActive ...
        """
        if len(writes) > MAX_WRITES:
            raise InvalidRequest(f"One call takes at most {MAX_WRITES} writes.")
        ready = [self._prepare(write, validate) for write in writes]
        return self._truth.promise_with_others(self._commit, _Asked(did, ready, swap_commit))

    def _prepare(self, write: Write, validate: bool | None) -> _Ready:
        if not syntax.is_nsid(write.collection):
            raise InvalidRequest("The collection is not a valid NSID.")
        if write.rkey is not None and not syntax.is_rkey(write.rkey):
            raise InvalidRequest("That record key is not valid.")
        if isinstance(write, Delete):
            must = "exist" if write.must_exist else "any"
            return _Ready(write.collection, write.rkey, None, None, [], None, must, write.swap)
        record, status = self._checked(write.collection, write.rkey, write.record, validate)
        data = cbor.encode_json(record)
        if len(data) > MAX_RECORD_BYTES:
            raise InvalidRequest("A record may have at most 1 MB.")
        must, swap = (
            ("create", False) if isinstance(write, Create) else ("exist" if write.must_exist else "any", write.swap)
        )
        blobs = blob_refs(record) if b"mimeType" in data else []  # every reference has one
        value = record if status == "valid" else None
        return _Ready(write.collection, write.rkey, Cid.of_cbor(data), data, blobs, status, must, swap, value)

    def _checked(self, collection: str, rkey: str | None, record: Record, validate: bool | None) -> tuple[Record, str]:
        """The record with its $type, and whether its lexicon is known."""
        kind = record.get("$type")
        if kind is None:
            record = {"$type": collection, **record}
        elif kind != collection:
            raise InvalidRequest(f"The record's $type must be its collection, {collection}.")
        if validate is False:
            return record, "unknown"
        check = self._catalog.record(collection)
        if check is None:
            if validate:
                raise UnknownLexicon(collection=collection)
            return record, "unknown"
        check(record)
        self._check_key(collection, rkey)
        return record, "valid"

    def _check_key(self, collection: str, rkey: str | None) -> None:
        if rkey is not None:
            self._catalog.check_record_key(collection, rkey)
        elif self._catalog.record_key_type(collection) not in (None, "tid", "any"):
            raise InvalidRequest(f"Records in {collection} need a record key.")

    def _commit(self, tx: Tx, asked: list[_Asked]) -> list[Written | Refused]:
        """Within the transaction: keys, repositories, blobs. What is refused has changed nothing; for a blob that is
        not there all is undone, and each asked alone."""
        return [one for some in _each_once(asked) for one in self._commit_all(tx, some)]

    def _commit_all(self, tx: Tx, asked: list[_Asked]) -> Iterator[Written | Refused]:
        """The same where each is of another account."""
        steps = [self._steps(tx, one.ready) for one in asked]
        edits = [Edit(one.did, its, one.swap_commit) for one, its in zip(asked, steps, strict=True)]
        for one, its, done in zip(asked, steps, self._repositories.write_all(tx, edits), strict=True):
            yield done if isinstance(done, Refused) else self._finish(tx, one, its, done)

    def _finish(self, tx: Tx, asked: _Asked, steps: list[Step], done: Done) -> Written:
        pairs = list(zip(steps, asked.ready, strict=True))
        self._settle_blobs(tx, done, {step.path: one.blobs for step, one in pairs})
        results = [Result(f"at://{asked.did}/{step.path}", one.cid, one.status) for step, one in pairs]
        return Written(done.commit, done.rev, done.seq, results)

    def _steps(self, tx: Tx, ready: list[_Ready]) -> list[Step]:
        """With a key for each record that has none."""
        next_tid = self._repositories.next_tid
        paths = [f"{one.collection}/{one.rkey or next_tid(tx)}" for one in ready]
        return [
            Step(path, one.cid, one.data, one.must, one.swap, one.value) for path, one in zip(paths, ready, strict=True)
        ]

    def _settle_blobs(self, tx: Tx, done: Done, named: dict[str, list[BlobRef]]) -> None:
        """Let the records that changed hold just the blobs that they name now."""
        touched = {op.path: named[op.path] for op in done.ops if op.action != "create" or named[op.path]}
        if touched:
            self._blobs.settle(tx, done.repo, done.rev, touched)


def _each_once(asked: list[_Asked]) -> Iterator[list[_Asked]]:
    """In order, cut so that no account is twice in one part: its later writes begin where the earlier ones end."""
    some: dict[str, _Asked] = {}
    for one in asked:
        if one.did in some:
            yield list(some.values())
            some = {}
        some[one.did] = one
    yield list(some.values())
