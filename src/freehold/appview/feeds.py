"""Feeds: the home timeline, an author's feed, a list's, what someone liked. (Feeds that rank are in `freehold.feeds`.)

The home timeline shows posts and reposts of whom the reader follows, and their own. A reply is shown when the reader
wrote it, when it continues its author's own thread, or when the reader follows (or is) another whom it answers: the
parent's author or the thread's. That is the rule of the official client, kept here so that every door shows the same.
Mutes and blocks of authors apply everywhere; in an author's own feed a mute does not.
Source: app.bsky.feed.getTimeline, getAuthorFeed, getListFeed, getActorLikes; social-app,
src/lib/api/feed-manip.ts
"""

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import NamedTuple

from freehold.appview import listings, present
from freehold.appview.asked import (
    FAR,
    ActorNotFound,
    BlockedActor,
    BlockedByActor,
    UnknownList,
    actor_id,
    before,
    post_id,
)
from freehold.appview.chains import Wanted
from freehold.appview.embeds import hydrate
from freehold.appview.fragments import Fragment, View, encode
from freehold.appview.page import Page
from freehold.appview.pieces import Circle, Json, PostPiece
from freehold.appview.runs import newest_on_disk

_AFTER_ALL_KEYS = "~~"
_NOT_MUTED = (False, False, 0)
_ROUNDS = 5


class Item(NamedTuple):
    """An item of a skeleton. moment: where it stands: that of the post, unless it is a repost."""

    moment: int
    actor: int
    post: int


Skeleton = tuple[list[Item], int | None]
"""Items, and the moment that was reached, to go on before it; None at the end."""


def timeline(page: Page, limit: int, cursor: str | None) -> Json:
    """app.bsky.feed.getTimeline."""
    circle = page.circle
    shunned = _shunned(circle)
    wanted = _wanted(circle, page.viewer, shunned)
    skeleton = partial(_merged, page, circle.home, wanted)
    return _filled(page, skeleton, _in_timeline(page), limit, before(cursor))


def list_feed(page: Page, uri: str, limit: int, cursor: str | None) -> Json:
    """app.bsky.feed.getListFeed: the posts of those on a list, replies among them. Raises UnknownList."""
    row = listings.by_uri(page, uri)
    page.load_actors((row.author,) if row is not None else ())
    if row is None or not page.active(row.author):
        raise UnknownList(list=uri)
    shunned = _shunned(page.circle)
    members = page.members_of(row.id)
    actors = [actor for actor in members if not shunned(actor)]
    skeleton = partial(_merged, page, actors, lambda author, parent, root: author in members and not shunned(author))

    in_timeline = _in_timeline(page)

    def visible(item: Item, post: PostPiece) -> bool:
        own = item.moment == post.moment and not page.walled(row.author, post.author)
        return own and in_timeline(item, post)

    return _filled(page, skeleton, visible, limit, before(cursor))


def _merged(page: Page, actors: Collection[int], wanted: Wanted, limit: int, before: int) -> Skeleton:
    """The newest items of these actors, from memory, and from disk where memory does not reach."""
    chains = page.memory.chains
    places, reached = chains.newest(actors, limit, None if before == FAR else before, wanted)
    moment, actor, post = chains.moment, chains.actor, chains.post
    items = [Item._make((moment[place], actor[place], post[place])) for place in places]
    if reached is not None or not chains.since:
        return items, reached
    older, reached = newest_on_disk(page.tx, actors, limit - len(items), min(before, chains.since), wanted)
    return items + [Item._make(item) for item in older], reached


def _shunned(circle: Circle) -> Callable[[int], bool]:
    """As `Circle.shuns`, faster for whoever uses no lists."""
    by_name = circle.by_name
    if not circle.has_lists:
        return by_name.__contains__
    return lambda actor: actor in by_name or circle.shuns(actor)


def _wanted(circle: Circle, viewer: int, shunned: Callable[[int], bool]) -> Wanted:
    """The rule of the home timeline, on what an item says of itself."""
    follows = circle.follows

    def wanted(author: int, parent: int, root: int) -> bool:
        if shunned(author):
            return False
        if not parent or author == viewer or parent == root == author:
            return True
        if parent != author and (parent in follows or parent == viewer):
            return True
        return root != author and (root in follows or root == viewer)

    return wanted


def _in_timeline(page: Page) -> Callable[[Item, PostPiece], bool]:
    """Whether an item is visible in the reader's home timeline."""
    partly_muted, has_walls = page.own.partly_muted, page.circle.has_walls

    def visible(item: Item, post: PostPiece) -> bool:
        if item.moment != post.moment and not page.active(item.actor):
            return False
        if partly_muted and _partly_muted(page, item, post):
            return False
        if not (has_walls and post.linked):
            return True
        return not any(page.circle.blocked(author) for author in _answered(page, post))

    return visible


