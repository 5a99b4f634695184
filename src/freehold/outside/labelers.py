"""Labelers of other networks, followed: those that members subscribe to, and those that an owner names.

One connection for each, kept up as for any stream: after a cut it goes on after the last message that was taken in.
What is not signed with the labeler's key is dropped and counted; the key is asked for anew once in a while when that
happens. There are at most `MOST` of them, and of each the newest labels are kept, so many as the limits say.
Table: outside_labeler_named, in the truth; those in the index's file belong to `said`.
Source: lexicon com.atproto.label.subscribeLabels, https://atproto.com/specs/label
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeVar

from freehold.net.client import Client
from freehold.outside import declared, said
from freehold.outside.index import Taker
from freehold.outside.labels import Frame, Label, proven, read
from freehold.outside.listening import listening
from freehold.outside.messages import Dropped, Notice
from freehold.outside.people import origin
from freehold.outside.reader import Reader, StreamEnded
from freehold.outside.steady import LISTENING, listen
from freehold.protocol.refused import Refused
from freehold.store.database import Database

PATH = "/xrpc/com.atproto.label.subscribeLabels"
MOST = 40
BAD_SIGNATURE = "bad-signature"
AT_ONCE = 1_000
"""Labels of one transaction, unless one message holds more."""
PER_SECOND = 4_000
BURST_SECONDS = 1.0
DAY_SECONDS = 86_400.0

T = TypeVar("T")
Chosen = Callable[[], Counter[str]]
"""How many members subscribe to which labelers, by DID. Called on a thread; it may take its time."""


class NoLabeler(Refused):
    """The DID document names no labeler."""

    kind, name, say = (
        "invalid",
        "NoLabeler",
        "That account is no labeler: its identity names no service and key of one.",
    )


class Overtaken(Refused):
    """What was taken in so far is not what stands in the index's file: that was emptied."""

    kind, say = "conflict", "the index was made anew"


class Standing(NamedTuple):
    """How it is with a labeler. labels: that hold. dropped: since the start, by reason."""

    did: str
    state: str
    labels: int
    dropped: dict[str, int]


class Part(NamedTuple):
    """Labels of some messages. seq: of the last of these."""

    seq: int
    labels: list[Label]


class Heard(NamedTuple):
    """What came of frames. error: the name by which the other side says why it hangs up."""

    parts: list[Part]
    dropped: Counter[str]
    error: str | None


class Voice(NamedTuple):
    """Where a labeler speaks (the origin of its service) and what it signs with."""

    url: str
    key: str


