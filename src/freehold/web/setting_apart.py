"""The pages' `Apart`, made of one site's rooms; each write waits until the index shows it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from freehold.appview.fragments import plain
from freehold.appview.muted_words import MutedWord, standing
from freehold.pds import kept, muted_words, private
from freehold.pds.accounts import Account
from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import parse_at_uri
from freehold.site import Site
from freehold.store.tx import Tx
from freehold.web.apart import Json, Kept

BLOCK = "app.bsky.graph.block"
DAY_MICROS = 86_400_000_000
PointAt = Callable[[str, str, str], Awaitable[None]]
"""(who, collection, subject): write a record that points at somebody."""
TakeBack = Callable[[str, str], Awaitable[None]]
"""(who, at-uri): delete a record of theirs."""


class SiteApart:
    """Of one network, as its pages see it."""

    def __init__(self, site: Site, point_at: PointAt, take_back: TakeBack) -> None:
        self._site, self._point_at, self._take_back = site, point_at, take_back

    async def save(self, did: str, uri: str, cid: str) -> None:
        await self._do(did, lambda tx, account: kept.save_post(tx, self._site.seal, account, uri, cid))

    async def let_go(self, did: str, uri: str) -> None:
        await self._do(did, lambda tx, account: kept.let_post_go(tx, self._site.seal, account, uri))

    async def saved(self, did: str, *, limit: int, cursor: str | None) -> Json:
        await self._site.caught_up()
        return plain(self._site.views.get_bookmarks(did, limit, cursor))

    def drafts(self, did: str) -> Sequence[Kept]:
        with self._site.truth.reading() as tx:
            found = kept.drafts(tx, self._site.seal, self._site.accounts.one(did))
        return [Kept(id, one.draft, _moment(one.changed)) for id, one in found]

    async def keep_draft(self, did: str, id: str, draft: Json) -> None:
        def act(tx: Tx, account: Account) -> None:
            if id:
                kept.change_draft(tx, self._site.seal, account, id, draft)
            else:
                kept.make_draft(tx, self._site.seal, account, draft)

        await self._do(did, act)

    async def delete_draft(self, did: str, id: str) -> None:
        await self._do(did, lambda tx, account: kept.delete_draft(tx, self._site.seal, account, id))

    async def mute(self, did: str, other: str) -> None:
        await self._set_mute(did, other, muted=True)

    async def unmute(self, did: str, other: str) -> None:
        await self._set_mute(did, other, muted=False)

    async def muted(self, did: str, *, limit: int, cursor: str | None) -> Json:
        await self._site.caught_up()
        return plain(self._site.views.get_mutes(did, limit, cursor))

    async def mute_thread(self, did: str, root_uri: str, *, muted: bool) -> None:
        await self._do(did, lambda tx, account: private.set_mute(tx, self._site.seal, account, root_uri, muted))

    def muted_words(self, did: str) -> Sequence[MutedWord]:
        with self._site.truth.reading() as tx:
            given = private.preferences(tx, self._site.seal, self._site.accounts.one(did))
        return standing(given, _moment(self._site.clock()))

    async def mute_word(self, did: str, word: str, *, in_text: bool, of_all: bool, days: int | None) -> None:
        def act(tx: Tx, account: Account) -> None:
            until = None if days is None else tx.now + days * DAY_MICROS
            id = self._site.repositories.next_tid(tx)
            muted_words.add(tx, self._site.seal, account, id, word, in_text=in_text, of_all=of_all, until=until)

        await self._do(did, act)

    async def unmute_word(self, did: str, id: str) -> None:
        await self._do(did, lambda tx, account: muted_words.remove(tx, self._site.seal, account, id))

    async def block(self, did: str, other: str) -> None:
        if other == did:
            raise InvalidRequest("You cannot block yourself.")
        await self._point_at(did, BLOCK, other)

    async def unblock(self, did: str, block_uri: str) -> None:
        if parse_at_uri(block_uri).collection != BLOCK:
            raise InvalidRequest("That is not yours to take back.")
        await self._take_back(did, block_uri)

    async def blocked(self, did: str, *, limit: int, cursor: str | None) -> Json:
        await self._site.caught_up()
        return plain(self._site.views.get_blocks(did, limit, cursor))

    async def _set_mute(self, did: str, other: str, *, muted: bool) -> None:
        await self._do(did, lambda tx, account: kept.mute(tx, self._site.seal, account, other, muted=muted))

    async def _do(self, did: str, act: Callable[[Tx, Account], object]) -> None:
        account = self._site.accounts.one(did)
        await self._site.write_private(lambda tx: act(tx, account))


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
