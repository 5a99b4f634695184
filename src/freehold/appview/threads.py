"""Threads: a post, what it answers, and its answers, as a tree (v1) and as a flat list with depths (v2).

A thread is the posts that name one root. A reply belongs under its parent if it names the same root, its author is
shown, no block stands between the two authors or the author and the reader, and the gate of the thread admits it. A
reply that the thread's author has hidden, whose author the reader mutes, or that is but a pin (by which people keep a
post), is *other*: v2 shows it only on request.
Source: app.bsky.feed.getPostThread, app.bsky.unspecced.getPostThreadV2, getPostThreadOtherV2
"""

from collections.abc import Callable, Iterator
from math import log
from typing import Any

from freehold.appview import known, people, present
from freehold.appview.asked import PostNotFound, post_id
from freehold.appview.embeds import hydrate
from freehold.appview.fragments import Fragment, encode, joined
from freehold.appview.gates import kept_out, thread_gate
from freehold.appview.page import Page
from freehold.appview.pieces import Json, PostPiece, ThreadGate
from freehold.appview.ties import LIKED

POSTS_MOST = 1_000
DEEP_MOST = 100
OP_POSTS_MOST = 2_000
_OP_LIKE_WEIGHT = 1.45
_PIN = "\N{PUSHPIN}"
_PIN_JSON = _PIN.encode()

# The plus keeps SQLite from going through the whole thread by its root for each post.
_BELOW = (
    "WITH RECURSIVE below (id, depth) AS (SELECT :anchor, 0"
    " UNION ALL SELECT post.id, depth + 1 FROM below JOIN post ON post.parent = below.id"
    "  WHERE depth < :depth AND +post.root = :root AND post.moment IS NOT NULL LIMIT :most)"
    " SELECT id FROM below"
)
_WHOLE = "SELECT id, parent FROM post WHERE root = :root AND moment IS NOT NULL LIMIT :most"
_ABOVE = (
    "WITH RECURSIVE above (id, height) AS (SELECT :anchor, 0"
    " UNION ALL SELECT post.parent, height + 1 FROM above JOIN post ON post.id = above.id"
    "  WHERE height < :height AND post.parent IS NOT NULL)"
    " SELECT id FROM above ORDER BY height"
)
_OF_OP = (
    "SELECT id, parent FROM post WHERE root = :root AND author = :op AND moment IS NOT NULL ORDER BY moment LIMIT :most"
)


