"""com.atproto.sync.subscribeRepos: everything public that happens here, in order, over a websocket.

Who has heard all there is belongs to the tail: the log is read once for all of them, and what is new goes to each in
one write of the same bytes. Who comes from an older cursor, or does not take what it is sent, reads the log by itself,
at its own pace, until it stands where the tail stands. Nothing is queued for anyone but the piece on its way. One that
stops reading, or falls behind what is kept, is told so and let go. All of this runs on the event loop's thread.
Source: https://atproto.com/specs/event-stream, https://atproto.com/specs/sync#firehose
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from freehold.api.metrics import Metrics
from freehold.api.socket import Socket, pack, socket_of
from freehold.site import Site
from freehold.stream import frames
from freehold.stream.log import Event

NSID = "com.atproto.sync.subscribeRepos"
SEND_SECONDS = 30.0
"""How long a subscriber may leave what it was sent unread before it is let go."""
CLOSE_POLICY = 1008
BATCH = 500
"""Most events in one write."""
GATHER_SECONDS = 0.01
"""How long after one write the tail waits before the next, so that under load many events go together. An event that
comes after silence goes at once."""
CATCH_UP_BYTES = 256 * 1024
"""About how much a subscriber that reads by itself is sent at once."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Refusal(Exception):  # noqa: N818 - a word to the subscriber, not a fault
    """Why a subscriber is let go: the protocol's name and a sentence."""


class Subscriber:
    """One that listens.

    after: the newest event that it was sent, or has no need of; stands still while it is in the tail. left_tail: set
    when it is taken out of the tail, because it does not keep up or is gone.
    """

    __slots__ = ("after", "left_tail", "socket")

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.after = 0
        self.left_tail = asyncio.Event()


class Firehose:
    """The subscribers of one network."""

    def __init__(self, site: Site, metrics: Metrics) -> None:
        self._site, self._log, self._metrics = site, site.log, metrics
        self._tail: set[Subscriber] = set()
        self._at = 0  # the newest event that the tail was sent
        self._reader: asyncio.Task[None] | None = None

    async def subscribe(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one subscriber until it leaves."""
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        subscriber = Subscriber(socket_of(scope))
        self._metrics.subscribers.inc()
        if not self._site.place.dev:
            self._site.watch.follows((scope.get("client") or ("",))[0])
        leaving = asyncio.create_task(_left(receive))
        serving = asyncio.create_task(self._serve(subscriber, cursor_of(scope)))
        try:
            await asyncio.wait((leaving, serving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._metrics.subscribers.dec()
            self._leave(subscriber)
            for task in (leaving, serving):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _leave(self, subscriber: Subscriber) -> None:
        """Forget a subscriber; without any, nobody reads the log."""
        self._tail.discard(subscriber)
        if not self._tail and self._reader is not None:
            self._reader.cancel()
            self._reader = None

    async def _serve(self, subscriber: Subscriber, cursor: int | None) -> None:
        socket = subscriber.socket
        try:
            self._begin(subscriber, cursor)
            while socket.open:
                await self._catch_up(subscriber)
                await subscriber.left_tail.wait()
                subscriber.left_tail.clear()
        except Refusal as why:
            if socket.open:  # one that does not read does not take the farewell either: the socket is cut off then
                socket.put(pack([frames.error_frame(*why.args)]))
                socket.hang_up(CLOSE_POLICY)

    def _begin(self, subscriber: Subscriber, cursor: int | None) -> None:
        """Where the subscriber starts. Raises Refusal for a cursor that cannot be."""
        oldest = self._log.oldest()
        if cursor is None:
            cursor = self._log.last
        elif cursor < 0:
            raise Refusal("InvalidRequest", "The cursor must be a number from 0 up.")
        elif cursor > self._log.last:
            raise Refusal("FutureCursor", "The cursor is ahead of this stream.")
        elif cursor < oldest - 1:
            info = frames.info_frame("OutdatedCursor", "Events before the oldest that is kept are gone.")
            subscriber.socket.put(pack([info]))
            cursor = oldest - 1
        subscriber.after = cursor

    # --- one that reads by itself

    async def _catch_up(self, subscriber: Subscriber) -> None:
        """Send what the subscriber has not had, as fast as it reads, until it can join the tail.

        Raises Refusal when it takes nothing for too long or what it needs next is gone.
        """
        socket = subscriber.socket
        while socket.open:
            if not await socket.drained(SEND_SECONDS):
                raise Refusal("ConsumerTooSlow", "You did not read for too long.")
            if self._join(subscriber):
                return
            self._send_on(subscriber)
            await asyncio.sleep(0)  # others have their turn, however fast this one reads

    def _send_on(self, subscriber: Subscriber) -> None:
        """Send the next piece of what was missed."""
        events = self._log.read(subscriber.after, BATCH, CATCH_UP_BYTES)
        if not events:
            return
        if events[0].seq > subscriber.after + 1 and events[0].seq == self._log.oldest():
            raise Refusal("ConsumerTooSlow", "You fell behind what is kept. Resynchronise.")
        if packed := self._packed(events):
            subscriber.socket.put(packed)
        subscriber.after = events[-1].seq

    def _join(self, subscriber: Subscriber) -> bool:
        """Let the subscriber into the tail if it stands there; nothing is missed, for nothing else runs meanwhile."""
        if self._reader is None:
            if subscriber.after < self._log.last:
                return False
            self._at = subscriber.after
            self._reader = asyncio.create_task(self._read_on())
        elif subscriber.after > self._at:
            self._spread()
        if subscriber.after != self._at:
            return False
        self._tail.add(subscriber)
        return True

    # --- the tail

    async def _read_on(self) -> None:
        """Read the log for all of the tail, until cancelled. If it cannot be read, each finds out by itself."""
        try:
            while True:
                stroke = self._log.bell.next  # taken before the read: a later append rings this very stroke
                if self._spread():
                    await asyncio.sleep(GATHER_SECONDS)
                await stroke.wait()
        finally:
            self._reader = None if self._reader is asyncio.current_task() else self._reader
            for subscriber in list(self._tail):
                self._drop_out(subscriber)

    def _spread(self) -> bool:
        """Send the tail what is new; whether there was anything. Who does not keep up leaves it, with the cursor that
        it has reached."""
        before = self._at
        while events := self._log.read(self._at, BATCH):
            packed = self._packed(events)
            for subscriber in list(self._tail):
                if not subscriber.socket.keeps_up:
                    self._drop_out(subscriber)
                elif packed:
                    subscriber.socket.put(packed)
            self._at = events[-1].seq
        return self._at > before

    def _drop_out(self, subscriber: Subscriber) -> None:
        subscriber.after = self._at
        self._tail.remove(subscriber)
        subscriber.left_tail.set()

    def _packed(self, events: list[Event]) -> bytes:
        """The frames of those events that may be seen."""
        return pack(event.frame for event in events if _may_be_seen(self._site, event))


async def _left(receive: Receive) -> None:
    """Return when the subscriber has gone."""
    while (await receive())["type"] != "websocket.disconnect":
        pass


def _may_be_seen(site: Site, event: Event) -> bool:
    """Content of an account that is not active, or gone, is not served again; what became of the account is."""
    if event.kind not in ("commit", "sync"):
        return True
    account = site.accounts.find(event.did)
    return account is not None and account.active


def cursor_of(scope: MutableMapping[str, Any]) -> int | None:
    """The cursor of the query string; None if absent, -1 if it is no number."""
    given = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True).get("cursor")
    if not given:
        return None
    text = given[-1]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 17 else -1
