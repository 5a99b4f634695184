"""People: profiles, who follows whom, who is muted and blocked.

Source: app.bsky.actor.getProfile(s), app.bsky.graph.*, app.bsky.feed.getLikes, getRepostedBy
"""

from collections.abc import Callable, Iterable
from typing import Any

from freehold.appview import known, pack_views, present
from freehold.appview.asked import (
    AccountHidden,
    ActorNotFound,
    SignInNeeded,
    actor_id,
    actor_ids,
    before,
    before_pair,
    find_actor,
    pair_cursor,
    post_id,
)
from freehold.appview.fragments import Fragment, encode, joined
from freehold.appview.moments import text_of
from freehold.appview.page import Page
from freehold.appview.pieces import Json

_TOP, _TOP_OF = "top.", 2_000


# -- profiles --------------------------------------------------------------------------------------------------------


def profile(page: Page, actor: str) -> Fragment:
    """app.bsky.actor.getProfile. A blocked account's is shown: it says so in `viewer`."""
    id = actor_id(page, actor)
    page.load_actors((id,))
    if page.redacted(page.actors[id]):
        raise AccountHidden(name="AccountTakedown", actor=actor)
    page.load_states()
    return _detailed(page, id)


def profiles(page: Page, actors: Iterable[str]) -> Json:
    """app.bsky.actor.getProfiles: those that are shown, in the order asked for."""
    ids = actor_ids(page.tx, actors)
    page.load_actors(ids)
    page.load_states()
    return {"profiles": [_detailed(page, id) for id in ids if page.active(id)]}


def _detailed(page: Page, id: int) -> Fragment:
    """app.bsky.actor.defs#profileViewDetailed."""
    piece = page.actors[id]
    json = piece.detailed_json if piece.plain else present.labelled(page, piece, piece.detailed_json)
    pack = _joined_by(page, id)
    if pack is not None:
        json = b'%b,"joinedViaStarterPack":%b' % (json, encode(pack))
    if not page.viewer:
        return Fragment(json + b"}")
    state = present.state_json(page, id)
    fans = known.followers(page, id) if id != page.viewer and not page.circle.blocked(id) else []
    if fans:
        state = b'%b,"knownFollowers":%b}' % (state[:-1], known_json(page, fans, id, b"followers"))
    return Fragment(b'%b,"viewer":%b}' % (json, state))


def known_json(page: Page, ids: list[int], beside: int, name: bytes) -> bytes:
    """How many these are, and the first of them under a name: #knownFollowers, #knownLikers. beside: whose they are."""
    views = listed(page, ids[: known.SHOWN], beside=beside, view=present.basic)
    return b'{"count":%d,"%b":%b}' % (len(ids), name, joined([view.json for view in views]))


def _joined_by(page: Page, actor: int) -> Json | None:
    """The starter pack by which somebody says they joined."""
    joined = page.actors[actor].joined
    row = pack_views.by_id(page, joined) if joined is not None else None
    return next((pack_views.basic(page, one) for one in pack_views.shown(page, [row])), None) if row else None


def listed(
    page: Page,
    ids: list[int],
    shun: bool = True,
    beside: int = 0,
    view: Callable[[Page, int], Fragment] = present.profile,
) -> list[Fragment]:
    """Views of those that are shown. shun: leave out those behind a block of the reader's. beside: somebody with whom
    something joins them, as a follow; those are left out between whom and that one a block stands."""
    page.load_actors([*ids, beside] if beside else ids)
    page.load_states()
    shown = [id for id in ids if page.active(id) and not (shun and page.circle.blocked(id))]
    return [view(page, id) for id in shown if not (beside and page.walled(id, beside))]


# -- lists of people -------------------------------------------------------------------------------------------------