class Thread:
    """What is loaded of a thread around an anchor. above: ids from the parent up. answers: the pieces under each id."""

    def __init__(self, page: Page, anchor: int, depth: int, height: int) -> None:
        self.page = page
        hydrate(page, [anchor])
        piece = page.shown(anchor)
        if piece is None:
            raise PostNotFound(post=anchor)
        self.anchor = piece
        self.root = piece.root or anchor
        below = self._below(min(depth, DEEP_MOST))
        self.above: list[int] = []
        if piece.parent is not None:
            rows = page.tx.run(_ABOVE, anchor=anchor, height=min(height, DEEP_MOST))
            self.above = [id for (id,) in rows][1:]
        hydrate(page, [*below, *self.above, self.root])
        self.top = page.posts.get(self.root)
        self.op = self.top.author if self.top is not None else 0
        self.gate: ThreadGate | None = thread_gate(page, self.top) if self.top is not None else None
        self.answers: dict[int, list[PostPiece]] = {}
        for id in below[1:]:
            answer = page.shown(id)
            if answer is not None and answer.parent is not None:
                self.answers.setdefault(answer.parent, []).append(answer)
        self.op_likes = self._op_likes()
        self.open = self.gate is None and not page.walls and not page.circle.has_walls and page.viewer > 0

    def _below(self, depth: int) -> list[int]:
        """The anchor and what hangs below it, level by level, by the cheaper of two ways."""
        tx, anchor = self.page.tx, self.anchor.id
        whole = tx.run(_WHOLE, root=anchor, most=POSTS_MOST) if self.root == anchor else []
        if not 0 < len(whole) < POSTS_MOST:
            return [id for (id,) in tx.run(_BELOW, anchor=anchor, root=self.root, depth=depth, most=POSTS_MOST)]
        under: dict[int, list[int]] = {}
        for id, parent in whole:
            under.setdefault(parent, []).append(id)
        below = level = [anchor]
        for _ in range(depth):
            level = [id for above in level for id in under.get(above, ())]
            below = below + level
        return below

    def _op_likes(self) -> dict[int, str]:
        known = self.page.ties_of(self.op)
        if known is not None:
            return known.to(self.page.tx, LIKED, self.page.posts)
        rows = self.page.tx.run(
            "SELECT subject, rkey FROM post_like WHERE actor = :op AND main = 1"
            " AND subject IN (SELECT value FROM json_each(:ids))",
            op=self.op,
            ids=str(list(self.page.posts)),
        )
        return dict(rows)

    def admitted(self, piece: PostPiece, under: PostPiece) -> bool:
        """Whether a reply is shown at all under the post that it answers."""
        if self.open:
            return True
        page = self.page
        if page.circle.blocked(piece.author) or page.walled(piece.author, under.author):
            return False
        actor = page.actors[piece.author]
        if actor.members_only and not page.viewer:
            return False
        return not kept_out(page, piece)

    def hidden(self, piece: PostPiece) -> bool:
        """Whether the thread's author has hidden a reply."""
        return self.gate is not None and piece.uri in self.gate.hidden

    def other(self, piece: PostPiece) -> bool:
        """Whether a reply is kept for those who ask for more. One's own never is."""
        if piece.author == self.page.viewer:
            return False
        return self.hidden(piece) or self.page.circle.muted(piece.author) or _is_pin(piece)

    def gate_view(self) -> Json:
        """`threadgate`, if there is one."""
        return {"threadgate": self.gate.view} if self.gate is not None else {}


def _is_pin(piece: PostPiece) -> bool:
    return _PIN_JSON in piece.json and str(piece.record["text"]).strip() == _PIN


# -- version 1 -------------------------------------------------------------------------------------------------------

_NODE = b'{"$type":"app.bsky.feed.defs#threadViewPost","post":'


def thread(page: Page, uri: str, depth: int, parent_height: int) -> Json:
    """app.bsky.feed.getPostThread. Raises PostNotFound."""
    id = post_id(page.tx, uri)
    if id is None:
        raise PostNotFound(uri=uri)
    found = Thread(page, id, depth, parent_height)
    if page.shown_to_reader(id) is None:
        raise PostNotFound(uri=uri)
    if page.circle.blocked(found.anchor.author):
        return {"thread": present.blocked_post(page, found.anchor)}
    replies = _replies(found, found.anchor, 0, min(depth, DEEP_MOST))
    json = _node(found, found.anchor, replies, _parents(found) + b"}")
    return {"thread": Fragment(json), **found.gate_view()}


def _replies(found: Thread, piece: PostPiece, depth: int, deepest: int) -> bytes:
    if depth >= deepest:
        return b""
    answers = found.answers.get(piece.id)
    if answers is None:
        return b',"replies":[]'
    admitted = answers if found.open else [answer for answer in answers if found.admitted(answer, piece)]
    if len(admitted) > 1:
        op = found.op
        admitted.sort(key=lambda answer: (answer.author != op, answer.moment))
    nodes = [_node(found, answer, _replies(found, answer, depth + 1, deepest), b"}") for answer in admitted]
    return b',"replies":' + joined(nodes)


def _node(found: Thread, piece: PostPiece, *more: bytes) -> bytes:
    """app.bsky.feed.defs#threadViewPost, as `fragments.opened` has it. more: what comes after that."""
    context, like = b"", found.op_likes.get(piece.id)
    if like is not None and found.top is not None:
        context = b'"rootAuthorLike":%b' % encode(f"at://{found.page.actors[found.op].did}/app.bsky.feed.like/{like}")
    post = present.post_json(found.page, piece)
    return present.join((_NODE, post, b',"threadContext":{', context, b"}", *more))


