"""Pictures of other hosts' accounts: fetched by the network, so that no other host learns who looks at them.

The file is asked of the account's own host when a page first shows it, held against its CID, and let go once its
displayed size is made (`pds.pictures` does that). Displayed sizes are kept for a day, so that what is deleted over
there is soon gone here.
Folder: `folder`, which may be deleted at any time.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path

from freehold.net.client import Client
from freehold.net.xrpc import Remote
from freehold.outside import known
from freehold.outside.pace import Pace
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.store.blobs import BlobStore
from freehold.store.tx import Tx

METHOD = "com.atproto.sync.getBlob"
SECONDS = 20.0
KEEP_SECONDS = 86_400.0
SWEEP_SECONDS = 600.0
PER_HOST, PER_SECOND = 8, 50.0


class NoPicture(Refused):
    """The account is none that is taken in, or its host gives something else."""

    say = "There is no such picture."


class Pictures:
    """Files under way. files: where one lies while its displayed size is made; sizes: the folder of those."""

    def __init__(
        self,
        reading: Callable[[], AbstractContextManager[Tx]],
        client: Client,
        folder: Path,
        max_bytes: int,
    ) -> None:
        self._reading, self._client, self._max_bytes = reading, client, max_bytes
        self._folder = folder
        self.sizes = folder / "sizes"
        self._files: BlobStore | None = None
        self._pace = Pace(PER_HOST, PER_SECOND)
        self._turns: dict[Cid, asyncio.Lock] = {}
        self._swept_at = 0.0

    @property
    def files(self) -> BlobStore:
        """Made when first needed: a network that takes in nothing has no folder for it."""
        if self._files is None:
            self._files = BlobStore(self._folder / "files")
        return self._files

    @asynccontextmanager
    async def fetched(self, did: str, cid: Cid) -> AsyncIterator[None]:
        """The file is in `files` inside the `async with`. Raises NoPicture, and upstream refusals."""
        turn = self._turns.setdefault(cid, asyncio.Lock())
        try:
            async with turn:
                await self._sweep()
                await self._fetch(self._host_of(did), did, cid)
                try:
                    yield
                finally:
                    await asyncio.to_thread(self.files.delete, cid)
        finally:
            if not turn.locked():
                self._turns.pop(cid, None)

    def assure_shown(self, did: str) -> None:
        """Raises NoPicture for an account that is none of the outside, or not active."""
        self._host_of(did)

    def _host_of(self, did: str) -> str:
        with self._reading() as tx:
            row = known.repo(tx, did)
        if row is None or row.pds is None or row.status is not None:
            raise NoPicture(did=did)
        return row.pds

    async def _fetch(self, pds: str, did: str, cid: Cid) -> None:
        remote, given = Remote(self._client, pds), {"did": did, "cid": str(cid)}
        async with (
            self._pace.asking(pds),
            remote.download(METHOD, given, max_bytes=self._max_bytes, seconds=SECONDS) as answer,
        ):
            with self.files.incoming(self._max_bytes) as upload:
                async for piece in answer.chunks:
                    upload.write(piece)
                if upload.cid != cid:
                    raise NoPicture(did=did, cid=str(cid), found=str(upload.cid))
                await asyncio.to_thread(self.files.keep, upload)

    async def _sweep(self) -> None:
        now = time.time()
        if now - self._swept_at > SWEEP_SECONDS:
            self._swept_at = now
            await asyncio.to_thread(self._drop_old, now - KEEP_SECONDS)

    def _drop_old(self, before: float) -> None:
        for path in self.sizes.rglob("*.jpg"):
            if path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
