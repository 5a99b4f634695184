"""Notifications: what others did that concerns the reader, and how many are new.

What is news to the reader is decided when the list is read (`told`). Posts of those whom they subscribe to are not
written down as notices, as that would tell who subscribes: they are merged in when the list is read.
Source: app.bsky.notification.listNotifications, getUnreadCount
"""

from collections.abc import Sequence
from operator import itemgetter

from freehold.appview import present, told
from freehold.appview.actors import JOINED, PROFILE
from freehold.appview.asked import FAR, SignInNeeded, before_pair
from freehold.appview.batch import POST
from freehold.appview.edges import VIA_LIKE, VIA_REPOST
from freehold.appview.fragments import Fragment, opened
from freehold.appview.moments import text_of
from freehold.appview.page import Page
from freehold.appview.parts import via_uri
from freehold.appview.pieces import Json, self_labels
from freehold.appview.subscribed import SUBSCRIBED, Subscribed
from freehold.appview.told import Row
from freehold.appview.verified import UNVERIFIED, VERIFICATION, VERIFIED
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import parse_datetime

UNREAD_MOST = 100
_ROUNDS = 5
_COLLECTIONS = {
    "like": "app.bsky.feed.like",
    VIA_LIKE: "app.bsky.feed.like",
    "repost": "app.bsky.feed.repost",
    VIA_REPOST: "app.bsky.feed.repost",
    VERIFIED: VERIFICATION,
    UNVERIFIED: VERIFICATION,
    "follow": "app.bsky.graph.follow",
    JOINED: PROFILE,
}
_NEWEST = (
    "SELECT at, id, reason, actor, rkey, subject FROM notification"
    " WHERE recipient = :viewer AND (at, id) < (:at, :id) ORDER BY at DESC, id DESC LIMIT :limit"
)
_NEWEST_OF = _NEWEST.replace("WHERE", "WHERE instr(:reasons, ' ' || reason || ' ') > 0 AND")


def notifications(
    page: Page, limit: int, cursor: str | None, reasons: Sequence[str] | None, priority: bool, seen_at: str | None
) -> Json:
    """app.bsky.notification.listNotifications. priority: only of whom the reader follows."""
    viewer = _signed_in(page)
    seen = _seen(page, viewer, seen_at)
    subscribed = Subscribed(page) if not reasons or SUBSCRIBED in reasons else None
    before: tuple[int, int] | None = before_pair(cursor)
    listed: list[Fragment] = []
    for _ in range(_ROUNDS):
        assert before is not None
        rows, before = _stretch(page, subscribed, before, limit - len(listed), reasons)
        listed += _views(page, rows, seen, priority)
        if before is None or len(listed) >= limit:
            break
    answer: Json = {"notifications": listed, "priority": priority}
    if seen:
        answer["seenAt"] = text_of(seen)
    return answer | ({"cursor": f"{before[0]}.{before[1]}"} if before is not None else {})


def unread_count(page: Page, priority: bool, seen_at: str | None) -> Json:
    """app.bsky.notification.getUnreadCount, counted up to UNREAD_MOST."""
    seen = _seen(page, _signed_in(page), seen_at)
    rows, _ = _stretch(page, Subscribed(page), (FAR, FAR), UNREAD_MOST, None)
    rows = [row for row in rows if row[0] > seen]
    page.load_actors({row[3] for row in rows})
    return {"count": len(told.news(page, rows, priority))}


def _stretch(
    page: Page,
    subscribed: Subscribed | None,
    before: tuple[int, int],
    limit: int,
    reasons: Sequence[str] | None,
) -> tuple[list[Row], tuple[int, int] | None]:
    """The next rows before a (time, id), what was done and what was posted in one order, and the place reached; None at
    the end."""
    named = {"reasons": f" {' '.join(reasons)} "} if reasons else {}
    at, id = before
    rows = page.tx.run(_NEWEST_OF if reasons else _NEWEST, viewer=page.viewer, at=at, id=id, limit=limit, **named)
    posts, reached = subscribed.posts(before, limit) if subscribed is not None else ([], None)
    rows = sorted(rows + posts, key=itemgetter(0, 1), reverse=True)
    if reached is not None:
        rows = [row for row in rows if row[:2] >= reached]
    if len(rows) >= limit:
        return rows[:limit], rows[limit - 1][:2]
    return rows, reached


def _signed_in(page: Page) -> int:
    if page.viewer_did is None:
        raise SignInNeeded
    return page.viewer


def _seen(page: Page, viewer: int, given: str | None) -> int:
    """Up to when (micros) the reader has seen all: as the caller says, else as the private log told."""
    if given is not None:
        try:
            return max(parse_datetime(given), 0)
        except Refused:
            pass
    row = page.tx.one("SELECT seen_at FROM actor WHERE id = :id", id=viewer)
    return row[0] if row is not None else 0


_READ, _UNREAD = b',"isRead":true}', b',"isRead":false}'


def _views(page: Page, rows: list[Row], seen: int, priority: bool) -> list[Fragment]:
    page.load_actors({row[3] for row in rows})
    page.load_states()
    kept = told.news(page, rows, priority)
    pieces = _pieces(page, kept)
    pieces |= _labelled(page, kept, pieces)
    authors = {actor: present.profile_json(page, actor) for actor in {row[3] for row in kept}}
    return [
        Fragment(present.join((piece, b',"author":', authors[row[3]], _READ if row[0] <= seen else _UNREAD)))
        for row in kept
        if (piece := pieces.get(row[1])) is not None
    ]


