"""Session tokens: JWTs signed with the network's own secret (HS256).

Access and refresh tokens have types of their own and are never taken for each other. Tokens that were checked are
kept in memory until they expire, so that a busy client costs one look-up per call. Secrets that are looked up in the
database (a browser's session, an app's access token) are *marked* with the same secret: that they are ours is seen
without a look, which is what a door under siege goes by, and nothing else: whether they still count is for the look-up.
Source: RFC 7519; https://atproto.com/specs/xrpc#authentication
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Literal

import msgspec

from freehold.protocol.refused import Refused

ACCESS_SECONDS = 2 * 3600
REFRESH_SECONDS = 90 * 86400
ACCESS_SCOPE = "com.atproto.access"
REFRESH_SCOPE = "com.atproto.refresh"
WAITING_SCOPE = "com.atproto.signupQueued"
"""Of an access token that only lets its holder ask how long they have to wait."""
MAX_TOKEN = 4096
HOUR_SECONDS = 3600
MARK_BYTES = 12
_HOURS = re.compile("[0-9a-f]{5,7}")

Kind = Literal["at+jwt", "refresh+jwt"]


class InvalidToken(Refused):
    """Not a token of ours."""

    name = "InvalidToken"
    say = "That token is not valid. Sign in again."


class ExpiredToken(Refused):
    """Was one of ours, too long ago."""

    name = "ExpiredToken"
    say = "That token has expired."


class Claims(msgspec.Struct, frozen=True):
    """What a session token says. exp, iat: seconds since 1970 UTC. sid: the session that an access token is of."""

    scope: str
    sub: str
    aud: str
    iat: int
    exp: int
    jti: str = ""
    sid: str = ""


class Tokens:
    """Makes and reads the tokens of one network. aud: the DID of the host. older: secrets whose tokens still count."""

    def __init__(self, secret: bytes, audience: str, most_cached: int = 20_000, older: Sequence[bytes] = ()) -> None:
        self._audience = audience
        self.generation = 0
        self.use(secret, older)
        self._read = msgspec.json.Decoder(Claims)
        self._most_cached = most_cached

    def use(self, secret: bytes, older: Sequence[bytes]) -> None:
        """Sign with another secret, and take tokens of that and of the older ones only."""
        self.generation += 1
        self._secret, self._older = secret, tuple(older)
        self._known: dict[str, Claims] = {}

    def access(self, did: str, now: int, scope: str = ACCESS_SCOPE, jti: str = "", sid: str = "") -> str:
        """An access token for two hours. now: seconds. jti: the id of the app password that the session hangs on.

        sid: the session.
        """
        return self._make("at+jwt", Claims(scope, did, self._audience, now, now + ACCESS_SECONDS, jti, sid))

    def refresh(self, did: str, jti: str, now: int, expires: int) -> str:
        """The refresh token that carries `jti`."""
        return self._make("refresh+jwt", Claims(REFRESH_SCOPE, did, self._audience, now, expires, jti))

    def read_access(self, token: str, now: int) -> Claims:
        """Raises InvalidToken, ExpiredToken."""
        claims = self._known.get(token)
        if claims is None:
            claims = self._check(token, "at+jwt")
            if len(self._known) >= self._most_cached:
                self._known.clear()
            self._known[token] = claims
        if claims.exp <= now:
            raise ExpiredToken
        return claims

    def known(self, token: str, now: int) -> Claims | None:
        """What an access token says that was read before and has not expired."""
        claims = self._known.get(token)
        return claims if claims is not None and claims.exp > now else None

    def read_refresh(self, token: str, now: int) -> Claims:
        """Raises InvalidToken, ExpiredToken."""
        claims = self._check(token, "refresh+jwt")
        if claims.exp <= now:
            raise ExpiredToken
        return claims

    def is_ours(self, token: str, now: int) -> bool:
        """Is this an access or refresh token that could still count? Costs a MAC, or one look into memory."""
        try:
            return self.read_access(token, now) is not None
        except ExpiredToken:
            return False
        except InvalidToken:
            pass
        try:
            return self.read_refresh(token, now) is not None
        except (InvalidToken, ExpiredToken):
            return False

    def marked(self, secret: str, until: int) -> str:
        """A random secret, with the mark that shows that it is ours. until: seconds; kept to the hour after."""
        body = f"{secret}.{-(-until // HOUR_SECONDS):x}"
        return f"{body}.{self._mark(self._secret, body)}"

    def shows_mark(self, given: str, now: int) -> bool:
        """Has this secret a mark of ours that is not too old?"""
        body, _, mark = given.rpartition(".")
        hours = body.rpartition(".")[2]
        if not _HOURS.fullmatch(hours) or int(hours, 16) * HOUR_SECONDS <= now or len(given) > MAX_TOKEN:
            return False
        return any(hmac.compare_digest(self._mark(each, body), mark) for each in (self._secret, *self._older))

    def _mark(self, secret: bytes, body: str) -> str:
        digest = hmac.digest(secret, b"mark " + body.encode("utf-8", "replace"), "sha256")
        return urlsafe_b64encode(digest[:MARK_BYTES]).decode("ascii")

    def _make(self, kind: Kind, claims: Claims) -> str:
        body = _HEADERS[kind] + b"." + _encode(msgspec.json.encode(claims))
        return (body + b"." + _encode(hmac.digest(self._secret, body, "sha256"))).decode("ascii")

    def _check(self, token: str, kind: Kind) -> Claims:
        try:
            body, _, signature = token.encode("ascii").rpartition(b".")
            header, _, payload = body.partition(b".")
            if len(token) > MAX_TOKEN or header != _HEADERS[kind]:
                raise InvalidToken
            if not any(_signed(secret, body, signature) for secret in (self._secret, *self._older)):
                raise InvalidToken
            claims = self._read.decode(_decode(payload))
        except (ValueError, msgspec.MsgspecError) as wrong:
            raise InvalidToken from wrong
        if claims.aud != self._audience:
            raise InvalidToken
        return claims


def _signed(secret: bytes, body: bytes, signature: bytes) -> bool:
    return hmac.compare_digest(_encode(hmac.digest(secret, body, "sha256")), signature)


def _encode(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))


_HEADERS: dict[str, bytes] = {
    kind: _encode(msgspec.json.encode({"typ": kind, "alg": "HS256"})) for kind in ("at+jwt", "refresh+jwt")
}
