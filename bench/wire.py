"""A client that costs little: HTTP/1.1 with one request in flight on a connection that stays open.

It asks for no compression and understands only answers with a Content-Length, which ours have.
"""

import asyncio
from typing import Any, Self
from urllib.parse import urlencode

import msgspec


class AnswerError(Exception):
    """An answer other than 200, which no measurement should hide."""


class Client:
    """One connection to 127.0.0.1. Use with `async with`."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def get(self, path: str, token: str = "", **params: object) -> bytes:
        """GET; the body of the answer. Raises AnswerError."""
        return await self._ask("GET", f"{path}?{urlencode(params)}" if params else path, token, b"")

    async def post(self, nsid: str, body: object, token: str = "") -> Any:
        """Call a procedure; its answer, decoded. Raises AnswerError."""
        return msgspec.json.decode(await self._ask("POST", f"/xrpc/{nsid}", token, msgspec.json.encode(body)))

    async def _ask(self, verb: str, path: str, token: str, body: bytes) -> bytes:
        head = f"{verb} {path} HTTP/1.1\r\nHost: localhost:{self._port}\r\n"
        if token:
            head += f"Authorization: Bearer {token}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._writer.write(head.encode() + b"\r\n" + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.partition(b"content-length:")[2].partition(b"\r\n")[0])
        content = await self._reader.readexactly(length)
        if answer.split(b" ", 2)[1] != b"200":
            raise AnswerError(f"{verb} {path}: {content[:300]!r}")
        return content
