"""Feeds and labellers that members declare, as views.

Only what a record in the index declares is there. A declared feed is shown as it describes itself; what stands in it
is asked for by `freehold.feeds`.
Source: app.bsky.feed.getFeedGenerators, getActorFeeds, app.bsky.labeler.getServices
"""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from freehold.appview import present
from freehold.appview.asked import actor_id, before_pair, find_actor
from freehold.appview.declarations import GENERATOR, LABELER
from freehold.appview.moments import text_of
from freehold.appview.page import Page
from freehold.appview.pieces import Json, blob_cid, self_labels
from freehold.protocol import cbor
from freehold.protocol.cid import Cid

_COLUMNS = (
    "collection, actor, declaration.rkey, declaration.cid, declaration.record, declaration.indexed_at,"
    " coalesce(post.likes, 0), post.id"
)
Row = tuple[Any, ...]
ASKED_MOST = 100
"""How many one request is answered for; the lexicons set no limit. Those after it are left out."""

_FIND = (
    f"SELECT {_COLUMNS} FROM declaration"
    " LEFT JOIN post ON post.author = actor AND post.rkey = collection || '/' || declaration.rkey"
    " WHERE collection = :collection AND actor = :actor AND declaration.rkey = :rkey"
)
_OF_ACTOR = (
    f"SELECT {_COLUMNS}, declaration.at FROM declaration"
    " LEFT JOIN post ON post.author = actor AND post.rkey = collection || '/' || declaration.rkey"
    " WHERE collection = :collection AND actor = :actor AND (declaration.at, declaration.rkey) < (:at, :rkey)"
    " ORDER BY declaration.at DESC, declaration.rkey DESC LIMIT :limit"
)


def declared(page: Page, uri: str) -> Json | None:
    """The view of a feed or labeller as a post shows it."""
    row = _find(page, uri)
    return next(iter(_views(page, [row])), None) if row is not None else None


def feed_generators(page: Page, uris: Iterable[str]) -> Json:
    """app.bsky.feed.getFeedGenerators: those that are there."""
    rows = [row for uri in islice(uris, ASKED_MOST) if (row := _find(page, uri)) and row[0] == GENERATOR]
    return {"feeds": _views(page, rows)}


def actor_feeds(page: Page, actor: str, limit: int, cursor: str | None) -> Json:
    """app.bsky.feed.getActorFeeds."""
    at, _, rkey = (cursor or "").partition(".")
    rows = page.tx.run(
        _OF_ACTOR,
        collection=GENERATOR,
        actor=actor_id(page, actor),
        at=before_pair(f"{at}.0" if cursor else None)[0],
        rkey=rkey,
        limit=limit,
    )
    answer: Json = {"feeds": _views(page, rows)}
    if len(rows) == limit:
        answer["cursor"] = f"{rows[-1][8]}.{rows[-1][2]}"
    return answer


def labelers(page: Page, dids: Iterable[str], detailed: bool) -> Json:
    """app.bsky.labeler.getServices: those that are there."""
    rows = [row for did in islice(dids, ASKED_MOST) if (row := _find(page, f"at://{did}/{LABELER}/self"))]
    views = _views(page, rows)
    if detailed:
        for view, row in zip(views, _shown(page, rows), strict=True):
            record = cbor.decode_json(row[4])
            view |= {key: record[key] for key in _DETAILS if key in record}
            view["$type"] += "Detailed"
    return {"views": views}


def service_of(page: Page, uri: str) -> tuple[str, str] | None:
    """(URI with the DID of its author, DID of the service) of a feed whose author is shown; None for no such feed."""
    row = _find(page, uri)
    if row is None or row[0] != GENERATOR:
        return None
    page.load_actors((row[1],))
    if not page.active(row[1]) or page.circle.blocked(row[1]):
        return None
    did = page.actors[row[1]].did
    return f"at://{did}/{GENERATOR}/{row[2]}", cbor.decode_json(row[4])["did"]


_DETAILS = ("policies", "reasonTypes", "subjectTypes", "subjectCollections")


def _find(page: Page, uri: str) -> Row | None:
    parts = uri.split("/")
    if len(parts) != 5 or parts[3] not in (GENERATOR, LABELER):
        return None
    actor = find_actor(page.tx, parts[2])
    if actor is None:
        return None
    return page.tx.one(_FIND, collection=parts[3], actor=actor, rkey=parts[4])


def _views(page: Page, rows: list[Row]) -> list[Json]:
    page.load_actors({row[1] for row in rows})
    page.load_states()
    shown = _shown(page, rows)
    page.load_said([_uri(page, row) for row in shown])
    return [_view(page, row) for row in shown]


def _uri(page: Page, row: Row) -> str:
    return f"at://{page.actors[row[1]].did}/{row[0]}/{row[2]}"


def _shown(page: Page, rows: list[Row]) -> list[Row]:
    """Those whose creator, loaded before, is shown to the reader."""
    return [row for row in rows if page.active(row[1]) and not page.circle.blocked(row[1])]


def _view(page: Page, row: Row) -> Json:
    """The view of a feed or labeller whose creator is loaded, as it stands in a union."""
    collection, actor, _, cid, raw, came, likes, subject = row[:8]
    did = page.actors[actor].did
    record: Json = cbor.decode_json(raw)
    uri, version = _uri(page, row), str(Cid(cid))
    view: Json = {
        "$type": "app.bsky.feed.defs#generatorView" if collection == GENERATOR else "app.bsky.labeler.defs#labelerView",
        "uri": uri,
        "cid": version,
        "creator": present.profile(page, actor),
        "likeCount": likes,
        "labels": self_labels(record, did, uri, cid, came) + page.labels_on(uri, version),
        "indexedAt": text_of(came),
    }
    if page.viewer:
        view["viewer"] = _like_of(page, subject)
    if collection == GENERATOR:
        view |= _generator_fields(page, record, did)
    return view


def _generator_fields(page: Page, record: Json, did: str) -> Json:
    names = ("did", "displayName", "description", "descriptionFacets", "acceptsInteractions", "contentMode")
    fields = {name: record[name] for name in names if name in record}
    avatar = blob_cid(record.get("avatar"))
    if avatar is not None:
        fields["avatar"] = page.image_url("avatar", did, avatar)
    return fields


def _like_of(page: Page, subject: int | None) -> Json:
    row = page.tx.one(
        "SELECT rkey FROM post_like WHERE actor = :viewer AND subject = :subject AND main = 1",
        viewer=page.viewer,
        subject=subject,
    )
    return {"like": f"at://{page.viewer_did}/app.bsky.feed.like/{row[0]}"} if row is not None else {}
