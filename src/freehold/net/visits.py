"""What one network is answering just now, so that it can be let go while others are served.

In come ASGI applications to be called; out comes, at last, that none of them runs any more. Who waits for an answer
gets it if that is soon; websockets are closed at once, with the code that says "come again" (1012).
Source: https://www.iana.org/assignments/websocket (close codes)
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, NamedTuple

GRACE_SECONDS = 3.0
"""How long an answer may take to end."""
FAREWELL_SECONDS = 1.0
COME_AGAIN = 1012
CUT_OFF = {"type": "http.response.body", "body": b"", "more_body": False}
"""An answer that lasted too long ends where it is; one that had not begun becomes the server's own error."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Whole(NamedTuple):
    """An answer that was there at once. head: its headers as they are sent, each with the end of its line."""

    status: int
    head: bytes
    body: bytes


class Coming(NamedTuple):
    """An answer that waits for one thing. future: done when that is there; who cancels it lets the answer go. make:
    called once then, on the event loop; it does not fail."""

    future: "asyncio.Future[Any]"
    make: Callable[[], Whole]

    def then(self, change: Callable[[Whole], Whole]) -> "Coming":
        """The same with something done to the answer."""
        make = self.make
        return Coming(self.future, lambda: change(make()))


AtOnce = Callable[[Scope], Whole | Coming | None]
"""Answers a request that is all there (its body, if it has one, under `BODY` in the scope), without a task of its own;
None for one that has to be served as any other, of which nothing has been done then."""
BODY = "freehold.body"


def at_once_of(app: object) -> AtOnce:
    """How an ASGI application answers at once, if it does."""
    found: AtOnce = getattr(app, "at_once", _never)
    return found


def _never(scope: Scope) -> None:
    return None


class Visits:
    """Of one network."""

    def __init__(self) -> None:
        self._sockets: set[asyncio.Future[Any]] = set()
        self._requests: set[asyncio.Future[Any]] = set()
        self._over = False

    async def take(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Have `app` answer, on the task of the caller."""
        task = asyncio.current_task()
        assert task is not None
        is_socket = scope["type"] == "websocket"
        group = self._sockets if is_socket else self._requests
        group.add(task)
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            if not self._over or task.uncancel():
                raise
            with suppress(TimeoutError):  # who does not read is not waited for
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await send({"type": "websocket.close", "code": COME_AGAIN} if is_socket else CUT_OFF)
        finally:
            group.discard(task)

    def await_too(self, coming: Coming) -> None:
        """An answer that is not there yet counts as one that is being given."""
        self._requests.add(coming.future)
        coming.future.add_done_callback(self._requests.discard)

    async def end(self) -> None:
        """Wait until all are over; end those that take too long."""
        self._over = True
        for task in self._sockets:
            task.cancel()
        if self._requests:
            await asyncio.wait(self._requests, timeout=GRACE_SECONDS)
        for task in self._requests:
            task.cancel()
        if rest := self._sockets | self._requests:
            await asyncio.wait(rest, timeout=GRACE_SECONDS)
