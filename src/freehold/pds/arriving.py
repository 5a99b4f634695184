"""What an account brings along when it arrives: repository, blobs, private settings; wherever they come from.

In come pieces of files and a way to fetch a blob; out comes how much of it is here. Each step may be done again.
Source: https://atproto.com/guides/account-migration
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from freehold.net.errors import UpstreamFailed
from freehold.pds import kept, private, repositories
from freehold.pds.accounts import Account
from freehold.pds.blobs import Blobs
from freehold.pds.imports import Imports
from freehold.protocol import cbor
from freehold.protocol.blobrefs import blob_refs
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import is_at_uri, is_did
from freehold.store.database import Database
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

Progress = Callable[[str, int, int | None], object]
"""Told what is being done, how much of it, and of how much (None: unknown)."""

Fetch = Callable[[Cid], AbstractAsyncContextManager[AsyncIterable[bytes] | None]]
"""A blob's bytes; None for one that is not there."""

MOST_BLOBS = 5_000_000


class Arrived(NamedTuple):
    """An account that lives here now. lacking: blobs that its records name and that nobody had."""

    account: Account
    records: int
    lacking: int


class Arriving:
    """Takes in what accounts of one network bring."""

    def __init__(self, truth: Database, seal: Seal, imports: Imports, blobs: Blobs) -> None:
        self._truth = truth
        self._seal = seal
        self._imports = imports
        self._blobs = blobs

    async def repository(self, account: Account, pieces: AsyncIterable[bytes], progress: Progress) -> int:
        """Replace the repository by that of a CAR file; how many records it has. Raises what `Imports` raises."""
        await self._imports.take_in(account, counted(pieces, "Repository, bytes", progress))
        with self._truth.reading() as tx:
            row = tx.one("SELECT count(*) FROM repo_record WHERE repo = :repo", repo=account.id)
        records = int(row[0]) if row else 0
        progress("Records", records, records)
        return records

    async def blobs(self, account: Account, fetch: Fetch, progress: Progress) -> int:
        """Fetch what the records name and is not here; how many could not be had. They are kept as they come: records
        know them by their hash. Raises UpstreamFailed where `fetch` does."""
        missing = self._blobs.missing(account.id, None, MOST_BLOBS)
        lacking = 0
        for done, (cid, path) in enumerate(missing):
            progress("Pictures and other files", done, len(missing))
            async with fetch(cid) as chunks:
                lacking += chunks is None or not await self._keep(account, cid, path, chunks)
        if missing:
            progress("Pictures and other files", len(missing), len(missing))
        return lacking

    async def settings(
        self, account: Account, preferences: Iterable[object], mutes: Iterable[object] = (), more: object = None
    ) -> None:
        """Put what the member had set; what is none of ours is left out. more: as `kept.for_archive` has it."""
        ours = [one for one in preferences if _is_preference(one)]

        def put(tx: Tx) -> None:
            private.put_preferences(tx, self._seal, account, ours)  # type: ignore[arg-type]
            for did in mutes:
                if isinstance(did, str) and (is_did(did) or is_at_uri(did)) and did != account.did:
                    private.set_mute(tx, self._seal, account, did, True)
            kept.take_in(tx, self._seal, account, more)

        await self._truth.write(put)

    async def _keep(self, account: Account, cid: Cid, path: str, chunks: AsyncIterable[bytes]) -> bool:
        """Is the blob of that CID here now? What is too large, or other than its name says, is not."""
        try:
            stored = await self._blobs.upload(account.id, chunks, self._said_mime(account, cid, path))
        except UpstreamFailed:
            raise
        except Refused:
            return False
        return stored.cid == cid

    def _said_mime(self, account: Account, cid: Cid, path: str) -> str:
        """What the record says that the blob is."""
        with self._truth.reading() as tx:
            found = repositories.record(tx, account.id, path)
        record = cbor.decode_json(found[1]) if found is not None else None
        if not isinstance(record, dict):
            return ""
        return next((ref.mime for ref in blob_refs(record) if ref.cid == cid), "")


async def counted(
    pieces: AsyncIterable[bytes], what: str, progress: Progress, total: int | None = None
) -> AsyncIterator[bytes]:
    """The same pieces, each told of."""
    done = 0
    async for piece in pieces:
        done += len(piece)
        progress(what, done, total)
        yield piece


def _is_preference(one: object) -> bool:
    return isinstance(one, dict) and str(one.get("$type", "")).startswith(private.NAMESPACE)