class Labelers:
    """The labelers of other networks that one network follows. truth: for those that an owner names. ours: the DID of
    its own. most_labels: of each."""

    def __init__(
        self, truth: Database, reader: Reader, client: Client, chosen: Chosen, ours: str, most_labels: int
    ) -> None:
        self._truth, self._reader, self._client = truth, reader, client
        self._chosen, self._ours, self._most_labels = chosen, ours, most_labels
        self._changed = asyncio.Event()
        self._by_many: list[str] = []
        self._counted_at = float("-inf")
        self._next_at = 0.0
        self.states: dict[str, str] = {}
        self.dropped: Counter[tuple[str, str]] = Counter()

    # -- whom ----------------------------------------------------------------------------------------------------------

    def named(self) -> list[str]:
        """DIDs that an owner named."""
        with self._truth.reading() as tx:
            return [did for (did,) in tx.run("SELECT did FROM outside_labeler_named ORDER BY at, did")]

    async def name(self, did: str) -> None:
        """Follow it, whoever subscribes to it. Raises NoLabeler, and what asking for its identity raises."""
        await self._voice(did)
        sql = "INSERT INTO outside_labeler_named (did, at) VALUES (:did, :now) ON CONFLICT DO NOTHING"
        await self._truth.write(lambda tx: tx.run(sql, did=did, now=tx.now))
        self._changed.set()

    async def unname(self, did: str) -> bool:
        """Follow it only while members subscribe to it; False if it was not named."""
        sql = "DELETE FROM outside_labeler_named WHERE did = :did RETURNING 1"
        gone = await self._truth.write(lambda tx: tx.one(sql, did=did))
        self._changed.set()
        return gone is not None

    def subscribed(self, dids: Iterable[str]) -> None:
        """A member subscribes to these. There may be no room for more."""
        new = [did for did in dict.fromkeys(dids) if did not in self._by_many and did != self._ours]
        room = max(0, MOST - len(self._by_many))
        if new[:room]:
            self._by_many += new[:room]
            self._changed.set()

    async def _wanted(self) -> list[str]:
        """Whom to follow now: those that are named, then those with the most subscribers, who are counted once a day:
        what they choose is sealed for each."""
        now = asyncio.get_running_loop().time()
        if now - self._counted_at >= DAY_SECONDS:
            chosen = await asyncio.to_thread(self._chosen)
            self._by_many = sorted(chosen, key=lambda did: (-chosen[did], did))[:MOST]
            self._counted_at = now
        wanted = dict.fromkeys((*self.named(), *self._by_many))
        wanted.pop(self._ours, None)
        return list(wanted)[:MOST]

    # -- the steady work -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow them, until cancelled; whom, is looked at again every day and when somebody subscribes."""
        following: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                self._changed.clear()
                wanted = await self._wanted()
                await self._end({did: following.pop(did) for did in [*following] if did not in wanted})
                await self.let_go(keep=wanted)
                for did in wanted:
                    if did not in following:
                        following[did] = asyncio.create_task(self._keep_at(did))
                with suppress(TimeoutError):
                    async with asyncio.timeout(DAY_SECONDS):
                        await self._changed.wait()
        finally:
            await self._end(following)

    async def _end(self, tasks: dict[str, asyncio.Task[None]]) -> None:
        for did, task in tasks.items():
            task.cancel()
            self.states.pop(did, None)
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def let_go(self, keep: Sequence[str] = ()) -> None:
        """Forget what all others said; while the index is made anew, there is nothing to forget."""
        with self._reader.reading() as tx:
            gone = [one.did for one in said.labelers(tx) if one.did not in keep]
        with suppress(Refused):
            for did in gone:
                await self._forget(did)

    async def _forget(self, did: str) -> None:
        while await self._change(partial(_let_go, did)):
            pass

    async def _keep_at(self, did: str) -> None:
        """Follow one, and again when it hangs up."""
        await listen(did, self.states, partial(self._follow, did), partial(self._forget, did))

    async def _voice(self, did: str, *, doubted: bool = False) -> Voice:
        """Raises NoLabeler, and what asking for its identity raises."""
        document = await self._reader.identity.did_document(did, doubted=doubted)
        url, key = document.services.get("#atproto_labeler"), document.keys.get("#atproto_label")
        if url is None or key is None:
            raise NoLabeler(did=did)
        return Voice(origin(url), key)

    async def _follow(self, did: str) -> None:
        """One connection. Raises StreamEnded, Overtaken, NoLabeler, upstream refusals."""
        voice = await self._voice(did, doubted=did in self.states)
        self.states[did] = "not yet"
        await declared.bring(self._reader, self._client, did)
        cursor = await self._change(partial(_begin, did))
        stream_url = "ws" + voice.url.removeprefix("http")
        async with listening(self._client.guard, stream_url, cursor or 0, PATH) as stream:
            self.states[did] = LISTENING
            async for frames in stream.batches():
                voice, cursor = await self._take(did, voice, frames, cursor)

    async def _take(
        self, did: str, voice: Voice, frames: Sequence[bytes], after: int | None
    ) -> tuple[Voice, int | None]:
        """Take in frames that follow the message `after`; where it speaks now, and which message is the last.

        Raises StreamEnded, Overtaken.
        """
        heard = await asyncio.to_thread(_hear, did, voice.key, frames, after)
        if heard.dropped[BAD_SIGNATURE]:
            voice = await self._voice(did, doubted=True)
            heard = await asyncio.to_thread(_hear, did, voice.key, frames, after)
        for reason, count in heard.dropped.items():
            self.dropped[did, reason] += count
        for part in heard.parts:
            await self._change(partial(_put, did, part, self._most_labels, after))
            after = part.seq
        if heard.error is not None:
            raise StreamEnded(name=heard.error, labeler=did)
        await self._rest(sum(len(part.labels) for part in heard.parts) + len(frames))
        return voice, after

    async def _rest(self, count: int) -> None:
        """However fast they speak, so many labels a second are listened to, of all of them together."""
        now = asyncio.get_running_loop().time()
        self._next_at = max(now, self._next_at) + count / PER_SECOND
        await asyncio.sleep(self._next_at - now - BURST_SECONDS)

    async def _change(self, change: Callable[[Taker], T]) -> T:
        """Write to the index's file, in turn with all that is taken in."""
        async with self._reader.turn:
            return await self._reader.index.take_in(change)

    def standing(self) -> list[Standing]:
        """How it is with each."""
        with self._reader.reading() as tx:
            held = {one.did: one.labels for one in said.labelers(tx)}
        return [
            Standing(
                did,
                self.states.get(did, "not yet"),
                held.get(did, 0),
                {why: count for (src, why), count in self.dropped.items() if src == did},
            )
            for did in sorted(held.keys() | self.states.keys())
        ]


def _hear(did: str, key: str, frames: Sequence[bytes], after: int | None) -> Heard:
    """Messages after the one `after`, with the labels in them that are signed with this key. On a thread."""
    parts: list[Part] = []
    dropped: Counter[str] = Counter()
    for raw in frames:
        try:
            frame = read(raw)
        except Dropped as unread:
            dropped[unread.reason] += 1
            continue
        if isinstance(frame, Notice) and frame.kind == "error":
            return Heard(parts, dropped, frame.name)
        if not isinstance(frame, Frame):
            continue
        if after is not None and frame.seq <= after:
            dropped["old-sequence"] += 1
            continue
        labels, after = list(_proven(did, key, frame, dropped)), frame.seq
        if parts and len(parts[-1].labels) + len(labels) <= AT_ONCE:
            parts[-1] = Part(after, parts[-1].labels + labels)
        else:
            parts.append(Part(after, labels))
    return Heard(parts, dropped, None)


def _proven(did: str, key: str, frame: Frame, dropped: Counter[str]) -> Iterator[Label]:
    for one in frame.labels:
        try:
            yield proven(one, did, key)
        except Dropped as unproven:
            dropped[unproven.reason] += 1


def _begin(did: str, taker: Taker) -> int | None:
    """Where it goes on; and what ran out goes."""
    held = said.one(taker.tx, did)
    if held is None:
        said.keep(taker.tx, said.Labeler(did, None, 0))
        return None
    said.drop_ended(taker.tx, did)
    return held.cursor


def _put(did: str, part: Part, most: int, after: int | None, taker: Taker) -> None:
    """Put labels that follow the message `after`. Raises Overtaken."""
    held = said.one(taker.tx, did)
    if held is None or held.cursor != after:
        raise Overtaken(labeler=did)
    more, subjects = said.take(taker.tx, did, part.labels, most)
    said.keep(taker.tx, said.Labeler(did, part.seq, held.labels + more))
    for uri in subjects:
        taker.labelled(uri)


def _let_go(did: str, taker: Taker) -> int:
    subjects = said.let_go(taker.tx, did, AT_ONCE)
    for uri in subjects:
        taker.labelled(uri)
    return len(subjects)
