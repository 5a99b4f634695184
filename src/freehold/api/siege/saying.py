"""What is said at the door during a siege, as the bytes of whole answers, made once.

Source: https://www.rfc-editor.org/rfc/rfc9110 (Retry-After), rfc6585 (429)
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from freehold.api.cors import ON_ALL

CALLS = (b"/xrpc/", b"/plc/", b"/did:plc:", b"/.well-known/", b"/img/", b"/metrics", b"/oauth/par", b"/oauth/token")
"""Beginnings of what programs ask for."""
BUSY = b"/busy"
"""The page for people who have to wait."""
WAIT_SECONDS = 10
COME_AGAIN = b"retry-after: %d\r\n" % WAIT_SECONDS

Headers = Iterable[tuple[bytes, bytes]]


def empty(status: bytes, headers: Headers) -> bytes:
    """An answer without a body; its length is among the headers."""
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return b"HTTP/1.1 " + status + b"\r\n" + lines + b"\r\n"


def json(status: bytes, said: dict[str, Any], headers: Headers = ()) -> bytes:
    """An answer for programs, which pages of other origins may read."""
    body = msgspec.json.encode(said)
    of_body = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return empty(status, [*ON_ALL, *headers, (b"cache-control", b"no-store"), *of_body]) + body


def _refused(status: bytes, name: str, message: str) -> bytes:
    later = (b"retry-after", b"%d" % WAIT_SECONDS)
    return json(status, {"error": name, "message": message}, [later])


REFUSED = _refused(
    b"429 Too Many Requests",
    "RateLimitExceeded",
    "This network is under a flood of requests and serves its members first. Sign in; or do the piece of work that"
    " /knock sets and send what it gives you as the header Freehold-Pass; or come again later.",
)
REFUSED_MEMBER = _refused(
    b"503 Service Unavailable", "NotEnoughResources", "More members ask at once than can be answered. Come again soon."
)
NOT_HERE = _refused(b"421 Misdirected Request", "NotFound", "No network of this name is served here.")
_PLAIN = b"Too many ask at once just now. Come again in a few seconds; who is signed in goes on as ever.\n"
BUSY_PLAIN = (
    empty(
        b"503 Service Unavailable",
        [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"retry-after", b"2"),
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(_PLAIN)),
        ],
    )
    + _PLAIN
)
