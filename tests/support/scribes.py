"""Members who write all at once, and remember what the network has answered: for a storm in which it is killed.

A `Scribe` keeps for each path the states in which it may be found: one, once its last change was acknowledged; more
while an answer is outstanding. `reconcile` holds that against a repository that was read, and knows one state of each
path from then on.
"""

import asyncio
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx

from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.tid import TidClock, tid_decode
from freehold.store.clock import now_micros
from support.network import LIKE, POST, Person, Record, Ref, now

HANDS = 3
"""How many requests of one member are under way at once."""

Changes = dict[str, Cid | None]


class Scribe:
    """One member's repository as its owner knows it. files: the bytes of each picture that a post may name."""

    def __init__(self, person: Person, seed: str, tids: TidClock) -> None:
        """tids: one for all scribes, so that no two records say the same moment and their order is beyond doubt."""
        self.person = person
        self.files: dict[Cid, bytes] = {}
        self.shown: dict[str, Cid] = {}
        self.uploaded: dict[Cid, Record] = {}
        self.acknowledged = 0
        self._may: dict[str, set[Cid | None]] = {}
        self._unanswered: list[Changes] = []
        self._idle: list[str] = []
        self._random = Random(seed)
        self._tids = tids

    # --- what is known

    def reconcile(self, found: Mapping[str, Cid]) -> None:
        """Every path must be in a state in which it may be, nothing unasked may be there, no call be done by half."""
        for path, states in self._may.items():
            assert found.get(path) in states, f"{path} of {self.person.handle} is {found.get(path)}, not of {states}"
        assert found.keys() <= self._may.keys(), "there are records that nobody wrote"
        for changes in self._unanswered:
            done = {found.get(path) == state for path, state in changes.items()}
            assert len(done) == 1, f"half of a call was done: {changes}"
        self._unanswered.clear()
        self._may = {path: {found.get(path)} for path in self._may}
        self._idle = [path for path in found if path.startswith(POST) and path not in self.shown]

    def held(self, found: Mapping[str, Cid]) -> dict[Cid, bytes]:
        """The pictures that the records found name."""
        return {cid: self.files[cid] for path, cid in self.shown.items() if path in found}

    def let_go(self, found: Mapping[str, Cid]) -> set[Cid]:
        """The pictures whose posts are gone: neither named by a record found nor waiting for one."""
        return set(self.shown.values()) - self.held(found).keys() - self.uploaded.keys()

    @contextmanager
    def _asking(self, changes: Changes) -> Iterator[None]:
        """The call inside makes these changes, all or none; it is acknowledged if it ends without an exception."""
        for path, state in changes.items():
            self._may.setdefault(path, {None}).add(state)
        self._unanswered.append(changes)
        yield
        self._unanswered.remove(changes)
        for path, state in changes.items():
            self._may[path] = {state}
        self.acknowledged += 1

    # --- writing

    async def write_on(self, acknowledged: Callable[[], None]) -> None:
        """Write until the network is gone, with several hands."""
        await asyncio.gather(*(self._hand(acknowledged) for _ in range(HANDS)))

    async def _hand(self, acknowledged: Callable[[], None]) -> None:
        acts = (self._post, self._post, self._like, self._replace, self._delete, self._several, self._picture)
        with suppress(httpx.TransportError):
            while True:
                await self._random.choice(acts)()
                acknowledged()

    async def _post(self) -> None:
        await self._create(POST, self._words())

    async def _like(self) -> None:
        subject = Ref(f"at://{self.person.did}/{POST}/3kaaaaaaaaaa2", str(Cid.of_cbor(b"\xa0")))
        await self._create(LIKE, {"$type": LIKE, "subject": subject.strong, "createdAt": now()})

    async def _create(self, collection: str, record: Record) -> None:
        rkey, cid = self._key(), _cid(record)
        path = f"{collection}/{rkey}"
        with self._asking({path: cid}):
            ref = await self.person.create(collection, record, rkey)
            assert ref.cid == str(cid)
        if collection == POST:
            self._idle.append(path)

    async def _replace(self) -> None:
        path = self._take()
        if path is None:
            await self._post()
            return
        record = self._words()
        with self._asking({path: _cid(record)}):
            await self.person.put(POST, path.rpartition("/")[2], record)
        self._idle.append(path)

    async def _delete(self) -> None:
        path = self._take()
        if path is None:
            await self._post()
            return
        await self._remove(path)

    async def _remove(self, path: str) -> None:
        with self._asking({path: None}):
            await self.person.delete(Ref(f"at://{self.person.did}/{path}", ""))

    async def _several(self) -> None:
        """Creations, an update and a deletion in one call."""
        records = {f"{POST}/{self._key()}": self._words() for _ in range(self._random.randint(1, 4))}
        writes = [_write("create", path, value) for path, value in records.items()]
        changes: Changes = {path: _cid(record) for path, record in records.items()}
        if (old := self._take()) is not None:
            record = self._words()
            writes.append(_write("update", old, record))
            changes[old] = _cid(record)
        if (gone := self._take()) is not None:
            writes.append(_write("delete", gone))
            changes[gone] = None
        with self._asking(changes):
            await self.person.apply(*writes)
        self._idle += [path for path, state in changes.items() if state is not None]

    async def _picture(self) -> None:
        """An upload and the post that shows it; now and then such a post is deleted."""
        data = picture(self._random.randbytes(60))
        cid = Cid.of_raw(data)
        self.files[cid] = data
        blob = await self.person.upload(data)
        self.uploaded[cid] = blob
        path = await self.show(cid)
        if self._random.random() < 0.3:
            await self._remove(path)

    async def show(self, cid: Cid) -> str:
        """Post an uploaded picture; the post's path."""
        image = {"image": self.uploaded[cid], "alt": "dots"}
        record = {**self._words(), "embed": {"$type": "app.bsky.embed.images", "images": [image]}}
        path = f"{POST}/{self._key()}"
        self.shown[path] = cid
        with self._asking({path: _cid(record)}):
            await self.person.create(POST, record, path.rpartition("/")[2])
        del self.uploaded[cid]
        return path

    # --- within

    def _take(self) -> str | None:
        """A post that no call under way is about."""
        return self._idle.pop(self._random.randrange(len(self._idle))) if self._idle else None

    def _key(self) -> str:
        return self._tids.next(now_micros())

    def _words(self) -> Record:
        micros, _ = tid_decode(self._key())
        moment = datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat(timespec="microseconds")
        return {"$type": POST, "text": f"storm {self._random.randbytes(8).hex()}", "createdAt": moment}


def _write(do: str, path: str, value: Record | None = None) -> dict[str, Any]:
    collection, rkey = path.split("/")
    return {"do": do, "collection": collection, "rkey": rkey} | ({} if value is None else {"value": value})


def _cid(record: Record) -> Cid:
    return Cid.of_cbor(cbor.encode_json(record))


def picture(noise: bytes) -> bytes:
    """A small grey picture (PNG) without metadata, of these dots (at most 60)."""
    dots = noise.ljust(60, b"\0")
    rows = b"".join(b"\0" + dots[row : row + 10] for row in range(0, 60, 10))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 10, 6, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
