"""What many records of one account say by themselves, before anybody looks into the index: read once, handed over as
columns.

In come records that were read and found to fit their lexicons; out goes a `Bundle`, which `bulk` puts into the index.
It needs no index, so it is made where there is time for it: for whole repositories of others, in the child that proves
them, and it travels as bytes. What is rare (profiles, lists, gates, blocks) travels as it is, for the handler of its
collection.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from freehold.appview.batch import POST, place_of
from freehold.appview.moments import came_and_sorts, moment_of
from freehold.appview.parts import as_dict, media_of, mentioned_dids, quoted_uri, reply_uris, via_uri
from freehold.appview.words import own_marks, searchable_text

LIKE, REPOST, FOLLOW = "app.bsky.feed.like", "app.bsky.feed.repost", "app.bsky.graph.follow"
Json = dict[str, Any]
Read = tuple[str, bytes, bytes, Json | None]
"""(path, CID, DAG-CBOR, JSON form) of a record; no JSON form: it does not fit its lexicon."""
Place = tuple[str, str]
"""(DID, `rkey` as the table `post` has it) of a record that is named."""


class Columns(msgspec.Struct, array_like=True):
    """What all records have, in the order of their keys. came, at: as `came_and_sorts` has them."""

    rkeys: list[str] = []
    cids: list[bytes] = []
    raws: list[bytes] = []
    came: list[int] = []
    at: list[int] = []

    def add(self, rkey: str, cid: bytes, raw: bytes, record: Json, now: int) -> int:
        """One more; the time by which it sorts."""
        came, at = came_and_sorts(rkey, record, now)
        self.rkeys.append(rkey)
        self.cids.append(cid)
        self.raws.append(raw)
        self.came.append(came)
        self.at.append(at)
        return at


class Edges(Columns):
    """Likes, reposts or follows. Their subjects: the places of records, or the DIDs of accounts. vias: (row, DID) of
    those that came to be by somebody's repost."""

    places: list[Place] = []
    dids: list[str] = []
    vias: list[tuple[int, str]] = []


class Naming(msgspec.Struct, array_like=True):
    """What a post names. row: which post it is. mentions: DIDs."""

    row: int
    parent: Place | None
    root: Place | None
    quote: Place | None
    mentions: list[str]


class Posts(Columns):
    """Posts. marks: those that `own_marks` gives."""

    moments: list[int] = []
    media: list[int] = []
    texts: list[str] = []
    marks: list[list[str]] = []
    naming: list[Naming] = []


class Bundle(msgspec.Struct, array_like=True):
    """Records of one account. others: those of all other collections, and those that do not fit."""

    posts: Posts
    likes: Edges
    reposts: Edges
    follows: Edges
    others: list[Read]

    def add_post(self, rkey: str, cid: bytes, raw: bytes, record: Json, now: int) -> bool:
        """Whether it could be taken: so for all of these."""
        posts = self.posts
        media = media_of(record)
        posts.moments.append(moment_of(posts.add(rkey, cid, raw, record, now), rkey))
        posts.media.append(media)
        posts.texts.append(searchable_text(record))
        posts.marks.append(own_marks(record, media))
        parent, root = map(place_of, reply_uris(record))
        quote, mentions = place_of(quoted_uri(record)), mentioned_dids(record)
        if parent or root or quote or mentions:
            posts.naming.append(Naming(len(posts.rkeys) - 1, parent, root, quote, mentions))
        return True

    def add_like(self, rkey: str, cid: bytes, raw: bytes, record: Json, now: int) -> bool:
        """Add a like."""
        return _add_named(self.likes, rkey, cid, raw, record, now)

    def add_repost(self, rkey: str, cid: bytes, raw: bytes, record: Json, now: int) -> bool:
        """Add a repost."""
        return _add_named(self.reposts, rkey, cid, raw, record, now)

    def add_follow(self, rkey: str, cid: bytes, raw: bytes, record: Json, now: int) -> bool:
        """Add a follow."""
        did = record.get("subject")
        if not isinstance(did, str) or not did.startswith("did:"):
            return False
        self.follows.add(rkey, cid, raw, record, now)
        self.follows.dids.append(did)
        return True


def _add_named(edges: Edges, rkey: str, cid: bytes, raw: bytes, record: Json, now: int) -> bool:
    """Add an edge to a record, if it names one."""
    place = place_of(as_dict(record.get("subject")).get("uri"))
    if place is None:
        return False
    via = via_uri(record) if "via" in record else None
    if via is not None:
        edges.vias.append((len(edges.rkeys), via.split("/")[2]))
    edges.places.append(place)
    edges.add(rkey, cid, raw, record, now)
    return True


_ADD: dict[str, Callable[[Bundle, str, bytes, bytes, Json, int], bool]] = {
    POST: Bundle.add_post,
    LIKE: Bundle.add_like,
    REPOST: Bundle.add_repost,
    FOLLOW: Bundle.add_follow,
}


def bundle(records: Iterable[Read], now: int) -> Bundle:
    """Some records of one account, in the order of their paths. now: micros; nothing sorts later than this."""
    made = Bundle(Posts(), Edges(), Edges(), Edges(), [])
    for path, cid, raw, record in records:
        collection, _, rkey = path.partition("/")
        add = _ADD.get(collection)
        if add is None or record is None or not add(made, rkey, cid, raw, record, now):
            made.others.append((path, cid, raw, record))
    return made


def packed(records: Iterable[Read], now: int) -> bytes:
    """The same, as it travels."""
    return msgspec.msgpack.encode(bundle(records, now))


opened = msgspec.msgpack.Decoder(Bundle).decode
"""A bundle that travelled. Raises msgspec.DecodeError."""
