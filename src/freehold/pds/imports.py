"""A repository taken in from a CAR file: everything is checked before anything is replaced.

Source: https://atproto.com/guides/account-migration, lexicon com.atproto.repo.importRepo
"""

import asyncio
import time
from collections.abc import AsyncIterable, Mapping
from typing import NamedTuple

from freehold.pds.accounts import Account, Accounts
from freehold.pds.blobs import Blobs
from freehold.pds.repositories import Content, Done, Repositories
from freehold.protocol import cbor
from freehold.protocol.blobrefs import BlobRef, blob_refs
from freehold.protocol.cid import Cid
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.repo import commit
from freehold.repo.car import CarReader
from freehold.repo.node import MissingBlock
from freehold.repo.verify import WrongAccount, block_of
from freehold.repo.walk import Run, walk
from freehold.store.database import Database
from freehold.store.tx import Tx

MAX_BYTES = 1_000_000_000
MAX_BYTES_AT_ONCE = 1_500_000_000
"""Of all files that come in at the same time, as they are held in memory until they are whole."""
MAX_RECORDS = 5_000_000
RUNS_AT_ONCE = 64
"""After how many runs of records a reading lets others have the interpreter: about a millisecond."""


class Busy(Refused):
    """Others bring so much at the moment that there is no memory for more."""

    kind, name = "unavailable", "TryAgain"
    say = "Other repositories are being brought in at the moment. Try again in a few minutes."


class Read(NamedTuple):
    """A repository that was read to the end. blobs: what its records name, by path."""

    content: Content
    blobs: dict[str, list[BlobRef]]


class Imports:
    """Takes repositories in."""

    def __init__(self, truth: Database, accounts: Accounts, repositories: Repositories, blobs: Blobs) -> None:
        self._truth = truth
        self._accounts = accounts
        self._repositories = repositories
        self._blobs = blobs
        self._held = 0

    async def take_in(self, account: Account, pieces: AsyncIterable[bytes]) -> Done:
        """Replace the account's repository by that of the file; signed anew with the account's key here.

        The file must be whole, well formed and of this DID; every record must be valid DAG-CBOR. Blobs may come later.
        Raises BadCar, BadTree, MissingBlock, WrongAccount, UnsupportedRepoVersion, BadCbor, Busy.
        """
        reader = CarReader(max_bytes=MAX_BYTES)
        blocks: dict[bytes, bytes] = {}
        holds = 0
        try:
            async for piece in pieces:
                holds, self._held = holds + len(piece), self._held + len(piece)
                if self._held > MAX_BYTES_AT_ONCE:
                    raise Busy
                blocks.update(reader.feed(piece))
            reader.finish()
            roots = reader.roots or []
            if len(roots) != 1:
                raise InvalidRequest("The file must have one root, its commit.")
            read = await asyncio.to_thread(read_repository, blocks, roots[0], account.did)
            return await self._truth.write(lambda tx: self._replace(tx, account, read))
        finally:
            self._held -= holds

    def _replace(self, tx: Tx, account: Account, read: Read) -> Done:
        self._blobs.forget_uses(tx, account.id)
        key = self._accounts.key_of(tx, account.id)
        done = self._repositories.adopt(tx, account.did, account.id, key, read.content, told=account.active)
        self._blobs.settle(tx, account.id, done.rev, read.blobs, may_lack=True)
        return done


def read_repository(blocks: Mapping[bytes, bytes], root: Cid, did: str) -> Read:
    """A repository of this DID from blocks that have the hashes that they are known by (`CarReader` sees to it).

    Its tree is walked, by which every node is held against the one form it can have, and its records are decoded.
    """
    signed = commit.read(block_of(blocks, root))
    if signed.did != did:
        raise WrongAccount(wanted=did, found=signed.did)
    nodes: dict[bytes, bytes] = {}

    def node(cid: bytes) -> bytes:
        data = nodes[cid] = blocks[cid]
        return data

    read = Read(Content(signed.rev, signed.data, nodes, []), {})
    for number, run in enumerate(walk(signed.data, node)):
        if number % RUNS_AT_ONCE == 0:
            time.sleep(0)
        _read_run(blocks, run, read)
    return read


def _read_run(blocks: Mapping[bytes, bytes], run: Run, read: Read) -> None:
    """Add some records, once they are found to be there and to be records."""
    records = read.content.records
    for path, cid in run:
        data = blocks.get(cid)
        if data is None:
            raise MissingBlock(cid=str(Cid(cid)))
        record = cbor.decode_json(data)
        if not isinstance(record, dict):
            raise InvalidRequest("A record in that file is not an object.", path=path)
        records.append((path, cid, data))
        if b"mimeType" in data and (refs := blob_refs(record)):
            read.blobs[path] = refs
    if len(records) > MAX_RECORDS:
        raise InvalidRequest("That repository has too many records.")