_FOLLOWERS = (
    "SELECT at, actor FROM follow WHERE subject = :id AND main = 1 AND (at, actor) < (:at, :tie)"
    " ORDER BY at DESC, actor DESC LIMIT :limit"
)
_FOLLOWS = (
    "SELECT at, subject FROM follow WHERE actor = :id AND main = 1 AND (at, subject) < (:at, :tie)"
    " ORDER BY at DESC, subject DESC LIMIT :limit"
)
_BLOCKS = _FOLLOWS.replace("follow", "block")
_LIKES = (
    "SELECT at, actor, indexed_at FROM post_like WHERE subject = :id AND main = 1 AND (at, actor) < (:at, :tie)"
    " ORDER BY at DESC, actor DESC LIMIT :limit"
)
_REPOSTS = _LIKES.replace("post_like", "repost")
_KNOWN = (
    "SELECT theirs.at, theirs.actor FROM follow AS mine"
    " CROSS JOIN follow AS theirs ON theirs.actor = mine.subject AND theirs.subject = :id AND theirs.main = 1"
    " WHERE mine.actor = :viewer AND mine.main = 1 AND mine.subject <> :viewer"
    " AND (theirs.at, theirs.actor) < (:at, :tie)"
    " ORDER BY theirs.at DESC, theirs.actor DESC LIMIT :limit"
)


def _rows(page: Page, sql: str, id: int, limit: int, cursor: str | None, **more: object) -> list[tuple[Any, ...]]:
    at, tie = before_pair(cursor)
    return page.tx.run(sql, id=id, at=at, tie=tie, limit=limit, **more)


def _of_subject(
    page: Page, actor: str, name: str, rows: list[tuple[Any, ...]], limit: int, more: dict[str, str] | None = None
) -> Json:
    id = actor_id(page, actor)
    page.load_actors((id,))
    people = listed(page, [row[1] for row in rows], beside=id)
    return {"subject": present.profile(page, id), name: people, **(pair_cursor(rows, limit) if more is None else more)}


def followers(page: Page, actor: str, limit: int, cursor: str | None, sort: str = "latest") -> Json:
    """app.bsky.graph.getFollowers, the latest first, or those whom most people follow (`top`)."""
    return _ties_of(page, actor, "followers", _FOLLOWERS, limit, cursor, sort)


def follows(page: Page, actor: str, limit: int, cursor: str | None, sort: str = "latest") -> Json:
    """app.bsky.graph.getFollows, in the order of `followers`."""
    return _ties_of(page, actor, "follows", _FOLLOWS, limit, cursor, sort)


def _ties_of(page: Page, actor: str, name: str, sql: str, limit: int, cursor: str | None, sort: str) -> Json:
    id = actor_id(page, actor)
    if page.circle.blocked(id):
        return _of_subject(page, actor, name, [], limit)
    if sort == "top" and (cursor is None or cursor.startswith(_TOP)):
        return _of_subject(page, actor, name, *_top(page, sql, id, limit, cursor))
    return _of_subject(page, actor, name, _rows(page, sql, id, limit, cursor), limit)


def _top(
    page: Page, sql: str, id: int, limit: int, cursor: str | None
) -> tuple[list[tuple[Any, ...]], int, dict[str, str]]:
    """Rows, `limit` and cursor of a page of the last _TOP_OF in order of their followers; after those, the latest
    first."""
    skip = 0 if cursor is None else before(cursor.removeprefix(_TOP))
    newest = _rows(page, sql, id, _TOP_OF, None)
    ids = str([row[1] for row in newest])
    counts: dict[int, int] = dict(
        page.tx.run("SELECT id, followers FROM actor WHERE id IN (SELECT value FROM json_each(:ids))", ids=ids)
    )
    best = sorted(newest, key=lambda row: (-counts.get(row[1], 0), -row[0], -row[1]))
    after = skip + limit
    more = {"cursor": f"{_TOP}{after}"} if after < len(best) else pair_cursor(newest, _TOP_OF)
    return best[skip:after], limit, more


def known_followers(page: Page, actor: str, limit: int, cursor: str | None) -> Json:
    """app.bsky.graph.getKnownFollowers: whom the reader follows among an account's followers."""
    id = actor_id(page, actor)
    rows = [] if page.circle.blocked(id) else _rows(page, _KNOWN, id, limit, cursor, viewer=signed_in(page))
    return _of_subject(page, actor, "followers", rows, limit)


def mutes(page: Page, limit: int, cursor: str | None) -> Json:
    """app.bsky.graph.getMutes: whom the reader mutes whole."""
    signed_in(page)
    before, mutes = before_pair(cursor), page.circle.muted_at
    rows = sorted(((at, id) for id, at in mutes.items() if (at, id) < before), reverse=True)[:limit]
    return {"mutes": listed(page, [row[1] for row in rows]), **pair_cursor(rows, limit)}


