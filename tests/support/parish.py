"""A small network without doors: the two logs, the index that follows them, the views, and people who write.

The people's commits are real frames with real blocks in the real log; only signing and the tree, which the index does
not look at, are left to the tests of those rooms.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from freehold.appview.index import Account, Index
from freehold.appview.schema import SCHEMA as APPVIEW
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.lexicon import Catalog
from freehold.protocol.syntax import format_datetime
from freehold.protocol.tid import TidClock
from freehold.repo import car
from freehold.store.database import Database
from freehold.store.lexicons import official_documents
from freehold.stream import log as stream
from support.opened_views import Views

START = 1_795_000_000_000_000
SECOND = 1_000_000
POST, LIKE, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"
FOLLOW, BLOCK, PROFILE = "app.bsky.graph.follow", "app.bsky.graph.block", "app.bsky.actor.profile"
LIST, ITEM, LIST_BLOCK = "app.bsky.graph.list", "app.bsky.graph.listitem", "app.bsky.graph.listblock"
PACK = "app.bsky.graph.starterpack"

Record = dict[str, Any]


@cache
def catalog() -> Catalog:
    return Catalog(official_documents())


class Ref(msgspec.Struct, frozen=True):
    """A record: its address and its version."""

    uri: str
    cid: str

    @property
    def strong(self) -> Record:
        return {"uri": self.uri, "cid": self.cid}

    @property
    def rkey(self) -> str:
        return self.uri.rsplit("/", 1)[1]


def image_url(kind: str, did: str, cid: str) -> str:
    return f"https://pictures.test/{kind}/{did}/{cid}"


class Parish:
    """The network. `now` is its clock, in micros; every write takes a second."""

    def __init__(self, folder: Path, catalog: Catalog | None = None) -> None:
        self.now = START
        self.catalog = catalog
        self.folder = folder
        self.truth = Database(folder / "truth.db", stream.SCHEMA, durable=False, clock=self.clock)
        self.log = stream.Log(self.truth)
        self.people: dict[str, Person] = {}
        self.private: list[tuple[str, str, Record]] = []
        self.taken_down: set[tuple[str, str]] = set()
        self.index_db = self._open("index.db")
        self.index = self._index(self.index_db)
        self.views = Views(self.index, image_url=image_url)

    def _open(self, name: str) -> Database:
        return Database(self.folder / name, APPVIEW, durable=False, clock=self.clock)

    def _index(self, db: Database) -> Index:
        return Index(
            db,
            self.log,
            snapshot=self.snapshot,
            private_snapshot=lambda: self.private,
            muted_by=self.muted_by,
            kept_by=lambda did: self.people[did].kept,
            records_of=lambda did: self.people[did].sorted_records(),
            record_of=lambda did, path: self.people[did].records.get(path),
            catalog=self.catalog,
            clock=self.clock,
        )

    def clock(self) -> int:
        return self.now

    def restart(self) -> None:
        """Open the index again, with nothing in memory."""
        self.index = self._index(self.index_db)
        self.views = Views(self.index, image_url=image_url)

    def close(self) -> None:
        self.index_db.close()
        self.truth.close()

    def join(self, name: str) -> "Person":
        person = Person(self, name)
        self.people[person.did] = person
        self.tell("identity", person.did, {"did": person.did, "handle": person.handle})
        self.tell("account", person.did, {"did": person.did, "active": True})
        return person

    def tell(self, kind: Any, did: str, payload: Record) -> int:
        self.now += SECOND
        return self.truth.write_sync(lambda tx: stream.append(tx, kind, did, payload))

    def tell_private(self, kind: str, did: str, body: Record) -> int:
        self.now += SECOND
        self.private.append((kind, did, {"at": self.now, **body}))
        return self.truth.write_sync(lambda tx: stream.append_private(tx, kind, did, {"at": self.now, **body}))

    def muted_by(self, did: str) -> list[tuple[str, int]]:
        """Whom somebody mutes, by the last word on each."""
        told = [body for kind, by, body in self.private if (kind, by) == ("mute", did)]
        last = {body["subject"]: body for body in told}
        return [(subject, body["at"]) for subject, body in last.items() if body["on"]]

    def settle(self) -> None:
        """Have the index apply all that is in the logs."""
        log, index = self.log, self.index
        while any(news := (log.read(index.seq), log.read_private(index.private_seq))):
            index.apply(*news)

    def ask(self, name: str, viewer: "Person | None" = None, **params: Any) -> Any:
        """Call a view by its NSID once all is settled; the answer as it goes out, held against its lexicon."""
        self.settle()
        answer = self.look(name, viewer, **params)
        body = catalog().output(f"app.bsky.{name}")
        assert body is not None
        assert body.check is not None
        body.check(answer)
        return answer

    def look(self, name: str, viewer: "Person | None" = None, **params: Any) -> Any:
        """Call a view as things stand; the answer as it goes out."""
        answer = METHODS[name](self.views, viewer.did if viewer else None, **params)
        return msgspec.json.decode(msgspec.json.encode(answer))

    def snapshot(self) -> Iterator[Account]:
        for person in reversed(list(self.people.values())):
            yield Account(person.did, person.handle, person.status, person.sorted_records(), person.rev)


class Person:
    """Someone who writes records. Each method gives the record's Ref."""

    def __init__(self, parish: Parish, name: str) -> None:
        self.parish = parish
        self.name = name
        number = len(parish.people) + 1
        self.did = f"did:plc:{_base32(number)}"
        self.handle = f"{name}.test"
        self.status: str | None = None
        self.records: dict[str, tuple[Cid, bytes]] = {}
        self.rev: str | None = None
        self.kept: tuple[Record, Record, Record, Record] = ({}, {}, {}, {})
        self._keys = TidClock(number)

    def write(self, collection: str, record: Record, rkey: str | None = None) -> Ref:
        self.parish.now += SECOND
        rkey = rkey or self._keys.next(self.parish.now)
        path = f"{collection}/{rkey}"
        raw = cbor.encode_json({"$type": collection, **record})
        cid = Cid.of_cbor(raw)
        op = {"action": "update" if path in self.records else "create", "path": path, "cid": cid}
        self.records[path] = (cid, raw)
        self._commit([op], [(cid, raw)])
        return Ref(f"at://{self.did}/{path}", str(cid))

    def delete(self, ref: Ref) -> None:
        path = ref.uri.split("/", 3)[3]
        del self.records[path]
        self.parish.now += SECOND
        self._commit([{"action": "delete", "path": path, "cid": None}], [])

    def _commit(self, ops: list[Record], blocks: list[tuple[Cid, bytes]]) -> None:
        self.rev = self._keys.next(self.parish.now)
        top = cbor.encode({"did": self.did, "version": 3, "rev": self.rev})
        root = Cid.of_cbor(top)
        data = car.header([root]) + b"".join(car.block(cid, raw) for cid, raw in [(root, top), *blocks])
        payload = {"repo": self.did, "rev": self.rev, "commit": root, "blocks": data, "ops": ops}
        self.parish.truth.write_sync(lambda tx: stream.append(tx, "commit", self.did, payload))

    def read(self, path: str) -> Record | None:
        """The record at a path."""
        record = self.records.get(path)
        return cbor.decode_json(record[1]) if record is not None else None

    def sorted_records(self) -> list[tuple[str, Cid, bytes]]:
        return [(path, cid, raw) for path, (cid, raw) in sorted(self.records.items())]

    def post(
        self, text: str = "", *, reply: tuple[Ref, Ref] | None = None, at: int | None = None, **fields: Any
    ) -> Ref:
        """reply: (root, parent). at: micros, for a post that is older than its writing."""
        record: Record = {"text": text, "createdAt": format_datetime(at or self.parish.now + SECOND), **fields}
        if reply is not None:
            record["reply"] = {"root": reply[0].strong, "parent": reply[1].strong}
        return self.write(POST, record)

    def quote(self, text: str, of: Ref) -> Ref:
        return self.post(text, embed={"$type": "app.bsky.embed.record", "record": of.strong})

    def like(self, ref: Ref) -> Ref:
        return self.write(LIKE, {"subject": ref.strong, "createdAt": format_datetime(self.parish.now + SECOND)})

    def repost(self, ref: Ref) -> Ref:
        return self.write(REPOST, {"subject": ref.strong, "createdAt": format_datetime(self.parish.now + SECOND)})

    def follow(self, *others: "Person") -> Ref:
        at = format_datetime(self.parish.now + SECOND)
        return [self.write(FOLLOW, {"subject": other.did, "createdAt": at}) for other in others][-1]

    def block(self, other: "Person") -> Ref:
        return self.write(BLOCK, {"subject": other.did, "createdAt": format_datetime(self.parish.now)})

    def mute(self, subject: "Person | Ref", on: bool = True) -> None:
        named = subject.uri if isinstance(subject, Ref) else subject.did
        self.parish.tell_private("mute", self.did, {"subject": named, "on": on})

    def keep(self, part: int, key: str, value: Any) -> None:
        """Keep something, in that part of `Own`; None lets it go."""
        self.kept[part].pop(key, None)
        if value is not None:
            self.kept[part][key] = value
        self.parish.tell_private("kept", self.did, {})

    def save(self, ref: Ref, on: bool = True) -> None:
        self.keep(0, ref.uri, (ref.cid, self.parish.now) if on else None)

    def subscribe(self, other: "Person", posts: bool = True, replies: bool = False) -> None:
        self.keep(1, other.did, (posts, replies, self.parish.now) if posts or replies else None)

    def make_list(self, name: str = "a list", purpose: str = "modlist", **fields: Any) -> Ref:
        at = format_datetime(self.parish.now)
        record = {"name": name, "purpose": f"app.bsky.graph.defs#{purpose}", "createdAt": at, **fields}
        return self.write(LIST, record)

    def put_on(self, ref: Ref, *others: "Person") -> Ref:
        at = format_datetime(self.parish.now)
        return [self.write(ITEM, {"list": ref.uri, "subject": one.did, "createdAt": at}) for one in others][-1]

    def block_list(self, ref: Ref) -> Ref:
        return self.write(LIST_BLOCK, {"subject": ref.uri, "createdAt": format_datetime(self.parish.now)})

    def make_pack(self, name: str, people: Ref, **fields: Any) -> Ref:
        at = format_datetime(self.parish.now)
        return self.write(PACK, {"name": name, "list": people.uri, "createdAt": at, **fields})

    def seen(self) -> None:
        self.parish.tell_private("seen", self.did, {"at": self.parish.now})

    def profile(self, **fields: Any) -> Ref:
        return self.write(PROFILE, {"createdAt": format_datetime(self.parish.now), **fields}, "self")

    def rename(self, handle: str) -> None:
        self.handle = handle
        self.parish.tell("identity", self.did, {"did": self.did, "handle": handle})

    def take_down(self, ref: Ref, on: bool = True) -> None:
        """Have nobody shown a record of this person's."""
        path = ref.uri.split("/", 3)[3]
        (self.parish.taken_down.add if on else self.parish.taken_down.discard)((self.did, path))
        self.parish.tell_private("takedown", self.did, {"subject": path, "on": on})

    def become(self, status: str | None) -> None:
        self.status = status
        if status == "deleted":
            self.records.clear()
        payload: Record = {"did": self.did, "active": status is None}
        self.parish.tell("account", self.did, payload | ({"status": status} if status else {}))


