"""com.atproto.label.*: what this network's labeler says, asked for once or followed as a stream.

Whoever follows is given the labels in the order in which they were put, at their own pace: few are put, so each reads
the table by itself. A cursor of 0 gives all of them, as none is ever dropped.
Source: https://atproto.com/specs/label, https://atproto.com/specs/event-stream
"""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from freehold.api.caller import NONE, Caller
from freehold.api.firehose import cursor_of
from freehold.api.socket import Socket, pack, socket_of
from freehold.api.xrpc import Given, query
from freehold.moderation.labels import Label
from freehold.protocol.refused import InvalidRequest
from freehold.site import Site
from freehold.stream import frames

STREAM = "com.atproto.label.subscribeLabels"
AT_ONCE = 200
SEND_SECONDS = 30.0
CLOSE_POLICY = 1008
Json = dict[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@query("com.atproto.label.queryLabels", auth=NONE, cost=3)
async def query_labels(site: Site, caller: Caller, given: Given) -> Json:
    asked, limit = given.params, given.params["limit"]
    cursor = asked.get("cursor") or "0"
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidRequest("That cursor is not one of ours.")
    found = site.labels.in_force(asked["uriPatterns"], asked.get("sources") or (), int(cursor), limit)
    out: Json = {"labels": [_as_json(label) for label in found]}
    return out | {"cursor": str(found[-1].id)} if len(found) == limit else out


async def subscribe_labels(site: Site, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Serve one who follows until they leave."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    socket, cursor = socket_of(scope), cursor_of(scope)
    leaving = asyncio.create_task(_left(receive))
    following = asyncio.create_task(_follow(site, socket, cursor))
    try:
        await asyncio.wait((leaving, following), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (leaving, following):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _follow(site: Site, socket: Socket, cursor: int | None) -> None:
    """Send labels after the cursor (None: from now on) as they come."""
    last = site.labels.last
    if cursor is not None and not 0 <= cursor <= last:
        future = cursor > last
        name, why = ("FutureCursor", "ahead of this stream") if future else ("InvalidRequest", "not a number from 0 up")
        _hang_up(socket, name, f"The cursor is {why}.")
        return
    after = last if cursor is None else cursor
    while socket.open:
        stroke = site.labels.bell.next  # taken before the read: a later label rings this very stroke
        labels = site.labels.read(after, AT_ONCE)
        if not labels:
            await stroke.wait()
            continue
        socket.put(pack(frames.encode("labels", {"seq": one.id, "labels": [_as_cbor(one)]}) for one in labels))
        after = labels[-1].id
        if not await socket.drained(SEND_SECONDS) and socket.open:
            _hang_up(socket, "ConsumerTooSlow", "You did not read for too long.")


def _hang_up(socket: Socket, name: str, message: str) -> None:
    socket.put(pack([frames.error_frame(name, message)]))
    socket.hang_up(CLOSE_POLICY)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


def _as_cbor(label: Label) -> Json:
    return {**label.fields, "sig": label.sig}


def _as_json(label: Label) -> Json:
    return {**label.fields, "sig": {"$bytes": b64encode(label.sig).rstrip(b"=").decode()}}
