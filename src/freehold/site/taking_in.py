"""What other hosts say, taken into the index: nothing, unless the operator named hosts or relays to listen to."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from freehold.appview.apply import ACCOUNT
from freehold.appview.batch import HANDLERS
from freehold.appview.bundle import packed
from freehold.net.client import Client
from freehold.outside import said
from freehold.outside.index import Taker
from freehold.outside.labelers import Labelers
from freehold.outside.newcomers import Bounds
from freehold.outside.outside import CHECKERS_MAX, Limits, Outside
from freehold.outside.pictures import NoPicture, Pictures
from freehold.outside.reader import Reader
from freehold.outside.sources import Sources
from freehold.pds.pictures.shown import Shown
from freehold.pds.private import count_labelers
from freehold.protocol.cid import Cid
from freehold.site.watched import Watched

T = TypeVar("T")
FOLLOWED_SECONDS = 1.0


class TakingIn(Watched):
    """A host with views, also of what is said elsewhere."""

    def _open_taking_in(self) -> None:
        settings = self.settings
        self.index.is_here = self.is_here
        self._followed: tuple[float, frozenset[str]] = (0.0, frozenset())
        reader = Reader(self, self.index_db.reading, self.identity, self.is_here, self.clock)
        client, folder = Client(self.client.guard), self.directory / "cache" / "outside"
        self._outside_pictures = Pictures(self.index_db.reading, client, folder / "pictures", settings.blob_max_bytes)
        self.outside = Outside(
            Sources(self.truth),
            reader,
            client,
            folder / "coming",
            frozenset(HANDLERS),
            packed,
            Limits(
                settings.outside_per_host,
                settings.outside_per_second,
                settings.outside_max_repo_bytes,
                checkers=max(1, min(CHECKERS_MAX, (os.cpu_count() or 1) - 1)),
                new=Bounds(accounts=settings.outside_max_accounts),
            ),
            Labelers(
                self.truth,
                reader,
                client,
                partial(count_labelers, self.truth, self.seal),
                self.services.labeler,
                settings.outside_max_labels,
            ),
        )

    def is_here(self, did: str) -> bool:
        """Whether an account lives in this network: its own stream tells of it, whatever others say."""
        account = self.accounts.find(did)
        return account is not None and account.active

    async def take_in(self, change: Callable[[Taker], T]) -> T:
        """Put what other hosts' accounts did into the index. Raises MadeAnew."""
        return await self.index.take_in(change)

    def followed_labelers(self) -> frozenset[str]:
        """Of which labelers of other networks labels are here; as it was a second ago, at the latest."""
        until, followed = self._followed
        if time.monotonic() > until:
            with self.index_db.reading() as tx:
                followed = said.followed(tx)
            self._followed = time.monotonic() + FOLLOWED_SECONDS, followed
        return followed

    async def hide_outside(self, did: str, path: str | None, hide: bool) -> None:
        """Show nobody here an account of another host, or one record of it; or show it again, fetched anew.

        It is kept in the truth, and so outlives the index.
        """
        subject = path or ACCOUNT
        if hide:
            await self.write_private(lambda tx: self.takedowns.take_down(tx, did, subject))
            return
        await self.truth.write(lambda tx: self.takedowns.put_back(tx, did, subject))
        await self.index.reached(0, private_seq=self.log.last_private, timeout=10.0)
        await self.outside.fetch_again(did)

    async def outside_picture(self, kind: str, did: str, cid: Cid) -> Path:
        """The file of a displayed size of another host's picture. Raises NoPicture, BlobNotFound, BadPicture, upstream
        refusals."""
        pictures = self._outside_pictures
        pictures.assure_shown(did)
        self.takedowns.assure_served(did, cid)
        if self.takedowns.ref_of(did, ACCOUNT) is not None:
            raise NoPicture(did=did)
        shown = Shown(pictures.sizes, pictures.files, self.shared.workshop)
        made = shown.made(kind, cid)
        if made is not None:
            return made
        async with pictures.fetched(did, cid):
            return await shown.picture(kind, cid)

    async def stop(self) -> None:
        """Close what is open to the outside, and the processes that check it."""
        await super().stop()
        await self.outside.stop()
