"""Listening for the other machines of a network: each connection is heard on a thread of its own.

In come sockets to listen at, and who hears; out go channels, and whether whoever speaks is known: by a certificate that
is pinned here, or because it came by a socket that only this machine's own user can reach.
"""

import logging
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from freehold.haven.transport import SILENCE_SECONDS
from freehold.haven.wire import Channel, LinkLost

logger = logging.getLogger(__name__)

Hear = Callable[[Channel, bool], object]
"""Given a channel, and whether the other one is known; the connection ends when it returns."""


class Listener:
    """name: what its threads and its lines in the log are called."""

    def __init__(self, name: str, hear: Hear) -> None:
        self._name, self._hear = name, hear
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def at_socket(self, path: Path) -> None:
        """Listen at a Unix socket, in place of one that an ended process left."""
        path.unlink(missing_ok=True)
        end = socket.socket(socket.AF_UNIX)
        end.bind(str(path))
        path.chmod(0o600)
        self._listen(end, None)

    def at_port(self, listen: str, context: ssl.SSLContext) -> int:
        """Listen for TLS at HOST:PORT; the port, for 0 takes a free one. Raises OSError."""
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        end = socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._listen(end, context)
        return int(end.getsockname()[1])

    def close(self) -> None:
        """Take no more connections. Those that stand are left to whoever hears them."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _listen(self, end: socket.socket, context: ssl.SSLContext | None) -> None:
        end.listen()
        self._sockets.append(end)
        thread = threading.Thread(target=self._accept, args=(end, context), name=f"{self._name} door", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listening: socket.socket, context: ssl.SSLContext | None) -> None:
        while True:
            try:
                end, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(end, context), name=self._name, daemon=True).start()

    def _serve(self, end: socket.socket, context: ssl.SSLContext | None) -> None:
        end.settimeout(SILENCE_SECONDS)
        try:
            with end:
                if context is None:
                    self._hear(Channel(end), True)
                    return
                with context.wrap_socket(end, server_side=True) as inner:
                    self._hear(Channel(inner), bool(inner.getpeercert(binary_form=True)))
        except (OSError, LinkLost) as error:
            logger.info("a link of this %s ended: %r", self._name, error)
