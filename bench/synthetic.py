"""`python -m bench.synthetic`: a network that nobody wrote, put straight into an index, to see how reading grows.

**Synthetic**: no repository, no signature, and no real data. Everything with a tail is drawn by rank = N u^SKEW, u even
between 0 and 1: who writes, who is followed, what is liked, and which of VOCABULARY words stands in a post. Each member
follows FOLLOWS others on average (exponentially), the reader 200; half the likes go to the newest tenth of the posts.
For each size it prints what the index holds for a post and for a follow, the memory of the process with its chains, and
the CPU time of each call, warm: the least of many, as the views make it, with its JSON and without HTTP.
"""

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.network import stamp
from freehold.appview.fragments import encode
from freehold.appview.index import Index
from freehold.appview.moments import TIE_BITS
from freehold.appview.schema import SCHEMA
from freehold.appview.views import Views
from freehold.appview.words import marks_of
from freehold.protocol import cbor
from freehold.protocol.tid import tid_encode
from freehold.store.database import Database
from freehold.store.tx import Tx
from freehold.stream import log as stream

SKEW = 3
VOCABULARY = 30_000
FOLLOWS = 30
READER_FOLLOWS = 200
POSTS_EACH = 10
LIKES_EACH = 2
THREAD = 100
STEP_MICROS = 1_000_000
BEGAN_MICROS = 1_780_000_000_000_000
AT_ONCE = 10_000
ROUNDS = 200
Row = tuple[Any, ...]


class Shape(NamedTuple):
    """How many. The reader is member 1; the thread hangs on the first post."""

    members: int
    posts: int


