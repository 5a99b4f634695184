"""Repositories and parts of them as CAR files, with proofs.

A whole repository is put together by a worker thread from one snapshot into a spooled file, so that a slow reader holds
neither the database's log nor much memory.
Source: https://atproto.com/specs/sync#repo-export, lexicons com.atproto.sync.*
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from tempfile import SpooledTemporaryFile

from freehold.pds import repositories
from freehold.pds.accounts import Account
from freehold.pds.repositories import Head
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.repo import car
from freehold.repo.export import stream_repo
from freehold.repo.mst import Tree, proof
from freehold.store.database import Database
from freehold.store.tx import Tx

SPOOL_BYTES = 8_000_000
READ_BYTES = 256 * 1024
AT_ONCE = 1
"""How many repositories are put together at the same time: two would only contend for the interpreter."""


class BlockNotFound(Refused):
    """A block that is not (or no more) part of the repository."""

    name = "BlockNotFound"
    say = "Could not find a block of that repository."


class Exports:
    """The repositories of one network, as files."""

    def __init__(self, truth: Database) -> None:
        self._truth = truth
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def repo(self, account: Account, since: str | None = None) -> AsyncIterator[bytes]:
        """The repository, in an order in which it can be checked as it comes; only what came after the revision
        `since`."""
        async with self._turns:
            spool = await asyncio.to_thread(self._spool, account, since)
        return _drain(spool)

    def pieces(self, account: Account, since: str | None = None) -> Iterable[bytes]:
        """The same for a caller that is on a thread of its own."""
        with self._truth.reading() as tx:
            head = repositories.require_head(tx, account.id)
            if since is not None:
                yield from _since(tx, account.id, head, since)
                return
            nodes: dict[bytes, bytes] = dict(
                tx.each("SELECT cid, bytes FROM repo_node WHERE repo = :repo", repo=account.id)
            )
            records = tx.each("SELECT cid, bytes FROM repo_record WHERE repo = :repo ORDER BY path", repo=account.id)
            yield from stream_repo((head.commit, head.block), head.root, nodes.__getitem__, records)

    def record_proof(self, account: Account, path: str) -> bytes:
        """The commit, the nodes that lead to `path`, and the record, or the proof that there is none."""
        with self._truth.reading() as tx:
            head = repositories.require_head(tx, account.id)
            tree = Tree.load(head.root, lambda cid: _node(tx, account.id, cid))
            blocks = {head.commit: head.block, **proof(tree, path)}
            found = repositories.record(tx, account.id, path)
            if found is not None:
                blocks[found[0]] = found[1]
        return car.write_car([head.commit], blocks)

    def blocks(self, account: Account, cids: list[Cid]) -> bytes:
        """The named blocks. Raises BlockNotFound."""
        with self._truth.reading() as tx:
            head = repositories.require_head(tx, account.id)
            found = {cid: head.block if cid == head.commit else _block(tx, account.id, cid) for cid in cids}
        return car.write_car([], found)

    def _spool(self, account: Account, since: str | None) -> "SpooledTemporaryFile[bytes]":
        spool: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 (closed by _drain)
        for piece in self.pieces(account, since):
            spool.write(piece)
        spool.seek(0)
        return spool


async def _drain(spool: "SpooledTemporaryFile[bytes]") -> AsyncIterator[bytes]:
    with spool:
        while piece := spool.read(READ_BYTES):
            yield piece


def _since(tx: Tx, repo: int, head: Head, since: str) -> Iterable[bytes]:
    """The commit, and every node and record of a later revision than `since`."""
    yield car.header([head.commit]) + car.block(head.commit, head.block)
    for table in ("repo_node", "repo_record"):
        for cid, data in tx.each(
            f"SELECT cid, bytes FROM {table} WHERE repo = :repo AND rev > :since", repo=repo, since=since
        ):
            yield car.block(Cid(cid), bytes(data))


def _node(tx: Tx, repo: int, cid: Cid) -> bytes:
    row = tx.one("SELECT bytes FROM repo_node WHERE repo = :repo AND cid = :cid", repo=repo, cid=cid)
    if row is None:
        raise KeyError(cid)
    return bytes(row[0])


def _block(tx: Tx, repo: int, cid: Cid) -> bytes:
    for table in ("repo_node", "repo_record"):
        row = tx.one(f"SELECT bytes FROM {table} WHERE repo = :repo AND cid = :cid LIMIT 1", repo=repo, cid=cid)
        if row is not None:
            return bytes(row[0])
    raise BlockNotFound(f"Could not find cid: {cid}")