def _parents(found: Thread) -> bytes:
    """What the anchor answers, each within the one below it."""
    page, below, parents = found.page, found.anchor, b""
    braces = b""
    for id in found.above:
        piece = page.shown_to_reader(id)
        if piece is None:
            return b'%b,"parent":%b%b' % (parents, encode(present.not_found_post(page.uri_of(id))), braces)
        if (piece.root or id) != found.root:
            break  # another thread: the post names a root that is not its parent's
        if page.circle.blocked(piece.author) or page.walled(below.author, piece.author):
            return b'%b,"parent":%b%b' % (parents, encode(present.blocked_post(page, piece)), braces)
        parents, braces, below = b'%b,"parent":%b' % (parents, _node(found, piece)), braces + b"}", piece
    return parents + braces


# -- version 2 -------------------------------------------------------------------------------------------------------

_POST = "app.bsky.unspecced.defs#threadItemPost"


def thread_v2(page: Page, uri: str, above: bool, below: int, branching: int, sort: str) -> Json:
    """app.bsky.unspecced.getPostThreadV2. What is not found is an item that says so."""
    id = post_id(page.tx, uri)
    try:
        if id is None:
            raise PostNotFound
        found = Thread(page, id, below, DEEP_MOST if above else 0)
    except PostNotFound:
        return {"thread": [_item(uri, 0, _NOT_FOUND)], "hasOtherReplies": False}
    anchor = found.anchor
    if page.circle.blocked(anchor.author):
        return {"thread": [_item(anchor.uri, 0, _blocked(found, anchor))], "hasOtherReplies": False}
    listing = _Listing(found, below, branching, sort)
    items = [*reversed(list(listing.parents())), _with_likers(page, anchor, listing.item(anchor, 0, 0))]
    items += listing.replies()
    return {"thread": items, "hasOtherReplies": listing.others, **found.gate_view()}


def _with_likers(page: Page, anchor: PostPiece, item: Json) -> Json:
    """The anchor's item, with those of its likers whom the reader follows."""
    fans = known.likers(page, anchor.id) if page.viewer else []
    if fans:
        said = people.known_json(page, fans, anchor.author, b"actors")
        json = present.post_json(page, anchor).removesuffix(b"}}")  # where `viewer` ends, and the post
        item["value"]["post"] = Fragment(b'%b,"knownLikers":%b}}' % (json, said))
    return item


def other_v2(page: Page, uri: str) -> Json:
    """app.bsky.unspecced.getPostThreadOtherV2: the direct replies that v2 keeps back."""
    id = post_id(page.tx, uri)
    try:
        if id is None:
            raise PostNotFound
        found = Thread(page, id, 1, 0)
    except PostNotFound:
        return {"thread": []}
    if page.circle.blocked(found.anchor.author):
        return {"thread": []}
    listing = _Listing(found, 1, 0, "newest")
    kept = [piece for piece in found.answers.get(id, ()) if found.admitted(piece, found.anchor) and found.other(piece)]
    kept.sort(key=lambda piece: (found.hidden(piece), -piece.moment))
    return {"thread": [listing.item(piece, 1, piece.replies) for piece in kept]}


_NOT_FOUND: Json = {"$type": "app.bsky.unspecced.defs#threadItemNotFound"}
_NO_STRANGERS: Json = {"$type": "app.bsky.unspecced.defs#threadItemNoUnauthenticated"}


def _item(uri: str, depth: int, value: Json) -> Json:
    return {"uri": uri, "depth": depth, "value": value}


def _blocked(found: Thread, piece: PostPiece) -> Json:
    author = present.blocked_author(found.page, piece.author)
    return {"$type": "app.bsky.unspecced.defs#threadItemBlocked", "author": author}


