"""A drawn network as the rows of an index, put in as fast as SQLite takes them.

The rows are those that `freehold.appview` makes of the same records (a test holds both side by side); only the seconds
are other: rows come sorted, whole tables in one transaction, and the secondary indexes are made after them. The CID
that a like or a reply names is not that of the post, and nothing looks.
"""

import random
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import blake2b, sha256
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

from bench.synthetic.drawing import BEGAN_MICROS, DAYS, MILLISECOND, SKEW, Drawn, Edges, Shape
from freehold.appview import names
from freehold.appview.moments import moment_of, text_of
from freehold.appview.ranks import heat, place
from freehold.appview.schema import SCHEMA
from freehold.appview.words import marks_at, marks_of, own_marks
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.tid import tid_encode
from freehold.store.database import Database

VOCABULARY = 30_000
SAID = 1_000_000
"""Words that are drawn, one after the other; a post says some that follow each other there."""
NAMES = 20_000
CACHE_KIB = 1_500_000
_LETTERS = str.maketrans("0189", "ghij")
_NAMED = str(Cid.of_cbor(b"\xa0"))
Row = tuple[Any, ...]
_MINUTE = 60_000 * MILLISECOND
_BEGAN_MINUTE = BEGAN_MICROS // _MINUTE * _MINUTE
_MINUTES = [text_of(_BEGAN_MINUTE + n * _MINUTE)[:16] for n in range((DAYS + 1) * 1_440)]


@lru_cache(500_000)
def did(member: int) -> str:
    """Of a member: it looks like any other and sorts by nothing."""
    return "did:plc:" + blake2b(member.to_bytes(4, "little"), digest_size=12).hexdigest().translate(_LETTERS)


def handle(member: int) -> str:
    """Of a member."""
    return f"m{member}.test"


def uri(shape: Shape, drawn: Drawn, post: int) -> str:
    """Of a post."""
    return f"at://{did(drawn.author[post])}/app.bsky.feed.post/{post_key(shape, post)}"


def post_key(shape: Shape, post: int) -> str:
    """The record key of a post."""
    return tid_encode(shape.posted_at(post), 0)


class Form:
    """A record's DAG-CBOR with gaps, for values as long as those that stand in `record`, in the order in which they
    are encoded."""

    def __init__(self, record: dict[str, Any], *gaps: str) -> None:
        raw = cbor.encode_json(record).replace(b"%", b"%%")
        for gap in gaps:
            raw = raw.replace(gap.encode(), b"%b")
        self._raw = raw

    def fill(self, *values: str) -> tuple[bytes, bytes]:
        """(DAG-CBOR, CID)."""
        raw = self._raw % tuple(value.encode() for value in values)
        return raw, cid_of(raw)


def cid_of(raw: bytes) -> bytes:
    """The CID of a record, as bytes."""
    return b"\x01\x71\x12\x20" + sha256(raw).digest()


_WHEN = text_of(BEGAN_MICROS)
_PROFILE = Form(
    {"$type": "app.bsky.actor.profile", "displayName": "N00000 S00000", "createdAt": _WHEN}, _WHEN, "N00000 S00000"
)
_FOLLOW = Form({"$type": "app.bsky.graph.follow", "subject": did(0), "createdAt": _WHEN}, did(0), _WHEN)
_URI = f"at://{did(0)}/app.bsky.feed.post/{tid_encode(0, 0)}"
_SUBJECT = {"uri": _URI, "cid": _NAMED}
_EDGES = {
    table: Form({"$type": f"app.bsky.feed.{name}", "subject": _SUBJECT, "createdAt": _WHEN}, _URI, _WHEN)
    for table, name in (("post_like", "like"), ("repost", "repost"))
}