def _labelled(page: Page, rows: list[Row], pieces: dict[int, bytes]) -> dict[int, bytes]:
    """Those of posts of which labelers say something, with what the reader's do. `told` has loaded the posts."""
    said = {(post.author, post.rkey): post for post in page.posts.values() if post.said}
    if not said:
        return {}
    about = [(row[1], page.posts.get(row[4]) if row[2] == SUBSCRIBED else said.get((row[3], row[4]))) for row in rows]
    return {
        id: present.labelled(page, post, pieces[id])
        for id, post in about
        if post is not None and post.said and id in pieces
    }


def _pieces(page: Page, rows: list[Row]) -> dict[int, bytes]:
    """What is the same for whomever looks when, as `fragments.opened` has it: by the row's id."""
    memory = page.memory
    pieces = {row[1]: json for row in rows if (json := memory.notices.get(row[1])) is not None}
    missing = [row for row in rows if row[1] not in pieces]
    page.load_posts(row[4] for row in missing if row[2] == SUBSCRIBED)
    if missing:
        subjects = page.uris_of({row[5] for row in missing if row[5] is not None})
        done = _records(page, missing)
        for row in missing:
            piece = _piece(page, row, subjects, done)
            if piece is not None:
                pieces[row[1]] = json = opened(piece)
                memory.notices.put(row[1], json)
        if memory.generation != page.generation:
            memory.notices.forget(row[1] for row in missing)
    return pieces


Done = tuple[bytes, bytes, int]
"""(CID, DAG-CBOR, micros at which it came) of a record of which somebody is told."""
_DONE = (
    "SELECT notification.id, done.cid, done.record, done.indexed_at FROM notification CROSS JOIN TABLE AS done"
    " ON done.actor = notification.actor AND done.rkey = notification.rkey"
    " WHERE notification.id IN (SELECT value FROM json_each(:ids))"
)
_RECORDS = {
    reason: _DONE.replace("TABLE", table)
    for reason, table in (
        ("like", "post_like"),
        (VIA_LIKE, "post_like"),
        ("repost", "repost"),
        (VIA_REPOST, "repost"),
        ("follow", "follow"),
        (VERIFIED, "verification"),
    )
}
_RECORDS[JOINED] = (
    "SELECT notification.id, profile_cid, profile, profile_at FROM notification CROSS JOIN actor"
    " ON actor.id = notification.actor WHERE notification.id IN (SELECT value FROM json_each(:ids)) AND rkey = 'self'"
)
_POST_RECORD = _DONE.replace("TABLE", "post").replace("done.actor", "done.author") + " AND done.moment IS NOT NULL"


def _records(page: Page, rows: list[Row]) -> dict[int, Done]:
    """What was done, as far as it is here, by the rows' ids: one question for each kind."""
    kinds: dict[str, list[int]] = {}
    for _, id, reason, *_ in rows:
        if reason not in (SUBSCRIBED, UNVERIFIED):
            kinds.setdefault(_RECORDS.get(reason, _POST_RECORD), []).append(id)
    return {id: (cid, raw, came) for sql, ids in kinds.items() for id, cid, raw, came in page.tx.run(sql, ids=str(ids))}


def _piece(page: Page, row: Row, subjects: dict[int, str], done: dict[int, Done]) -> Json | None:
    _, id, reason, actor, rkey, subject = row
    if reason == SUBSCRIBED:
        return _post_piece(page, rkey)
    if reason == UNVERIFIED:
        return _ended(page, row)
    if id not in done:
        return None
    cid, raw, came = done[id]
    piece: Json = {
        "uri": f"at://{page.actors[actor].did}/{_COLLECTIONS.get(reason, POST)}/{rkey}",
        "cid": str(Cid(cid)),
        "reason": reason,
        "record": cbor.decode_json_own(raw),
        "indexedAt": text_of(came),
        "labels": [],
    }
    if reason not in _COLLECTIONS:
        did, uri = page.actors[actor].did, piece["uri"]
        piece["labels"] = self_labels(piece["record"], did, uri, cid, came)
    if subject is not None:
        piece["reasonSubject"] = subjects[subject]
    elif reason in (VIA_LIKE, VIA_REPOST):
        piece["reasonSubject"] = via_uri(piece["record"])
    return piece


_NO_RECORD: Json = {"$type": "app.bsky.notification.defs#recordDeleted"}
_NO_RECORD_CID = str(Cid.of_cbor(cbor.encode(_NO_RECORD)))


def _ended(page: Page, row: Row) -> Json:
    """A record that is gone, with what stands for it."""
    at, _, reason, actor, rkey, _ = row
    return {
        "uri": f"at://{page.actors[actor].did}/{_COLLECTIONS[reason]}/{rkey}",
        "cid": _NO_RECORD_CID,
        "reason": reason,
        "record": _NO_RECORD,
        "indexedAt": text_of(at),
        "labels": [],
    }


def _post_piece(page: Page, id: int) -> Json | None:
    post = page.shown(id)
    if post is None:
        return None
    view = post.view
    same = {name: view[name] for name in ("uri", "cid", "record", "indexedAt", "labels")}
    return {**same, "reason": SUBSCRIBED}
