"""HTTP connections that pass the guard.

Kept apart from client.py because importing httpcore takes a while: it is loaded with the first request.
"""

import ssl
import sys
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec

import certifi
import httpcore
from httpcore import SOCKET_OPTION, AnyIOBackend

from freehold.net.guard import Guard

if "sniffio" not in sys.modules and find_spec("sniffio") is None:
    # httpcore looks for it a dozen times with each request, to do without it where it is not installed, as here. A
    # search of all folders each time costs as much as the request; this says once that there is nothing to be found.
    sys.modules["sniffio"] = None  # type: ignore[assignment]

MAX_CONNECTIONS = 100
IDLE_CONNECTIONS = 20
IDLE_SECONDS = 15.0
CONNECT_SECONDS = 4.0


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections to checked addresses only. TLS on top still checks the certificate against the name."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the interface is httpcore's)
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Try the checked addresses of `host` in turn."""
        failed: Exception | None = None
        seconds = CONNECT_SECONDS if timeout is None else min(timeout, CONNECT_SECONDS)
        for address in await self._guard.addresses(host, port):
            try:
                return await self._inner.connect_tcp(address, port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        assert failed is not None, "the guard never answers an empty list"
        raise failed


@cache
def trusted() -> ssl.SSLContext:
    """Certificates are checked against the system's authorities and against Mozilla's. One for the process: reading
    them takes 20 ms."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def open_pool(
    guard: Guard, context: ssl.SSLContext | None, from_address: str | None = None
) -> httpcore.AsyncConnectionPool:
    """A pool of guarded connections for one event loop. No proxy: one would connect where the guard cannot look."""
    return httpcore.AsyncConnectionPool(
        ssl_context=context or trusted(),
        max_connections=MAX_CONNECTIONS,
        max_keepalive_connections=IDLE_CONNECTIONS,
        keepalive_expiry=IDLE_SECONDS,
        local_address=from_address,
        network_backend=GuardedBackend(guard),
    )
