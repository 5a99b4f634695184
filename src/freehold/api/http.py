"""uvicorn's HTTP protocol, whose answers leave in one piece, and whose requests a keeper sees first.

uvicorn writes the head of an answer and then its body, each by a system call and as a packet of its own. Here what is
written in one turn of the event loop goes out together. And where the application has an answer at once (see
`net.visits`), as to most calls of members who read, it leaves without a task being made for the request.
Source: https://docs.python.org/3/library/asyncio-protocol.html#write-only-transports
"""

import asyncio
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from freehold.api.siege.keeper import TICKET, Canned, Keeper, Ticket
from freehold.net.budgets import caller_of
from freehold.net.visits import BODY, Coming, Whole, at_once_of

KNOWN_SECONDS = 300.0
"""After which it is looked again whether a member speaks over a connection by TLS."""
TOGETHER_BYTES = 65_536
"""More than this does not wait: who sends a stream has to notice when it is not read."""


_BODY = (b"content-length", b"transfer-encoding")


class _Asking:
    """Stands in uvicorn's place for a request in hand, while an answer is coming: those behind it wait for it."""

    def __init__(self) -> None:
        self.response_complete = self.disconnected = False
        self.keep_alive = True
        self.message_event = self

    def set(self) -> None:
        """Nobody waits for more of the request."""


