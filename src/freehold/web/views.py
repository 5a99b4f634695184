"""The pages' `Views`, made of the appview's: plain dicts, which templates look into."""

from collections.abc import Sequence

from freehold.appview.fragments import plain
from freehold.site import Site
from freehold.web.backend import Json


class SiteViews:
    """Reading, as `backend.Views` has it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._views = site.views

    async def get_timeline(self, viewer: str, *, limit: int, cursor: str | None) -> Json:
        await self._site.caught_up()
        return plain(self._views.get_timeline(viewer, limit, cursor))

    async def get_network_feed(self, viewer: str | None, *, limit: int, cursor: str | None) -> Json:
        page = await self._site.feeds.read(viewer, "local", limit, cursor)
        more = {"cursor": page.cursor} if page.cursor is not None else {}
        return plain({"feed": [one.view for one in page.items], **more})

    async def get_author_feed(
        self, viewer: str | None, *, actor: str, filter: str, limit: int, cursor: str | None, include_pins: bool
    ) -> Json:
        return plain(self._views.get_author_feed(viewer, actor, limit, cursor, filter, include_pins))

    async def get_posts(self, viewer: str | None, *, uris: Sequence[str]) -> Json:
        return plain(self._views.get_posts(viewer, uris))

    async def get_post_thread_v2(
        self, viewer: str | None, *, anchor: str, below: int, branching_factor: int, sort: str
    ) -> Json:
        return plain(self._views.get_post_thread_v2(viewer, anchor, True, below, branching_factor, sort))

    async def get_likes(self, viewer: str | None, *, uri: str, limit: int, cursor: str | None) -> Json:
        return plain(self._views.get_likes(viewer, uri, None, limit, cursor))

    async def get_reposted_by(self, viewer: str | None, *, uri: str, limit: int, cursor: str | None) -> Json:
        return plain(self._views.get_reposted_by(viewer, uri, None, limit, cursor))

    async def get_quotes(self, viewer: str | None, *, uri: str, limit: int, cursor: str | None) -> Json:
        return plain(self._views.get_quotes(viewer, uri, None, limit, cursor))

    async def search_posts(self, viewer: str, *, q: str, limit: int, cursor: str | None) -> Json:
        await self._site.caught_up(words=True)
        return plain(self._views.search_posts(viewer, q, limit, cursor))

    async def get_profile(self, viewer: str | None, *, actor: str) -> Json:
        return plain(self._views.get_profile(viewer, actor))

    async def get_suggestions(self, viewer: str, *, limit: int) -> Json:
        return plain(self._views.get_suggestions(viewer, limit))

    async def search_actors(self, viewer: str, *, q: str, limit: int, cursor: str | None) -> Json:
        return plain(self._views.search_actors(viewer, q, limit, cursor))

    async def search_actors_typeahead(self, viewer: str, *, q: str, limit: int) -> Json:
        return plain(self._views.search_actors_typeahead(viewer, q, limit))

    async def get_followers(self, viewer: str | None, *, actor: str, limit: int, cursor: str | None) -> Json:
        return plain(self._views.get_followers(viewer, actor, limit, cursor))

    async def get_follows(self, viewer: str | None, *, actor: str, limit: int, cursor: str | None) -> Json:
        return plain(self._views.get_follows(viewer, actor, limit, cursor))

    async def list_notifications(
        self, viewer: str, *, limit: int, cursor: str | None, reasons: Sequence[str] | None
    ) -> Json:
        return plain(self._views.list_notifications(viewer, limit, cursor, reasons))

    async def get_unread_count(self, viewer: str) -> Json:
        return self._views.get_unread_count(viewer)
