"""A websocket by TLS, used from tests that are not asynchronous.

The library's own client for threads reads in one thread and writes in another. Over TLS that loses, once in some
thousand times, what is being written: before Python 3.13 two threads must not use one TLS connection at a time. Here
all of it happens in the caller's thread.
Source: https://github.com/python/cpython/issues/124984
"""

import asyncio
import socket
import ssl
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection, connect


class Line:
    """Open until the end of the `with`. plain: a TCP connection, whichever way it leads there."""

    def __init__(self, url: str, plain: socket.socket, context: ssl.SSLContext) -> None:
        plain.setblocking(False)
        self._runner = asyncio.Runner()
        try:
            self._connection: ClientConnection = self._runner.run(_opened(url, plain, context))
        except BaseException:
            self._runner.close()
            raise

    def ping(self, seconds: float = 5.0) -> None:
        """Raises TimeoutError when nobody answers."""
        self._runner.run(self._pinged(seconds))

    def receive(self, seconds: float = 10.0) -> bytes:
        """The next message. Raises TimeoutError."""
        message = self._runner.run(asyncio.wait_for(self._connection.recv(decode=False), seconds))
        assert isinstance(message, bytes)
        return message

    async def _pinged(self, seconds: float) -> None:
        await asyncio.wait_for(await self._connection.ping(), seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._connection.close())
        finally:
            self._runner.close()


async def _opened(url: str, plain: socket.socket, context: ssl.SSLContext) -> ClientConnection:
    return await connect(url, sock=plain, ssl=context, proxy=None)