class Rows:
    """The rows of each table, one after the other. notices: those that the other rows bring about; to be drained with
    each table. warm: where posts stand by what was done with them, with their words, when all posts are there. known:
    where the well-known stand, with theirs."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn, self.shape = drawn, drawn.shape
        self.notices: list[Row] = []
        self.warm: list[Row] = []
        self.known: list[Row] = []

    def actors(self) -> Iterator[tuple[Row, Row]]:
        """(actor, words)."""
        drawn, chance = self.drawn, random.Random(3).random
        for member in range(1, self.shape.members + 1):
            name = f"N{int(NAMES * chance() ** SKEW):05} S{int(NAMES * chance() ** SKEW):05}"
            raw, cid = _PROFILE.fill(_WHEN, name)
            counts = drawn.posts_of[member], drawn.followers_of[member], drawn.follows_of[member]
            if stands := names.place(member, counts[1]):
                self.known.append((stands, handle(member), name, ""))
            yield (
                (member, did(member), handle(member), raw, cid, BEGAN_MICROS, *counts),
                (member, handle(member), name, ""),
            )

    def well_known(self) -> Iterator[tuple[Row]]:
        """Words, in the order of the places."""
        return ((row,) for row in sorted(self.known))

    def posts(self) -> Iterator[tuple[Row, Row, Row]]:
        """(post, feed item, words)."""
        draw, drawn = random.Random(4).random, self.drawn
        said = [f"w{1 + int(VOCABULARY * draw() ** SKEW)}" for _ in range(SAID)]
        for id in range(1, self.shape.posts + 1):
            author, parent, root = drawn.author[id], drawn.parent[id] or None, drawn.root[id] or None
            at, key = self.shape.posted_at(id), post_key(self.shape, id)
            start = int(draw() * (SAID - 22))
            text = " ".join(said[start : start + 8 + int(draw() * 15)])
            record: dict[str, Any] = {"$type": "app.bsky.feed.post", "text": text, "langs": ["en"]}
            record["createdAt"] = _text_of(at)
            if parent is not None and root is not None:
                record["reply"] = {name: self._named(which) for name, which in (("root", root), ("parent", parent))}
                self._tell_of_reply(author, at, key, parent, root)
            raw = cbor.encode_json(record)
            counts = drawn.likes_of[id], drawn.reposts_of[id], drawn.replies_of[id]
            marks = marks_of(own_marks(record, 0), author=author, parent=parent, root=root)
            moment = moment_of(at, key)
            yield (
                (id, author, key, moment, at, cid_of(raw), raw, parent, root, *counts),
                (moment, author, id, None, author, drawn.author[parent or 0], drawn.author[root or 0]),
                (moment, text, marks_at(moment, marks)),
            )
            warmth = heat(counts[0] + 2 * counts[1] + counts[2])
            if warmth:
                stands = place(moment, warmth)
                self.warm.append((stands, id, warmth, author, text, marks_at(stands, marks)))

    def warm_posts(self) -> Iterator[tuple[Row, Row]]:
        """(place, words), in order."""
        self.warm.sort()
        return ((row[:4], (row[0], *row[4:])) for row in self.warm)

    def _named(self, post: int) -> dict[str, str]:
        return {"uri": uri(self.shape, self.drawn, post), "cid": _NAMED}

    def _tell_of_reply(self, author: int, at: int, key: str, parent: int, root: int) -> None:
        told = {author}
        for subject in (parent, root):
            recipient = self.drawn.author[subject]
            if recipient not in told:
                told.add(recipient)
                self.notices.append((recipient, at, "reply", author, key, subject))

    def follows(self) -> Iterator[tuple[Row]]:
        """Each follow."""
        drawn, shape = self.drawn, self.shape
        most, number = len(drawn.follows) + 1, 0
        for member in range(1, shape.members + 1):
            for _ in range(drawn.follows_of[member]):
                other = drawn.follows[number]
                number += 1
                at = shape.at(number / most)
                came, key = _came(at, number)
                raw, cid = _FOLLOW.fill(did(other), _text_of(at))
                self.notices.append((other, at, "follow", member, key, None))
                yield ((member, key, other, cid, raw, at, came),)

    def edges(self, table: str, edges: Edges) -> Iterator[tuple[Row, Row]]:
        """(like or repost, feed item of a repost)."""
        drawn, form, reason = self.drawn, _EDGES[table], table.removeprefix("post_")
        for packed in edges.order:
            actor, number = packed >> 32, packed & 0xFFFFFFFF
            post, at = edges.subject[number], edges.at(self.shape, number)
            came, key = _came(at, number)
            raw, cid = form.fill(uri(self.shape, drawn, post), _text_of(at))
            author = drawn.author[post]
            if author != actor:
                self.notices.append((author, at, reason, actor, key, post))
            moment = moment_of(at, key) if table == "repost" else 0
            yield (actor, key, post, cid, raw, at, came), (moment, actor, post, key, author, 0, 0)


def _text_of(at: int) -> str:
    """As `text_of`; of a whole millisecond within the days that are drawn, whose minutes are made once."""
    minute, rest = divmod((at - _BEGAN_MINUTE) // MILLISECOND, 60_000)
    return f"{_MINUTES[minute]}:{rest // 1000:02}.{rest % 1000:03}Z"


def _came(at: int, number: int) -> tuple[int, str]:
    """(when a record came, its key): within the millisecond that it names, and never at the same micro as a post."""
    came = at + 1 + number % 999
    return came, tid_encode(came, 0)


_ACTOR = "INSERT INTO actor (id, did, handle, profile, profile_cid, profile_at, posts, followers, follows) VALUES "
_POST = (
    "INSERT INTO post (id, author, rkey, moment, indexed_at, cid, record, parent, root, likes, reposts, replies)"
    " VALUES "
)
_ITEM = "INSERT INTO feed_item (moment, actor, post, repost, author, parent_author, root_author, media) VALUES "
_EDGE = "INSERT INTO {} (actor, rkey, subject, cid, record, at, indexed_at, main) VALUES (?, ?, ?, ?, ?, ?, ?, 1)"
_NOTICE = "INSERT INTO notification (recipient, at, reason, actor, rkey, subject) VALUES (?, ?, ?, ?, ?, ?)"
_ITEM_ROW = _ITEM + "(?, ?, ?, ?, ?, ?, ?, 0)"
_SQL: dict[str, tuple[str, ...]] = {
    "actors": (
        _ACTOR + "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "INSERT INTO actor_search (rowid, handle, name, description) VALUES (?, ?, ?, ?)",
    ),
    "well-known": ("INSERT INTO actor_top (rowid, handle, name, description) VALUES (?, ?, ?, ?)",),
    "posts": (
        _POST + "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        _ITEM_ROW,
        "INSERT INTO post_search (rowid, text, marks) VALUES (?, ?, ?)",
    ),
    "warm posts": (
        "INSERT INTO warm_post (stands, post, heat, author) VALUES (?, ?, ?, ?)",
        "INSERT INTO post_top (rowid, text, marks) VALUES (?, ?, ?)",
    ),
    "follows": (_EDGE.format("follow"),),
    "likes": (_EDGE.format("post_like"),),
    "reposts": (_EDGE.format("repost"), _ITEM_ROW),
}
_LATER = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
AT_ONCE = 20_000


def fill(path: Path, shape: Shape, say: Callable[[str], object] = lambda line: None) -> Drawn:
    """Make an index at `path` and put a network into it."""
    Database(path, SCHEMA, durable=False).close()
    say("drawing")
    drawn = Drawn(shape)
    rows = Rows(drawn)
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{CACHE_KIB}")
    later = connection.execute(_LATER).fetchall()
    for name, _ in later:
        connection.execute(f"DROP INDEX {name}")
    tables: dict[str, Iterator[tuple[Row, ...]]] = {
        "actors": rows.actors(),
        "well-known": _when_asked(rows.well_known),
        "posts": rows.posts(),
        "warm posts": _when_asked(rows.warm_posts),
        "follows": rows.follows(),
        "likes": ((like,) for like, _ in rows.edges("post_like", drawn.likes)),
        "reposts": rows.edges("repost", drawn.reposts),
    }
    for table, each in tables.items():
        say(table)
        with connection:
            _put(connection, rows, each, _SQL[table])
    for name, sql in later:
        say(name)
        connection.execute(sql)
    connection.close()
    return drawn


def _when_asked(make: Callable[[], Iterator[tuple[Row, ...]]]) -> Iterator[tuple[Row, ...]]:
    yield from make()


def _put(connection: apsw.Connection, rows: Rows, each: Iterator[tuple[Row, ...]], statements: tuple[str, ...]) -> None:
    while some := list(islice(each, AT_ONCE)):
        for statement, part in zip(statements, zip(*some, strict=True), strict=True):
            connection.executemany(statement, part)
        connection.executemany(_NOTICE, rows.notices)
        rows.notices.clear()
