"""com.atproto.sync.subscribeRepos: everything public that happens here, in order, over a websocket.

Each subscriber reads the log at its own pace, from its own cursor, old events and new ones by the same path; nothing is
queued for it in memory. One that stops reading, or falls behind what is kept, is told so and let go.
Source: https://atproto.com/specs/event-stream, https://atproto.com/specs/sync#firehose
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from freehold.api.metrics import Metrics
from freehold.site import Site
from freehold.stream import frames
from freehold.stream.log import Event

NSID = "com.atproto.sync.subscribeRepos"
SEND_SECONDS = 30.0
"""How long one message may wait for the subscriber before it is let go."""
CLOSE_NORMAL, CLOSE_POLICY = 1000, 1008

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def subscribe_repos(
    site: Site, metrics: Metrics, scope: MutableMapping[str, Any], receive: Receive, send: Send
) -> None:
    """Serve one subscriber until it leaves."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    metrics.subscribers.inc()
    leaving = asyncio.create_task(_left(receive))
    sending = asyncio.create_task(_serve(site, _cursor(scope), send))
    try:
        await asyncio.wait((leaving, sending), return_when=asyncio.FIRST_COMPLETED)
    finally:
        metrics.subscribers.dec()
        for task in (leaving, sending):
            task.cancel()
            with suppress(asyncio.CancelledError, OSError, RuntimeError):
                await task


async def _left(receive: Receive) -> None:
    """Return when the subscriber has gone. What it says meanwhile is not listened to."""
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def _serve(site: Site, cursor: int | None, send: Send) -> None:
    log = site.log
    if cursor is None:
        after = log.last
    elif cursor < 0:
        return await _refuse(send, "InvalidRequest", "The cursor must be a number from 0 up.")
    elif cursor > log.last:
        return await _refuse(send, "FutureCursor", "The cursor is ahead of this stream.")
    else:
        after = cursor
        if after < log.oldest() - 1:
            await _put(send, frames.info_frame("OutdatedCursor", "Events before the oldest that is kept are gone."))
            after = log.oldest() - 1
    try:
        async for events in log.follow(after):
            if events[0].seq > after + 1 and events[0].seq == log.oldest():
                return await _refuse(send, "ConsumerTooSlow", "You fell behind what is kept. Resynchronise.")
            for event in events:
                if _may_be_seen(site, event):
                    await _put(send, event.frame)
            after = events[-1].seq
    except TimeoutError:
        await _refuse(send, "ConsumerTooSlow", "You did not read for too long.")


def _may_be_seen(site: Site, event: Event) -> bool:
    """Content of an account that is not active, or gone, is not served again; what became of the account is."""
    if event.kind not in ("commit", "sync"):
        return True
    account = site.accounts.find(event.did)
    return account is not None and account.active


async def _put(send: Send, frame: bytes) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await send({"type": "websocket.send", "bytes": frame})


async def _refuse(send: Send, name: str, say: str) -> None:
    """The protocol's error frame, then the end."""
    with suppress(TimeoutError):  # one that does not read does not take the farewell either: the server hangs up then
        await _put(send, frames.error_frame(name, say))
        async with asyncio.timeout(SEND_SECONDS):
            await send({"type": "websocket.close", "code": CLOSE_POLICY})


def _cursor(scope: MutableMapping[str, Any]) -> int | None:
    """The cursor of the query string; None if absent, -1 if it is no number."""
    given = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True).get("cursor")
    if not given:
        return None
    text = given[-1]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 17 else -1
