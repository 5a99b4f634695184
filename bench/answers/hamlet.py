"""A small network in which everything happens once: thirteen people, and what they write to and keep from each other.

The same on each server that it is built on: names stand for people and records, times lie a minute apart, and record
keys follow from the times. So two servers can be asked the same, and their answers compared. What happens is in `life`.
"""

import struct
import zlib
from typing import Any
from urllib.parse import urlencode

import msgspec

from bench.network import Member
from bench.reading import Place
from bench.wire import AnswerError, Client
from freehold.protocol.syntax import format_datetime
from freehold.protocol.tid import tid_encode

PEOPLE = "alice bob carol dan eve fay gus hal ivy kim max ned pat".split()
MINUTE = 60_000_000
POST, GATE, POSTGATE = "app.bsky.feed.post", "app.bsky.feed.threadgate", "app.bsky.feed.postgate"
LIST, ITEM, PACK = "app.bsky.graph.list", "app.bsky.graph.listitem", "app.bsky.graph.starterpack"
FOLLOW, BLOCK, LISTBLOCK = "app.bsky.graph.follow", "app.bsky.graph.block", "app.bsky.graph.listblock"
LIKE, REPOST, GENERATOR = "app.bsky.feed.like", "app.bsky.feed.repost", "app.bsky.feed.generator"
PROFILE, STATUS, LABELER = "app.bsky.actor.profile", "app.bsky.actor.status", "app.bsky.labeler.service"
NOTICES, CHAT = "app.bsky.notification.declaration", "chat.bsky.actor.declaration"
OWN_KEY = (PROFILE, STATUS, LABELER, NOTICES, CHAT)
Json = dict[str, Any]


class Hamlet:
    """On one server. now: micros of the newest record. refs: strong references by name; blobs: pictures by shade."""

    def __init__(self, place: Place, writing: Client, reading: Client, now: int) -> None:
        self.place, self.reading = place, reading
        self.people: dict[str, Member] = {}
        self.refs: dict[str, Json] = {}
        self._writing, self._at = writing, now - 2 * 1_440 * MINUTE
        self._blobs: dict[tuple[str, int], Json] = {}

    async def join(self, name: str) -> None:
        """One more."""
        body = {"handle": f"{name}.test", "email": f"{name}@bench.test", "password": f"password of {name}"}
        told = await self._writing.post("com.atproto.server.createAccount", body)
        self.people[name] = Member(told["did"], told["accessJwt"])

    def did(self, name: str) -> str:
        """Of somebody."""
        return self.people[name].did

    def uri(self, name: str) -> str:
        """Of a record."""
        return str(self.refs[name]["uri"])

    async def write(self, who: str, collection: str, name: str, /, under: str = "", **record: Any) -> None:
        """Write a record and give it a name. under: the post whose record key it takes over, as gates do."""
        self._at += MINUTE
        rkey = self.uri(under).rsplit("/", 1)[1] if under else tid_encode(self._at, 0)
        body = {
            "repo": self.did(who),
            "collection": collection,
            "rkey": "self" if collection in OWN_KEY else rkey,
            "record": {"$type": collection, "createdAt": format_datetime(self._at), **record},
        }
        written = await self._writing.post("com.atproto.repo.putRecord", body, self.people[who].token)
        self.refs[name] = {"uri": written["uri"], "cid": written["cid"]}

    async def delete(self, name: str) -> None:
        """Delete a record; its name goes on meaning it."""
        _, _, repo, collection, rkey = self.uri(name).split("/")
        who = next(member for member in self.people.values() if member.did == repo)
        body = {"repo": repo, "collection": collection, "rkey": rkey}
        await self._writing.send("com.atproto.repo.deleteRecord", msgspec.json.encode(body), who.token)

    async def say(self, who: str, name: str, under: str = "", root: str = "", **record: Any) -> None:
        """Write a post whose text is its name. under: what it answers, in the thread of `root` or of that very post."""
        if under:
            record["reply"] = {"root": self.refs[root or under], "parent": self.refs[under]}
        await self.write(who, POST, name, **{"text": name, **record})

    async def show(self, who: str, name: str, shown: str, media: Json | None = None) -> None:
        """Write a post that shows a record, with media or without."""
        record: Json = {"$type": "app.bsky.embed.record", "record": self.refs[shown]}
        if media is not None:
            record = {"$type": "app.bsky.embed.recordWithMedia", "record": record, "media": media}
        await self.say(who, name, embed=record)

    async def picture(self, who: str, shade: int) -> Json:
        """A picture of theirs."""
        if (who, shade) not in self._blobs:
            raw = await self._writing.send(
                "com.atproto.repo.uploadBlob", _png(shade), self.people[who].token, "image/png"
            )
            self._blobs[who, shade] = msgspec.json.decode(raw)["blob"]
        return self._blobs[who, shade]

    async def ask(self, who: str, nsid: str, params: Json) -> Json:
        """What a call answers, or {error: its name}. who: nobody, if empty."""
        try:
            answer = await self.reading.get(f"/xrpc/{nsid}{_query(params)}", await self._token(who, nsid))
        except AnswerError as refusal:
            return {"error": str(refusal).partition('"error":"')[2].partition('"')[0]}
        return dict(msgspec.json.decode(answer))

    async def keep(self, who: str, nsid: str, body: Json) -> None:
        """Call a procedure that changes what only they see."""
        await self.reading.send(nsid, msgspec.json.encode(body), await self._token(who, nsid))

    async def settled(self) -> None:
        """Wait until all that was written is indexed."""
        await self.place.settled()

    async def rest(self, who: str) -> None:
        """Deactivate an account."""
        await self._writing.send("com.atproto.server.deactivateAccount", b"{}", self.people[who].token)

    async def _token(self, who: str, nsid: str) -> str:
        return await self.place.token_of(self.people[who], nsid) if who else ""


def _query(params: Json) -> str:
    return f"?{urlencode(params, doseq=True)}" if params else ""


def _png(shade: int) -> bytes:
    """A plain picture, 64 by 48, without metadata."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes([shade, 2 * row, 99]) * 64 for row in range(48))
    head = struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(b"".join(rows))), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
