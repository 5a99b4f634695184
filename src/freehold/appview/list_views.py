"""Lists of people: what they are, who is on them, which of them the reader mutes or blocks.

A list is shown as its author is: not while their account is hidden, nor across a block; but one for moderation is,
if it is asked for by its address, so that whoever uses it can see it and let go of it. Its members, and those of one's
own lists, are shown across blocks too, as blocks are what they are for.
Source: app.bsky.graph.getList, getLists, getListsWithMembership, getListMutes, getListBlocks
"""

from collections.abc import Iterable, Sequence
from typing import Any

from freehold.appview import listings, present
from freehold.appview.asked import SignInNeeded, UnknownList, actor_id, before_pair, find_actor, pair_cursor
from freehold.appview.listings import Row
from freehold.appview.lists import ITEM, MODERATION, READING
from freehold.appview.page import Page
from freehold.appview.pieces import Json

_PURPOSES = {"modlist": MODERATION, "curatelist": READING}
_ITEMS = (
    "SELECT at, subject, rkey FROM list_item WHERE list = :id AND main = 1 AND (at, subject) < (:at, :tie)"
    " ORDER BY at DESC, subject DESC LIMIT :limit"
)
_OF_AUTHOR = (
    f"SELECT {listings.COLUMNS} FROM list JOIN actor ON actor.id = list.author WHERE list.author = :author"
    " AND purpose IN (SELECT value FROM json_each(:purposes)) AND (at, list.id) < (:at, :tie)"
    " ORDER BY at DESC, list.id DESC LIMIT :limit"
)
_BLOCKED = (
    "SELECT at, subject FROM list_block WHERE actor = :viewer AND main = 1 AND (at, subject) < (:at, :tie)"
    " ORDER BY at DESC, subject DESC LIMIT :limit"
)


def one(page: Page, uri: str, limit: int, cursor: str | None) -> Json:
    """app.bsky.graph.getList, who was put on it last first. Raises UnknownList."""
    row = listings.by_uri(page, uri)
    views = shown(page, [row], shun=row.purpose != MODERATION) if row is not None else []
    if row is None or not views:
        raise UnknownList(name="InvalidRequest", list=uri)
    at, tie = before_pair(cursor)
    rows = page.tx.run(_ITEMS, id=row.id, at=at, tie=tie, limit=limit)
    return {"list": views[0], "items": items(page, row, rows), **pair_cursor(rows, limit)}


def items(page: Page, row: Row, rows: Iterable[tuple[Any, ...]]) -> list[Json]:
    """app.bsky.graph.defs#listItemView of (time, member, record key) in a list: those who are shown."""
    kept = list(rows)
    page.load_actors([row.author, *(member for _, member, _ in kept)])
    page.load_states()
    across = row.purpose == MODERATION or row.author == page.viewer
    return [
        {"uri": f"at://{row.did}/{ITEM}/{rkey}", "subject": present.profile(page, member)}
        for _, member, rkey in kept
        if page.active(member) and (across or _near(page, row.author, member))
    ]


def _near(page: Page, author: int, member: int) -> bool:
    """Whether no block stands between a member of a list and its author or its reader."""
    return not page.circle.blocked(member) and not page.walled(author, member)


def of_actor(page: Page, actor: str, limit: int, cursor: str | None, purposes: Sequence[str] | None) -> Json:
    """app.bsky.graph.getLists: those for moderation and for reading, the newest first."""
    rows = _of_author(page, actor_id(page, actor), limit, cursor, purposes)
    return {"lists": shown(page, rows), **_cursor(rows, limit)}


def with_membership(page: Page, actor: str, limit: int, cursor: str | None, purposes: Sequence[str] | None) -> Json:
    """app.bsky.graph.getListsWithMembership: the reader's own lists, and whether an account is on them."""
    rows = _of_author(page, _signed_in(page), limit, cursor, purposes)
    member = find_actor(page.tx, actor)
    found = []
    for row in rows:
        item = membership(page, row, member) if member is not None else None
        found += [{"list": view, **({"listItem": item} if item is not None else {})} for view in shown(page, [row])]
    return {"listsWithMembership": found, **_cursor(rows, limit)}


def membership(page: Page, row: Row, member: int) -> Json | None:
    """app.bsky.graph.defs#listItemView of somebody who is on a list, shown or not."""
    item = page.tx.one(
        "SELECT rkey FROM list_item WHERE list = :list AND subject = :subject AND main = 1", list=row.id, subject=member
    )
    if item is None:
        return None
    page.load_actors((member,))
    page.load_states()
    return {"uri": f"at://{row.did}/{ITEM}/{item[0]}", "subject": present.profile(page, member)}


def mutes(page: Page, limit: int, cursor: str | None) -> Json:
    """app.bsky.graph.getListMutes, the last muted first."""
    _signed_in(page)
    before = before_pair(cursor)
    muted = ((at, id) for id, at in page.circle.lists_muted.items() if (at, id) < before)
    return _by_ids(page, sorted(muted, reverse=True)[:limit], limit)


def blocks(page: Page, limit: int, cursor: str | None) -> Json:
    """app.bsky.graph.getListBlocks, the last blocked first."""
    at, tie = before_pair(cursor)
    return _by_ids(page, page.tx.run(_BLOCKED, viewer=_signed_in(page), at=at, tie=tie, limit=limit), limit)


def shown(page: Page, rows: Sequence[Row], shun: bool = True) -> list[Json]:
    """#listView of lists whose author is shown. shun: leave out those behind a block."""
    page.load_actors({row.author for row in rows})
    page.load_states()
    page.load_said([row.uri for row in rows])
    return [
        listings.full(page, row, present.profile(page, row.author))
        for row in rows
        if page.active(row.author) and not (shun and page.circle.blocked(row.author))
    ]


def _by_ids(page: Page, rows: list[tuple[Any, ...]], limit: int) -> Json:
    found = (listings.by_id(page, id) for _, id in rows)
    return {"lists": shown(page, [row for row in found if row], shun=False), **pair_cursor(rows, limit)}


def _of_author(page: Page, author: int, limit: int, cursor: str | None, purposes: Sequence[str] | None) -> list[Row]:
    at, tie = before_pair(cursor)
    wanted = [_PURPOSES[name] for name in (purposes or _PURPOSES) if name in _PURPOSES]
    rows = page.tx.run(_OF_AUTHOR, author=author, purposes=str(wanted), at=at, tie=tie, limit=limit)
    return [Row._make(row) for row in rows]


def _cursor(rows: list[Row], limit: int) -> dict[str, str]:
    return pair_cursor([(row.at, row.id) for row in rows], limit)


def _signed_in(page: Page) -> int:
    if page.viewer_did is None:
        raise SignInNeeded
    return page.viewer
