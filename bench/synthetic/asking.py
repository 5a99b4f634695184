"""One index is opened and asked, in a process that has done nothing else: `python -m bench.synthetic.asking FOLDER …`.

In comes the folder with index.db; out goes JSON (`Found`) on stdout. Every call is made as the views make it, with its
JSON and without HTTP, and told in microseconds of CPU: the same question again and again (the least of ROUNDS), then
of OTHERS different readers, authors, posts and words (median and worst), of which the system's memory holds what they
need and the process's nothing. Before that, just after the start and with the file out of both, a few by the clock.
"""

import gc
import os
import random
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

from bench.synthetic.drawing import DAYS, Shape
from bench.synthetic.filling import SKEW, VOCABULARY, did
from freehold.appview.asked import BadQuery
from freehold.appview.fragments import encode
from freehold.appview.index import Index
from freehold.appview.moments import TIE_BITS
from freehold.appview.schema import SCHEMA
from freehold.appview.views import Views
from freehold.store.database import Database
from freehold.stream import log as stream

ROUNDS = 100
OTHERS = 100
COLD = 5
PARTS = {
    "post": ("post", "feed_item", "warm_post", "sqlite_autoindex_post", "sqlite_autoindex_warm_post"),
    "member": ("actor", "sqlite_autoindex_actor"),
    "follow": ("follow",),
    "like": ("post_like",),
    "notice": ("notification",),
}
"""What an index holds, by how the names of its tables and indexes begin; the longest that fits counts."""


class Cost(msgspec.Struct):
    """Of one call, microseconds of CPU. again: the same question once more; others, worst: the median and the worst of
    different ones, each asked for the first time. cold: milliseconds by the clock, with nothing in memory."""

    again: float
    others: float
    worst: float
    cold: float


class Found(msgspec.Struct):
    """One size. bytes_each: of a post, a member, a follow, a like, a notice, by name. megabytes: resident, when open
    and when all was asked. open_seconds: CPU and by the clock, from a file that was not in memory."""

    posts: int
    members: int
    follows: int
    likes: int
    index_bytes: int
    bytes_each: dict[str, float]
    megabytes: tuple[float, float]
    open_seconds: tuple[float, float]
    load: float
    calls: dict[str, Cost]


class Who(NamedTuple):
    """Who asks, about whom and what."""

    me: str
    other: str
    post: str
    words: tuple[str, str]
    name: str


Call = Callable[[Views, Who], Any]


def calls(shape: Shape) -> dict[str, Call]:
    """What is asked."""
    old = str(shape.at(1 - 3 / DAYS) << TIE_BITS)
    return {
        "getTimeline, 50": lambda views, who: views.get_timeline(who.me, 50),
        "getTimeline, of three days ago": lambda views, who: views.get_timeline(who.me, 50, old),
        "getAuthorFeed, 50": lambda views, who: views.get_author_feed(who.me, who.other, 50),
        "getPostThread": lambda views, who: views.get_post_thread(who.me, who.post, 6),
        "getPostThreadV2": lambda views, who: views.get_post_thread_v2(who.me, who.post),
        "getProfile": lambda views, who: views.get_profile(who.me, who.other),
        "listNotifications, 50": lambda views, who: views.list_notifications(who.other, 50),
        "getFollowers, 50": lambda views, who: views.get_followers(who.me, who.other, 50),
        "getKnownFollowers, 50": lambda views, who: views.get_known_followers(who.me, who.other, 50),
        "getLikes, 50": lambda views, who: views.get_likes(who.me, who.post, limit=50),
        "getSuggestions, 50": lambda views, who: views.get_suggestions(who.me, 50),
        "searchActorsTypeahead": lambda views, who: views.search_actors_typeahead(who.me, who.name),
        "search, newest": lambda views, who: views.search_posts(who.me, who.words[0]),
        "search, ranked": lambda views, who: views.search_posts(who.me, who.words[0], sort="top"),
        "search, two words, newest": lambda views, who: views.search_posts(who.me, " ".join(who.words)),
        "search, two words, ranked": lambda views, who: views.search_posts(who.me, " ".join(who.words), sort="top"),
        "search, a phrase, ranked": lambda views, who: views.search_posts(
            who.me, f'"{" ".join(who.words)}"', sort="top"
        ),
        "search, of those one follows": lambda views, who: views.search_posts_v2(
            who.me, query=who.words[0], following=True
        ),
        "search, what cannot be": lambda views, who: views.search_posts(
            who.me, f"{who.words[0]} -{who.words[0]}", sort="top"
        ),
    }


