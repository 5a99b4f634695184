"""A member's own newest records as an AppView would show them, put into what an AppView said without them.

In come its answers, which have been held against their lexicons, and `Unindexed`; the answers are changed in place.
Counts are zero, as they are right after writing. What else a view needs (the author, quoted posts) the AppView is asked
for, once. A video has no view here, for nobody has made its playlist yet.
Source: the lexicons app.bsky.actor.defs, app.bsky.feed.defs, app.bsky.embed.record
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

from freehold.appview.parts import as_dict, quoted_uri, reply_uris
from freehold.appview.pieces import ImageUrl, blob_cid, media_view, self_labels
from freehold.pds.accounts import Account
from freehold.pds.unindexed import POST, Fresh, Unindexed
from freehold.protocol.syntax import format_datetime, parse_datetime

Json = dict[str, Any]
Params = dict[str, str | list[str]]
Ask = Callable[[str, Params], Awaitable[Json | None]]
"""Ask the AppView another query; None where it has no good answer."""

BASIC = frozenset(
    "did handle displayName pronouns avatar associated viewer labels createdAt verification status".split()
)
"""What a profileViewBasic takes of a larger view."""
THREAD_POST = "app.bsky.feed.defs#threadViewPost"
QUOTE = "app.bsky.embed.record"


class Own:
    """One member's news, for one answer."""

    def __init__(self, account: Account, news: Unindexed, image_url: ImageUrl, ask: Ask) -> None:
        self.did, self.handle, self.news = account.did, account.handle, news
        self._image_url, self.ask = image_url, ask

    def named(self, name: str) -> bool:
        """Whether a DID or handle is this member's."""
        return name == self.did or name.lower() == self.handle

    def renew(self, view: Json, *, detailed: bool = False) -> bool:
        """Let a profile view say what the changed profile says; whether that changed it."""
        profile, before = self.news.profile, dict(view)
        if profile is None or view.get("did") != self.did:
            return False
        for name in ("displayName", "pronouns", "description", "website")[: 4 if detailed else 2]:
            _set(view, name, profile.get(name))
        for kind in ("avatar", "banner")[: 2 if detailed else 1]:
            cid = blob_cid(profile.get(kind))
            if cid is None or cid not in view.get(kind, ""):
                _set(view, kind, cid and self._image_url(kind, self.did, cid))
        return view != before

    async def views(self, posts: list[Fresh], shown: Iterable[Json] = ()) -> dict[str, Json]:
        """app.bsky.feed.defs#postView of each, by URI. shown: profile views among which the author may be."""
        author = await self._author(shown)
        views = {post.uri: self._bare(post, author) for post in posts}
        quoted = await self._quoted(posts, author)
        for post in posts:
            _set(views[post.uri], "embed", self._embed(post.record, quoted))
        return views

    async def _author(self, shown: Iterable[Json]) -> Json:
        view = next((one for one in shown if one.get("did") == self.did), None)
        if view is None:
            view = await self.ask("app.bsky.actor.getProfile", {"actor": self.did})
        basic = {name: value for name, value in (view or {}).items() if name in BASIC}
        basic |= {"did": self.did, "handle": self.handle}
        self.renew(basic)
        return basic

    def _bare(self, post: Fresh, author: Json) -> Json:
        """A view without its embed."""
        return {
            "uri": post.uri,
            "cid": str(post.cid),
            "author": author,
            "record": post.record,
            **dict.fromkeys(("likeCount", "replyCount", "repostCount", "quoteCount", "bookmarkCount"), 0),
            "indexedAt": format_datetime(post.at),
            "labels": self_labels(post.record, self.did, post.uri, post.cid, post.at),
        }

    async def _quoted(self, posts: list[Fresh], author: Json) -> dict[str, Json | None]:
        """Views of the posts that these quote, by URI; None for one that is not there."""
        wanted = {uri for post in posts if (uri := quoted_uri(post.record)) and f"/{POST}/" in uri}
        own = {post.uri: self._bare(post, author) for post in self.news.posts if post.uri in wanted}
        abroad = sorted(wanted - own.keys())
        said = await self.ask("app.bsky.feed.getPosts", {"uris": abroad}) if abroad else None
        if said is None:
            return {**own}
        return {**dict.fromkeys(abroad), **{view["uri"]: view for view in said["posts"]}, **own}

    def _embed(self, record: Json, quoted: dict[str, Json | None]) -> Json | None:
        """The view of a post's embed, or of that half of it which can be shown."""
        embed, uri = as_dict(record.get("embed")), quoted_uri(record)
        media = as_dict(embed.get("media")) if embed.get("$type") == f"{QUOTE}WithMedia" else embed
        known = media.get("$type") != "app.bsky.embed.video"
        seen = media_view(media, self.did, self._image_url) if known else None
        if uri not in quoted:
            return seen
        quote = {"record": _quote(uri, quoted[uri])}
        if seen is None:
            return {"$type": f"{QUOTE}#view", **quote}
        return {"$type": f"{QUOTE}WithMedia#view", "record": quote, "media": seen}


