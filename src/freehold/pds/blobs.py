"""Blobs: uploaded, temporary until a record names them, gone with the last record that does.

Tables: blob (one row per account and CID; temporary while no record of the account names it), blob_use (which record
names which blob). The bytes are files in the network's blob store, one per CID, synced before their row is written and
removed after it is gone. Both the last look at a file before its row and the removal happen on the writer's thread, so
a row without a file cannot come to be; a file without a row is swept.
Source: https://atproto.com/specs/blob
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from freehold.pds.pictures.cut import kept_ranges, read
from freehold.pds.pictures.sniff import HEAD_BYTES, PICTURES, UNKNOWN, sniff
from freehold.protocol.blobrefs import BlobRef
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.store.blobs import BlobStore, Incoming
from freehold.store.database import Database
from freehold.store.groups import Groups
from freehold.store.migrations import Migration
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-3-blob",
        """
        CREATE TABLE blob (
            repo BIGINT NOT NULL,
            cid BLOB NOT NULL,
            mime TEXT NOT NULL,
            size BIGINT NOT NULL,
            rev TEXT,
            temporary INTEGER NOT NULL,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (repo, cid)
        );
        CREATE INDEX blob_cid ON blob (cid);
        CREATE INDEX blob_temporary ON blob (created_at) WHERE temporary = 1;
        CREATE TABLE blob_use (
            repo BIGINT NOT NULL,
            path TEXT NOT NULL,
            cid BLOB NOT NULL,
            PRIMARY KEY (repo, path, cid)
        );
        CREATE INDEX blob_use_cid ON blob_use (repo, cid);
        """,
    ),
)

READ_BYTES = 1 << 20
STRAYS_AT_ONCE = 500


class BlobNotFound(Refused):
    """A record names a blob that was not uploaded, or a reader asks for one that is not here."""

    name = "BlobNotFound"
    say = "That blob is not here. Upload it first."


class BlobMismatch(Refused):
    """A record says another type or size than the blob has."""

    name = "InvalidBlob"
    say = "The type or size that the record gives is not that of the uploaded blob."


class UploadCollided(Refused):
    """The same file was deleted elsewhere in the very moment of its upload."""

    kind = "unavailable"
    name = "UploadFailed"
    say = "The upload met a deletion of the same file. Send it again."


class Stored(NamedTuple):
    """A blob that is here. size: bytes."""

    cid: Cid
    mime: str
    size: int

    def as_json(self) -> dict[str, object]:
        """As uploadBlob answers it, and as records name it."""
        return {"$type": "blob", "ref": {"$link": str(self.cid)}, "mimeType": self.mime, "size": self.size}


class _Coming(NamedTuple):
    """An upload that has arrived. repo: whose; said_mime: the type that its sender says."""

    repo: int
    upload: Incoming
    said_mime: str


class Blobs:
    """The blobs of one network. max_bytes: of one upload. gone: told of every file that is removed."""

    def __init__(self, truth: Database, files: BlobStore, max_bytes: int, gone: Callable[[Cid], None]) -> None:
        self._truth = truth
        self._files = files
        self._gone = gone
        self._small = Groups(self._settle_files)
        self.max_bytes = max_bytes

    # --- coming in

    async def upload(self, repo: int, chunks: AsyncIterable[bytes], said_mime: str) -> Stored:
        """Take a file in: sniff its type, cut metadata out of a picture, keep it, note it as temporary.

        The CID answered is that of the stored bytes. A file that a record of this account names already (an account
        that moved in) is kept untouched. Raises BlobTooLarge, BadPicture.
        """
        with self._files.incoming(self.max_bytes) as upload:
            async for chunk in chunks:
                upload.write(chunk)
            coming = _Coming(repo, upload, said_mime)
            if upload.small:
                stored = await self._small.do(coming)
            else:  # alone, for the others not to wait for it
                result = (await asyncio.to_thread(self._settle_files, [coming]))[0]
                if isinstance(result, Exception):
                    raise result
                stored = result
        await self._truth.write(lambda tx: self._note(tx, repo, stored))
        return stored

    def _settle_files(self, group: "list[_Coming]") -> list[Stored | Exception]:
        """On a worker thread: sniff, cut, sync, rename. Answers a refusal for each that is refused."""
        results: list[Stored | Exception] = []
        kept: list[Incoming] = []
        with ExitStack() as cleaned:
            for coming in group:
                try:
                    mime, upload = self._clean(coming, cleaned)
                except Refused as refused:
                    results.append(refused)
                else:
                    kept.append(upload)
                    results.append(Stored(upload.cid, mime, upload.size))
            self._files.keep_all(kept)
        return results

    def _clean(self, coming: "_Coming", cleaned: ExitStack) -> tuple[str, Incoming]:
        """The type of an upload, and what to keep of it: of a picture what is left without its metadata."""
        upload = coming.upload
        with upload.reading() as data:
            mime = _mime(data[:HEAD_BYTES], coming.said_mime)
            if not data or not (mime in PICTURES or mime.startswith(("video/", "audio/"))):
                return mime, upload
            pieces = kept_ranges(data) if not self._is_named(coming.repo, upload.cid) else []
            if pieces in ([], [(0, len(data))]):
                return mime, upload
            clean = cleaned.enter_context(self._files.incoming(self.max_bytes))
            for piece in read(data, pieces):
                clean.write(piece)
            return mime, clean

    def _is_named(self, repo: int, cid: Cid) -> bool:
        with self._truth.reading() as tx:
            return _uses(tx, repo, cid)

    def _note(self, tx: Tx, repo: int, stored: Stored) -> None:
        if not self._files.has(stored.cid):
            raise UploadCollided(cid=str(stored.cid))
        tx.run(
            "INSERT INTO blob (repo, cid, mime, size, rev, temporary, created_at)"
            " SELECT :repo, :cid, :mime, :size, CASE WHEN used THEN rev END, CASE WHEN used THEN 0 ELSE 1 END, :now"
            " FROM (SELECT rev, EXISTS (SELECT 1 FROM blob_use WHERE repo = :repo AND cid = :cid) AS used"
            " FROM repo_head WHERE repo = :repo) AS head WHERE 1 = 1"
            " ON CONFLICT (repo, cid) DO UPDATE SET created_at = excluded.created_at",
            repo=repo,
            cid=stored.cid,
            mime=stored.mime,
            size=stored.size,
            now=tx.now,
        )

    # --- being named by records

    def settle(self, tx: Tx, repo: int, rev: str, named: dict[str, list[BlobRef]], *, may_lack: bool = False) -> None:
        """Let each record (path) hold just the blobs that it names now.

        may_lack: blobs may come later (a repository that moves in). Raises BlobNotFound, BlobMismatch.
        """
        dropped: set[Cid] = set()
        for path, refs in named.items():
            held = {Cid(row[0]) for row in _held(tx, repo, path)}
            wanted = {ref.cid: ref for ref in refs}
            for cid in held - wanted.keys():
                tx.run(
                    "DELETE FROM blob_use WHERE repo = :repo AND path = :path AND cid = :cid",
                    repo=repo,
                    path=path,
                    cid=cid,
                )
                dropped.add(cid)
            for cid in wanted.keys() - held:
                self._hold(tx, repo, rev, path, wanted[cid], may_lack)
        self._let_go(tx, repo, [cid for cid in dropped if not _uses(tx, repo, cid)])

    def _hold(self, tx: Tx, repo: int, rev: str, path: str, ref: BlobRef, may_lack: bool) -> None:
        row = tx.one("SELECT mime, size, temporary FROM blob WHERE repo = :repo AND cid = :cid", repo=repo, cid=ref.cid)
        if row is None and not may_lack:
            raise BlobNotFound(f"Could not find blob: {ref.cid}")
        if row is not None and not may_lack and (row[0], row[1]) != (ref.mime, ref.size):
            raise BlobMismatch(cid=str(ref.cid), stored=row[:2], said=(ref.mime, ref.size))
        if row is not None and row[2]:
            tx.run(
                "UPDATE blob SET temporary = 0, rev = :rev WHERE repo = :repo AND cid = :cid",
                rev=rev,
                repo=repo,
                cid=ref.cid,
            )
        tx.run("INSERT INTO blob_use (repo, path, cid) VALUES (:repo, :path, :cid)", repo=repo, path=path, cid=ref.cid)

    def _let_go(self, tx: Tx, repo: int, cids: Iterable[Cid]) -> None:
        """Rows first; a file after the commit, when no account has it any more."""
        for cid in cids:
            tx.run("DELETE FROM blob WHERE repo = :repo AND cid = :cid", repo=repo, cid=cid)
            if tx.one("SELECT 1 FROM blob WHERE cid = :cid LIMIT 1", cid=cid) is None:
                tx.after_commit(partial(self._remove, cid))

    def _remove(self, cid: Cid) -> None:
        self._files.delete(cid)
        self._gone(cid)

    def erase(self, tx: Tx, repo: int) -> None:
        """The account ends: all its blobs go."""
        rows = tx.run("SELECT cid FROM blob WHERE repo = :repo", repo=repo)
        tx.run("DELETE FROM blob_use WHERE repo = :repo", repo=repo)
        self._let_go(tx, repo, [Cid(row[0]) for row in rows])

    def forget_uses(self, tx: Tx, repo: int) -> None:
        """Before a whole repository is replaced: no record holds anything; what the new one does not name is swept
        later."""
        tx.run("DELETE FROM blob_use WHERE repo = :repo", repo=repo)
        tx.run("UPDATE blob SET temporary = 1, created_at = :now WHERE repo = :repo", repo=repo, now=tx.now)

    def sweep(self, tx: Tx, before: int, limit: int = 500) -> int:
        """Remove uploads that no record came to name. before: microseconds. Returns how many; call again until 0."""
        rows = tx.run(
            "SELECT repo, cid FROM blob WHERE temporary = 1 AND created_at < :before ORDER BY created_at LIMIT :n",
            before=before,
            n=limit,
        )
        for repo, cid in rows:
            self._let_go(tx, repo, [Cid(cid)])
        return len(rows)

    async def sweep_strays(self) -> None:
        """Remove files from before this start that no row names: a killed process left them."""
        strays = await asyncio.to_thread(list, self._files.before_start())
        for at in range(0, len(strays), STRAYS_AT_ONCE):
            await self._truth.write(partial(self._remove_strays, cids=strays[at : at + STRAYS_AT_ONCE]))

    def _remove_strays(self, tx: Tx, cids: list[Cid]) -> None:
        for cid in cids:
            if tx.one("SELECT 1 FROM blob WHERE cid = :cid LIMIT 1", cid=cid) is None:
                tx.after_commit(partial(self._remove, cid))

    # --- going out

    def find(self, repo: int, cid: Cid) -> Stored:
        """A blob that a record of this account names. Raises BlobNotFound, also for temporary ones."""
        with self._truth.reading() as tx:
            row = tx.one(
                "SELECT mime, size FROM blob WHERE repo = :repo AND cid = :cid AND temporary = 0", repo=repo, cid=cid
            )
        if row is None:
            raise BlobNotFound("Blob not found")
        return Stored(cid, row[0], row[1])

    def waiting(self, repo: int, cid: Cid) -> Stored | None:
        """A blob of this account, temporary or not: for its own uploader."""
        with self._truth.reading() as tx:
            row = tx.one("SELECT mime, size FROM blob WHERE repo = :repo AND cid = :cid", repo=repo, cid=cid)
        return Stored(cid, row[0], row[1]) if row else None

    async def read(self, stored: Stored) -> AsyncIterator[bytes]:
        """The bytes, in pieces of at most 1 MB."""
        with self._files.open(stored.cid) as file:
            while piece := await asyncio.to_thread(file.read, READ_BYTES):
                yield piece

    def listed(self, repo: int, since: str | None, cursor: str | None, limit: int) -> list[Cid]:
        """CIDs of the blobs that records name, in order of CID; only those first named after the revision `since`."""
        with self._truth.reading() as tx:
            rows = tx.run(
                "SELECT cid FROM blob WHERE repo = :repo AND temporary = 0 AND cid > :after"
                " AND (:since = '' OR rev > :since) ORDER BY cid LIMIT :n",
                repo=repo,
                after=Cid.parse(cursor) if cursor else b"",
                since=since or "",
                n=limit,
            )
        return [Cid(row[0]) for row in rows]

    def missing(self, repo: int, cursor: str | None, limit: int) -> list[tuple[Cid, str]]:
        """Blobs that records name but that have not come yet: (CID, path of one such record)."""
        with self._truth.reading() as tx:
            rows = tx.run(
                "SELECT u.cid, min(u.path) FROM blob_use u WHERE u.repo = :repo AND u.cid > :after AND NOT EXISTS"
                " (SELECT 1 FROM blob b WHERE b.repo = u.repo AND b.cid = u.cid)"
                " GROUP BY u.cid ORDER BY u.cid LIMIT :n",
                repo=repo,
                after=Cid.parse(cursor) if cursor else b"",
                n=limit,
            )
        return [(Cid(cid), path) for cid, path in rows]


def _mime(head: bytes, said: str) -> str:
    """What the bytes are; what the caller says counts only where bytes say nothing, and never for a picture."""
    found = sniff(head)
    said = said.partition(";")[0].strip().lower()
    if found != UNKNOWN or not said or "/" not in said or said.startswith(("image/", "text/html")):
        return found
    return said[:100]


def _uses(tx: Tx, repo: int, cid: Cid) -> bool:
    return tx.one("SELECT 1 FROM blob_use WHERE repo = :repo AND cid = :cid LIMIT 1", repo=repo, cid=cid) is not None


def _held(tx: Tx, repo: int, path: str) -> list[tuple[bytes]]:
    return tx.run("SELECT cid FROM blob_use WHERE repo = :repo AND path = :path", repo=repo, path=path)
