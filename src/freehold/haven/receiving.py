"""The doors of a standby: a socket of this machine, to which ssh leads, and, if wanted, a port for TLS.

In come connections of the primary; each is followed on a thread of its own. A new connection ends the one before: the
primary that lost a link knows so first. On the port only a machine gets in whose certificate is pinned; without one it
may pair, by a token, and no more.
"""

import logging
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from freehold.haven.transport import SILENCE_SECONDS, SOCKET
from freehold.haven.wire import VERSION, Channel, Got, Hello, LinkLost, Pair, Refuse
from freehold.store.wal import NOWHERE

logger = logging.getLogger(__name__)


class Follower(Protocol):
    """What answers a primary: a standby, or one that was."""

    def follow(self, channel: Channel) -> None:
        """Until the link ends, by LinkLost or by itself."""


class Herald:
    """On a standby that was promoted: tells the old primary, when it comes back, that it is the primary no more."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def follow(self, channel: Channel) -> None:
        """Say so."""
        channel.send(Hello(VERSION, self._epoch, "", b"", (0, 0), True, *NOWHERE, digest=b""))


class Receiver:
    """Lets primaries speak to `standby`, whose machine's directory is `directory`.

    pair: given a token and a certificate, pins it and answers True if the token is the one.
    """

    def __init__(self, directory: Path, standby: Follower, pair: Callable[[str, bytes], bool]) -> None:
        self._standby, self._pair = standby, pair
        self._path = directory / SOCKET
        self._turn = threading.Lock()
        self._current: Channel | None = None
        self._listeners: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def open(self) -> None:
        """Listen at the socket of this machine."""
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._path))
        self._path.chmod(0o600)
        self._listen(listener, lambda end: end)

    def open_port(self, listen: str, context: ssl.SSLContext) -> int:
        """Listen for TLS too, at HOST:PORT; the port, for 0 takes a free one. Raises OSError."""
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        listener = socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._listen(listener, lambda end: context.wrap_socket(end, server_side=True))
        return int(listener.getsockname()[1])

    def close(self) -> None:
        """Follow nobody any more."""
        for listener in self._listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._take_over(None)
        for thread in self._threads:
            thread.join()
        with self._turn:  # the last link has been let go of
            pass
        self._path.unlink(missing_ok=True)

    def _listen(self, listener: socket.socket, wrap: Callable[[socket.socket], socket.socket]) -> None:
        listener.listen()
        self._listeners.append(listener)
        thread = threading.Thread(target=self._accept, args=(listener, wrap), name="standby door", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket, wrap: Callable[[socket.socket], socket.socket]) -> None:
        while True:
            try:
                end, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(end, wrap), name="standby", daemon=True).start()

    def _serve(self, end: socket.socket, wrap: Callable[[socket.socket], socket.socket]) -> None:
        end.settimeout(SILENCE_SECONDS)
        try:
            with end, wrap(end) as inner:
                if isinstance(inner, ssl.SSLSocket) and not inner.getpeercert(binary_form=True):
                    self._hear_token(Channel(inner))
                else:
                    self._follow(Channel(inner))
        except (OSError, LinkLost) as error:
            logger.info("a link to the primary ended: %r", error)

    def _hear_token(self, channel: Channel) -> None:
        message = channel.receive()
        if isinstance(message, Pair) and self._pair(message.token, message.certificate):
            channel.send(Got())
        else:
            channel.send(Refuse("That is not the code that this standby waits for."))

    def _follow(self, channel: Channel) -> None:
        self._take_over(channel)
        with self._turn:
            self._standby.follow(channel)

    def _take_over(self, channel: Channel | None) -> None:
        last, self._current = self._current, channel
        if last is not None:
            last.close()
