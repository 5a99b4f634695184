"""Cross-origin requests: any page may call, since /xrpc takes no cookies and a token proves the caller.

Source: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

import re
from collections.abc import Iterable

RawHeaders = list[tuple[bytes, bytes]]

EXPOSED = (
    "atproto-repo-rev",
    "atproto-content-labelers",
    "dpop-nonce",
    "www-authenticate",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "ratelimit-policy",
    "retry-after",
    "proof-of-work",
    "content-length",
)
"""The answer's headers that a page may read beside the safe ones."""

USUAL = b"authorization, content-type, atproto-proxy, atproto-accept-labelers, accept-language, dpop, x-bsky-topics"
"""The request's headers that are allowed when a preflight does not name its own."""

ON_ALL: RawHeaders = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", ", ".join(EXPOSED).encode()),
]

_NAMES = re.compile(rb"[a-zA-Z0-9_-]{1,100}(?:[ ]?,[ ]?[a-zA-Z0-9_-]{1,100}){0,99}")


def preflight(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """The headers of the answer to OPTIONS: whatever headers the page wants to send, for a day."""
    wanted = dict(headers).get(b"access-control-request-headers", b"")
    return [
        *ON_ALL,
        (b"access-control-allow-methods", b"GET, HEAD, POST"),
        (b"access-control-allow-headers", wanted if _NAMES.fullmatch(wanted) else USUAL),
        (b"access-control-max-age", b"86400"),
        (b"vary", b"access-control-request-headers"),
        (b"allow", b"GET, HEAD, POST, OPTIONS"),
        (b"content-length", b"0"),
    ]
