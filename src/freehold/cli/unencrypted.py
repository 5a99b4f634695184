"""What stands before the networks when this process serves https: whoever comes without it gets nothing but the way.

On the port for plain http there are two answers only: the proof that a certificate authority fetches, and the https
address of what was asked for. Sources: https://www.rfc-editor.org/rfc/rfc8555#section-8.3, rfc9110 (308)
"""

from collections.abc import MutableMapping
from typing import Any

from freehold.net.visits import Coming, Receive, Scope, Send, Whole
from freehold.server import Networks
from freehold.site import Site
from freehold.tls.certificates import Certificates

PROOFS = "/.well-known/acme-challenge/"
HSTS = (b"strict-transport-security", b"max-age=31536000")


class Unencrypted:
    """The ASGI application of both ports."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks

    def at_once(self, scope: Scope) -> Whole | Coming | None:
        """The answer to whoever came with it, if there is one at once."""
        answer = self._networks.at_once(scope) if scope["scheme"] == "https" else None
        if isinstance(answer, Coming):
            return answer.then(_by_https)
        return _by_https(answer) if answer is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["scheme"] in ("https", "wss"):
            await self._networks(scope, receive, _with_hsts(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
            await self._answer(self._networks.find(host), host, scope, send)

    async def _answer(self, site: Site | None, host: str, scope: Scope, send: Send) -> None:
        if site is None:
            await _say(send, 421, b"No network of this name is served here.\n")
        elif scope["path"].startswith(PROOFS):
            said = _proof(site, scope["path"].removeprefix(PROOFS))
            await _say(send, 200 if said else 404, said)
        else:
            name = host.partition(":")[0].encode("latin-1")
            query = b"?" + scope["query_string"] if scope["query_string"] else b""
            path = scope.get("raw_path") or scope["path"].encode()
            await _say(send, 308, b"", (b"location", b"https://" + name + path + query))


def _proof(site: Site, token: str) -> bytes:
    held = site.certificates.files.answer(token) if isinstance(site.certificates, Certificates) else None
    return (held or "").encode()


async def _say(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    more = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": more})
    await send({"type": "http.response.body", "body": body})


def _with_hsts(send: Send) -> Send:
    """Tell browsers to come by https from now on."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), HSTS]
        await send(message)

    return sending


def _by_https(answer: Whole) -> Whole:
    """The same for a whole answer."""
    return answer._replace(head=answer.head + b"%b: %b\r\n" % HSTS)
