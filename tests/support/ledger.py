"""The whole of index.db without the ids, which depend on the order in which it was filled: DIDs and URIs instead."""

import re
from collections.abc import Iterator
from typing import Any

from freehold.appview.names import actor_at
from freehold.store.database import Database
from freehold.store.tx import Tx

Rows = list[tuple[Any, ...]]

_ACTOR = "(SELECT did FROM actor WHERE id = {})"
_POST = "(SELECT actor.did || '/' || p.rkey FROM post AS p JOIN actor ON actor.id = p.author WHERE p.id = {})"


def _sql(text: str) -> str:
    text = re.sub(r"A\[(\S+)\]", lambda found: _ACTOR.format(found[1]), text)
    return re.sub(r"P\[(\S+)\]", lambda found: _POST.format(found[1]), text)


_EDGE = "SELECT A[actor], rkey, {}, cid, record, at, indexed_at, main FROM {}"
TABLES = {
    "actor": "SELECT did, handle, status, profile, profile_cid, profile_at, posts, followers, follows, seen_at, rev,"
    " P[joined]"
    " FROM actor WHERE status IS NOT 'stranger' OR followers > 0",
    "post": "SELECT P[post.id], moment, indexed_at, cid, record, P[parent], P[root], P[quote], gates, likes, reposts,"
    " replies, quotes FROM post",
    "feed_item": "SELECT moment, A[actor], P[post], repost, A[author], A[parent_author], A[root_author], media"
    " FROM feed_item",
    "warm_post": "SELECT stands, P[post], heat, A[author] FROM warm_post",
    "declaration": "SELECT collection, A[actor], rkey, cid, record, at, indexed_at FROM declaration",
    "notification": "SELECT A[recipient], at, reason, A[actor], rkey, P[subject] FROM notification",
    "post_like": _EDGE.format("P[subject]", "post_like"),
    "repost": _EDGE.format("P[subject]", "repost"),
    "follow": _EDGE.format("A[subject]", "follow"),
    "block": _EDGE.format("A[subject]", "block"),
    "list_block": _EDGE.format("P[subject]", "list_block"),
    "list": "SELECT P[list.id], A[author], rkey, purpose, cid, record, at, indexed_at, items FROM list",
    "list_item": "SELECT A[actor], rkey, P[list], A[subject], at, main FROM list_item",
    "starter_pack": "SELECT P[starter_pack.id], A[author], rkey, P[list], cid, record, at, indexed_at"
    " FROM starter_pack",
}


def ledger(db: Database) -> dict[str, Rows]:
    """Table by table, sorted."""

    def read(tx: Tx) -> dict[str, Rows]:
        found = {name: sorted(tx.run(_sql(sql)), key=repr) for name, sql in TABLES.items()}
        found["post_search"] = sorted(_terms(tx, "post_search"), key=repr)
        found["post_top"] = sorted(_terms(tx, "post_top"), key=repr)
        found["starter_pack_search"] = sorted(_terms(tx, "starter_pack_search"), key=repr)
        found["actor_search"] = sorted(_terms(tx, "actor_search"), key=repr)
        found["actor_top"] = sorted(_terms(tx, "actor_top"), key=repr)
        return found

    return db.write_sync(read)


def _terms(tx: Tx, table: str) -> Iterator[tuple[Any, ...]]:
    """Every word at every place of a full-text index."""
    tx.run(f"CREATE VIRTUAL TABLE temp.{table}_words USING fts5vocab (main, {table}, instance)")
    dids = dict(tx.run("SELECT id, did FROM actor"))
    uris = dict(tx.run(_sql("SELECT id, P[post.id] FROM post")))
    for term, doc, col, place in tx.run(f"SELECT term, doc, col, offset FROM temp.{table}_words"):
        if table == "actor_search":
            yield term, dids[doc], col, place
        elif table == "actor_top":
            yield term, dids[actor_at(doc)], doc >> 40, col, place
        elif table == "starter_pack_search":
            yield term, uris[doc], col, place
        elif col == "marks":  # their order follows the ids that some of them hold
            ids = dids if term[0] == "a" else uris
            yield (term[0] + ids[int(term[1:])] if re.fullmatch(r"[apr]\d+", term) else term), doc, col, None
        else:
            yield term, doc, col, place
    tx.run(f"DROP TABLE temp.{table}_words")