def _partly_muted(page: Page, item: Item, post: PostPiece) -> bool:
    """Whether it is a repost by one of whom the reader mutes reposts, or a quote by one of whom they mute quotes."""
    muted = page.own.partly_muted
    if item.moment != post.moment and muted.get(page.actors[item.actor].did, _NOT_MUTED)[0]:
        return True
    return post.quote is not None and bool(muted.get(page.actors[post.author].did, _NOT_MUTED)[1])


def _answered(page: Page, post: PostPiece) -> list[int]:
    """Who wrote what it answers: its parent, the parent's parent, and the root."""
    parent = page.posts.get(post.parent) if post.parent is not None else None
    ids = (post.parent, post.root, parent.parent if parent is not None else None)
    above = (page.posts.get(id) for id in ids if id is not None)
    return [piece.author for piece in above if piece is not None]


# -- an author's feed ------------------------------------------------------------------------------------------------

_FEED = (
    "SELECT moment, actor, post FROM feed_item WHERE actor = :actor AND moment < :before {}"
    " ORDER BY moment DESC LIMIT :limit"
)
_FILTERS = {
    "posts_with_replies": _FEED.format(""),
    "posts_no_replies": _FEED.format("AND parent_author = 0"),
    "posts_with_media": _FEED.format("AND media = 1"),
    "posts_with_video": _FEED.format("AND media = 2"),
    "posts_and_author_threads": _FEED.format(
        "AND (parent_author = 0 OR (parent_author = actor AND root_author = actor))"
    ),
}


def author_feed(page: Page, actor: str, limit: int, cursor: str | None, filter: str, include_pins: bool) -> Json:
    """app.bsky.feed.getAuthorFeed. A filter that we do not know lets everything through."""
    author = actor_id(page, actor)
    if page.circle.blocks_them(author):
        raise BlockedActor(actor=actor)
    if page.circle.is_blocked_by(author):
        raise BlockedByActor(actor=actor)
    sql = _FILTERS.get(filter, _FILTERS["posts_with_replies"])
    threads = filter == "posts_and_author_threads"

    def skeleton(limit: int, before: int) -> Skeleton:
        rows = page.tx.run(sql, actor=author, before=before, limit=limit)
        items = [Item._make(row) for row in rows]
        reached = items[-1].moment if len(items) == limit else None
        return (_whole_threads(page, author, items) if threads else items), reached

    def visible(item: Item, post: PostPiece) -> bool:
        return post.author == author or not page.circle.shuns(post.author)

    answer = _filled(page, skeleton, visible, limit, before(cursor))
    if include_pins and cursor is None:
        _pin(page, author, answer)
    return answer


def _whole_threads(page: Page, author: int, items: list[Item]) -> list[Item]:
    """Leave out replies that do not hang on an unbroken thread of the author's own, unless they reposted them."""
    broken = page.tx.run(
        "WITH RECURSIVE up (item, id, height) AS ("
        " SELECT id, id, 0 FROM post WHERE id IN (SELECT value FROM json_each(:ids)) AND author = :author"
        " UNION ALL SELECT up.item, post.parent, height + 1 FROM up JOIN post ON post.id = up.id"
        "  WHERE post.parent IS NOT NULL AND height < 100)"
        " SELECT DISTINCT up.item FROM up JOIN post ON post.id = up.id"
        " WHERE post.author <> :author OR post.moment IS NULL",
        ids=str([item.post for item in items]),
        author=author,
    )
    gone = {id for (id,) in broken}
    reposts = _reposts(page, [item.moment for item in items if item.post in gone])
    return [item for item in items if item.post not in gone or item.moment in reposts]


def _pin(page: Page, author: int, answer: Json) -> None:
    page.load_actors((author,))
    uri = page.actors[author].pinned
    id = post_id(page.tx, uri) if uri is not None and uri.startswith(f"at://{page.actors[author].did}/") else None
    if id is None:
        return
    page.load_with_answered([id], ())
    hydrate(page, ())
    piece = page.shown_to_reader(id)
    if piece is not None:
        json = present.post_json(page, piece)
        rest = [item for item in answer["feed"] if not item.json.startswith(b'{"post":' + json)]
        parts = [b'{"post":', json, *_answers(page, piece), b',"reason":{"$type":"app.bsky.feed.defs#reasonPin"}}']
        answer["feed"] = [Fragment(present.join(parts)), *rest]


# -- other feeds -----------------------------------------------------------------------------------------------------


