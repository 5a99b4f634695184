"""Every view of this room by its name: what both doors call.

Each method takes the reader's DID (None for a stranger) and the parameters of its lexicon, reads in one transaction,
and returns the answer as lexicon JSON, for `fragments.encode` or `plain`. Its inner parts are shared with other
answers: do not change them. Refusals are those of `asked`. The methods do not wait: for a page that must show a write,
await `Index.reached` first.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any

import msgspec

from freehold.appview import (
    feeds,
    generators,
    list_views,
    notices,
    pack_views,
    people,
    people_search,
    saved,
    search,
    subscribed,
    suggestions,
    threads,
)
from freehold.appview.asked import UnknownAlgorithm
from freehold.appview.fragments import View
from freehold.appview.index import Index
from freehold.appview.labelled import NO_LABELERS, Labelers
from freehold.appview.page import Page
from freehold.appview.pieces import ImageUrl, Json
from freehold.store.database import Reading


class _Opened:
    """A page over a read transaction."""

    __slots__ = ("_reading", "_viewer", "_views")

    def __init__(self, views: "Views", viewer: str | None) -> None:
        self._views = views
        self._viewer = viewer

    def __enter__(self) -> Page:
        index = self._views.index
        generation = index.memory.generation
        self._reading: Reading = index.db.reading()
        views = self._views
        tx, labelers = self._reading.__enter__(), views.labelers
        page = Page(tx, index.memory, views.image_url, self._viewer, labelers, by_choice=views.by_choice)
        page.generation = generation
        return page

    def __exit__(self, *error: Any) -> None:
        self._reading.__exit__(*error)


class Views:
    """The views of one network. image_url: see `pieces.ImageUrl`. unlisted: DIDs that are never suggested. labelers:
    whose labels are shown, beside those of whom a reader chose."""

    def __init__(
        self, index: Index, *, image_url: ImageUrl, unlisted: Sequence[str] = (), labelers: Labelers = NO_LABELERS
    ) -> None:
        self.labelers = labelers
        self.by_choice = True
        self.index = index
        self.image_url = image_url
        self._unlisted = msgspec.json.encode(list(unlisted)).decode()

    def listening(self, labelers: Labelers) -> "Views":
        """The same views for whoever listens to these labelers, and to no others."""
        views = copy(self)
        views.labelers, views.by_choice = labelers, False
        return views

    def open(self, viewer: str | None) -> _Opened:
        """A page for this reader, as a context: for rooms that make views of their own."""
        return _Opened(self, viewer)

    _page = open

    def repo_rev(self, viewer: str) -> str | None:
        """The revision of the reader's own repository that the answers show: the header `Atproto-Repo-Rev`."""
        memory = self.index.memory
        id = memory.ids.get(viewer)
        rev = memory.revs.get(id) if id is not None else None
        return rev if rev is not None else self._read_rev(viewer)

    def _read_rev(self, viewer: str) -> str | None:
        rev: str | None
        memory = self.index.memory
        generation = memory.generation
        with self.index.db.reading() as tx:
            id, rev = tx.one("SELECT id, rev FROM actor WHERE did = :did", did=viewer) or (0, None)
        if rev is not None:
            memory.ids.put(viewer, id)
            memory.revs.put(id, rev)
            if memory.generation != generation:
                memory.ids.forget((viewer,))
                memory.revs.forget((id,))
        return rev

    # -- app.bsky.actor ----------------------------------------------------------------------------------------------

    def get_profile(self, viewer: str | None, actor: str) -> View:
        """A profile in full."""
        with self._page(viewer) as page:
            return people.profile(page, actor)

    def get_profiles(self, viewer: str | None, actors: Sequence[str]) -> Json:
        """Several, those that are there."""
        with self._page(viewer) as page:
            return people.profiles(page, actors)

    def get_suggestions(self, viewer: str | None, limit: int = 50, cursor: str | None = None) -> Json:
        """Whom the reader could follow."""
        with self._page(viewer) as page:
            return suggestions.people(page, limit, cursor, self._unlisted)

    def search_actors(
        self, viewer: str | None, q: str = "", limit: int = 25, cursor: str | None = None, term: str = ""
    ) -> Json:
        """People by words."""
        with self._page(viewer) as page:
            return people_search.search(page, q or term, limit, cursor)

    def search_actors_typeahead(self, viewer: str | None, q: str = "", limit: int = 10, term: str = "") -> Json:
        """People by how their handle or name begins."""
        with self._page(viewer) as page:
            return people_search.typeahead(page, q or term, limit)

    # -- app.bsky.feed -----------------------------------------------------------------------------------------------

    def get_timeline(
        self, viewer: str, limit: int = 50, cursor: str | None = None, algorithm: str | None = None
    ) -> Json:
        """The reader's home. algorithm: there is one only. Raises UnknownAlgorithm."""
        if algorithm not in (None, "", "reverse-chronological"):
            raise UnknownAlgorithm(algorithm=algorithm)
        with self._page(viewer) as page:
            return feeds.timeline(page, limit, cursor)

    def get_author_feed(
        self,
        viewer: str | None,
        actor: str,
        limit: int = 50,
        cursor: str | None = None,
        filter: str = "posts_with_replies",
        includePins: bool = False,  # noqa: N803 - the lexicon's names
    ) -> Json:
        """What someone wrote and reposted."""
        with self._page(viewer) as page:
            return feeds.author_feed(page, actor, limit, cursor, filter, includePins)

    def get_actor_likes(self, viewer: str | None, actor: str, limit: int = 50, cursor: str | None = None) -> Json:
        """What the reader liked."""
        with self._page(viewer) as page:
            return feeds.actor_likes(page, actor, limit, cursor)

    def get_list_feed(self, viewer: str | None, list: str, limit: int = 50, cursor: str | None = None) -> Json:
        """What those on a list wrote."""
        with self._page(viewer) as page:
            return feeds.list_feed(page, list, limit, cursor)

    def get_actor_feeds(self, viewer: str | None, actor: str, limit: int = 50, cursor: str | None = None) -> Json:
        """The feeds that someone declared."""
        with self._page(viewer) as page:
            return generators.actor_feeds(page, actor, limit, cursor)

    def get_posts(self, viewer: str | None, uris: Sequence[str]) -> Json:
        """Posts by their URIs."""
        with self._page(viewer) as page:
            return search.posts(page, uris)

    def get_post_thread(
        self,
        viewer: str | None,
        uri: str,
        depth: int = 6,
        parentHeight: int = 80,  # noqa: N803 - the lexicon's name
    ) -> Json:
        """A thread as a tree."""
        with self._page(viewer) as page:
            return threads.thread(page, uri, depth, parentHeight)

    def get_likes(
        self, viewer: str | None, uri: str, cid: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Json:
        """Who liked something."""
        with self._page(viewer) as page:
            return people.likes(page, uri, cid, limit, cursor)

    def get_reposted_by(
        self, viewer: str | None, uri: str, cid: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Json:
        """Who reposted a post."""
        with self._page(viewer) as page:
            return people.reposted_by(page, uri, cid, limit, cursor)

    def get_quotes(
        self, viewer: str | None, uri: str, cid: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Json:
        """The posts that quote a post."""
        with self._page(viewer) as page:
            return search.quotes(page, uri, cid, limit, cursor)

    def search_posts(
        self,
        viewer: str | None,
        q: str,
        limit: int = 25,
        cursor: str | None = None,
        sort: str = "latest",
        **filters: Any,
    ) -> Json:
        """Posts by words. filters: as in app.bsky.feed.searchPosts."""
        with self._page(viewer) as page:
            return search.search_v1(page, q, limit, cursor, sort, **filters)

    def search_posts_v2(
        self,
        viewer: str | None,
        limit: int = 25,
        cursor: str | None = None,
        sort: str | None = None,
        **filters: Any,
    ) -> Json:
        """Posts by words and filters. filters: as in app.bsky.feed.searchPostsV2, `query` among them."""
        with self._page(viewer) as page:
            return search.search_v2(page, limit, cursor, sort, **filters)

    # -- app.bsky.unspecced ------------------------------------------------------------------------------------------

    def get_post_thread_v2(
        self,
        viewer: str | None,
        anchor: str,
        above: bool = True,
        below: int = 6,
        branchingFactor: int = 10,  # noqa: N803 - the lexicon's name
        sort: str = "oldest",
    ) -> Json:
        """A thread as a flat list."""
        with self._page(viewer) as page:
            return threads.thread_v2(page, anchor, above, below, branchingFactor, sort)

    def get_post_thread_other_v2(self, viewer: str | None, anchor: str) -> Json:
        """The replies that the flat list keeps back."""
        with self._page(viewer) as page:
            return threads.other_v2(page, anchor)

    def get_suggested_users(self, viewer: str | None, limit: int = 25, category: str | None = None) -> Json:
        """Whom the reader could follow. category: of those who name it in their profiles."""
        with self._page(viewer) as page:
            return {"actors": suggestions.people(page, limit, None, self._unlisted, category)["actors"]}

    def get_suggested_starter_packs(self, viewer: str | None, limit: int = 10) -> Json:
        """Starter packs by which people joined."""
        with self._page(viewer) as page:
            return suggestions.starter_packs(page, limit)

    # -- app.bsky.graph ----------------------------------------------------------------------------------------------

    def get_followers(
        self, viewer: str | None, actor: str, limit: int = 50, cursor: str | None = None, sort: str = "latest"
    ) -> Json:
        """Who follows someone. sort: `latest`, which is also what others mean, or `top`."""
        with self._page(viewer) as page:
            return people.followers(page, actor, limit, cursor, sort)

    def get_follows(
        self, viewer: str | None, actor: str, limit: int = 50, cursor: str | None = None, sort: str = "latest"
    ) -> Json:
        """Whom someone follows. sort: as in `get_followers`."""
        with self._page(viewer) as page:
            return people.follows(page, actor, limit, cursor, sort)

    def get_known_followers(self, viewer: str, actor: str, limit: int = 50, cursor: str | None = None) -> Json:
        """Who of those that the reader follows follows someone."""
        with self._page(viewer) as page:
            return people.known_followers(page, actor, limit, cursor)

    def get_relationships(self, viewer: str | None, actor: str, others: Sequence[str] = ()) -> Json:
        """How accounts stand to one."""
        with self._page(viewer) as page:
            return people.relationships(page, actor, others)

    def get_mutes(self, viewer: str, limit: int = 50, cursor: str | None = None) -> Json:
        """Whom the reader mutes."""
        with self._page(viewer) as page:
            return people.mutes(page, limit, cursor)

    def get_blocks(self, viewer: str, limit: int = 50, cursor: str | None = None) -> Json:
        """Whom the reader blocks."""
        with self._page(viewer) as page:
            return people.blocks(page, limit, cursor)

    def get_suggested_follows_by_actor(self, viewer: str, actor: str) -> Json:
        """Whom those who follow someone follow too."""
        with self._page(viewer) as page:
            return suggestions.similar(page, actor, self._unlisted)

    # -- lists and starter packs -------------------------------------------------------------------------------------

    def get_list(self, viewer: str | None, list: str, limit: int = 50, cursor: str | None = None) -> Json:
        """A list, and who is on it."""
        with self._page(viewer) as page:
            return list_views.one(page, list, limit, cursor)

    def get_lists(
        self,
        viewer: str | None,
        actor: str,
        limit: int = 50,
        cursor: str | None = None,
        purposes: Sequence[str] | None = None,
    ) -> Json:
        """The lists that someone made."""
        with self._page(viewer) as page:
            return list_views.of_actor(page, actor, limit, cursor, purposes)

    def get_lists_with_membership(
        self, viewer: str, actor: str, limit: int = 50, cursor: str | None = None, purposes: Sequence[str] | None = None
    ) -> Json:
        """The reader's lists, and whether someone is on them."""
        with self._page(viewer) as page:
            return list_views.with_membership(page, actor, limit, cursor, purposes)

    def get_list_mutes(self, viewer: str, limit: int = 50, cursor: str | None = None) -> Json:
        """The lists that the reader mutes."""
        with self._page(viewer) as page:
            return list_views.mutes(page, limit, cursor)

    def get_list_blocks(self, viewer: str, limit: int = 50, cursor: str | None = None) -> Json:
        """The lists that the reader blocks."""
        with self._page(viewer) as page:
            return list_views.blocks(page, limit, cursor)

    def get_starter_pack(self, viewer: str | None, starterPack: str) -> Json:  # noqa: N803 - the lexicon's name
        """A starter pack in full."""
        with self._page(viewer) as page:
            return pack_views.one(page, starterPack)

    def get_starter_packs(self, viewer: str | None, uris: Sequence[str]) -> Json:
        """Several."""
        with self._page(viewer) as page:
            return pack_views.several(page, uris)

    def get_actor_starter_packs(
        self, viewer: str | None, actor: str, limit: int = 50, cursor: str | None = None
    ) -> Json:
        """The starter packs that someone made."""
        with self._page(viewer) as page:
            return pack_views.of_actor(page, actor, limit, cursor)

    def get_starter_packs_with_membership(
        self, viewer: str, actor: str, limit: int = 50, cursor: str | None = None
    ) -> Json:
        """The reader's starter packs, and whether someone is in them."""
        with self._page(viewer) as page:
            return pack_views.with_membership(page, actor, limit, cursor)

    def search_starter_packs(self, viewer: str | None, q: str, limit: int = 25, cursor: str | None = None) -> Json:
        """Starter packs by words."""
        with self._page(viewer) as page:
            return pack_views.search(page, q, limit, cursor)

    def search_starter_packs_v2(self, viewer: str | None, q: str, limit: int = 25, cursor: str | None = None) -> Json:
        """The same, in full."""
        with self._page(viewer) as page:
            return pack_views.search_v2(page, q, limit, cursor)

    # -- app.bsky.bookmark, app.bsky.notification, app.bsky.labeler --------------------------------------------------

    def get_bookmarks(self, viewer: str, limit: int = 50, cursor: str | None = None) -> Json:
        """What the reader saved."""
        with self._page(viewer) as page:
            return saved.bookmarks(page, limit, cursor)

    def list_activity_subscriptions(self, viewer: str, limit: int = 50, cursor: str | None = None) -> Json:
        """Whose posts the reader wants to be told of."""
        with self._page(viewer) as page:
            return subscribed.subscriptions(page, limit, cursor)

    def list_notifications(
        self,
        viewer: str,
        limit: int = 50,
        cursor: str | None = None,
        reasons: Sequence[str] | None = None,
        priority: bool = False,
        seenAt: str | None = None,  # noqa: N803 - the lexicon's name
    ) -> Json:
        """What others did that concerns the reader."""
        with self._page(viewer) as page:
            return notices.notifications(page, limit, cursor, reasons, priority, seenAt)

    def get_unread_count(
        self,
        viewer: str,
        priority: bool = False,
        seenAt: str | None = None,  # noqa: N803 - the lexicon's name
    ) -> Json:
        """How many of these are new."""
        with self._page(viewer) as page:
            return notices.unread_count(page, priority, seenAt)

    def get_labelers(self, viewer: str | None, dids: Sequence[str], detailed: bool = False) -> Json:
        """Labellers of this network: app.bsky.labeler.getServices."""
        with self._page(viewer) as page:
            return generators.labelers(page, dids, detailed)
