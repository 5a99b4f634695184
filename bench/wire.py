"""A client that costs little: HTTP/1.1 with one request in flight on a connection that stays open.

It asks for no compression. A `Listener` takes a stream by websocket and only counts what comes.
"""

import asyncio
import ssl
from typing import Any, Self
from urllib.parse import urlencode

import msgspec


class AnswerError(Exception):
    """An answer other than 200, which no measurement should hide."""


class Client:
    """One connection to 127.0.0.1. Use with `async with`. name: of the network there, if it has one. tls: for https.
    here: the address to come from, if it matters."""

    def __init__(self, port: int, name: str = "", tls: ssl.SSLContext | None = None, here: str = "") -> None:
        self._port, self._name, self._tls, self._here = port, name, tls, here

    async def __aenter__(self) -> Self:
        how: dict[str, Any] = {"ssl": self._tls, "server_hostname": self._name} if self._tls else {}
        if self._here:
            how["local_addr"] = (self._here, 0)
        there = asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22, **how)
        self._reader, self._writer = await there
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def get(self, path: str, token: str = "", **params: object) -> bytes:
        """GET; the body of the answer. Raises AnswerError."""
        return await self._ask("GET", f"{path}?{urlencode(params)}" if params else path, token, b"")

    async def post(self, nsid: str, body: object, token: str = "") -> Any:
        """Call a procedure; its answer, decoded. Raises AnswerError."""
        return msgspec.json.decode(await self.send(nsid, msgspec.json.encode(body), token))

    async def send(self, nsid: str, body: bytes, token: str, kind: str = "application/json") -> bytes:
        """Call a procedure with a body of any kind; the body of its answer. Raises AnswerError."""
        return await self._ask("POST", f"/xrpc/{nsid}", token, body, kind)

    async def keys(self, did: str, collection: str) -> list[str]:
        """The record keys of at most 100 records. Raises AnswerError."""
        page = await self.get("/xrpc/com.atproto.repo.listRecords", repo=did, collection=collection, limit=100)
        return [record["uri"].rpartition("/")[2] for record in msgspec.json.decode(page)["records"]]

    async def _ask(self, verb: str, path: str, token: str, body: bytes, kind: str = "") -> bytes:
        head = f"{verb} {path} HTTP/1.1\r\nHost: {self._name or f'localhost:{self._port}'}\r\n"
        if token:
            head += f"Authorization: Bearer {token}\r\n"
        if body:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        self._writer.write(head.encode() + b"\r\n" + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = answer.partition(b"content-length:")[2].partition(b"\r\n")[0]
        content = await (self._reader.readexactly(int(length)) if length else self._chunks())
        if answer.split(b" ", 2)[1] != b"200":
            raise AnswerError(f"{verb} {path}: {content[:300]!r}")
        return content

    async def _chunks(self) -> bytes:
        """A body that is sent in chunks."""
        pieces = []
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            pieces.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return b"".join(pieces)


class Listener(asyncio.Protocol):
    """A subscriber of the firehose of 127.0.0.1 that counts frames. Made by `Listener.listen`."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self.frames = 0
        self._held = b""
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def listen(cls, port: int) -> Self:
        """Connect, and wait until it is listening."""
        transport, self = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        self._transport = transport
        transport.write(
            f"GET /xrpc/com.atproto.sync.subscribeRepos HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        await self._ready
        return self

    def close(self) -> None:
        """Leave."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Count the frames that are whole; a server does not mask its own."""
        data = self._held + data
        if not self._ready.done():
            head, ended, data = data.partition(b"\r\n\r\n")
            if not ended:
                self._held = head
                return
            self._ready.set_result(None)
        at = 0
        while (after := _frame_end(data, at)) is not None:
            self.frames += 1
            at = after
        self._held = data[at:]


def _frame_end(data: bytes, at: int) -> int | None:
    """Where the frame that begins at `at` ends; None if not all of it is there."""
    if len(data) < at + 10:  # shorter ones do not come here
        return None
    size, start = data[at + 1], at + 2
    if size > 125:
        start += 2 if size == 126 else 8
        size = int.from_bytes(data[at + 2 : start], "big")
    return start + size if start + size <= len(data) else None