def blocks(page: Page, limit: int, cursor: str | None) -> Json:
    """app.bsky.graph.getBlocks."""
    rows = _rows(page, _BLOCKS, signed_in(page), limit, cursor)
    return {"blocks": listed(page, [row[1] for row in rows], shun=False), **pair_cursor(rows, limit)}


def likes(page: Page, uri: str, cid: str | None, limit: int, cursor: str | None) -> Json:
    """app.bsky.feed.getLikes. cid: given back, and not used to choose: a like is of the post, whatever its version."""
    rows, author = _about(page, _LIKES, uri, limit, cursor)
    people = {row[1]: row for row in rows}
    shown = [id for id in people if page.active(id) and not page.circle.blocked(id) and not page.walled(id, author)]
    views = [
        {
            "indexedAt": text_of(people[id][2]),
            "createdAt": text_of(people[id][0]),
            "actor": present.profile(page, id),
        }
        for id in shown
    ]
    return {"uri": uri, **({"cid": cid} if cid else {}), "likes": views, **pair_cursor(rows, limit)}


def reposted_by(page: Page, uri: str, cid: str | None, limit: int, cursor: str | None) -> Json:
    """app.bsky.feed.getRepostedBy."""
    rows, author = _about(page, _REPOSTS, uri, limit, cursor)
    people = listed(page, [row[1] for row in rows], beside=author)
    return {"uri": uri, **({"cid": cid} if cid else {}), "repostedBy": people, **pair_cursor(rows, limit)}


def _about(page: Page, sql: str, uri: str, limit: int, cursor: str | None) -> tuple[list[tuple[Any, ...]], int]:
    """(rows, the author of what they point at), all of them loaded."""
    id = post_id(page.tx, uri)
    rows = _rows(page, sql, id, limit, cursor) if id is not None else []
    (author,) = page.tx.one("SELECT author FROM post WHERE id = :id", id=id) or (0,)
    page.load_actors([*(row[1] for row in rows), author])
    page.load_states()
    return rows, author


def relationships(page: Page, actor: str, others: Iterable[str]) -> Json:
    """app.bsky.graph.getRelationships, as seen from `actor`."""
    id = find_actor(page.tx, actor)
    if id is None:
        raise ActorNotFound(name="ActorNotFound", actor=actor)
    page.load_actors((id,))
    return {"actor": page.actors[id].did, "relationships": [_relationship(page, id, other) for other in others]}


def _relationship(page: Page, id: int, other: str) -> Json:
    subject = find_actor(page.tx, other)
    if subject is None:
        return {"$type": "app.bsky.graph.defs#notFoundActor", "actor": other, "notFound": True}
    page.load_actors((subject,))
    dids = {who: page.actors[who].did for who in (id, subject)}
    view: Json = {"$type": "app.bsky.graph.defs#relationship", "did": dids[subject]}
    names = (
        ("following", "follow", id, subject),
        ("followedBy", "follow", subject, id),
        ("blocking", "block", id, subject),
        ("blockedBy", "block", subject, id),
    )
    for name, table, actor, to in names:
        row = page.tx.one(_EDGE[table], actor=actor, subject=to)
        if row is not None:
            view[name] = f"at://{dids[actor]}/app.bsky.graph.{table}/{row[0]}"
    for name, actor, to in (("blockingByList", id, subject), ("blockedByList", subject, id)):
        row = page.tx.one(_BY_LIST, actor=actor, subject=to) if actor != to else None
        if row is not None:
            view[name] = f"at://{dids[actor]}/app.bsky.graph.listblock/{row[0]}"
    return view


_BY_LIST = (
    "SELECT list_block.rkey FROM list_block JOIN list ON list.id = list_block.subject AND list.purpose = 1"
    " JOIN list_item ON list_item.list = list.id AND list_item.subject = :subject AND list_item.main = 1"
    " WHERE list_block.actor = :actor AND list_block.main = 1 ORDER BY list_block.rkey LIMIT 1"
)
_EDGE = {
    "follow": "SELECT rkey FROM follow WHERE actor = :actor AND subject = :subject AND main = 1",
    "block": "SELECT rkey FROM block WHERE actor = :actor AND subject = :subject AND main = 1",
}


def signed_in(page: Page) -> int:
    """The reader's id. Raises SignInNeeded."""
    if page.viewer_did is None:
        raise SignInNeeded
    return page.viewer