def _set(view: Json, name: str, value: object) -> None:
    """Let a field be there only if it has a value."""
    if value:
        view[name] = value
    else:
        view.pop(name, None)


def _quote(uri: str, view: Json | None) -> Json:
    if view is None:
        return {"$type": f"{QUOTE}#viewNotFound", "uri": uri, "notFound": True}
    shown: Json = {name: view[name] for name in ("uri", "cid", "author", "labels", "indexedAt") if name in view}
    embeds = {"embeds": [view["embed"]]} if "embed" in view else {}
    return {"$type": f"{QUOTE}#viewRecord", **shown, "value": view["record"], **embeds}


async def into_feed(said: Json, posts: list[Fresh], own: Own) -> bool:
    """Put posts into a page of a feed by their time; those older than all of the page belong to another one."""
    feed: list[Json] = said["feed"]
    there = {item["post"]["uri"] for item in feed if "reason" not in item}
    missing = [post for post in posts if post.uri not in there]
    places = {post.uri: _place(feed, post.at) for post in missing}
    chosen = [post for post in missing if places[post.uri] < len(feed) or not said.get("cursor")]
    if not chosen:
        return False
    views = await own.views(chosen, (item["post"]["author"] for item in feed))
    for post in chosen:
        feed.insert(_place(feed, post.at), {"post": views[post.uri]})
    return True


def _place(feed: list[Json], at: int) -> int:
    """Before which item a post of this time belongs."""
    return next((place for place, item in enumerate(feed) if not _pinned(item) and _moment(item) < at), len(feed))


def _pinned(item: Json) -> bool:
    return str(as_dict(item.get("reason")).get("$type")).endswith("#reasonPin")


def _moment(item: Json) -> int:
    """When an item came into a feed: by its post, or by who repeated it."""
    return parse_datetime(as_dict(item.get("reason")).get("indexedAt") or item["post"]["indexedAt"])


async def into_thread(root: Json, own: Own) -> bool:
    """Put own replies under the posts of a thread that they answer, the newest first."""
    nodes = {node["post"]["uri"]: node for node in _nodes(root)}
    there, chosen = set(nodes), []
    for post in own.news.posts:
        if post.uri not in there and reply_uris(post.record)[0] in there:
            there.add(post.uri)
            chosen.append(post)
    views = await own.views(chosen, (node["post"]["author"] for node in nodes.values())) if chosen else {}
    for post in chosen:
        nodes[post.uri] = node = {"$type": THREAD_POST, "post": views[post.uri]}
        nodes[str(reply_uris(post.record)[0])].setdefault("replies", []).insert(0, node)
    return bool(chosen)


def _nodes(root: Json) -> Iterator[Json]:
    """The posts of a thread that can be seen, from a post downwards."""
    left = [root]
    while left:
        node = left.pop()
        if node.get("$type") == THREAD_POST:
            yield node
            left += node.get("replies", [])


async def new_thread(uri: str, parent_height: str, own: Own) -> Json | None:
    """The thread of an own post that the AppView does not know; what is above it comes from there. None: not ours."""
    posts = {post.uri: post for post in own.news.posts}
    line: list[Fresh] = []
    above: object = uri
    while (post := posts.pop(str(above), None)) is not None:  # popped, for a post can name itself as its parent
        line.append(post)
        above = reply_uris(post.record)[0]
    if not line:
        return None
    views = await own.views(line)
    nodes: list[Json] = [{"$type": THREAD_POST, "post": views[post.uri]} for post in line]
    for lower, upper in pairwise(nodes):
        lower["parent"] = upper
    if isinstance(above, str):
        asked: Params = {"uri": above, "depth": "0", "parentHeight": parent_height}
        said = await own.ask("app.bsky.feed.getPostThread", asked)
        _set(nodes[-1], "parent", said and said["thread"])
    await into_thread(nodes[0], own)
    return nodes[0]
