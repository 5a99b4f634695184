"""The network of the reading figures: one who follows everybody, everybody with a name, posts, likes and a long thread.

As many records of each kind as in the figures of the official servers, drawn by a seed, so that each server that is
measured is given the same. Written by applyWrites, which any PDS takes.
"""

import random
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from bench.network import WRITES_AT_ONCE, Member, Peer, join, post, stamp
from bench.wire import Client

POST, LIKE, FOLLOW = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.graph.follow"
PROFILE = "app.bsky.actor.profile"
OWN_POSTS = 10
LIKED_MOST = 2_000
DEEPEST = 5
Json = dict[str, Any]
Record = tuple[str, str | None, Json]
"""(collection, record key or None for a new one, record)"""


class Size(NamedTuple):
    """How large. follows_each: whom every author follows besides the reader. likes: a fifth of them of the reader's
    posts."""

    authors: int = 200
    posts: int = 20_000
    replies: int = 100
    likes: int = 2_000
    follows_each: int = 10


class Crowd(NamedTuple):
    """Who is there. root: URI of the post with the long thread."""

    reader: Member
    authors: list[Member]
    root: str


async def gather(peer: Peer, size: Size) -> Crowd:
    """Fill a new network."""
    chance = random.Random(1)
    reader, *authors = await join(peer.port, size.authors + 1, "r")
    async with Client(peer.port) as client:
        await _meet(client, reader, authors, size, chance)
        shown = []
        for place, author in enumerate(authors):
            numbers = range(place, size.posts, len(authors))
            shown += await _write(client, author, ((POST, None, post(number, size.posts)) for number in numbers))
        own = await _write(client, reader, ((POST, None, post(number, 1 << 30)) for number in range(OWN_POSTS)))
        await _answer(client, own[0], authors, size, chance)
        await _like(client, authors, own, shown[:LIKED_MOST], size)
    return Crowd(reader, authors, own[0]["uri"])


async def _meet(client: Client, reader: Member, authors: list[Member], size: Size, chance: random.Random) -> None:
    """Profiles and follows."""
    everyone = [reader, *authors]
    await _write(client, reader, (_follow(author) for author in authors))
    for place, member in enumerate(everyone):
        named = {"displayName": f"Member {place}", "description": f"number {place} of the crowd"}
        others = chance.sample(authors, min(size.follows_each, len(authors)))
        followed = [reader, *(other for other in others if other is not member)] if place else []
        await _write(client, member, ((PROFILE, "self", named), *map(_follow, followed)))


def _follow(whom: Member) -> Record:
    return FOLLOW, None, {"subject": whom.did, "createdAt": stamp(12 * 3600)}


async def _answer(client: Client, root: Json, authors: list[Member], size: Size, chance: random.Random) -> None:
    """A thread: two replies of five to its root, the rest below one another."""
    places = [(root, 0)]
    for number in range(size.replies):
        under, depth = (root, 0) if number % 5 < 2 else chance.choice([one for one in places if one[1] < DEEPEST])
        reply = {**post(number, 1 << 30), "reply": {"root": root, "parent": under}}
        (written,) = await _write(client, authors[number % len(authors)], [(POST, None, reply)])
        places.append((written, depth + 1))


async def _like(client: Client, authors: list[Member], own: list[Json], shown: list[Json], size: Size) -> None:
    """Each author likes some posts, none of them twice."""
    targets = own + shown
    by_author: list[list[Record]] = [[] for _ in authors]
    for number in range(size.likes):
        who = (number * 7 + number // len(authors)) % len(authors)
        liked = own[number // 5 // len(authors) % len(own)] if number % 5 == 0 else targets[number % len(targets)]
        by_author[who].append((LIKE, None, {"subject": liked, "createdAt": stamp(0)}))
    for author, likes in zip(authors, by_author, strict=True):
        await _write(client, author, likes)


async def _write(client: Client, member: Member, records: Iterable[Record]) -> list[Json]:
    """Write records; the strong references to them."""
    made: list[Json] = []
    for chunk in _chunks(records):
        writes = [
            {
                "$type": "com.atproto.repo.applyWrites#create",
                "collection": collection,
                "value": {"$type": collection, **record},
                **({"rkey": rkey} if rkey is not None else {}),
            }
            for collection, rkey, record in chunk
        ]
        body = {"repo": member.did, "writes": writes}
        answer = await client.post("com.atproto.repo.applyWrites", body, member.token)
        made += ({"uri": one["uri"], "cid": one["cid"]} for one in answer["results"])
    return made


def _chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    listed = list(records)
    for start in range(0, len(listed), WRITES_AT_ONCE):
        yield listed[start : start + WRITES_AT_ONCE]
