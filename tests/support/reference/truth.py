"""All that was written, as it is now, taken from the repositories and from what each person keeps for themselves."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from freehold.protocol import cbor
from freehold.protocol.syntax import parse_datetime
from freehold.protocol.tid import tid_decode
from support.parish import BLOCK, FOLLOW, ITEM, LIKE, LIST, LIST_BLOCK, POST, PROFILE, REPOST, Parish, Person

Json = dict[str, Any]
THREADGATE, POSTGATE = "app.bsky.feed.threadgate", "app.bsky.feed.postgate"
MODLIST = "app.bsky.graph.defs#modlist"
NO_STRANGERS = "!no-unauthenticated"


class Record(NamedTuple):
    """at: where it sorts, in micros: the earlier of when it came and of when it says that it was made."""

    did: str
    rkey: str
    uri: str
    cid: str
    value: Json
    at: int


class Edge(NamedTuple):
    """One of several records that say the same counts: the one with the lowest key."""

    actor: str
    subject: str
    rkey: str
    cid: str
    at: int
    via: str | None


class Truth:
    """A parish as it is now. labels: subject to what its labeler says of it."""

    def __init__(self, parish: Parish, labels: dict[str, set[str]]) -> None:
        self.parish = parish
        self.labels = labels
        self.people = {did: person for did, person in parish.people.items() if person.status != "deleted"}
        self.records: dict[str, list[Record]] = {}
        for person in self.people.values():
            for path, (cid, raw) in person.records.items():
                collection, rkey = path.split("/")
                if (person.did, path) not in parish.taken_down:
                    uri, value = f"at://{person.did}/{path}", cbor.decode_json(raw)
                    record = Record(person.did, rkey, uri, str(cid), value, _sorts(rkey, value, parish.now))
                    self.records.setdefault(collection, []).append(record)
        self.posts = {record.uri: record for record in self.all(POST)}
        self.lists = {record.uri: record for record in self.all(LIST)}
        self.profiles = {record.did: record for record in self.all(PROFILE)}
        self.likes, self.reposts = self._edges(LIKE), self._edges(REPOST)
        self.follows, self.blocks, self.list_blocks = self._edges(FOLLOW), self._edges(BLOCK), self._edges(LIST_BLOCK)
        self.members = self._members()

    def all(self, collection: str) -> list[Record]:
        """The records of a collection."""
        return self.records.get(collection, [])

    def _edges(self, collection: str) -> dict[tuple[str, str], Edge]:
        edges: dict[tuple[str, str], Edge] = {}
        for record in sorted(self.all(collection), key=lambda record: record.rkey):
            named = record.value["subject"]
            subject = named["uri"] if isinstance(named, dict) else named
            via = record.value.get("via", {}).get("uri")
            edges.setdefault((record.did, subject), Edge(record.did, subject, record.rkey, record.cid, record.at, via))
        return edges

    def _members(self) -> dict[str, set[str]]:
        members: dict[str, set[str]] = {}
        for item in self.all(ITEM):
            uri = item.value["list"]
            if uri.startswith(f"at://{item.did}/") and uri in self.lists:
                members.setdefault(uri, set()).add(item.value["subject"])
        return members

    # -- posts ---------------------------------------------------------------------------------------------------------

    def parent(self, post: Record) -> str | None:
        """Whom it answers, by URI."""
        reply = post.value.get("reply")
        return reply["parent"]["uri"] if reply else None

    def root(self, post: Record) -> str:
        """The root of the thread in which it stands: what it names so, or itself."""
        reply = post.value.get("reply")
        return reply["root"]["uri"] if reply else post.uri

    def quoted(self, post: Record) -> str | None:
        """Which record it shows, by URI."""
        embed = post.value.get("embed")
        if not embed or embed["$type"] == "app.bsky.embed.images":
            return None
        return embed["record"]["uri"] if embed["$type"] == "app.bsky.embed.record" else embed["record"]["record"]["uri"]

    def has_pictures(self, post: Record) -> bool:
        """Whether it shows pictures, beside another record or not."""
        embed = post.value.get("embed") or {}
        return embed.get("$type") in ("app.bsky.embed.images", "app.bsky.embed.recordWithMedia")

    def answers(self, uri: str) -> list[Record]:
        """The posts that answer one, oldest first."""
        return sorted((post for post in self.posts.values() if self.parent(post) == uri), key=lambda post: post.at)

    def quotes(self, uri: str) -> list[Record]:
        """The posts that show one, newest first."""
        return sorted((post for post in self.posts.values() if self.quoted(post) == uri), key=lambda post: -post.at)

    def about(self, edges: dict[tuple[str, str], Edge], subject: str) -> list[Edge]:
        """What points at a subject, newest first."""
        return sorted((edge for edge in edges.values() if edge.subject == subject), key=lambda edge: -edge.at)

    def by(self, edges: dict[tuple[str, str], Edge], actor: str) -> list[Edge]:
        """What somebody points at, newest first."""
        return sorted((edge for edge in edges.values() if edge.actor == actor), key=lambda edge: -edge.at)

    def gate(self, collection: str, uri: str) -> Record | None:
        """The gate of a post: the record of its author under its key."""
        gates = (gate for gate in self.all(collection) if gate.value["post"] == uri)
        return next((gate for gate in gates if uri == f"at://{gate.did}/{POST}/{gate.rkey}"), None)

    # -- people --------------------------------------------------------------------------------------------------------

    def says(self, *subjects: str) -> set[str]:
        """The labels of any of these subjects."""
        return set().union(*(self.labels.get(subject, set()) for subject in subjects))

    def shown(self, did: str) -> bool:
        """Whether an account is there, active, and not taken away by the labeler."""
        person = self.people.get(did)
        there = person is not None and person.status is None
        return there and "!takedown" not in self.says(did, f"at://{did}/{PROFILE}/self")

    def members_only(self, did: str) -> bool:
        """Whether somebody wants to be shown to members only."""
        return NO_STRANGERS in self_labels(self.profiles.get(did))

    def active(self) -> Iterator[Person]:
        """Those who can write."""
        return (person for person in self.people.values() if person.status is None)


def self_labels(record: Record | None) -> list[str]:
    """The labels that an author put on their own record."""
    return [label["val"] for label in (record.value if record else {}).get("labels", {}).get("values", ())]


def author(uri: str) -> str:
    """Whose record a URI names."""
    return uri.split("/")[2]


def _sorts(rkey: str, value: Json, now: int) -> int:
    claimed = parse_datetime(value["createdAt"])
    return min(claimed, now) if rkey == "self" else min(claimed, tid_decode(rkey)[0])
