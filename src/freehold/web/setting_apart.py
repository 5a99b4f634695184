"""The pages' `Apart`, made of one site's rooms; each write waits until the index shows it."""

from collections.abc import Callable

from freehold.appview.fragments import plain
from freehold.pds import kept, private
from freehold.pds.accounts import Account
from freehold.pds.writes import Create, Delete
from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import format_datetime, parse_at_uri
from freehold.site import Site
from freehold.store.tx import Tx
from freehold.web.apart import Json

BLOCK = "app.bsky.graph.block"


class SiteApart:
    """Of one network, as its pages see it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def save(self, did: str, uri: str, cid: str) -> None:
        await self._do(did, lambda tx, account: kept.save_post(tx, self._site.seal, account, uri, cid))

    async def let_go(self, did: str, uri: str) -> None:
        await self._do(did, lambda tx, account: kept.let_post_go(tx, self._site.seal, account, uri))

    async def saved(self, did: str, *, limit: int, cursor: str | None) -> Json:
        await self._site.caught_up()
        return plain(self._site.views.get_bookmarks(did, limit, cursor))

    async def mute(self, did: str, other: str) -> None:
        await self._set_mute(did, other, muted=True)

    async def unmute(self, did: str, other: str) -> None:
        await self._set_mute(did, other, muted=False)

    async def muted(self, did: str, *, limit: int, cursor: str | None) -> Json:
        await self._site.caught_up()
        return plain(self._site.views.get_mutes(did, limit, cursor))

    async def block(self, did: str, other: str) -> None:
        if other == did:
            raise InvalidRequest("You cannot block yourself.")
        record: Json = {"subject": other, "createdAt": format_datetime(self._site.clock())}
        await self._site.writes.write(did, [Create(BLOCK, None, record)], validate=True)
        await self._site.caught_up()

    async def unblock(self, did: str, block_uri: str) -> None:
        at = parse_at_uri(block_uri)
        if at.authority != did or at.collection != BLOCK or at.rkey is None:
            raise InvalidRequest("That is not yours to take back.")
        await self._site.writes.write(did, [Delete(BLOCK, at.rkey)], validate=True)
        await self._site.caught_up()

    async def blocked(self, did: str, *, limit: int, cursor: str | None) -> Json:
        await self._site.caught_up()
        return plain(self._site.views.get_blocks(did, limit, cursor))

    async def _set_mute(self, did: str, other: str, *, muted: bool) -> None:
        await self._do(did, lambda tx, account: private.set_mute(tx, self._site.seal, account, other, muted))

    async def _do(self, did: str, act: Callable[[Tx, Account], object]) -> None:
        account = self._site.accounts.one(did)
        await self._site.truth.write(lambda tx: act(tx, account))
        await self._site.private_caught_up()
