"""Lists as others show them: on a profile that a reader mutes by one, in the gate of a thread, in a post.

Who a list belongs to is for the caller to show. What the reader did with it is in `viewer`, for the reader alone.
Source: the lexicon app.bsky.graph.defs, #listViewBasic and #listView
"""

from typing import NamedTuple

from freehold.appview.asked import find_actor
from freehold.appview.fragments import View
from freehold.appview.lists import LIST, PURPOSES
from freehold.appview.moments import text_of
from freehold.appview.page import Page
from freehold.appview.pieces import Json, blob_cid, self_labels
from freehold.protocol import cbor
from freehold.protocol.cid import Cid

COLUMNS = (
    "list.id, list.author, list.rkey, list.purpose, list.cid, list.record, list.at, list.indexed_at, list.items,"
    " actor.did, actor.status"
)
_ROW = f"SELECT {COLUMNS} FROM list JOIN actor ON actor.id = list.author WHERE list.id = :id"
NAMES = {number: name for name, number in PURPOSES.items()}


class Row(NamedTuple):
    """A list, by its COLUMNS; did and status are its author's."""

    id: int
    author: int
    rkey: str
    purpose: int
    cid: bytes
    record: bytes
    at: int
    came: int
    items: int
    did: str
    status: str | None

    @property
    def uri(self) -> str:
        """Its address."""
        return f"at://{self.did}/{LIST}/{self.rkey}"


def by_id(page: Page, id: int) -> Row | None:
    """A list that is here."""
    row = page.tx.one(_ROW, id=id)
    return Row._make(row) if row is not None else None


def by_uri(page: Page, uri: str) -> Row | None:
    """A list that is here, by an address whose authority may be a handle."""
    parts = uri.split("/")
    author = find_actor(page.tx, parts[2]) if len(parts) == 5 and parts[3] == LIST else None
    if author is None:
        return None
    row = page.tx.one("SELECT id FROM post WHERE author = :a AND rkey = :key", a=author, key=f"{LIST}/{parts[4]}")
    return by_id(page, row[0]) if row is not None else None


def basic_of(page: Page, id: int) -> Json | None:
    """#listViewBasic of the list with an id, if it is here."""
    if id not in page.lists:
        row = by_id(page, id)
        page.lists[id] = basic(page, row) if row is not None else {}
    return page.lists[id] or None


def basic(page: Page, row: Row) -> Json:
    """#listViewBasic."""
    record: Json = cbor.decode_json(row.record)
    cid = str(Cid(row.cid))
    view: Json = {
        "uri": row.uri,
        "cid": cid,
        "name": record.get("name") or "",
        "purpose": NAMES.get(row.purpose, str(record.get("purpose"))),
        "listItemCount": row.items,
        "labels": self_labels(record, row.did, row.uri, row.cid, row.came) + page.labels_on(row.uri, cid),
        "indexedAt": text_of(row.came),
    }
    avatar = blob_cid(record.get("avatar"))
    if avatar is not None:
        view["avatar"] = page.image_url("avatar", row.did, avatar)
    if page.viewer:
        view["viewer"] = _state(page, row.id)
    return view


def full(page: Page, row: Row, creator: View) -> Json:
    """#listView, as it stands in a union too. creator: the author's profile view."""
    record: Json = cbor.decode_json(row.record)
    more: Json = {name: record[name] for name in ("description", "descriptionFacets") if name in record}
    return {"$type": "app.bsky.graph.defs#listView", **basic(page, row), "creator": creator, **more}


def _state(page: Page, id: int) -> Json:
    circle = page.circle
    state: Json = {"muted": id in circle.lists_muted}
    block = circle.lists_blocked.get(id)
    return state | ({"blocked": f"at://{page.viewer_did}/app.bsky.graph.listblock/{block}"} if block else {})
