"""Ready-made pieces of views: the part of an actor's and of a post's JSON that is the same for every reader.

Made from rows of the index, as JSON and the few values that views weigh, kept in memory (see `memory`), never changed
once made but for an actor's counts: a view adds to what a piece says. Making them is most of what a page costs whose
posts memory does not hold. So nothing is looked for that a record cannot have, and nothing kept that can be read from
the JSON again.
Source: the lexicons app.bsky.actor.defs, app.bsky.feed.defs, app.bsky.embed.*
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from freehold.appview.batch import POST
from freehold.appview.declarations import STATUS
from freehold.appview.fragments import closed, opened, said_too
from freehold.appview.labelled import Said
from freehold.appview.live import Live, Row, live
from freehold.appview.moments import TIE_BITS, text_of
from freehold.appview.parts import as_dict, as_list, as_text
from freehold.appview.verified import COLUMNS as VERIFIED_COLUMNS
from freehold.appview.verified import state as verification_state
from freehold.protocol import cbor
from freehold.protocol.cid import Cid

Json = dict[str, Any]
ImageUrl = Callable[[str, str, str], str]
"""(kind, DID, CID as text) to an address.

Kinds: avatar, banner, feed_thumbnail, feed_fullsize, video_playlist, video_thumbnail.
"""
MutedBy = Callable[[str], Iterable[tuple[str, int]]]
"""DID to whom they mute now (a DID, or the at:// URI of a thread's root or of a list) and since when, in micros."""
KeptBy = Callable[[str], tuple[Any, ...]]
"""DID to what they keep for themselves: the parts of `Own`."""

NO_HANDLE = "handle.invalid"
NOT_FOR_STRANGERS = "!no-unauthenticated"


class ThreadGate(NamedTuple):
    """allow: None lets everyone answer. lists: ids of those whose members may. hidden: URIs of answers.
    view: app.bsky.feed.defs#threadgateView."""

    author: int
    allow: list[Json] | None
    mentioned: frozenset[str]
    lists: tuple[int, ...]
    hidden: frozenset[str]
    view: Json


class PostGate(NamedTuple):
    """detached: URIs of the posts that may not show this one. disabled: none may but the author's own."""

    detached: frozenset[str]
    disabled: bool


class Own(NamedTuple):
    """What a member keeps for themselves, and nobody else ever reads.

    saved: URI to [CID, micros] of the posts they saved; subscriptions: DID to [posts, replies, micros] of those whose
    posts they want to be told of; notices: what they chose of app.bsky.notification.defs#preferences; partly_muted: DID
    to [reposts, quotes, micros] of those of whom they mute no more than that. labelers: DIDs of those to whom they
    listen, beside the network's own.
    """

    saved: Json
    subscriptions: Json
    notices: Json
    partly_muted: Json
    labelers: Sequence[str] = ()


NOTHING = Own({}, {}, {}, {})


class Listed(NamedTuple):
    """A list for moderation that is in force for a reader. members: ids."""

    id: int
    members: frozenset[int]


@dataclass(slots=True)
class Circle:
    """A reader's own relations. follows and blocks: actor to record key; muted_at: actor to when, in micros;
    thread_mutes: URIs of roots, there or not; the rest are sets of ids. mutes_strangers: whether some of the muted have
    no id, or had none when this was read."""

    follows: dict[int, str] = field(default_factory=dict)
    blocks: dict[int, str] = field(default_factory=dict)
    blocked_by: dict[int, str] = field(default_factory=dict)
    mutes: set[int] = field(default_factory=set)
    muted_at: dict[int, int] = field(default_factory=dict)
    mutes_strangers: bool = False
    thread_mutes: set[str] = field(default_factory=set)
    me: int = 0
    lists_muted: dict[int, int] = field(default_factory=dict)
    lists_blocked: dict[int, str] = field(default_factory=dict)
    list_mutes: list[Listed] = field(default_factory=list)
    list_blocks: list[Listed] = field(default_factory=list)
    blocked_by_list: dict[int, tuple[int, str]] = field(default_factory=dict)
    lists: frozenset[int] = frozenset()
    by_name: set[int] = field(init=False)
    """Whom the reader mutes or blocks by name, and who blocks the reader."""
    has_walls: bool = field(init=False)
    """Whether any block concerns the reader."""
    has_lists: bool = field(init=False)
    """Whether the reader mutes or blocks by lists."""

    _home: list[int] | None = None

    @property
    def home(self) -> list[int]:
        """Whose items stand in the reader's home timeline: theirs, and of whom they follow and do not shun."""
        if self._home is None:
            self._home = [actor for actor in (*self.follows, self.me) if not self.shuns(actor)]
        return self._home

    def __post_init__(self) -> None:
        self.by_name = self.mutes | self.blocks.keys() | self.blocked_by.keys() | self.blocked_by_list.keys()
        self.has_walls = bool(self.blocks or self.blocked_by or self.list_blocks or self.blocked_by_list)
        self.has_lists = bool(self.list_mutes or self.list_blocks)

    def blocked(self, actor: int) -> bool:
        """Whether a block stands between the reader and this actor, whoever set it, by name or by a list."""
        if actor in self.blocks or actor in self.blocked_by or actor in self.blocked_by_list:
            return True
        return bool(self.list_blocks) and self.block_list(actor) is not None

    def blocks_them(self, actor: int) -> bool:
        """Whether the reader blocks them."""
        return actor in self.blocks or self.block_list(actor) is not None

    def is_blocked_by(self, actor: int) -> bool:
        """Whether they block the reader."""
        return actor in self.blocked_by or actor in self.blocked_by_list

    def muted(self, actor: int) -> bool:
        """Whether the reader mutes them, by name or by a list."""
        return actor in self.mutes or (bool(self.list_mutes) and self.mute_list(actor) is not None)

    def shuns(self, actor: int) -> bool:
        """Whether the reader mutes them, or a block stands between the two."""
        return actor in self.by_name or (self.has_lists and (self.muted(actor) or self.blocked(actor)))

    def mute_list(self, actor: int) -> Listed | None:
        """The list by which the reader mutes them."""
        return _listing(self.list_mutes, actor) if actor != self.me else None

    def block_list(self, actor: int) -> Listed | None:
        """The list by which the reader blocks them."""
        return _listing(self.list_blocks, actor) if actor != self.me else None


def _listing(lists: list[Listed], actor: int) -> Listed | None:
    for found in lists:
        if actor in found.members:
            return found
    return None


NOBODY = Circle()


class ActorPiece(msgspec.Struct, gc=False):
    """An actor. basic_json, view_json, detailed_json: the three sizes of profile view, each without `viewer` and
    without what `said` says of the account, as `fragments.opened` has them. followers, follows, posts: how many; they
    alone move on, with the index. in_full: what only the largest view shows beside them. subscribers: who may be told
    of all that they post: followers, mutuals or none. joined: the id of the starter pack by which they joined. blocks:
    whether they block anybody, by name or by a list. live: what they do just now, if they say so."""

    id: int
    did: str
    status: str | None
    followers: int
    follows: int
    posts: int
    members_only: bool
    pinned: str | None
    subscribers: str
    joined: int | None
    blocks: bool
    basic_json: bytes
    view_json: bytes
    in_full: bytes
    said: tuple[Said, ...] = ()
    live: Live | None = None

    @property
    def plain(self) -> bool:
        """Whether these views say all, to any reader at any time."""
        return not self.said and self.live is None

    @property
    def detailed_json(self) -> bytes:
        """The largest view."""
        return _COUNTED % (self.view_json, self.followers, self.follows, self.posts, self.in_full)

    @property
    def basic(self) -> Json:
        """The smallest view."""
        return closed(self.basic_json)

    @property
    def subjects(self) -> tuple[str, str]:
        """What labels name when they mean this actor."""
        return self.did, profile_uri(self.did)


class PostPiece(msgspec.Struct, gc=False):
    """A post. json: its view without author, viewer, what labelers say (`said`) and an embed that shows another record,
    as `fragments.opened` has it. It carries its `$type`, so that it can stand in a union too.

    media: the view of what is embedded, a record apart. quote: the id of an embedded record; quoted: its URI. thread:
    the URI of the root of its thread, there or not. linked: whether it answers or shows another record, or has a gate.
    """

    id: int
    author: int
    moment: int
    rkey: str
    uri: str
    cid: str
    likes: int
    replies: int
    media: Json | None
    quote: int | None
    quoted: str | None
    parent: int | None
    root: int | None
    thread: str
    gates: int
    json: bytes
    linked: bool
    said: tuple[Said, ...] = ()

    @property
    def view(self) -> Json:
        """What `json` says."""
        return closed(self.json)

    @property
    def record(self) -> Json:
        """As its author wrote it."""
        record: Json = self.view["record"]
        return record


ACTOR_COLUMNS = (
    "actor.id, did, handle, status, profile, profile_cid, profile_at, posts, followers, follows,"
    " (SELECT record FROM declaration WHERE collection = 'chat.bsky.actor.declaration' AND actor = actor.id"
    "   AND rkey = 'self'),"
    " (SELECT 1 FROM declaration WHERE collection = 'app.bsky.labeler.service' AND actor = actor.id),"
    " (SELECT count(*) FROM declaration WHERE collection = 'app.bsky.feed.generator' AND actor = actor.id),"
    " (SELECT count(*) FROM list WHERE author = actor.id AND purpose IN (1, 2)),"
    " (SELECT count(*) FROM starter_pack WHERE author = actor.id),"
    " (SELECT record FROM declaration WHERE collection = 'app.bsky.notification.declaration' AND actor = actor.id"
    "   AND rkey = 'self'),"
    " joined,"
    " EXISTS (SELECT 1 FROM block WHERE block.actor = actor.id)"
    " OR EXISTS (SELECT 1 FROM list_block WHERE list_block.actor = actor.id),"
    f" {VERIFIED_COLUMNS},"
    f" EXISTS (SELECT 1 FROM declaration WHERE collection = '{STATUS}' AND actor = actor.id AND rkey = 'self')"
)


def actor_piece(row: tuple[Any, ...], image_url: ImageUrl) -> ActorPiece:
    """Make the piece of an actor from its ACTOR_COLUMNS, of which the last says whether they tell what they do just
    now."""
    id, did, handle, status, raw, cid, at, posts, followers, follows, chat, labeler, *counts, subscribing = row[:-5]
    joined, blocks, trusted, verified_by, _ = row[-5:]
    allows = _subscribers(subscribing)
    profile: Json = cbor.decode_json_own(raw) if raw is not None else {}
    labels = self_labels(profile, did, profile_uri(did), cid, at)
    basic: Json = {"did": did, "handle": handle or NO_HANDLE, **_texts(profile, "displayName", "pronouns")}
    if "avatar" in profile:
        basic |= _picture_of(profile, "avatar", did, image_url)
    basic["associated"] = _associated(chat, labeler, counts, allows)
    basic["labels"] = labels
    if at is not None:
        basic["createdAt"] = text_of(at)
    verification = verification_state(trusted, verified_by, handle, profile.get("displayName"))
    if verification is not None:
        basic["verification"] = verification
    basic_json = opened(basic)
    view_json = said_too(basic_json, _texts(profile, "description") if profile.get("description") else {})
    if at is not None:
        view_json = b'%b,"indexedAt":"%b"' % (view_json, basic["createdAt"].encode())
    in_full = b"" if profile.keys().isdisjoint(_IN_FULL) else said_too(b"", _detailed(profile, did, image_url))
    pinned = as_dict(profile.get("pinnedPost"))
    return ActorPiece(
        id=id,
        did=did,
        status=status,
        followers=followers,
        follows=follows,
        posts=posts,
        members_only=any(label["val"] == NOT_FOR_STRANGERS for label in labels),
        pinned=as_text(pinned.get("uri")),
        subscribers=allows,
        joined=joined,
        blocks=bool(blocks),
        basic_json=basic_json,
        view_json=view_json,
        in_full=in_full,
    )


_COUNTED = b'%b,"followersCount":%d,"followsCount":%d,"postsCount":%d%b'
_IN_FULL = ("website", "banner", "pinnedPost")


def _detailed(profile: Json, did: str, image_url: ImageUrl) -> Json:
    """What only the largest view of a profile shows of its record."""
    more = _texts(profile, "website") if str(profile.get("website")).startswith("https://") else {}
    if "banner" in profile:
        more |= _picture_of(profile, "banner", did, image_url)
    pinned = as_dict(profile.get("pinnedPost"))
    return more | {"pinnedPost": pinned} if pinned else more


def _picture_of(profile: Json, name: str, did: str, image_url: ImageUrl) -> Json:
    cid = blob_cid(profile.get(name))
    return {name: image_url(name, did, cid)} if cid else {}


def live_piece(row: Row, said: Mapping[str, Sequence[Said]], image_url: ImageUrl) -> Live:
    """What an actor does just now. said: by URI, what labelers say."""
    embed = as_dict(cbor.decode_json(row.record).get("embed"))
    return live(row, media_view(embed, row.did, image_url), said.get(row.uri, ()))


def _subscribers(declared: bytes | None) -> str:
    """Who may be told of everything that an actor posts: followers, unless they declare otherwise."""
    said = cbor.decode_json(declared).get("allowSubscriptions") if declared is not None else None
    return said if said in ("followers", "mutuals", "none") else "followers"


def _associated(chat: bytes | None, labeler: int | None, counts: list[int], allows: str) -> Json:
    associated: Json = {"activitySubscription": {"allowSubscriptions": allows}}
    if chat is None and not labeler and not any(counts):  # as with most
        return associated
    declared: Json = cbor.decode_json(chat) if chat is not None else {}
    if isinstance(declared.get("allowIncoming"), str):
        associated["chat"] = _texts(declared, "allowIncoming", "allowGroupInvites")
    if labeler:
        associated["labeler"] = True
    names = zip(("feedgens", "lists", "starterPacks"), counts, strict=True)
    return associated | {name: count for name, count in names if count}


POST_COLUMNS = (
    "post.id, post.author, post.rkey, post.moment, post.indexed_at, post.cid, post.record, post.parent, post.root,"
    " post.quote, post.gates, post.likes, post.reposts, post.replies, post.quotes, actor.did"
)


def post_piece(row: tuple[Any, ...], image_url: ImageUrl) -> PostPiece:
    """Make the piece of a post that is here from its POST_COLUMNS."""
    id, author, rkey, moment, came, cid, raw, parent, root, quote, gates, likes, reposts, replies, quotes, did = row
    record: Json = cbor.decode_json_own(raw)
    uri = f"at://{did}/{POST}/{rkey}"
    view: Json = {
        "$type": "app.bsky.feed.defs#postView",
        "uri": uri,
        "cid": (text := str(Cid(cid))),
        "record": record,
        "likeCount": likes,
        "repostCount": reposts,
        "replyCount": replies,
        "quoteCount": quotes,
        "indexedAt": text_of(came),
        "labels": self_labels(record, did, uri, cid, moment >> TIE_BITS),
    }
    media, quoted = _split_embed(as_dict(record["embed"]), did, image_url) if "embed" in record else (None, None)
    if media is not None and quoted is None:
        view["embed"] = media
    return PostPiece(
        id=id,
        author=author,
        moment=moment,
        rkey=rkey,
        uri=uri,
        cid=text,
        likes=likes,
        replies=replies,
        media=media,
        quote=quote,
        quoted=quoted,
        parent=parent,
        root=root,
        thread=uri if root is None else record["reply"]["root"]["uri"],
        gates=gates,
        json=opened(view),
        linked=bool(parent or root or gates or quote) or quoted is not None,
    )


def _split_embed(embed: Json, did: str, image_url: ImageUrl) -> tuple[Json | None, str | None]:
    """(the view of the media, the URI of the record) that an embed shows, either of them None."""
    kind = embed.get("$type")
    if kind == "app.bsky.embed.record":
        return None, as_text(as_dict(embed.get("record")).get("uri"))
    if kind == "app.bsky.embed.recordWithMedia":
        shown = as_text(as_dict(as_dict(embed.get("record")).get("record")).get("uri"))
        return media_view(as_dict(embed.get("media")), did, image_url), shown
    return media_view(embed, did, image_url), None


def media_view(embed: Json, did: str, image_url: ImageUrl) -> Json | None:
    """What a reader sees of pictures, a video or a link card; None for a kind that we do not know."""
    match embed.get("$type"):
        case "app.bsky.embed.images":
            pictures = [_picture(item, did, image_url, "thumb") for item in as_list(embed.get("images"))]
            return {"$type": "app.bsky.embed.images#view", "images": [picture for picture in pictures if picture]}
        case "app.bsky.embed.gallery":
            pictures = [_picture(item, did, image_url, "thumbnail") for item in as_list(embed.get("items"))]
            items = [{"$type": "app.bsky.embed.gallery#viewImage", **picture} for picture in pictures if picture]
            return {"$type": "app.bsky.embed.gallery#view", "items": items}
        case "app.bsky.embed.external":
            return _card(as_dict(embed.get("external")), did, image_url)
        case "app.bsky.embed.video":
            return _video(embed, did, image_url)
    return None


def _picture(item: object, did: str, image_url: ImageUrl, small: str) -> Json:
    picture = as_dict(item)
    cid = blob_cid(picture.get("image"))
    if cid is None:
        return {}
    view: Json = {
        small: image_url("feed_thumbnail", did, cid),
        "fullsize": image_url("feed_fullsize", did, cid),
        "alt": picture.get("alt", ""),
    }
    if "aspectRatio" in picture:
        view["aspectRatio"] = picture["aspectRatio"]
    return view


def _card(card: Json, did: str, image_url: ImageUrl) -> Json | None:
    if not card:
        return None
    view = {key: card.get(key, "") for key in ("uri", "title", "description")}
    thumb = blob_cid(card.get("thumb"))
    if thumb:
        view["thumb"] = image_url("feed_thumbnail", did, thumb)
    return {"$type": "app.bsky.embed.external#view", "external": view}


def _video(embed: Json, did: str, image_url: ImageUrl) -> Json | None:
    cid = blob_cid(embed.get("video"))
    if cid is None:
        return None
    return {
        "$type": "app.bsky.embed.video#view",
        "cid": cid,
        "playlist": image_url("video_playlist", did, cid),
        "thumbnail": image_url("video_thumbnail", did, cid),
        **{key: embed[key] for key in ("alt", "aspectRatio", "presentation") if key in embed},
    }


def self_labels(record: Json, did: str, uri: str, cid: bytes | None, at: int | None) -> list[Json]:
    """The labels that an author put on their own record."""
    if "labels" not in record:
        return []
    values = as_list(as_dict(record.get("labels")).get("values"))
    names = [value["val"] for value in map(as_dict, values) if isinstance(value.get("val"), str)]
    if not names or cid is None:
        return []
    common = {"src": did, "uri": uri, "cid": str(Cid(cid)), "cts": text_of(at or 0)}
    return [{**common, "val": name} for name in names]


def profile_uri(did: str) -> str:
    """Where an actor's profile stands."""
    return f"at://{did}/app.bsky.actor.profile/self"


def blob_cid(blob: object) -> str | None:
    """The CID that a blob reference names, of today's form or the first one."""
    blob = as_dict(blob)
    return as_text(as_dict(blob.get("ref")).get("$link", blob.get("cid")))


def _texts(record: Json, *names: str) -> Json:
    return {name: record[name] for name in names if name in record and isinstance(record[name], str)}
