"""What protects every answer and every form, whatever page it is.

- Response headers: strict content security policy, no framing, no sniffing, no referrer, own browsing context group.
- Forms: a POST must come from our own pages (Sec-Fetch-Site or Origin) and carry a token that only they could have,
  made from the session's secret, or for a reader who is not signed in from a secret in a cookie of its own.
- Size: a body is counted while it is read, before any of it is parsed.
- Onion-Location: https://community.torproject.org/onion-services/advanced/onion-location/
Sources: https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/fetch-metadata/, https://owasp.org (CSRF prevention)
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from secrets import token_bytes, token_urlsafe
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from freehold.protocol.refused import Refused

POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
SMALL_BODY = 64 * 1024
LARGE_BODY = 48 * 1024 * 1024
_PROOF_BYTES = 32


class TooLarge(Refused):
    """More bytes than the form may have."""

    kind, name = "too_large", "PayloadTooLarge"
    say = "That was too large to send. Choose smaller pictures, or send fewer at once."


class FormExpired(Refused):
    """A form without a valid token, or sent from somewhere else."""

    kind, name = "forbidden", "FormExpired"
    say = "This form is too old, or was not sent from our own page. Go back, reload the page and send it again."


class Shield:
    """ASGI: adds the headers to every answer; over https also says to come by https from now on, and to those who have
    Tor at which onion address the same page is."""

    def __init__(self, app: ASGIApp, *, secure: bool, onion: str = "") -> None:
        self.app, self.onion = app, onion
        self.headers = dict(HEADERS)
        if secure:
            self.headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                if self.onion and headers.get("content-type", "").startswith("text/html"):
                    headers["Onion-Location"] = f"http://{self.onion}{_asked(scope)}"
            await send(message)

        await self.app(scope, receive, shielded)


def _asked(scope: Scope) -> str:
    """Path and query as they were asked for."""
    path = str((scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0])
    query = str(scope["query_string"].decode("latin-1"))
    return path + (f"?{query}" if query else "")


def limited(receive: Receive, most: int) -> Receive:
    """`receive`, refusing with TooLarge as soon as the body is longer than `most` bytes."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise TooLarge
        return message

    return counted


def assure_own_page(request: Request) -> None:
    """Refuse a form that another site sent. A browser tells by Sec-Fetch-Site, an older one by Origin."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise FormExpired(site=site)
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise FormExpired(origin=origin)


def form_token(secret: str) -> str:
    """A token for forms of whoever holds the cookie `secret`; masked anew each time, as compressed pages need it."""
    pad = token_bytes(_PROOF_BYTES)
    return urlsafe_b64encode(pad + _xor(_proof(secret), pad)).decode()


def assure_token(secret: str | None, given: str) -> None:
    """Refuse a form whose token does not belong to the cookie."""
    try:
        token = urlsafe_b64decode(given)
    except ValueError:
        raise FormExpired from None
    if secret is None or len(token) != 2 * _PROOF_BYTES:
        raise FormExpired
    if not hmac.compare_digest(_xor(token[_PROOF_BYTES:], token[:_PROOF_BYTES]), _proof(secret)):
        raise FormExpired


def _proof(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"freehold form", "sha256")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


class Cookies:
    """Our cookies: HttpOnly, SameSite=Lax, and on https bound to this very host by the __Host- prefix."""

    def __init__(self, *, secure: bool) -> None:
        self.secure = secure

    def read(self, request: Request, name: str) -> str | None:
        """A cookie's value, or None."""
        return request.cookies.get(self._full(name)) or None

    def write(self, response: Response, name: str, value: str, seconds: int | None) -> None:
        """Set a cookie; without `seconds` it ends with the browser."""
        response.set_cookie(
            self._full(name), value, max_age=seconds, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def forget(self, response: Response, name: str) -> None:
        """Take a cookie back."""
        response.delete_cookie(self._full(name), path="/", secure=self.secure, httponly=True, samesite="lax")

    def _full(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name


def new_secret() -> str:
    """A value that nobody guesses."""
    return token_urlsafe(24)


def own_path(path: str | None, otherwise: str = "/") -> str:
    """A path on this site to go on to; anything that could lead elsewhere becomes `otherwise`."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")) or len(path) > 2000:
        return otherwise
    if any(ord(c) < 33 or ord(c) == 127 or c == "\\" for c in path):
        return otherwise
    try:
        parts = urlsplit(path)
    except ValueError:
        return otherwise
    return path if not parts.scheme and not parts.netloc else otherwise
