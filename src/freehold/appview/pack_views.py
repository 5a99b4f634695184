"""Starter packs: people and feeds under a name, for those who are new.

A pack is shown as its author is: not while their account is hidden, nor across a block. How many joined by it is what
profiles say of themselves.
Source: app.bsky.graph.getStarterPack(s), getActorStarterPacks, getStarterPacksWithMembership, searchStarterPacks(V2)
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from freehold.appview import generators, list_views, listings, present
from freehold.appview.asked import PackNotFound, SignInNeeded, actor_id, before, before_pair, find_actor, pair_cursor
from freehold.appview.moments import text_of
from freehold.appview.packs import PACK
from freehold.appview.page import Page
from freehold.appview.parts import as_dict, as_list
from freehold.appview.pieces import Json
from freehold.appview.words import spaced
from freehold.protocol import cbor
from freehold.protocol.cid import Cid

WEEK_MICROS = 7 * 86_400 * 1_000_000
SAMPLE = 12
FEEDS = 3
ASKED_MOST = 25
_HITS_MOST = 300
_WORDS_MOST = 20
_COLUMNS = (
    "starter_pack.id, author, starter_pack.rkey, list, starter_pack.cid, record, at, indexed_at, actor.did"
    " FROM starter_pack JOIN actor ON actor.id = author"
)
_OF_AUTHOR = (
    f"SELECT {_COLUMNS} WHERE author = :author AND (at, starter_pack.id) < (:at, :tie)"
    " ORDER BY at DESC, starter_pack.id DESC LIMIT :limit"
)
_BY_IDS = f"SELECT {_COLUMNS} WHERE starter_pack.id IN (SELECT value FROM json_each(:ids))"
_BY_KEY = f"SELECT {_COLUMNS} WHERE author = :author AND starter_pack.rkey = :rkey"


class Row(NamedTuple):
    """A starter pack, by its _COLUMNS."""

    id: int
    author: int
    rkey: str
    list: int
    cid: bytes
    record: bytes
    at: int
    came: int
    did: str


def one(page: Page, uri: str) -> Json:
    """app.bsky.graph.getStarterPack. Raises PackNotFound."""
    row = by_uri(page, uri)
    rows = shown(page, [row] if row is not None else [])
    if not rows:
        raise PackNotFound(pack=uri)
    return {"starterPack": full(page, rows[0])}


def several(page: Page, uris: Iterable[str]) -> Json:
    """app.bsky.graph.getStarterPacks: those that are there."""
    found = [row for uri in islice(uris, ASKED_MOST) if (row := by_uri(page, uri)) is not None]
    return {"starterPacks": [basic(page, row) for row in shown(page, found)]}


def of_actor(page: Page, actor: str, limit: int, cursor: str | None) -> Json:
    """app.bsky.graph.getActorStarterPacks, the newest first."""
    rows = _of_author(page, actor_id(page, actor), limit, cursor)
    return {"starterPacks": [basic(page, row) for row in shown(page, rows)], **_cursor(rows, limit)}


def with_membership(page: Page, actor: str, limit: int, cursor: str | None) -> Json:
    """app.bsky.graph.getStarterPacksWithMembership: the reader's own, and whether an account is in them."""
    if page.viewer_did is None:
        raise SignInNeeded
    rows = _of_author(page, page.viewer, limit, cursor)
    member = find_actor(page.tx, actor)
    found = []
    for row in shown(page, rows):
        people = listings.by_id(page, row.list) if member is not None else None
        item = list_views.membership(page, people, member) if people is not None and member is not None else None
        found.append({"starterPack": full(page, row), **({"listItem": item} if item is not None else {})})
    return {"starterPacksWithMembership": found, **_cursor(rows, limit)}


def search(page: Page, q: str, limit: int, cursor: str | None) -> Json:
    """app.bsky.graph.searchStarterPacks: by name and description."""
    rows, more = _found(page, q, limit, cursor)
    return {"starterPacks": [basic(page, row) for row in rows], **more}


def search_v2(page: Page, q: str, limit: int, cursor: str | None) -> Json:
    """app.bsky.graph.searchStarterPacksV2: the same, in full."""
    rows, more = _found(page, q, limit, cursor)
    return {"starterPacks": [full(page, row) for row in rows], **more}


