"""The index, derived from the stream, and the views that the doors show of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from freehold.appview.index import Index
from freehold.appview.labelled import Labelers, Said
from freehold.appview.schema import SCHEMA as INDEX_SCHEMA
from freehold.appview.views import Views
from freehold.haven.warm import sources
from freehold.outside import said as labels_abroad
from freehold.outside import schema as outside
from freehold.pds.snapshot import Snapshot
from freehold.site.moves import Moves
from freehold.store.database import Database
from freehold.store.tx import Tx

T = TypeVar("T")

PATIENCE_SECONDS = 0.5
FAR_BEHIND = 5_000
"""Events."""


class Reading(Moves):
    """A host, and all that can be read there."""

    def _open_appview(self, warm: Index | None) -> None:
        """warm: an index that followed while this machine was a standby, to go on with."""
        self.snapshot = Snapshot(self.truth, self.accounts)
        self.index = warm or self._index()
        self.index.turn_to(self.log, sources(self.snapshot, self.accounts))
        self.index.memory.muted_by = self.snapshot.muted_by
        self.index.memory.kept_by = self.snapshot.kept_by
        self.index.memory.labels_of = self._labels_on
        self.index_db = self.index.db
        if not (self.read_only and warm):
            self._closing.callback(self.index_db.close)
        own = frozenset({self.services.labeler})
        self.views = Views(
            self.index, image_url=self.image_url, unlisted=self.services, labelers=Labelers(heard=own, redacting=own)
        )

    def _index(self) -> Index:
        path = self.directory / "index.db"
        return Index(
            Database(
                path,
                (*INDEX_SCHEMA, *outside.BESIDE_THE_INDEX),
                durable=False,
                read_only=self.beside,
                clock=self.clock,
            ),
            self.log,
            beside=outside.TABLES,
            catalog=self.catalog,
            clock=self.clock,
        )

    def _labels_on(self, tx: Tx, subjects: Sequence[str]) -> Mapping[str, Sequence[Said]]:
        """What this network's labeler, and those of others that are followed, say of accounts and records."""
        found = self.labels.on(subjects)
        for uri, src, view, cid, ends in labels_abroad.on(tx, subjects):
            found.setdefault(uri, []).append(Said(src, view, cid, ends))
        return found

    def image_url(self, kind: str, did: str, cid: str) -> str:
        """Where a displayed size of a picture is. kind: avatar, avatar_thumbnail, banner, feed_thumbnail,
        feed_fullsize."""
        return f"{self.place.base_url}/img/{kind}/{did}/{cid}"

    async def caught_up(self, *, words: bool = False) -> bool:
        """Wait, half a second at most, until the index shows every public event that was committed before this call.

        So whoever was told "yes" finds what they wrote, and so does everybody whom they tell. False if it was not in
        time; an index that is far behind (after a rebuild) or not kept is not waited for. words: for a search.
        """
        newest = self.log.last
        if self.settings.host_only or newest - self.index.seq > FAR_BEHIND:
            return False
        private = self.log.last_private if self.beside else 0  # elsewhere who wrote has waited for it
        came = await self.index.reached(newest, PATIENCE_SECONDS, private)
        if words:
            await self.index.words_written()
        return came

    def catching_up(self) -> "asyncio.Future[bool] | None":
        """What `caught_up` waits for, with the same patience; None where it does not wait."""
        newest = self.log.last
        if self.is_caught_up or self.settings.host_only or newest - self.index.seq > FAR_BEHIND:
            return None
        return self.index.arrival(newest, PATIENCE_SECONDS, self.log.last_private if self.beside else 0)

    @property
    def is_caught_up(self) -> bool:
        """Does the index show everything that was committed so far, so that `caught_up` has not to be waited for?"""
        if self.settings.host_only or self.index.seq < self.log.last:
            return False
        return not self.beside or self.index.private_seq >= self.log.last_private

    async def write_private(self, act: Callable[[Tx], T]) -> T:
        """Change what the private log tells of; when this returns, the views show it, as in `private_caught_up`."""
        done = await self.truth.write(act)
        await self.private_caught_up()
        return done

    async def private_caught_up(self) -> None:
        """Wait, half a second at most, until the index (if one is kept) has taken in the private log."""
        if not self.settings.host_only:
            await self.index.reached(0, PATIENCE_SECONDS, self.log.last_private)
