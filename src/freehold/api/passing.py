"""One call handed through to another service and its answer handed back, both in pieces as they come.

Never more than a piece is held: whoever reads slowly slows the other side down. In come a caller who may leave at any
time and a service that may do anything: each silence has an end and so has the whole; an answer that breaks off ends as
one that broke off; and when the caller has gone, the service's connection is closed.
Source: https://www.rfc-editor.org/rfc/rfc9110#section-7.6
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal, NamedTuple

from freehold.api import bodies
from freehold.api.bodies import ClientGone, Receive
from freehold.net.client import Client, Stream
from freehold.net.errors import UpstreamFailed, UpstreamTooLarge, UpstreamTooSlow


class Limits(NamedTuple):
    """silence: seconds without a byte, also before the first one. whole: seconds for all of it. Bytes of either body.

    (How long a connection may take to be made is `net.transport`'s to say.)
    """

    silence: float = 30.0
    whole: float = 600.0
    request_bytes: int = 100_000_000
    answer_bytes: int = 500_000_000


class Presence:
    """Whether the caller is still there. Waiting for somebody else on their behalf ends when they leave."""

    def __init__(self, receive: Receive, has_body: bool) -> None:
        self._receive = receive
        self._gone = False
        self._waiting: asyncio.Timeout | None = None
        self._watch: asyncio.Task[None] | None = None
        if not has_body:
            self.watch()

    async def body(self, max_bytes: int) -> AsyncIterator[bytes]:
        """What the caller sends. Raises TooLarge, TooSlow, ClientGone."""
        async for piece in bodies.stream(self._receive, max_bytes):
            yield piece
        self.watch()

    def watch(self) -> None:
        """Look out for their leaving; nothing more is expected from them."""
        if self._watch is None:
            self._watch = asyncio.create_task(self._look_out())

    async def _look_out(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._waiting is not None:
            self._waiting.reschedule(0)

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """Bound what is inside by time. Raises UpstreamTooSlow, and ClientGone as soon as the caller leaves."""
        if self._gone:
            raise ClientGone
        try:
            async with asyncio.timeout(seconds) as self._waiting:
                yield
        except TimeoutError:
            raise (ClientGone() if self._gone else UpstreamTooSlow(seconds=seconds)) from None
        finally:
            self._waiting = None

    def close(self) -> None:
        """Look no longer."""
        if self._watch is not None:
            self._watch.cancel()


class Passage:
    """An exchange under way: status and headers of the answer are here, iterating gives its body as it was sent.

    Close it in the end, whether it was read or not.
    """

    def __init__(self, ways: AsyncExitStack, got: Stream, presence: Presence, limits: Limits, until: float) -> None:
        self.status = 502 if got.status == 500 else got.status  # the fault is not ours
        self.headers = got.headers
        self._ways, self._chunks = ways, got.chunks
        self._presence, self._limits, self._until = presence, limits, until

    @classmethod
    async def open(
        cls,
        client: Client,
        method: Literal["GET", "HEAD", "POST"],
        url: str,
        headers: Mapping[str, str],
        receive: Receive,
        limits: Limits,
        ended: Callable[[], None],
    ) -> "Passage":
        """Hand the call on and wait for the beginning of the answer. ended: called once when all is over.

        Raises what reading the body raises, UpstreamFailed, UpstreamTooSlow, and what the guard refuses.
        """
        presence = Presence(receive, has_body=method == "POST")
        until = asyncio.get_running_loop().time() + limits.whole
        async with AsyncExitStack() as ways:
            ways.callback(ended)
            ways.callback(presence.close)
            content = presence.body(limits.request_bytes) if method == "POST" else None
            exchange = client.raw(method, url, headers=headers, content=content, silence=limits.silence)
            async with presence.within(limits.whole):
                got = await ways.enter_async_context(exchange)
            if got.status < 200 or 300 <= got.status < 400:  # no method of XRPC has such an answer
                raise UpstreamFailed(url=url, status=got.status)
            presence.watch()
            return cls(ways.pop_all(), got, presence, limits, until)
        raise AssertionError("the exchange swallows nothing")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._limits.answer_bytes
        while piece := await self._next():
            left -= len(piece)
            if left < 0:
                raise UpstreamTooLarge(limit=self._limits.answer_bytes)
            yield piece

    async def _next(self) -> bytes:
        """The next piece; none at the end. Raises UpstreamFailed where the answer breaks off."""
        rest = self._until - asyncio.get_running_loop().time()
        if rest <= 0:
            raise UpstreamTooSlow(seconds=self._limits.whole)
        async with self._presence.within(rest):  # silence is ended by the client
            return await anext(self._chunks, b"")

    async def aclose(self) -> None:
        """Let go of the connection; one whose answer was not read to its end is closed."""
        await self._ways.aclose()