def _found(page: Page, q: str, limit: int, cursor: str | None) -> tuple[list[Row], dict[str, str]]:
    """A page of the best of the first hits: by how many joined, then the newest."""
    words = spaced(q).replace('"', " ").replace("\0", " ").split()[:_WORDS_MOST]
    words = [word for word in words if any(letter.isalnum() for letter in word)]
    hits = page.tx.run(
        "SELECT hit.rowid, (SELECT count(*) FROM actor WHERE joined = hit.rowid) AS joins FROM"
        " (SELECT rowid FROM starter_pack_search WHERE starter_pack_search MATCH :match LIMIT :most) AS hit"
        " ORDER BY joins DESC, hit.rowid DESC",
        match=" ".join(f'"{word}"*' for word in words),
        most=_HITS_MOST,
    ) if words else []  # fmt: skip
    skip = 0 if cursor is None else before(cursor)
    wanted = [id for id, _ in hits][skip : skip + limit]
    rows = {row[0]: Row._make(row) for row in page.tx.run(_BY_IDS, ids=str(wanted))}
    more = {"cursor": str(skip + limit)} if skip + limit < len(hits) else {}
    return shown(page, [rows[id] for id in wanted]), more


# -- views -------------------------------------------------------------------------------------------------------------


def by_id(page: Page, id: int) -> Row | None:
    """A starter pack that is here."""
    row = page.tx.one(f"SELECT {_COLUMNS} WHERE starter_pack.id = :id", id=id)
    return Row._make(row) if row is not None else None


def by_uri(page: Page, uri: str) -> Row | None:
    """A starter pack that is here, by an address whose authority may be a handle."""
    parts = uri.split("/")
    author = find_actor(page.tx, parts[2]) if len(parts) == 5 and parts[3] == PACK else None
    row = page.tx.one(_BY_KEY, author=author, rkey=parts[4]) if author is not None else None
    return Row._make(row) if row is not None else None


def basic(page: Page, row: Row) -> Json:
    """app.bsky.graph.defs#starterPackViewBasic of a pack whose author is loaded, as it stands in a union too."""
    people = listings.by_id(page, row.list)
    return {
        "$type": "app.bsky.graph.defs#starterPackViewBasic",
        **_common(page, row),
        **({"listItemCount": people.items} if people is not None else {}),
    }


def full(page: Page, row: Row) -> Json:
    """app.bsky.graph.defs#starterPackView of a pack whose author is loaded."""
    view = _common(page, row)
    people = listings.by_id(page, row.list)
    if people is not None:
        view["list"] = listings.basic(page, people)
        sample = page.tx.run(
            "SELECT at, subject, rkey FROM list_item WHERE list = :list AND main = 1"
            " ORDER BY at DESC, subject DESC LIMIT :most",
            list=row.list,
            most=SAMPLE,
        )
        view["listItemsSample"] = list_views.items(page, people, sample)
    uris = (as_dict(feed).get("uri") for feed in as_list(view["record"].get("feeds")))
    feeds = [uri for uri in uris if isinstance(uri, str)][:FEEDS]
    view["feeds"] = generators.feed_generators(page, feeds)["feeds"] if feeds else []
    return view


def _common(page: Page, row: Row) -> Json:
    (total, week) = page.tx.one(
        "SELECT count(*), count(profile_at > :since OR NULL) FROM actor WHERE joined = :id AND status IS NULL",
        id=row.id,
        since=page.tx.now - WEEK_MICROS,
    ) or (0, 0)
    uri, cid = f"at://{row.did}/{PACK}/{row.rkey}", str(Cid(row.cid))
    return {
        "uri": uri,
        "cid": cid,
        "record": cbor.decode_json(row.record),
        "creator": present.basic(page, row.author),
        "joinedWeekCount": week,
        "joinedAllTimeCount": total,
        "labels": page.labels_on(uri, cid),
        "indexedAt": text_of(row.came),
    }


def shown(page: Page, rows: Sequence[Row]) -> list[Row]:
    """Those whose author is shown to the reader."""
    page.load_actors({row.author for row in rows})
    page.load_states()
    return [row for row in rows if page.active(row.author) and not page.circle.blocked(row.author)]


def _of_author(page: Page, author: int, limit: int, cursor: str | None) -> list[Row]:
    at, tie = before_pair(cursor)
    return [Row._make(row) for row in page.tx.run(_OF_AUTHOR, author=author, at=at, tie=tie, limit=limit)]


def _cursor(rows: list[Row], limit: int) -> dict[str, str]:
    return pair_cursor([(row.at, row.id) for row in rows], limit)
