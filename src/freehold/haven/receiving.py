"""The doors of a standby: a socket of this machine, to which ssh leads, and, if wanted, a port for TLS.

In come connections of the primary; each is followed on a thread of its own. A new connection ends the one before: the
primary that lost a link knows so first. On the port only a machine gets in whose certificate is pinned; without one it
may pair, by a token, and no more.
"""

import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from freehold.haven.listening import Listener
from freehold.haven.transport import SOCKET
from freehold.haven.wire import VERSION, Channel, Got, Hello, Here, Pair, Refuse, Where
from freehold.store.wal import NOWHERE


class Follower(Protocol):
    """What answers a primary: a standby, or one that was."""

    def follow(self, channel: Channel) -> None:
        """Until the link ends, by LinkLost or by itself."""


class Herald:
    """On a standby that was promoted: tells the old primary, when it comes back, that it is the primary no more, and
    where the network is now, which `beacon` says."""

    def __init__(self, epoch: int, beacon: Callable[[], bytes] = bytes) -> None:
        self._epoch, self._beacon = epoch, beacon

    def follow(self, channel: Channel) -> None:
        """Say so."""
        channel.send(Hello(VERSION, self._epoch, "", b"", (0, 0), True, *NOWHERE, digest=b""))
        if isinstance(channel.receive(), Where):
            channel.send(Here(self._beacon()))


class Receiver:
    """Lets primaries speak to `standby`, whose machine's directory is `directory`.

    pair: given a token and a certificate, pins it and answers True if the token is the one.
    """

    def __init__(self, directory: Path, standby: Follower, pair: Callable[[str, bytes], bool]) -> None:
        self._standby, self._pair = standby, pair
        self._path = directory / SOCKET
        self._turn = threading.Lock()
        self._current: Channel | None = None
        self._listener = Listener("standby", self._hear)

    def open(self) -> None:
        """Listen at the socket of this machine."""
        self._listener.at_socket(self._path)

    def open_port(self, listen: str, context: ssl.SSLContext) -> int:
        """Listen for TLS too, at HOST:PORT; the port, for 0 takes a free one. Raises OSError."""
        return self._listener.at_port(listen, context)

    def close(self) -> None:
        """Follow nobody any more."""
        self._listener.close()
        self._take_over(None)
        with self._turn:  # the last link has been let go of
            pass
        self._path.unlink(missing_ok=True)

    def _hear(self, channel: Channel, known: bool) -> None:
        if known:
            self._take_over(channel)
            with self._turn:
                self._standby.follow(channel)
        else:
            self._hear_token(channel)

    def _hear_token(self, channel: Channel) -> None:
        message = channel.receive()
        if isinstance(message, Pair) and self._pair(message.token, message.certificate):
            channel.send(Got())
        else:
            channel.send(Refuse("That is not the code that this standby waits for."))

    def _take_over(self, channel: Channel | None) -> None:
        last, self._current = self._current, channel
        if last is not None:
            last.close()
