"""A repository taken in from a CAR file: everything is checked before anything is replaced.

Source: https://atproto.com/guides/account-migration, lexicon com.atproto.repo.importRepo
"""

import asyncio
from collections.abc import AsyncIterable
from typing import NamedTuple

from freehold.pds.accounts import Account, Accounts
from freehold.pds.blobs import Blobs
from freehold.pds.repositories import Done, Repositories
from freehold.protocol import cbor
from freehold.protocol.blobrefs import BlobRef, blob_refs
from freehold.protocol.cid import Cid
from freehold.protocol.refused import InvalidRequest
from freehold.repo import commit
from freehold.repo.car import CarReader
from freehold.repo.mst import MissingBlock, Tree
from freehold.repo.verify import WrongAccount, block_of
from freehold.store.database import Database
from freehold.store.tx import Tx

MAX_BYTES = 1_000_000_000
MAX_RECORDS = 5_000_000


class Read(NamedTuple):
    """A repository that was read to the end. records: CID and bytes by path; blobs: what they name, by path."""

    rev: str
    tree: Tree
    records: dict[str, tuple[Cid, bytes]]
    blobs: dict[str, list[BlobRef]]


class Imports:
    """Takes repositories in."""

    def __init__(self, truth: Database, accounts: Accounts, repositories: Repositories, blobs: Blobs) -> None:
        self._truth = truth
        self._accounts = accounts
        self._repositories = repositories
        self._blobs = blobs

    async def take_in(self, account: Account, pieces: AsyncIterable[bytes]) -> Done:
        """Replace the account's repository by that of the file; signed anew with the account's key here.

        The file must be whole, well formed and of this DID; every record must be valid DAG-CBOR. Blobs may come later.
        Raises BadCar, BadTree, MissingBlock, WrongAccount, UnsupportedRepoVersion, BadCbor.
        """
        reader = CarReader(max_bytes=MAX_BYTES)
        blocks: dict[Cid, bytes] = {}
        async for piece in pieces:
            blocks.update(reader.feed(piece))
        reader.finish()
        roots = reader.roots or []
        if len(roots) != 1:
            raise InvalidRequest("The file must have one root, its commit.")
        read = await asyncio.to_thread(read_repository, blocks, roots[0], account.did)
        return await self._truth.write(lambda tx: self._replace(tx, account, read))

    def _replace(self, tx: Tx, account: Account, read: Read) -> Done:
        self._blobs.forget_uses(tx, account.id)
        key = self._accounts.key_of(tx, account.id)
        done = self._repositories.adopt(
            tx, account.did, account.id, key, read.tree, read.records, read.rev, told=account.active
        )
        self._blobs.settle(tx, account.id, done.rev, read.blobs, may_lack=True)
        return done


def read_repository(blocks: dict[Cid, bytes], root: Cid, did: str) -> Read:
    """A repository of this DID from blocks that have the hashes that they are known by (`CarReader` sees to it).

    Its tree is walked, by which every node is held against the one form it can have, and its records are decoded.
    """
    signed = commit.read(block_of(blocks, root))
    if signed.did != did:
        raise WrongAccount(wanted=did, found=signed.did)
    read = Read(signed.rev, Tree.load(signed.data, blocks.__getitem__), {}, {})
    for path, cid in read.tree.items():
        data = blocks.get(cid)
        if data is None:
            raise MissingBlock(cid=str(cid))
        record = cbor.decode_json(data)
        if not isinstance(record, dict):
            raise InvalidRequest("A record in that file is not an object.", path=path)
        read.records[path] = (cid, data)
        if b"mimeType" in data and (refs := blob_refs(record)):
            read.blobs[path] = refs
        if len(read.records) > MAX_RECORDS:
            raise InvalidRequest("That repository has too many records.")
    return read