def _base32(number: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    text = ""
    for _ in range(24):
        text = letters[number & 31] + text
        number >>= 5
    return text


METHODS = {
    "actor.getProfile": Views.get_profile,
    "actor.getProfiles": Views.get_profiles,
    "actor.getSuggestions": Views.get_suggestions,
    "actor.searchActors": Views.search_actors,
    "actor.searchActorsTypeahead": Views.search_actors_typeahead,
    "feed.getTimeline": Views.get_timeline,
    "feed.getAuthorFeed": Views.get_author_feed,
    "feed.getActorLikes": Views.get_actor_likes,
    "feed.getListFeed": Views.get_list_feed,
    "feed.getActorFeeds": Views.get_actor_feeds,
    "feed.getPosts": Views.get_posts,
    "feed.getPostThread": Views.get_post_thread,
    "feed.getLikes": Views.get_likes,
    "feed.getRepostedBy": Views.get_reposted_by,
    "feed.getQuotes": Views.get_quotes,
    "feed.searchPosts": Views.search_posts,
    "feed.searchPostsV2": Views.search_posts_v2,
    "unspecced.getPostThreadV2": Views.get_post_thread_v2,
    "unspecced.getPostThreadOtherV2": Views.get_post_thread_other_v2,
    "unspecced.getSuggestedUsersForExplore": Views.get_suggested_users,
    "unspecced.getSuggestedStarterPacks": Views.get_suggested_starter_packs,
    "graph.getFollowers": Views.get_followers,
    "graph.getFollows": Views.get_follows,
    "graph.getKnownFollowers": Views.get_known_followers,
    "graph.getRelationships": Views.get_relationships,
    "graph.getMutes": Views.get_mutes,
    "graph.getList": Views.get_list,
    "graph.getLists": Views.get_lists,
    "graph.getListsWithMembership": Views.get_lists_with_membership,
    "graph.getListMutes": Views.get_list_mutes,
    "graph.getListBlocks": Views.get_list_blocks,
    "graph.getStarterPack": Views.get_starter_pack,
    "graph.getStarterPacks": Views.get_starter_packs,
    "graph.getActorStarterPacks": Views.get_actor_starter_packs,
    "graph.getStarterPacksWithMembership": Views.get_starter_packs_with_membership,
    "graph.searchStarterPacks": Views.search_starter_packs,
    "graph.searchStarterPacksV2": Views.search_starter_packs_v2,
    "graph.getSuggestedFollowsByActor": Views.get_suggested_follows_by_actor,
    "bookmark.getBookmarks": Views.get_bookmarks,
    "graph.getBlocks": Views.get_blocks,
    "notification.listNotifications": Views.list_notifications,
    "notification.listActivitySubscriptions": Views.list_activity_subscriptions,
    "notification.getUnreadCount": Views.get_unread_count,
    "labeler.getServices": Views.get_labelers,
}