def actor_likes(page: Page, actor: str, limit: int, cursor: str | None) -> Json:
    """app.bsky.feed.getActorLikes: one's own only, newest like first."""
    author = actor_id(page, actor)
    if author != page.viewer:
        raise ActorNotFound(actor=actor)

    rows = page.tx.run(
        "SELECT rkey, subject FROM post_like WHERE actor = :actor AND main = 1 AND rkey < :before"
        " ORDER BY rkey DESC LIMIT :limit",
        actor=author,
        before=_AFTER_ALL_KEYS if cursor is None else cursor,
        limit=limit,
    )
    items = [Item(0, 0, subject) for _, subject in rows]
    answer: Json = {"feed": _present(page, items, lambda _, post: not page.circle.blocked(post.author))}
    if len(rows) == limit:
        answer["cursor"] = rows[-1][0]
    return answer


# -- from a skeleton to an answer ------------------------------------------------------------------------------------


def _filled(
    page: Page,
    skeleton: Callable[[int, int], Skeleton],
    visible: Callable[[Item, PostPiece], bool],
    limit: int,
    before: int,
) -> Json:
    """As full a page as a few rounds give, since what is not visible leaves gaps."""
    feed: list[Fragment] = []
    for _ in range(_ROUNDS):
        items, reached = skeleton(limit - len(feed), before)
        feed += _present(page, items, visible)
        if reached is None:
            return {"feed": feed}
        before = reached
        if len(feed) >= limit:
            break
    return {"feed": feed, "cursor": str(before)}


def _present(page: Page, items: list[Item], visible: Callable[[Item, PostPiece], bool]) -> list[Fragment]:
    return [view for _, view in shown_items(page, items, visible)]


def shown_items(
    page: Page, items: list[Item], visible: Callable[[Item, PostPiece], bool]
) -> list[tuple[Item, Fragment]]:
    """Those of the items that the reader is shown, each with its app.bsky.feed.defs#feedViewPost, in their order."""
    page.load_with_answered([item.post for item in items], {item.actor for item in items if item.actor})
    hydrate(page, ())
    kept = [(item, post) for item in items if (post := page.shown_to_reader(item.post)) and visible(item, post)]
    reposts = _reposts(page, [item.moment for item, post in kept if item.moment != post.moment and item.moment])
    return [(item, _feed_view_post(page, item, post, reposts)) for item, post in kept]


Reposts = dict[int, tuple[str, bytes]]
"""Moment to record key and CID."""


def _reposts(page: Page, moments: list[int]) -> Reposts:
    """Those of the items at these moments that are reposts."""
    if not moments:
        return {}
    rows = page.tx.run(
        "SELECT moment, repost.rkey, repost.cid FROM feed_item"
        " JOIN repost ON repost.actor = feed_item.actor AND repost.rkey = feed_item.repost"
        " WHERE moment IN (SELECT value FROM json_each(:moments))",
        moments=str(moments),
    )
    return {moment: (rkey, cid) for moment, rkey, cid in rows}


def _feed_view_post(page: Page, item: Item, piece: PostPiece, reposts: Reposts) -> Fragment:
    json = present.post_json(page, piece)
    if not (piece.linked or reposts):
        return Fragment(present.join((b'{"post":', json, b"}")))
    parts = [b'{"post":', json, *_answers(page, piece)]
    if reposts and item.moment in reposts:
        reason = present.repost_reason(page, item.actor, item.moment, *reposts[item.moment])
        parts += (b',"reason":', encode(reason))
    parts.append(b"}")
    return Fragment(b"".join(parts))


def _answers(page: Page, piece: PostPiece) -> tuple[bytes, ...]:
    """What a post answers, as a part of its app.bsky.feed.defs#feedViewPost."""
    if piece.parent is None or piece.root is None:
        return ()
    return b',"reply":', encode(_reply_ref(page, piece, piece.parent, piece.root))


def _reply_ref(page: Page, piece: PostPiece, parent: int, root: int) -> Json:
    above = page.shown_to_reader(parent)
    below = (piece.author, above.author if above is not None else piece.author)
    reply: dict[str, View] = {"parent": _above(page, parent, below[:1]), "root": _above(page, root, below)}
    readable = isinstance(reply["parent"], Fragment)
    grandparent = page.shown_to_reader(above.parent) if above is not None and readable else None
    if grandparent is not None:
        reply["grandparentAuthor"] = present.basic(page, grandparent.author)
    return reply


def _above(page: Page, id: int, below: Iterable[int]) -> View:
    """What is said of a post that others answer, by the authors of these."""
    above = page.shown_to_reader(id)
    if above is None:
        return present.not_found_post(page.uri_of(id))
    if page.circle.blocked(above.author) or any(page.walled(author, above.author) for author in below):
        return present.blocked_post(page, above)
    return present.post(page, above)
