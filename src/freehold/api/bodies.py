"""Request bodies: read within limits of size, time and depth, and given up when the caller goes.

In come ASGI messages; out come bytes, or JSON, or a refusal. The HTTP parser below has already made sure that no
body is longer than its Content-Length says; one that ends sooner arrives here as a disconnect.
Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from freehold.protocol.refused import InvalidRequest, Refused

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

MAX_DEPTH = 100
"""How deep JSON may nest: a record's own limit is lower and is checked where it is encoded."""

WAIT_SECONDS = 30.0
"""How long we wait for the rest of a JSON body, or for the next piece of another."""

_decode = msgspec.json.Decoder().decode


class TooLarge(Refused):
    """More bytes than the method takes."""

    kind = "too_large"
    name = "PayloadTooLarge"
    say = "The request body is larger than this method takes."


class TooSlow(Refused):
    """The rest of the body did not come."""

    say = "The request body did not arrive in time."


class ClientGone(Exception):  # noqa: N818 - nobody is left to be told of an error
    """The caller closed the connection before the body was complete."""


def check_length(declared: str | None, max_bytes: int | None) -> None:
    """Refuse by the Content-Length alone, before a byte is read. Raises TooLarge."""
    if max_bytes is not None and declared is not None and declared.isdecimal() and int(declared) > max_bytes:
        raise TooLarge(f"The request body is larger than {max_bytes} bytes, the most that this method takes.")


async def whole(receive: Receive, max_bytes: int | None) -> bytes:
    """The whole body. Raises TooLarge, TooSlow, ClientGone."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    first: bytes = message.get("body", b"")
    if message.get("more_body"):
        return await _rest(bytearray(first), receive, max_bytes)
    if max_bytes is not None and len(first) > max_bytes:
        raise TooLarge
    return first


async def _rest(body: bytearray, receive: Receive, max_bytes: int | None) -> bytes:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while max_bytes is None or len(body) <= max_bytes:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
    except TimeoutError:
        raise TooSlow from None
    if max_bytes is not None and len(body) > max_bytes:
        raise TooLarge
    return bytes(body)


async def stream(receive: Receive, max_bytes: int | None) -> AsyncIterator[bytes]:
    """The body piece by piece. Raises TooLarge, TooSlow, ClientGone."""
    taken = 0
    while True:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                message = await receive()
        except TimeoutError:
            raise TooSlow from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        taken += len(piece)
        if max_bytes is not None and taken > max_bytes:
            raise TooLarge
        if piece:
            yield piece
        if not message.get("more_body"):
            return


class NoBody:
    """The body of a call that has none."""

    def __aiter__(self) -> "NoBody":
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


def read_json(data: bytes) -> Any:
    """JSON as values. Raises InvalidRequest for what is not JSON or nests deeper than MAX_DEPTH."""
    try:
        value = _decode(data)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}") from None
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError:
        raise InvalidRequest("The request body is not valid UTF-8.") from None
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH:  # else it cannot be deeper
        _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    """Level by level, so that no depth of nesting can exhaust the stack."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below.extend(one.values())
            elif isinstance(one, list):
                below.extend(one)
        if not below:
            return
        level = below
    raise _too_deep()


def _too_deep() -> InvalidRequest:
    return InvalidRequest(f"The request body nests deeper than {MAX_DEPTH} levels.")
