"""Which of the things that others did are news to the reader, among those that were written down.

Left out is what those did whom the reader shuns, or who are not shown; what is about something that is gone (a post
that was deleted, a repost that was taken back); what happens in a thread that the reader muted; replies that the gate
of a thread does not admit, or that the reader hid by the gate of their own; quotes that their author's gate detaches
from what they show; posts that a labeler took away; verifications by those whom the network does not trust; and what
they do not want in the list.
Source: app.bsky.notification.listNotifications, app.bsky.notification.defs#preferences
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from freehold.appview.actors import JOINED
from freehold.appview.declarations import GATE_BITS, THREADGATE
from freehold.appview.edges import VIA_LIKE, VIA_REPOST
from freehold.appview.gates import is_detached, kept_out, thread_gate
from freehold.appview.page import Page
from freehold.appview.parts import via_uri
from freehold.appview.pieces import PostPiece
from freehold.appview.subscribed import SUBSCRIBED
from freehold.appview.verified import UNVERIFIED, VERIFIED
from freehold.protocol import cbor

Row = tuple[Any, ...]
"""(time, id, reason, actor, record key, subject): of table notification, or made like it."""
CHOICES = {
    **{reason: reason for reason in ("like", "repost", "follow", "mention", "reply", "quote")},
    VIA_LIKE: "likeViaRepost",
    VIA_REPOST: "repostViaRepost",
    SUBSCRIBED: "subscribedPost",
    JOINED: "starterpackJoined",
    VERIFIED: VERIFIED,
    UNVERIFIED: UNVERIFIED,
}
"""What the reader's choices call each reason that there is here."""
_THREADGATE_BIT = GATE_BITS[THREADGATE]
_BY_POST = ("mention", "quote", "reply")
_VIA = {VIA_LIKE: "post_like", VIA_REPOST: "repost"}
_GONE = (
    "SELECT id FROM post WHERE id IN (SELECT value FROM json_each(:ids)) AND moment IS NULL AND instr(rkey, '/') = 0"
)
_POSTS = (
    "SELECT post.author, post.rkey, post.id, coalesce(post.root, post.id),"
    " root.author = :viewer, coalesce(root.gates, 0)"
    " FROM json_each(:keys) JOIN post ON post.author = json_extract(value, '$[0]')"
    " AND post.rkey = json_extract(value, '$[1]') LEFT JOIN post AS root ON root.id = post.root"
)
_REPOST_THERE = (
    "SELECT 1 FROM TABLE AS done JOIN repost ON repost.subject = done.subject AND repost.actor = :viewer"
    " AND repost.rkey = :repost WHERE done.actor = :actor AND done.rkey = :rkey"
)


def news(page: Page, rows: list[Row], priority: bool) -> list[Row]:
    """Those rows that are news; their actors and how the reader stands to them are loaded. priority: only of whom the
    reader follows."""
    circle = page.circle
    people = {actor for actor in {row[3] for row in rows} if page.active(actor) and not circle.shuns(actor)}
    near = [row for row in rows if row[3] in people]
    if page.own.notices:
        near = [row for row in near if _chosen(page, row)]
    if priority:
        near = [row for row in near if row[3] in circle.follows]
    silent = _about_what_is_gone(page, near) | _in_threads(page, near) | _by_untrusted(page, near)
    return [row for row in near if row[1] not in silent] if silent else near


def _chosen(page: Page, row: Row) -> bool:
    """Whether the reader wants such things in the list."""
    choice = page.own.notices.get(CHOICES.get(row[2], ""))
    return not choice or (choice["list"] and (choice.get("include") != "follows" or row[3] in page.circle.follows))


def _about_what_is_gone(page: Page, rows: Iterable[Row]) -> set[int]:
    here = page.memory.posts.get
    unsure = [id for id in {row[5] for row in rows if row[5] is not None} if here(id) is None]
    gone = {id for (id,) in page.tx.run(_GONE, ids=str(unsure))} if unsure else set()
    silent = {row[1] for row in rows if row[5] in gone} if gone else set()
    return silent | {row[1] for row in rows if row[2] in _VIA and not _repost_there(page, row)}


def _repost_there(page: Page, row: Row) -> bool:
    """Whether the reader's repost by which somebody came to a post is there, and of that post."""
    table, actor, rkey = _VIA[row[2]], row[3], row[4]
    found = page.tx.one(f"SELECT record FROM {table} WHERE actor = :actor AND rkey = :rkey", actor=actor, rkey=rkey)
    uri = via_uri(cbor.decode_json(found[0])) if found is not None else None
    if uri is None:
        return False
    sql, repost = _REPOST_THERE.replace("TABLE", table), uri.rsplit("/", 1)[1]
    return page.tx.one(sql, viewer=page.viewer, repost=repost, actor=actor, rkey=rkey) is not None


def _by_untrusted(page: Page, rows: Iterable[Row]) -> set[int]:
    """Verifications, and their ends, by those whom the network does not trust with that."""
    named = [row for row in rows if row[2] in (VERIFIED, UNVERIFIED)]
    trusted = {actor for (actor,) in page.tx.run("SELECT actor FROM verifier")} if named else set()
    return {row[1] for row in named if row[3] not in trusted}


def _in_threads(page: Page, rows: list[Row]) -> set[int]:
    """Of those in or about threads that the reader muted, replies that they hid in their own, and posts that a labeler
    took away."""
    muted = page.circle.thread_mutes
    silent = _about_muted(page, rows) if muted else set()
    silent |= {row[1] for row in rows if row[2] == SUBSCRIBED and page.shown(row[4]) is None}
    posts = {(row[3], row[4]): row for row in rows if row[2] in _BY_POST}
    if not posts:
        return silent
    found = page.tx.run(_POSTS, viewer=page.viewer, keys=msgspec.json.encode(list(posts)).decode())
    gated = {root for *_, root, _, gates in found if gates & _THREADGATE_BIT}
    quoted = {row[5] for row in posts.values() if row[2] == "quote"}
    page.load_posts({id for _, _, id, *_ in found} | gated | quoted, quotes_deep=0)
    for author, rkey, id, _, mine, _ in found:
        row, piece = posts[author, rkey], page.shown(id)
        if piece is None or piece.thread in muted or _against_gate(page, row, piece, mine):
            silent.add(row[1])
    return silent


def _against_gate(page: Page, row: Row, piece: PostPiece, mine: bool) -> bool:
    """Whether it quotes what it may not, or is a reply that the gate does not admit, or that the reader hid in a thread
    of theirs (mine). All that it takes is loaded."""
    if row[2] == "quote":
        quoted = page.posts.get(row[5])
        return quoted is not None and is_detached(page, piece, quoted)
    if row[2] != "reply":
        return False
    top = page.posts.get(piece.root or 0)
    gate = thread_gate(page, top) if top is not None else None
    return gate is not None and ((mine and piece.uri in gate.hidden) or kept_out(page, piece))


def _about_muted(page: Page, rows: list[Row]) -> set[int]:
    subjects = {row[5] for row in rows if row[5] is not None}
    found = page.tx.run(
        "SELECT id, coalesce(root, id) FROM post WHERE id IN (SELECT value FROM json_each(:ids))",
        ids=str(list(subjects)),
    )
    roots = page.uris_of({root for _, root in found})
    about = {id for id, root in found if roots[root] in page.circle.thread_mutes}
    return {row[1] for row in rows if row[5] in about}
