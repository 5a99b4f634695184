"""The pages' `Lists`, made of one site's rooms; each write waits until the index shows it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from freehold.appview.fragments import plain
from freehold.pds import private
from freehold.pds.reads import RecordNotFound
from freehold.pds.writes import Create, Delete, Put, Write, Written
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.protocol.syntax import format_datetime, parse_at_uri
from freehold.site import Site
from freehold.web.lists import Json, Purpose, Words
from freehold.web.setting_apart import PointAt, TakeBack

LIST, ITEM, BLOCK = "app.bsky.graph.list", "app.bsky.graph.listitem", "app.bsky.graph.listblock"
FOLLOW = "app.bsky.graph.follow"
AT_ONCE, LOOKED_AT, PACKS = 200, 100, 50

DoWrites = Callable[[str, Sequence[Write]], Awaitable[Written]]
"""(who, what): write to their repository, and wait until it is seen."""


class NoSuchList(Refused):
    """There is none by that key."""

    kind, name = "missing", "NotFound"
    say = "That list is not there any more."


class SiteLists:
    """Of one network, as its pages see it."""

    def __init__(self, site: Site, write: DoWrites, point_at: PointAt, take_back: TakeBack) -> None:
        self._site, self._views = site, site.views
        self._write, self._point_at, self._take_back = write, point_at, take_back

    async def of(self, viewer: str | None, actor: str, *, limit: int, cursor: str | None) -> Json:
        return plain(self._views.get_lists(viewer, actor, limit, cursor))

    async def packs_of(self, viewer: str | None, actor: str) -> Json:
        return plain(self._views.get_actor_starter_packs(viewer, actor, PACKS))

    async def one(self, viewer: str | None, uri: str, *, limit: int, cursor: str | None) -> Json:
        return plain(self._views.get_list(viewer, uri, limit, cursor))

    async def feed(self, viewer: str | None, uri: str, *, limit: int, cursor: str | None) -> Json:
        return plain(self._views.get_list_feed(viewer, uri, limit, cursor))

    async def pack(self, viewer: str | None, uri: str) -> Json:
        return plain(self._views.get_starter_pack(viewer, uri))

    async def with_membership(self, did: str, other: str, *, limit: int, cursor: str | None) -> Json:
        return plain(self._views.get_lists_with_membership(did, other, limit, cursor))

    async def make(self, did: str, words: Words, purpose: Purpose) -> str:
        record: Json = {"purpose": f"app.bsky.graph.defs#{purpose}", "createdAt": self._now(), **words._asdict()}
        done = await self._write(did, [Create(LIST, None, record)])
        return str(done.results[0].uri).rpartition("/")[2]

    async def change(self, did: str, rkey: str, words: Words) -> None:
        try:
            record: Json = self._site.reads.record(self._site.accounts.one(did), f"{LIST}/{rkey}")
        except RecordNotFound:
            raise NoSuchList from None
        if record.get("description") != words.description:
            record.pop("descriptionFacets", None)  # they pointed into the words of before
        await self._write(did, [Put(LIST, rkey, {**record, **words._asdict()})])

    async def delete(self, did: str, rkey: str) -> None:
        """The list goes last, so that a deletion that is broken off can be asked for again."""
        items = await asyncio.to_thread(self._items, did, rkey)
        for start in range(0, len(items), AT_ONCE):
            await self._write(did, [Delete(ITEM, key) for key in items[start : start + AT_ONCE]])
        await self._write(did, [Delete(LIST, rkey)])

    async def put_on(self, did: str, rkey: str, other: str) -> None:
        if self._item(did, rkey, other) is None:
            record: Json = {"list": f"at://{did}/{LIST}/{rkey}", "subject": other, "createdAt": self._now()}
            await self._write(did, [Create(ITEM, None, record)])

    async def take_off(self, did: str, rkey: str, other: str) -> None:
        key = self._item(did, rkey, other)
        if key is not None:
            await self._write(did, [Delete(ITEM, key)])

    async def mute(self, did: str, uri: str, *, muted: bool) -> None:
        account = self._site.accounts.one(did)
        await self._site.write_private(lambda tx: private.set_mute(tx, self._site.seal, account, uri, muted))

    async def block(self, did: str, uri: str) -> None:
        await self._point_at(did, BLOCK, uri)

    async def unblock(self, did: str, block_uri: str) -> None:
        if parse_at_uri(block_uri).collection != BLOCK:
            raise InvalidRequest("That is not yours to take back.")
        await self._take_back(did, block_uri)

    async def follow_all(self, did: str, others: Sequence[str]) -> None:
        now = self._now()
        creates = [Create(FOLLOW, None, {"subject": other, "createdAt": now}) for other in others[:AT_ONCE]]
        if creates:
            await self._write(did, creates)

    def _items(self, did: str, rkey: str) -> list[str]:
        """The record keys of all who are put on a list of the member's, of those too whom nobody sees there."""
        account, uri = self._site.accounts.one(did), f"at://{did}/{LIST}/{rkey}"
        found: list[str] = []
        cursor: str | None = None
        while rows := self._site.reads.page(account, ITEM, LOOKED_AT, cursor, True):
            found += [row.rkey for row in rows if msgspec.json.decode(row.value).get("list") == uri]
            cursor = rows[-1].rkey
        return found

    def _item(self, did: str, rkey: str, other: str) -> str | None:
        """The record key by which somebody is on a list of the member's."""
        cursor: str | None = None
        while True:
            answer = plain(self._views.get_lists_with_membership(did, other, LOOKED_AT, cursor))
            for one in answer["listsWithMembership"]:
                if one["list"]["uri"].endswith(f"/{rkey}"):
                    return str(one["listItem"]["uri"]).rpartition("/")[2] if "listItem" in one else None
            cursor = answer.get("cursor")
            if cursor is None:
                raise NoSuchList

    def _now(self) -> str:
        return format_datetime(self._site.clock())
