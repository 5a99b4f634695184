"""Ports of loopback for servers that are begun a moment later.

They lie below those that the system gives by itself to whoever asks for any, so no connection and no other server has
one in between.
"""

import socket
from contextlib import ExitStack, suppress
from random import SystemRandom

_FIRST, _LAST = 10_000, 32_000  # Linux gives those from 32768 on: net.ipv4.ip_local_port_range


def free_ports(count: int) -> list[int]:
    """So many that nobody has."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = SystemRandom().randint(_FIRST, _LAST)
            with suppress(OSError):  # somebody has it
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
    return found


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]
