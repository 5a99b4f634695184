"""The members of a drill: they post, upload pictures, follow and read, and remember all that was acknowledged.

In comes a network's address; out come acknowledgements with their times, and the gaps between them. Everybody goes on
trying while nobody answers, as an app would.
"""

import asyncio
import os
import secrets
import struct
import time
import zlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from freehold.net.client import Client
from freehold.net.guard import Guard
from freehold.net.xrpc import Remote, RemoteRefused
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import format_datetime
from freehold.store.clock import now_micros

PAUSE_SECONDS = 0.05
PICTURE_PIXELS = 100
PICTURE_BYTES = 200_000
"""At most."""
POST, FOLLOW = "app.bsky.feed.post", "app.bsky.graph.follow"
Json = dict[str, Any]


class Span(NamedTuple):
    """When a call was begun and answered."""

    begun: float
    answered: float


@dataclass
class Heard:
    """What was acknowledged. Times are seconds of the monotonic clock."""

    records: dict[str, str] = field(default_factory=dict)
    """Address of each record, and its CID."""
    blobs: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """CID of each upload that a record names: whose, and its bytes."""
    writes: list[Span] = field(default_factory=list)
    reads: list[Span] = field(default_factory=list)
    refused: int = 0


class Member:
    """Somebody who uses the network."""

    def __init__(self, client: Client, origin: str, host: str, session: Json) -> None:
        self.did = str(session["did"])
        headers = {"authorization": f"Bearer {session['accessJwt']}", "host": host}
        self._remote = Remote(client, origin, headers)

    async def write(self, others: list[str], heard: Heard) -> None:
        """Go on writing until cancelled: posts, every fifth with a picture, and follows."""
        for n in range(1_000_000):
            begun = time.monotonic()
            try:
                await self._write_once(n, others, heard)
                heard.writes.append(Span(begun, time.monotonic()))
            except Refused:
                heard.refused += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def read(self, heard: Heard) -> None:
        """Go on reading the home timeline until cancelled."""
        while True:
            begun = time.monotonic()
            try:
                await self._remote.query("app.bsky.feed.getTimeline", {"limit": 20})
                heard.reads.append(Span(begun, time.monotonic()))
            except Refused:
                heard.refused += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def _write_once(self, n: int, others: list[str], heard: Heard) -> None:
        if n < len(others):
            await self._create(FOLLOW, {"subject": others[n]}, heard)
        elif n % 5:
            await self._create(POST, {"text": f"post {n} of a drill"}, heard)
        else:
            data = picture()
            sent = await self._remote.procedure("com.atproto.repo.uploadBlob", encoding="image/png", content=data)
            blob = cast("Json", sent)["blob"]
            image = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": blob}]}
            await self._create(POST, {"text": f"picture {n} of a drill", "embed": image}, heard)
            heard.blobs[blob["ref"]["$link"]] = (self.did, data)

    async def _create(self, collection: str, record: Json, heard: Heard) -> None:
        whole = {"$type": collection, "createdAt": format_datetime(now_micros()), **record}
        given = {"repo": self.did, "collection": collection, "record": whole}
        made = cast("Json", await self._remote.procedure("com.atproto.repo.createRecord", given))
        heard.records[made["uri"]] = made["cid"]


def picture() -> bytes:
    """A square of grey noise as PNG, another one each time. Source: https://www.w3.org/TR/png-3/"""
    rows = b"".join(b"\0" + os.urandom(PICTURE_PIXELS) for _ in range(PICTURE_PIXELS))
    head = struct.pack(">IIBBBBB", PICTURE_PIXELS, PICTURE_PIXELS, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


class Crowd:
    """Members of the copy at `port`. host: the network's own name, which stands in the Host header."""

    def __init__(self, port: int, host: str) -> None:
        self._origin, self._host = f"http://127.0.0.1:{port}", host
        self._client = Client(Guard(allow_loopback=True))
        self._anybody = Remote(self._client, self._origin, {"host": host})
        self.heard = Heard()
        self._members: list[Member] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self, count: int, invite: str) -> None:
        """So many sign up. Raises RemoteRefused."""
        told = cast("Json", await self._anybody.query("com.atproto.server.describeServer"))
        domain = told["availableUserDomains"][0]
        for _ in range(count):
            handle = f"drill{secrets.token_hex(4)}{domain}"
            given = {"handle": handle, "password": secrets.token_urlsafe(16), "inviteCode": invite}
            session = await self._anybody.procedure("com.atproto.server.createAccount", given)
            self._members.append(Member(self._client, self._origin, self._host, cast("Json", session)))

    def begin(self) -> None:
        """All begin to write, and half of them to read."""
        dids = [member.did for member in self._members]
        for n, member in enumerate(self._members):
            others = [did for did in dids if did != member.did]
            self._tasks.append(asyncio.create_task(member.write(others, self.heard)))
            if n % 2 == 0:
                self._tasks.append(asyncio.create_task(member.read(self.heard)))

    async def end(self) -> None:
        """Everybody stops."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def lost(self) -> list[str]:
        """What was acknowledged and is not there, or is another: records by address, blobs by CID."""
        missing = [uri for uri, cid in self.heard.records.items() if await self._cid_of(uri) != cid]
        for cid, (did, data) in self.heard.blobs.items():
            async with self._anybody.download(
                "com.atproto.sync.getBlob", {"did": did, "cid": cid}, max_bytes=PICTURE_BYTES, seconds=30
            ) as got:
                if b"".join([chunk async for chunk in got.chunks]) != data:
                    missing.append(cid)
        return missing

    async def _cid_of(self, uri: str) -> str:
        did, collection, rkey = uri.removeprefix("at://").split("/")
        given = {"repo": did, "collection": collection, "rkey": rkey}
        try:
            found = await self._anybody.query("com.atproto.repo.getRecord", given)
        except RemoteRefused:
            return ""
        return str(cast("Json", found)["cid"])

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.close()