def ask(folder: Path, shape: Shape) -> Found:
    """Open the index in this folder, and ask."""
    forget_file(folder / "index.db")
    began, cpu = time.perf_counter(), time.process_time()
    truth = Database(folder / "truth.db", stream.SCHEMA, durable=False)
    db = Database(folder / "index.db", SCHEMA, durable=False)
    views = Views(Index(db, stream.Log(truth)), image_url=lambda kind, did, cid: f"http://localhost/{kind}/{did}/{cid}")
    opened = time.process_time() - cpu, time.perf_counter() - began
    gc.collect()  # and the rest as a server does when it has begun, without loading one
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    at_first = resident()
    costs = measured(views, db, shape)
    sizes, counts = _sizes(db), _counts(db)
    found = Found(
        shape.posts,
        shape.members,
        counts["follow"],
        counts["like"],
        sum(sizes.values()),
        {name: sizes.get(name, 0) / max(counts[name], 1) for name in PARTS},
        (at_first, resident()),
        opened,
        os.getloadavg()[0],
        costs,
    )
    db.close()
    truth.close()
    return found


def measured(views: Views, db: Database, shape: Shape) -> dict[str, Cost]:
    """All calls: cold ones of all first, since the first calls warm what the next ones read."""
    asked, people = calls(shape), some(db, shape, OTHERS + COLD)
    first = Who(did(shape.reader), did(1), people[0].post, ("w1", "w2"), "n0")
    cold = {
        name: median(_clock(lambda who=who, call=call: call(views, who)) for who in people[1 : 1 + COLD])
        for name, call in asked.items()
    }
    costs = {}
    for name, call in asked.items():
        again = min(_cpu(lambda call=call: call(views, first)) for _ in range(ROUNDS))
        for _ in range(2):  # the first time reads the file
            views.index.memory.start_over(views.index.memory.chains)
            others = [_cpu(lambda who=who, call=call: call(views, who)) for who in people[1 + COLD :]]
        costs[name] = Cost(again, median(others), max(others), cold[name])
    return costs


def some(db: Database, shape: Shape, count: int) -> list[Who]:
    """The first asks about the first post; the others about whom and what they are drawn."""
    chance = random.Random(5)

    def word() -> str:
        return f"w{1 + int(VOCABULARY * chance.random() ** SKEW)}"

    found = []
    with db.reading() as tx:
        for n in range(count + 1):
            post = 1 if n == 0 else chance.randint(1, shape.posts)
            row = tx.one("SELECT did, rkey FROM post JOIN actor ON actor.id = author WHERE post.id = :id", id=post)
            assert row is not None
            me, other = (did(chance.randint(1, shape.members)) for _ in range(2))
            uri = f"at://{row[0]}/app.bsky.feed.post/{row[1]}"
            found.append(Who(me, other, uri, (word(), word()), f"n{chance.randint(0, 199):05}"[:5]))
    return found


def forget_file(path: Path) -> None:
    """Put a file out of the system's memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def resident() -> float:
    """Megabytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def _cpu(call: Callable[[], Any]) -> float:
    began = time.thread_time_ns()
    _answer(call)
    return (time.thread_time_ns() - began) / 1e3


def _clock(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    _answer(call)
    return (time.perf_counter() - began) * 1e3


def _answer(call: Callable[[], Any]) -> None:
    """Or the refusal of a search that takes too long."""
    with suppress(BadQuery):
        encode(call())


def _sizes(db: Database) -> dict[str, int]:
    sizes: dict[str, int] = {}
    with db.reading() as tx:
        for name, size in tx.run("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE"):
            fitting = [
                (len(start), part) for part, starts in PARTS.items() for start in starts if name.startswith(start)
            ]
            part = max(fitting)[1] if fitting else "else"
            sizes[part] = sizes.get(part, 0) + size
    return sizes


def _counts(db: Database) -> dict[str, int]:
    tables = {"post": "post", "member": "actor", "follow": "follow", "like": "post_like", "notice": "notification"}
    with db.reading() as tx:
        return {name: tx.run(f"SELECT count(*) FROM {table}")[0][0] for name, table in tables.items()}


if __name__ == "__main__":
    folder, *numbers = sys.argv[1:]
    members, posts, follows = numbers
    told = ask(Path(folder), Shape(int(members), int(posts), float(follows)))
    sys.stdout.buffer.write(msgspec.json.encode(told))