class Together(asyncio.Transport):
    """A transport that hands on in one piece what is written to it in one turn of the event loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self._loop = loop
        self._waiting: list[bytes | bytearray | memoryview] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= TOGETHER_BYTES:
            self.flush()

    def write_now(self, *pieces: bytes) -> None:
        """Hand these on, behind what waits."""
        self._waiting += pieces
        self.flush()

    def flush(self) -> None:
        """Hand on what waits."""
        if self._waiting:
            waiting, self._waiting, self._size = self._waiting, [], 0
            self.transport.writelines(waiting)

    def close(self) -> None:
        self.flush()
        self.transport.close()

    def abort(self) -> None:
        self.transport.abort()

    def is_closing(self) -> bool:
        return self.transport.is_closing()

    def pause_reading(self) -> None:
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        self.transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.transport.get_extra_info(name, default)


class Http(HttpToolsProtocol):
    """One connection. told: who calls, if that is known from somebody else than the connection.

    keeper: who may keep it open, and which of its requests come in, is asked there. The rest is uvicorn's.
    """

    def __init__(
        self, *given: Any, told: tuple[str, int] | None = None, keeper: Keeper | None = None, **named: Any
    ) -> None:
        super().__init__(*given, **named)
        self._told, self._keeper = told, keeper
        self.who, self.reading_since, self.body_bytes = "", 0.0, 0
        self.let_in: Ticket | None = None
        """What the first request has been given already, by who looked at it before."""
        self.early = b""
        """What they have read of the connection."""
        self._settled = self._rests = self._was_served = False
        self._known_until = 0.0
        self._at_once, self._is_first = at_once_of(self.app), False
        self._body: list[bytes] | None = None
        """Of a request that is answered at once when all of it is there, which it may be."""

    @property
    def is_asking(self) -> bool:
        """Is a request of it in the application's hands?"""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin, with a transport that sends together."""
        super().connection_made(Together(transport, self.loop))
        peer = self.client or self._told  # who comes by way of another process has no address of their own here
        self.client = self._told or self.client
        if self._keeper is not None:
            self.who, self.reading_since = caller_of(self.client[0] if self.client else ""), monotonic()
            if not self._keeper.opened(self, peer[0] if peer else ""):
                self.cut_off()
                return
        if self.early:
            self.data_received(self.early)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._keeper is not None:
            self._keeper.connections.leave(self)
            for cycle, _ in self.pipeline:  # they will have no turn
                self._keeper.no_turn(cast(Any, cycle.scope).get(TICKET))
            if self.let_in is not None:
                self._keeper.no_turn(self.let_in)
        super().connection_lost(exc)

    def cut_off(self) -> None:
        """End without a word."""
        self.transport.abort()

    # --- one request after the other

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._settled, self.reading_since, self.body_bytes = False, monotonic(), 0

    def data_received(self, data: bytes) -> None:
        self._is_first = True
        super().data_received(data)
        if self._body is not None and not self.transport.is_closing():
            self._go_on_as_ever()

    def on_headers_complete(self) -> None:
        if self._rests or self.transport.is_closing():  # who is not listened to, and goes on talking
            self._settled = True
            self.transport.close()
            return
        verdict = self._judged(self._keeper) if self._keeper is not None else None
        if isinstance(verdict, Canned):
            self._answer(verdict)
        elif verdict is not None:
            cast(Any, self.scope)[TICKET] = verdict
            super().on_headers_complete()
        elif not self._answered_at_once():
            super().on_headers_complete()

    def _go_on_as_ever(self, *, is_whole: bool = False) -> None:
        """Let a request with a body be served by a task. is_whole: nothing of it is to come."""
        pieces, self._body = self._body or [], None
        super().on_headers_complete()
        for piece in pieces:
            super().on_body(piece)
        if is_whole:
            super().on_message_complete()

    def _judged(self, keeper: Keeper) -> Ticket | Canned | None:
        """What the keeper says of the request, if nobody has looked at it before."""
        unknown = self.scheme == "https" and self.reading_since > self._known_until
        if unknown and keeper.met(self.who, dict(self.headers)):
            self._known_until = self.reading_since + KNOWN_SECONDS
        verdict, self.let_in = self.let_in, None
        if verdict is not None:
            return verdict
        socket = self.parser.should_upgrade() and self._should_upgrade()
        method = self.parser.get_method().decode("ascii")
        return keeper.judge(method, self.url, cast(Any, self.scope), socket)

    def _answered_at_once(self) -> bool:
        """Let the application answer without a task; whether it did, or may when the body is there.

        One request of those that came together: who sends many in one piece waits as others do. And only to somebody
        who signs in: strangers stand in line, of whose length a keeper knows a flood.
        """
        if not self._is_first or not self._is_plain():
            return False
        self._is_first = False
        if self.parser.get_method() == b"POST":
            self._body = []
            return True
        return self._has_answer(b"")

    def _has_answer(self, body: bytes) -> bool:
        path, _, query = self.url.partition(b"?")
        method = self.parser.get_method().decode("ascii")
        asked = {"method": method, "path": path.decode("ascii"), "raw_path": path, "query_string": query, BODY: body}
        answer = self._at_once(cast(Any, self.scope) | asked)
        if answer is None:
            return False
        self._settled = True
        if isinstance(answer, Coming):
            asking = _Asking()
            self.cycle = cast(Any, asking)
            answer.future.add_done_callback(partial(self._come, answer, asking))
        else:
            self._say(answer)
        return True

    def _come(self, answer: Coming, asking: _Asking, future: "asyncio.Future[Any]") -> None:
        """What an answer waited for is there."""
        if future.cancelled():  # the network is let go
            self.cut_off()
            return
        done = answer.make()
        asking.response_complete = True
        if not (asking.disconnected or self.transport.is_closing()):
            self._say(done)
            if not asking.keep_alive:
                self.transport.close()

    def _say(self, answer: Whole) -> None:
        usual = [b"%b: %b\r\n" % pair for pair in self.server_state.default_headers]
        head = b"".join([STATUS_LINE[answer.status], *usual, answer.head, b"\r\n"])
        cast(Together, self.transport).write_now(head, answer.body)
        self.on_response_complete()

    def _is_plain(self) -> bool:
        """Is it a call with an ordinary path, by a client that takes what it is sent and stays? With a body as long as
        it says, or none."""
        parser, url = self.parser, self.url
        if not url.startswith(b"/xrpc/") or self.is_asking or self.flow.write_paused:
            return False
        headers, method = dict(self.headers), parser.get_method()
        if b"authorization" not in headers or b"transfer-encoding" in headers or self.expect_100_continue:
            return False
        if method != (b"POST" if b"content-length" in headers else b"GET"):
            return False
        if not url.isascii() or b"%" in url.partition(b"?")[0] or b"#" in url:
            return False
        return parser.get_http_version() == "1.1" and parser.should_keep_alive() and not parser.should_upgrade()

    def _answer(self, canned: Canned) -> None:
        """Say what was said before, and listen no more for a while; a body that would follow is not waited for."""
        self._settled = True
        self.transport.write(canned.answer)
        has_body = any(name in _BODY and value != b"0" for name, value in self.headers)
        if has_body or self.is_asking or not self.parser.should_keep_alive() or self.parser.should_upgrade():
            self.transport.close()
            return
        self._rests = True
        self.transport.pause_reading()
        self.loop.call_later(canned.rest, self._listen_again)

    def _listen_again(self) -> None:
        self._rests = False
        if not self.transport.is_closing():
            self.transport.resume_reading()
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_body(self, body: bytes) -> None:
        self.body_bytes += len(body)
        if self._body is not None:
            self._body.append(body)
        elif not self._settled:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.reading_since = 0.0
        if self._body is not None:
            if self._has_answer(b"".join(self._body)):
                self._body = None
            else:
                self._go_on_as_ever(is_whole=True)
        elif not self._settled:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if not self._was_served and self._keeper is not None:
            self._was_served = True
            self._keeper.connections.served(self)
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the websocket, which puts together by itself what it sends."""
        if self._settled:
            return
        assert isinstance(self.transport, Together)
        self.transport.flush()
        self.transport = self.transport.transport
        left = None
        if self._keeper is not None:
            self._keeper.connections.upgraded(self)
            left = partial(self._keeper.connections.socket_left, self.who)
        self.speak_by_frames(left)

    def speak_by_frames(self, left: Callable[[], None] | None) -> None:
        """Go on as a websocket. left: to be called when that is gone."""
        self.ws_protocol_class = cast(Any, partial(cast(Any, self.ws_protocol_class), told=self._told, left=left))
        super().handle_websocket_upgrade()
