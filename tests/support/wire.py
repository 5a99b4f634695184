"""HTTP as bytes: a connection on which anything can be sent, right or wrong, and answers are read whole."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

PATIENCE_SECONDS = 15


class Answer(NamedTuple):
    """headers: names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> object:
        return msgspec.json.decode(self.body)


class Wire:
    """One connection to 127.0.0.1, opened anew whenever the server has hung up. Each wait has an end."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, a: type[BaseException] | None, b: BaseException | None, c: TracebackType | None) -> None:
        await self.hang_up()

    async def call(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """One request, its Content-Length right unless given; the answer."""
        lines = {"host": f"127.0.0.1:{self.port}"} | ({} if body is None else {"content-length": str(len(body))})
        lines |= headers or {}
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return await self.speak(head.encode("latin-1") + b"\r\n" + (body or b""), has_body=method != "HEAD")

    async def speak(self, data: bytes, *, has_body: bool = True) -> Answer:
        """Send bytes as they are; the answer. Raises IncompleteReadError or ConnectionError if there is none."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                fresh = self._streams is None
                try:
                    await self.send(data)
                    return await self._answer(has_body)
                except (ConnectionError, asyncio.IncompleteReadError):
                    await self.hang_up()
                    if fresh:
                        raise

    async def send(self, data: bytes) -> None:
        """Send bytes, and do not wait for an answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        self._streams[1].write(data)
        await self._streams[1].drain()

    async def rest(self) -> bytes:
        """All that still comes until the server hangs up."""
        assert self._streams is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._streams[0].read()

    async def hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _answer(self, has_body: bool) -> Answer:
        assert self._streams is not None
        reader, _ = self._streams
        status = 100
        while status == 100:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
            status = int(first.split(" ")[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await _body(reader, headers) if has_body and status not in (204, 304) else b""
        if headers.get("connection", "").lower() == "close":
            await self.hang_up()
        return Answer(status, headers, body)


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers["content-length"])) if "content-length" in headers else b""
    pieces = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        pieces.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(pieces)
