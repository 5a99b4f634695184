"""Is what we hold whole? Every repository's signature, tree and records; every blob; what lies beside the key.

In comes a network, running or not; out come findings, each with what to do. Nothing is changed. All of it may take long
and belongs on threads of its own.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from freehold.pds import repositories
from freehold.pds.accounts import Account, Accounts
from freehold.pds.snapshot import Snapshot
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.repo import commit
from freehold.repo.mst import Tree
from freehold.store.blobs import BlobStore
from freehold.store.database import Database
from freehold.store.tx import Tx

CHUNK = 1 << 20


class Finding(NamedTuple):
    """Something that is not as it should be. about: a handle, a CID, a file. todo: the next step."""

    about: str
    say: str
    todo: str


class Checkup:
    """Examines one network."""

    def __init__(self, truth: Database, accounts: Accounts, files: BlobStore) -> None:
        self._truth = truth
        self._accounts = accounts
        self._files = files
        self._snapshot = Snapshot(truth, accounts)

    def accounts(self) -> Iterator[Account]:
        """All that `repository` is to be asked for."""
        return self._snapshot.accounts()

    def repository(self, account: Account) -> Finding | None:
        """Check one: the commit's signature, every node of the tree, and that the records are those that it names."""
        with self._truth.reading() as tx:
            try:
                self._examine(tx, account)
            except (Refused, LookupError) as wrong:
                say = wrong.say if isinstance(wrong, Refused) else str(wrong)
                command = f"freehold import DIRECTORY {account.handle} FILE"
                todo = f"Restore it from a copy, or from the member's own export: {command}"
                return Finding(account.handle, f"The repository is damaged: {say}", todo)
        return None

    def _examine(self, tx: Tx, account: Account) -> None:
        head = repositories.require_head(tx, account.id)
        signed = commit.read(head.block)
        commit.verify(signed, self._accounts.key_of(tx, account.id).did_key)
        if (signed.did, signed.rev, signed.data) != (account.did, head.rev, head.root):
            raise LookupError("the commit does not say what the head says")
        nodes = {
            Cid(cid): bytes(data)
            for cid, data in tx.each("SELECT cid, bytes FROM repo_node WHERE repo = :repo", repo=account.id)
        }
        named = dict(Tree.load(head.root, nodes.__getitem__).items())
        held = {}
        for path, cid, data in repositories.all_records(tx, account.id):
            if Cid.of_cbor(data) != cid:
                raise LookupError(f"the record {path} is not what its hash says")
            cbor.decode_json(data)
            held[path] = cid
        if named != held:
            odd = sorted(named.items() ^ held.items())[:3]
            raise LookupError(f"tree and records differ, first at {', '.join(path for path, _ in odd)}")
        if len(nodes) != sum(1 for _ in Tree.load(head.root, nodes.__getitem__).nodes()):
            raise LookupError("there are blocks that the tree does not name")

    def blobs(self) -> list[Cid]:
        """All that `blob` is to be asked for."""
        with self._truth.reading() as tx:
            return [Cid(row[0]) for row in tx.run("SELECT DISTINCT cid FROM blob ORDER BY cid")]

    def blob(self, cid: Cid) -> Finding | None:
        """Check one: is its file what its CID says?"""
        todo = "Fetch it from a copy of this network; the posts that show it stay, without the picture."
        try:
            digest = hashlib.sha256()
            with self._files.open(cid) as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
        except Refused:
            return Finding(str(cid), "A blob's file is missing.", todo) if self._is_kept(cid) else None
        if Cid.of_raw_digest(digest.digest()) != cid:
            return Finding(str(cid), "A blob's file is damaged.", todo)
        return None

    def _is_kept(self, cid: Cid) -> bool:
        """Is it still to be there? It may have been deleted since it was listed."""
        with self._truth.reading() as tx:
            return tx.one("SELECT 1 FROM blob WHERE cid = :cid LIMIT 1", cid=cid) is not None
