"""Where `freehold` processes begin at once, on hosts of their own: see `nursery_child`."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from support.children import environment
from support.hosts import Host


class Child:
    """A process of the nursery, by its descriptor."""

    def __init__(self, process: int) -> None:
        self._process = process

    def alive(self) -> bool:
        return not select.select([self._process], [], [], 0)[0]

    def wait(self) -> None:
        """Until it has ended."""
        select.select([self._process], [], [])

    def forget(self) -> None:
        """Nobody asks for it any more."""
        os.close(self._process)

    def send(self, signal_: int) -> None:
        """Nothing, if it has ended."""
        if self.alive():
            signal.pidfd_send_signal(self._process, signal_)


class Nursery:
    """One process, that others are forked from. `close` it at the end."""

    def __init__(self) -> None:
        self._calling, theirs = socket.socketpair()
        command = [sys.executable, "-m", "support.nursery_child", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command, env=environment(), pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
            )

    def begin(self, host: Host, clock: Path, log: Path, words: Sequence[object]) -> Child:
        """`freehold WORDS` on a host, with the clock that a file says."""
        line = json.dumps([host, str(clock), str(log), [str(word) for word in words]])
        self._calling.sendall(line.encode() + b"\n")
        _, found, _, _ = socket.recv_fds(self._calling, 1, 1)
        return Child(found[0])

    def close(self) -> None:
        """Begin no more."""
        self._calling.close()
        self._process.wait()
