"""The index, derived from the stream, and the views that the doors show of it."""

from collections.abc import Iterator

from freehold.appview.index import Account as IndexedAccount
from freehold.appview.index import Index
from freehold.appview.schema import SCHEMA as INDEX_SCHEMA
from freehold.appview.views import Views
from freehold.pds.snapshot import Snapshot
from freehold.site.moves import Moves
from freehold.store.database import Database

PATIENCE_SECONDS = 0.5
FAR_BEHIND = 5_000
"""Events."""


class Reading(Moves):
    """A host, and all that can be read there."""

    def _open_appview(self) -> None:
        self.snapshot = Snapshot(self.truth, self.accounts)
        self.index_db = Database(self.directory / "index.db", INDEX_SCHEMA, durable=False, clock=self.clock)
        self._closing.callback(self.index_db.close)
        self.index = Index(
            self.index_db,
            self.log,
            snapshot=self._all_indexed,
            private_snapshot=self.snapshot.private,
            records_of=lambda did: self.snapshot.records(self.accounts.hosted(did)),
            record_of=self.snapshot.record,
            catalog=self.catalog,
            clock=self.clock,
        )
        self.views = Views(self.index, image_url=self.image_url, unlisted=self.services)

    def _all_indexed(self) -> Iterator[IndexedAccount]:
        for account in self.snapshot.accounts():
            rev, records = self.snapshot.rev(account), self.snapshot.records(account)
            yield IndexedAccount(account.did, account.handle, account.status, records, rev)

    def image_url(self, kind: str, did: str, cid: str) -> str:
        """Where a displayed size of a picture is. kind: avatar, avatar_thumbnail, banner, feed_thumbnail,
        feed_fullsize."""
        return f"{self.place.base_url}/img/{kind}/{did}/{cid}"

    async def caught_up(self) -> bool:
        """Wait, half a second at most, until the index shows every public event that was committed before this call.

        So whoever was told "yes" finds what they wrote, and so does everybody whom they tell. False if it was not in
        time; an index that is far behind (after a rebuild) or not kept is not waited for.
        """
        newest = self.log.last
        if self.settings.host_only or newest - self.index.seq > FAR_BEHIND:
            return False
        return await self.index.reached(newest, PATIENCE_SECONDS)

    async def private_caught_up(self) -> None:
        """Wait, half a second at most, until the index (if one is kept) has taken in the private log."""
        if not self.settings.host_only:
            await self.index.reached(0, PATIENCE_SECONDS, self.log.last_private)
