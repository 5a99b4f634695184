"""What answers where a network was served before it left for another operator's machine.

In comes its paper (`haven.leaving`); out go, for a stated time, its beacon, which says where it is now, a redirect of
pages to a new address, and a refusal of all else. What is asked under a name that leads to the new machine too comes
from somebody with an old address: they are told to come again, for a redirect would lead them here once more.
Source: https://www.rfc-editor.org/rfc/rfc9110 (421 Misdirected Request, 307)
"""

from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from freehold.api.plain import BEACON
from freehold.haven.leaving import Leaving
from freehold.net.visits import Receive, Scope, Send
from freehold.server import misdirected
from freehold.store.clock import now_micros

AGAIN_SECONDS = 300
"""Some minutes: as long as addresses of names are usually kept."""
SAY = "This network is served by another machine now, at {url}. Come again in some minutes, when that is known here."


class Departed:
    """The ASGI application. clock: micros since 1970."""

    def __init__(self, paper: Leaving, clock: Callable[[], int] = now_micros) -> None:
        self._paper, self._clock = paper, clock
        self._elsewhere = urlsplit(paper.url).netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._clock() > self._paper.until:
            await misdirected(scope, receive, send)
            return
        reads, path = scope["method"] in ("GET", "HEAD"), str(scope["path"])
        if reads and path == BEACON:
            await _answer(send, 200, self._paper.published, b"application/jose+json", (b"cache-control", b"no-cache"))
        elif reads and not path.startswith(("/xrpc/", "/.well-known/")) and not self._leads_here(scope):
            to = self._paper.url + (scope.get("raw_path") or path.encode()).decode("latin-1")
            await _answer(send, 307, b"", b"text/plain", (b"location", to.encode("ascii", "replace")))
        else:
            say = {"error": "NetworkLeft", "message": SAY.format(url=self._paper.url)}
            again = (b"retry-after", b"%d" % AGAIN_SECONDS)
            await _answer(send, 421, msgspec.json.encode(say), b"application/json", again)

    def _leads_here(self, scope: Scope) -> bool:
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
        return host == self._elsewhere or host.endswith(f".{self._elsewhere}")


async def _answer(send: Send, status: int, body: bytes, kind: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), (b"access-control-allow-origin", b"*")]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *more]})
    await send({"type": "http.response.body", "body": body})