class _Listing:
    """The flat list of version 2. others: whether direct replies were kept back (known once `replies` has run)."""

    def __init__(self, found: Thread, below: int, branching: int, sort: str) -> None:
        self.found = found
        self.below = below
        self.branching = branching
        self.others = False
        self.op_thread = {id: place for place, id in enumerate(_op_thread(found), 1)}
        self.order = _ORDERS.get(sort, _newest)

    def item(self, piece: PostPiece, depth: int, more: int, more_parents: bool = False) -> Json:
        page, place = self.found.page, self.op_thread.get(piece.id)
        if page.actors[piece.author].members_only and not page.viewer:
            return _item(piece.uri, depth, _NO_STRANGERS)
        value: Json = {
            "$type": _POST,
            "post": present.post(page, piece),
            "moreParents": more_parents,
            "moreReplies": more,
            "opThread": place is not None,
            "hiddenByThreadgate": self.found.hidden(piece),
            "mutedByViewer": page.circle.muted(piece.author),
        }
        if place is not None:
            value |= {"opThreadPostIndex": place, "opThreadPostCount": len(self.op_thread)}
        return _item(piece.uri, depth, value)

    def parents(self) -> Iterator[Json]:
        """From the anchor's parent up."""
        found, page = self.found, self.found.page
        below = found.anchor
        for depth, id in enumerate(found.above, 1):
            piece = page.shown(id)
            if piece is None:
                yield _item(page.uri_of(id), -depth, _NOT_FOUND)
                return
            if (piece.root or id) != found.root:
                return
            if page.circle.blocked(piece.author) or page.walled(below.author, piece.author):
                yield _item(piece.uri, -depth, _blocked(found, piece))
                return
            cut = depth == len(found.above) and piece.parent is not None
            yield self.item(piece, -depth, 0, more_parents=cut)
            below = piece

    def replies(self) -> Iterator[Json]:
        """Depth first, each level in its order."""
        stack = [(piece, 1) for piece in reversed(self._level(self.found.anchor, 0))]
        while stack:
            piece, depth = stack.pop()
            allowed = self.branching if depth < self.below else 0
            yield self.item(piece, depth, max(piece.replies - allowed, 0))
            if depth < self.below:
                stack += [(answer, depth + 1) for answer in reversed(self._level(piece, depth))]

    def _level(self, under: PostPiece, depth: int) -> list[PostPiece]:
        found = self.found
        shown = []
        for piece in found.answers.get(under.id, ()):
            if not found.admitted(piece, under):
                continue
            if found.other(piece):
                self.others = self.others or depth == 0
            else:
                shown.append(piece)
        shown.sort(key=lambda piece: (self._rank(piece), self.order(found, piece)))
        return shown if depth == 0 else shown[: self.branching]

    def _rank(self, piece: PostPiece) -> int:
        """First the thread's continuation, then replies of its author, of the reader, of the reader's follows."""
        page = self.found.page
        if piece.id in self.op_thread:
            return 0
        if piece.author == self.found.op:
            return 1
        if piece.author == page.viewer:
            return 2
        return 3 if piece.author in page.circle.follows else 4


def _op_thread(found: Thread) -> Iterator[int]:
    """The root, its author's first answer to it, their first answer to that, and so on."""
    if found.top is None:
        return
    rows = found.page.tx.run(_OF_OP, root=found.root, op=found.op, most=OP_POSTS_MOST)
    first = {parent: id for id, parent in reversed(rows)}
    id: int | None = found.root
    while id is not None:
        yield id
        id = first.pop(id, None)


def _oldest(_: Thread, piece: PostPiece) -> tuple[Any, ...]:
    return (piece.moment,)


def _newest(_: Thread, piece: PostPiece) -> tuple[Any, ...]:
    return (-piece.moment,)


def _top(found: Thread, piece: PostPiece) -> tuple[Any, ...]:
    weight = log(3 + piece.likes) * (_OP_LIKE_WEIGHT if piece.id in found.op_likes else 1)
    return (-weight, -piece.moment)


_ORDERS: dict[str, Callable[[Thread, PostPiece], tuple[Any, ...]]] = {
    "oldest": _oldest,
    "newest": _newest,
    "top": _top,
}
