"""Answers on their way out: JSON, bytes or a stream; refusals as `{error, message}` with a status.

Source: https://atproto.com/specs/xrpc#error-responses
"""

import asyncio
import re
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, MutableMapping
from functools import lru_cache
from typing import Any

from isal import isal_zlib

from freehold.api.bodies import ClientGone
from freehold.api.cors import ON_ALL
from freehold.api.xrpc import Answer
from freehold.appview import fragments
from freehold.net.statuses import STATUS, TRY_AGAIN_SECONDS, UNAVAILABLE
from freehold.net.visits import Whole
from freehold.protocol.refused import Refused

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = "application/json"

GZIP_FROM_BYTES = 1_400
"""JSON smaller than about one packet is sent as it is."""

UNREAD_SECONDS = 60.0
SLOWEST = 1_000
"""A stream's reader may rest for a minute, and takes so many bytes a second at least: else it is cut off."""

_GZIP_WINDOW = 31  # 15 bits, in gzip's container
_GZIP_TOKEN = re.compile(rb"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=([0-9.]{1,5}))?\s*(?:,|$)", re.I)
_JSON_HEADER = (b"content-type", b"application/json; charset=utf-8")
_NO_SNIFF = (b"x-content-type-options", b"nosniff")
_ALWAYS = b"".join([b"%b: %b\r\n" % pair for pair in (*ON_ALL, _NO_SNIFF)])

encode = fragments.encode


class ApiRefused(Refused):
    """A refusal that sends headers along: how to sign in, when to come again."""

    def __init__(self, say: str | None = None, /, *, headers: Iterable[tuple[str, str]] = (), **facts: Any) -> None:
        super().__init__(say, **facts)
        self.headers = tuple(headers)


def refusal(refused: Refused) -> Answer:
    """A refusal as an answer."""
    status, headers = STATUS[refused.kind], getattr(refused, "headers", ())
    if status == UNAVAILABLE and not headers:
        headers = (("retry-after", str(TRY_AGAIN_SECONDS)),)
    return Answer({"error": refused.name, "message": refused.say}, None, headers, status)


async def deliver(answer: Answer, accept_encoding: bytes | None, send: Send, *, head: bool = False) -> None:
    """Send an answer. head: the caller wants the headers only; a stream is then not begun."""
    body = answer.body
    if type(body) is not dict and (isinstance(body, AsyncIterable) or hasattr(body, "__next__")):
        await _deliver_stream(answer, [*ON_ALL, _NO_SNIFF], send, head)
        return
    body, told = _encoded(answer, accept_encoding)
    own = [pair for pair in _raw(answer) if pair[0] != b"content-length"]
    headers = [*ON_ALL, _NO_SNIFF, *own, *told]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


def whole(answer: Answer, accept_encoding: bytes | None) -> Whole:
    """An answer that is no stream, as it is sent. Raises ValueError for a header that is not one line."""
    body, told = _encoded(answer, accept_encoding)
    own = "".join([f"{name}: {value}\r\n" for name, value in answer.headers]).encode("latin-1")
    if {own.count(b"\r"), own.count(b"\n")} != {len(answer.headers)}:
        raise ValueError("a header of several lines")
    return Whole(answer.status, b"".join([_ALWAYS, own, *[b"%b: %b\r\n" % pair for pair in told]]), body)


def _encoded(answer: Answer, accept_encoding: bytes | None) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The body as it is sent, and the headers that tell of it."""
    body, told = answer.body, []
    if isinstance(body, bytes | bytearray | memoryview):
        told.append((b"content-type", (answer.content_type or "application/octet-stream").encode("latin-1")))
    elif body is None:
        body = b""
    else:
        body = encode(body)
        told.append(_JSON_HEADER)
    if len(body) >= GZIP_FROM_BYTES and (answer.content_type or JSON) == JSON:
        told.append((b"vary", b"accept-encoding"))
        if accept_encoding is not None and accepts_gzip(accept_encoding):
            body = isal_zlib.compress(body, 1, _GZIP_WINDOW)
            told.append((b"content-encoding", b"gzip"))
    told.append((b"content-length", b"%d" % len(body)))
    return body, told


def _raw(answer: Answer) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]


async def _deliver_stream(answer: Answer, headers: list[tuple[bytes, bytes]], send: Send, head: bool) -> None:
    headers += [*_raw(answer), (b"content-type", (answer.content_type or "application/octet-stream").encode("latin-1"))]
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if not head:
            if isinstance(answer.body, AsyncIterable):
                async for piece in answer.body:
                    await _put(piece, send)
            else:
                for piece in answer.body:
                    await _put(piece, send)
        await send({"type": "http.response.body", "body": b""})
    finally:
        await close(answer.body)


async def _put(piece: bytes, send: Send) -> None:
    """Send a piece. Raises ClientGone when the one who asked leaves what was sent before unread for too long."""
    try:
        async with asyncio.timeout(UNREAD_SECONDS + len(piece) / SLOWEST):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except TimeoutError:
        raise ClientGone from None


async def close(body: Any) -> None:
    """Close an iterator that may hold files open. Anything else is left alone."""
    if hasattr(body, "aclose"):
        await body.aclose()
    elif hasattr(body, "__next__") and hasattr(body, "close"):
        body.close()


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    match = _GZIP_TOKEN.search(accept_encoding[:1000])
    return match is not None and (match[1] is None or match[1].strip(b"0.") != b"")
