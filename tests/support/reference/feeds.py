"""Feeds as a reader must see them: whole, newest first."""

from collections.abc import Collection
from typing import NamedTuple

from support.reference.posts import Posts
from support.reference.truth import Edge, Json, Record, author

_NOTHING_MUTED = (False, False, 0)


class Item(NamedTuple):
    """by: who put it into the feed. repost: unless they wrote it."""

    at: int
    by: str
    post: Record
    repost: Edge | None


class Feeds(Posts):
    """A reader of feeds."""

    def _items(self, people: Collection[str]) -> list[Item]:
        """Everything in the feeds of these people that is shown at all."""
        items = [Item(post.at, post.did, post, None) for post in self.truth.posts.values() if post.did in people]
        reposts = [edge for edge in self.truth.reposts.values() if edge.actor in people]
        there = [edge for edge in reposts if edge.subject in self.truth.posts]
        items += [Item(edge.at, edge.actor, self.truth.posts[edge.subject], edge) for edge in there]
        items = [item for item in items if self.readable(item.post.uri) and self.truth.shown(item.by)]
        return sorted(items, key=lambda item: -item.at)

    def _view(self, item: Item) -> Json:
        view: Json = {"post": self.post(item.post)}
        if item.post.value.get("reply"):
            view["reply"] = self.reply_ref(item.post)
        if item.repost is not None:
            uri = f"at://{item.by}/app.bsky.feed.repost/{item.repost.rkey}"
            view["reason"] = {"$type": "app.bsky.feed.defs#reasonRepost", "by": self.basic(item.by), "uri": uri}
            view["reason"]["cid"] = item.repost.cid
        return view

    def timeline(self) -> list[Json]:
        """getTimeline."""
        known = self.follows | {self.me or ""}
        return [self._view(item) for item in self._items(known) if self._wants(item) and self._belongs(item, known)]

    def _wants(self, item: Item) -> bool:
        """Whether nothing that the reader mutes or a block keeps an item out of a feed of several people."""
        if self.shuns(item.by) or self.shuns(item.post.did):
            return False
        reposts, _, _ = self.partly.get(item.by, _NOTHING_MUTED)
        _, quotes, _ = self.partly.get(item.post.did, _NOTHING_MUTED)
        if (item.repost and reposts) or (quotes and self.truth.quoted(item.post)):
            return False
        return not any(self.blocked(post.did) for post in self._above_it(item.post))

    def _above_it(self, post: Record) -> list[Record]:
        """Its parent, the parent's parent and its root: those that are here."""
        posts = self.truth.posts
        parent = posts.get(self.truth.parent(post) or "")
        above = [parent, posts.get(self.truth.root(post))]
        above += [posts.get(self.truth.parent(parent) or "")] if parent else []
        return [one for one in above if one is not None]

    def _belongs(self, item: Item, known: set[str]) -> bool:
        """The rule of home for replies."""
        who, above = item.post.did, self.truth.parent(item.post)
        if item.repost or above is None or who == self.me:
            return True
        parent, root = author(above), author(self.truth.root(item.post))
        if parent == root == who:
            return True
        return bool({parent, root} - {who} & known) if parent != who or root != who else False

    def author_feed(self, did: str, filter: str, pins: bool = False) -> list[Json]:
        """getAuthorFeed of somebody who is shown, and across no block."""
        items = [item for item in self._items([did]) if item.post.did == did or not self.shuns(item.post.did)]
        pinned = self._pinned(did) if pins else None
        views = [self._view(item) for item in items if self._passes(item, filter)]
        if pinned is None:
            return views
        reason = {"$type": "app.bsky.feed.defs#reasonPin"}
        rest = [view for view in views if view["post"]["uri"] != pinned.uri]
        return [{**self._view(Item(0, "", pinned, None)), "reason": reason}, *rest]

    def _passes(self, item: Item, filter: str) -> bool:
        match filter:
            case "posts_no_replies":
                return item.repost is not None or not item.post.value.get("reply")
            case "posts_with_media":
                return item.repost is None and self.truth.has_pictures(item.post)
            case "posts_with_video":
                return False
            case "posts_and_author_threads":
                return item.repost is not None or self._own_thread(item.post)
        return True

    def _own_thread(self, post: Record) -> bool:
        """Whether it and all that it hangs on were written by one author, and are here."""
        above = self.truth.parent(post)
        if above is None:
            return True
        parent = self.truth.posts.get(above)
        return (
            author(self.truth.root(post)) == post.did
            and parent is not None
            and parent.did == post.did
            and (self._own_thread(parent))
        )

    def _pinned(self, did: str) -> Record | None:
        profile = self.truth.profiles.get(did)
        uri = profile.value.get("pinnedPost", {}).get("uri") if profile else None
        return self.readable(uri) if uri and author(uri) == did else None

    def list_feed(self, uri: str) -> list[Json]:
        """getListFeed: posts by those on a list, replies among them."""
        members = self.truth.members.get(uri, set())
        items = [item for item in self._items(members) if item.repost is None and self._wants(item)]
        return [self._view(item) for item in items if not self.walled(author(uri), item.post.did)]

    def liked(self) -> list[Json]:
        """getActorLikes of the reader, by the key of the like."""
        edges = sorted(self.truth.by(self.truth.likes, self.me or ""), key=lambda edge: edge.rkey, reverse=True)
        posts = [post for edge in edges if (post := self.readable(edge.subject)) and not self.blocked(post.did)]
        return [self._view(Item(0, "", post, None)) for post in posts]