def did(member: int) -> str:
    """Of a member, from 1."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    return "did:plc:" + "".join(letters[member >> 5 * place & 31] for place in range(24))


class Synthetic:
    """Draws a network. The same shape gives the same."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.chance = random.Random(1)
        self.authors: list[int] = []

    def skewed(self, most: int) -> int:
        """A rank from 1, the first by far the most often."""
        return 1 + int(most * self.chance.random() ** SKEW)

    def actors(self) -> Iterator[Row]:
        for member in range(1, self.shape.members + 1):
            profile = cbor.encode_json({"$type": "app.bsky.actor.profile", "displayName": f"Member {member}"})
            yield member, did(member), f"m{member}.test", profile, b"\x01\x71\x12\x20" + sha256(profile).digest(), 0

    def posts(self) -> Iterator[tuple[Row, Row, Row]]:
        """(post, feed item, words) by id; the replies of the thread come last."""
        root = did(1)
        for id in range(1, self.shape.posts + 1):
            is_reply = id > self.shape.posts - THREAD
            author = 1 if id == 1 else self.skewed(self.shape.members)
            self.authors.append(author)
            at = BEGAN_MICROS + id * STEP_MICROS
            words = [f"w{self.skewed(VOCABULARY)}" for _ in range(self.chance.randint(8, 22))]
            record: dict[str, Any] = {"$type": "app.bsky.feed.post", "text": " ".join(words), "langs": ["en"]}
            record["createdAt"] = stamp(time.time() - at / 1e6)
            if is_reply:
                named = {"uri": f"at://{root}/app.bsky.feed.post/{_key(1)}", "cid": "b" * 59}
                record["reply"] = {"root": named, "parent": named}
            raw, parent = cbor.encode_json(record), 1 if is_reply else None
            cid, above = b"\x01\x71\x12\x20" + sha256(raw).digest(), 1 if is_reply else 0
            marks = marks_of(record, author=author, parent=parent, root=parent, video=False, media=False)
            yield (
                (id, author, _key(id), at << TIE_BITS, at, cid, raw, parent, parent),
                (at << TIE_BITS, author, id, author, above, above),
                (at << TIE_BITS, record["text"], marks),
            )

    def follows(self) -> Iterator[Row]:
        key = 0
        for member in range(1, self.shape.members + 1):
            most = READER_FOLLOWS if member == 1 else int(self.chance.expovariate(1 / FOLLOWS))
            for other in {self.skewed(self.shape.members) for _ in range(most)} - {member}:
                key += 1
                yield member, _key(key), other, BEGAN_MICROS + key

    def likes(self) -> Iterator[Row]:
        posts, seen = self.shape.posts, set()
        for key in range(1, posts * LIKES_EACH + 1):
            newest = posts - self.skewed(posts // 10) + 1 if key % 2 else self.skewed(posts)
            pair = self.skewed(self.shape.members), newest
            if pair not in seen:
                seen.add(pair)
                yield pair[0], _key(key), pair[1], BEGAN_MICROS + key


def _key(number: int) -> str:
    return tid_encode(BEGAN_MICROS + number * STEP_MICROS, 0)


_SQL = {
    "actor": "INSERT INTO actor (id, did, handle, profile, profile_cid, profile_at) VALUES (?, ?, ?, ?, ?, ?)",
    "post": "INSERT INTO post (id, author, rkey, moment, indexed_at, cid, record, parent, root)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "item": "INSERT INTO feed_item (moment, actor, post, author, parent_author, root_author, media)"
    " VALUES (?, ?, ?, ?, ?, ?, 0)",
    "words": "INSERT INTO post_search (rowid, text, marks) VALUES (?, ?, ?)",
    "follow": "INSERT INTO follow (actor, rkey, subject, cid, record, at, indexed_at, main)"
    " VALUES (?, ?, ?, x'00', x'a0', ?, 0, 1)",
    "like": "INSERT INTO post_like (actor, rkey, subject, cid, record, at, indexed_at, main)"
    " VALUES (?, ?, ?, x'00', x'a0', ?, 0, 1)",
}
_COUNTS = (
    "UPDATE post SET likes = (SELECT count(*) FROM post_like WHERE subject = post.id AND main = 1)",
    "UPDATE post SET replies = :thread WHERE id = 1",
    "UPDATE actor SET followers = (SELECT count(*) FROM follow WHERE subject = actor.id AND main = 1),"
    " follows = (SELECT count(*) FROM follow WHERE actor = actor.id AND main = 1),"
    " posts = (SELECT count(*) FROM feed_item WHERE feed_item.actor = actor.id)",
)


def fill(db: Database, shape: Shape) -> None:
    """Put a network into an empty index."""
    drawn = Synthetic(shape)

    def put(name: str, rows: list[Row]) -> None:
        db.write_sync(lambda tx: tx.many(_SQL[name], rows))

    for rows in _chunks(drawn.actors()):
        put("actor", rows)
    for three in _chunks(drawn.posts()):
        for name, part in zip(("post", "item", "words"), zip(*three, strict=True), strict=True):
            put(name, list(part))
    for name, each in (("follow", drawn.follows()), ("like", drawn.likes())):
        for rows in _chunks(each):
            put(name, rows)

    def count(tx: Tx) -> None:
        for sql in _COUNTS:
            tx.run(sql, **({"thread": THREAD} if ":thread" in sql else {}))

    db.write_sync(count)


def _chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    held = []
    for row in rows:
        held.append(row)
        if len(held) == AT_ONCE:
            yield held
            held = []
    if held:
        yield held


class Found(msgspec.Struct):
    """What one size costs. calls: microseconds of CPU by name."""

    posts: int
    members: int
    bytes_a_post: float
    bytes_a_follow: float
    resident_megabytes: float
    open_seconds: float
    calls: dict[str, float]


def measure(folder: Path, shape: Shape) -> Found:
    """One size, in a folder of its own."""
    truth = Database(folder / "truth.db", stream.SCHEMA, durable=False)
    db = Database(folder / "index.db", SCHEMA, durable=False)
    fill(db, shape)
    db.fold()
    began = time.perf_counter()
    views = Views(Index(db, stream.Log(truth)), image_url=lambda kind, did, cid: f"http://localhost/{kind}/{did}/{cid}")
    took = time.perf_counter() - began
    calls = {name: _least(call) for name, call in _calls(views).items()}
    with db.reading() as tx:
        sizes = {name: tx.run(f"SELECT sum(pgsize) FROM dbstat WHERE {_OF[name]}")[0][0] for name in _OF}
        follows = tx.run("SELECT count(*) FROM follow")[0][0]
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    db.close()
    truth.close()
    return Found(
        shape.posts,
        shape.members,
        sizes["post"] / shape.posts,
        sizes["follow"] / follows,
        resident / 1e6,
        took,
        calls,
    )


_OF = {
    "post": "name LIKE 'post' OR name LIKE 'post\\__%' ESCAPE '\\' AND name NOT LIKE 'post\\_like%' ESCAPE '\\'"
    " OR name LIKE 'feed\\_item%' ESCAPE '\\' OR name = 'sqlite_autoindex_post_1'",
    "follow": "name LIKE 'follow%'",
}


def _calls(views: Views) -> dict[str, Callable[[], Any]]:
    me, other = did(1), did(2)
    root = f"at://{me}/app.bsky.feed.post/{_key(1)}"
    return {
        "getTimeline, 50": lambda: views.get_timeline(me, 50),
        "getAuthorFeed, 50": lambda: views.get_author_feed(me, other, 50),
        "getPostThread": lambda: views.get_post_thread(me, root, 6),
        "getProfile": lambda: views.get_profile(me, other),
        "search, 25 newest": lambda: views.search_posts(me, "w1", 25),
        "search, 25 ranked": lambda: views.search_posts(me, "w1", 25, sort="top"),
        "search, ranked, two words": lambda: views.search_posts(me, "w1 w2", 25, sort="top"),
    }


def _least(call: Callable[[], Any]) -> float:
    spent = []
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        encode(call())
        spent.append(time.thread_time_ns() - began)
    return min(spent) / 1e3


def text(found: list[Found]) -> str:
    """As a table."""
    lines = [f"{'posts':<28}" + "".join(f"{one.posts:>12,}" for one in found)]
    rows: list[tuple[str, Callable[[Found], float]]] = [
        ("members", lambda one: one.members),
        ("index, bytes a post", lambda one: one.bytes_a_post),
        ("index, bytes a follow", lambda one: one.bytes_a_follow),
        ("memory, MB", lambda one: one.resident_megabytes),
        ("seconds to open", lambda one: one.open_seconds),
    ]
    lines += [f"{name:<28}" + "".join(f"{value(one):>12,.1f}" for one in found) for name, value in rows]
    lines += [f"{name:<25} µs" + "".join(f"{one.calls[name]:>12,.0f}" for one in found) for name in found[0].calls]
    return "\n".join(lines)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.synthetic", description="How reading grows.")
    parser.add_argument("--posts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    given = parser.parse_args()
    found = []
    for posts in given.posts:
        with tempfile.TemporaryDirectory(prefix="freehold-bench-") as folder:
            found.append(measure(Path(folder), Shape(max(READER_FOLLOWS * 2, posts // POSTS_EACH), posts)))
        print(text(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
