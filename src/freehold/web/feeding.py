"""The pages' `Feeds`, made of one site's rooms.

A member who never chose has Discover beside Following, as official apps have it.
"""

from collections.abc import Sequence

from freehold.appview.fragments import plain
from freehold.feeds.feeds import PUBLIC_DISCOVER
from freehold.feeds.reasons import Why
from freehold.pds import private
from freehold.pds.private import Preference
from freehold.protocol.refused import Refused
from freehold.site import Site
from freehold.store.tx import Tx
from freehold.web.feeds import Json, Known
from freehold.web.visit import Missing

SAVED = "app.bsky.actor.defs#savedFeedsPrefV2"
LIST = "/app.bsky.graph.list/"
TABS_MOST = 10


class SiteFeeds:
    """Of one network, as its pages see it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._feeds = site.feeds

    def uri(self, name: str) -> str:
        return self._feeds.uri(name)

    async def all(self, viewer: str | None, *, limit: int, cursor: str | None) -> tuple[Sequence[Known], str | None]:
        await self._site.caught_up()
        answer = plain(self._feeds.get_popular_feed_generators(viewer, limit, cursor))
        kept = self._pinned(viewer) if viewer is not None else []
        return [self._known(view, kept) for view in answer["feeds"]], answer.get("cursor")

    async def one(self, viewer: str | None, uri: str) -> Known:
        await self._site.caught_up()
        found = self._several(viewer, [uri])
        if not found:
            raise Missing
        return found[0]

    async def read(
        self, viewer: str | None, uri: str, *, limit: int, cursor: str | None
    ) -> tuple[list[tuple[Json, Why]], str | None]:
        await self._site.caught_up()
        page = await self._feeds.page(viewer, uri, limit, cursor)
        views = plain({"feed": [one.view for one in page.items]})["feed"]
        return list(zip(views, (one.why for one in page.items), strict=True)), page.cursor

    async def kept(self, did: str) -> Sequence[Known]:
        return self._several(did, self._pinned(did)[:TABS_MOST])

    async def keep(self, did: str, uri: str, *, kept: bool) -> None:
        site, account = self._site, self._site.accounts.one(did)

        def act(tx: Tx) -> None:
            given = private.preferences(tx, site.seal, account)
            items = [item for item in self._items(given) if self._named(item) != uri]
            if kept:
                id = site.repositories.next_tid(tx)
                items.append({"id": id, "type": _type_of(uri), "value": uri, "pinned": True})
            others = [one for one in given if one.get("$type") != SAVED]
            private.put_preferences(tx, site.seal, account, [*others, {"$type": SAVED, "items": items}])

        await site.write_private(act)

    def _several(self, viewer: str | None, uris: Sequence[str]) -> list[Known]:
        answer = plain(self._feeds.get_feed_generators(viewer, [uri for uri in uris if _type_of(uri) == "feed"]))
        views = {view["uri"]: view for view in answer["feeds"]}
        views |= {uri: view for uri in uris if _type_of(uri) == "list" and (view := self._list(viewer, uri))}
        kept = self._pinned(viewer) if viewer is not None else []
        return [self._known(views[uri], kept) for uri in uris if uri in views]

    def _list(self, viewer: str | None, uri: str) -> Json | None:
        """A list's view, None where there is none to be seen."""
        try:
            view: Json = plain(self._site.views.get_list(viewer, uri, 1))["list"]
        except Refused:
            return None
        return {**view, "displayName": view["name"]}

    def _pinned(self, did: str) -> list[str]:
        """What the member keeps, in their order."""
        with self._site.truth.reading() as tx:
            given = private.preferences(tx, self._site.seal, self._site.accounts.one(did))
        found = [self._named(item) for item in self._items(given) if item.get("pinned")]
        return list(dict.fromkeys(uri for uri in found if uri))

    def _items(self, given: Sequence[Preference]) -> list[Json]:
        """The saved feeds of these preferences; those of a member who never chose, if there are none."""
        for one in given:
            if one.get("$type") == SAVED and isinstance(items := one.get("items"), list):
                return [item for item in items if isinstance(item, dict)]
        timeline = {"id": "following", "type": "timeline", "value": "following", "pinned": True}
        return [timeline, {"id": "discover", "type": "feed", "value": self.uri("discover"), "pinned": True}]

    def _named(self, item: Json) -> str:
        """The feed or list that an item saves; "" if it is none."""
        value = item.get("value")
        if item.get("type") not in ("feed", "list") or not isinstance(value, str):
            return ""
        return self.uri("discover") if value == PUBLIC_DISCOVER else value

    def _known(self, view: Json, kept: Sequence[str]) -> Known:
        uri, name = view["uri"], view["uri"].rpartition("/")[2]
        ours = name in self._feeds.names and uri == self.uri(name)
        return Known(
            uri=uri,
            name=name if ours else "",
            title=view["displayName"],
            description=view.get("description", ""),
            by=None if ours else view["creator"],
            likes=view.get("likeCount", 0),
            kept=uri in kept,
            fault=self._feeds.programs.fault(name) if ours else "",
        )


def _type_of(uri: str) -> str:
    """How the preference of saved feeds calls what an at-uri names."""
    return "list" if LIST in uri else "feed"
