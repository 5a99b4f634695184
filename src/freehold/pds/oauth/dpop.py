"""Proofs of possession: that whoever sends a token holds the key that it is bound to.

Every proof names a nonce of ours. Nonces live in memory, a new one every two minutes; the one before is still taken, so
none lives longer than four. Each nonce remembers the proofs that named it, and is replaced early when it remembers too
many: so a proof counts once, memory is bounded, and nothing has to survive a restart (a client then gets a new nonce).
Source: RFC 9449; https://atproto.com/specs/oauth#demonstrating-proof-of-possession-dpop
"""

import secrets
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import urlsplit

import msgspec

from freehold.pds.oauth import jose
from freehold.pds.oauth.errors import InvalidProof, UseNonce
from freehold.pds.oauth.jose import BadJwt

MICROS = 1_000_000
RENEW_MICROS = 120 * MICROS
LEEWAY_SECONDS = 300
"""How far a client's clock may be off; that a proof is fresh is shown by its nonce."""
MOST_PROOFS = 50_000
MAX_JTI = 256


class Claims(msgspec.Struct, frozen=True):
    """What a proof says. htm: the method. htu: the URL. ath: hash of the access token."""

    jti: str
    htm: str
    htu: str
    iat: int
    nonce: str = ""
    ath: str = ""


class _Nonce:
    def __init__(self, born: int) -> None:
        self.text, self.born = secrets.token_urlsafe(24), born
        self.seen: set[bytes] = set()


class Proofs:
    """Checks the proofs sent to one server. clock: microseconds since 1970 UTC. most: proofs remembered per nonce."""

    def __init__(self, clock: Callable[[], int], most: int = MOST_PROOFS) -> None:
        self._clock, self._most = clock, most
        self._now = self._before = _Nonce(clock())

    @property
    def nonce(self) -> str:
        """The nonce to use now."""
        self._turn()
        return self._now.text

    def check(self, proof: str, method: str, url: str, access_token: str | None = None) -> str:
        """The thumbprint of the key that `proof` was made with, for one request.

        url: of the request, without its query. access_token: the one that came along. Raises InvalidProof, UseNonce.
        """
        try:
            jwt = jose.read_jwt(proof)
            claims, key = jwt.claims(Claims), jwt.header.jwk
            if key is None or jwt.header.typ != "dpop+jwt":
                raise InvalidProof("The DPoP proof must have typ dpop+jwt and bring its public key.")
            key.verify(jwt.signed, jwt.signature)
        except BadJwt as wrong:
            raise InvalidProof(f"The DPoP proof is not valid: {wrong}.") from None
        self._check_claims(claims, method, url, access_token)
        self._remember(claims, key.thumbprint)
        return key.thumbprint

    def _check_claims(self, claims: Claims, method: str, url: str, access_token: str | None) -> None:
        if claims.htm != method or not _same_place(claims.htu, url):
            raise InvalidProof("The DPoP proof is for another request (htm, htu).")
        if abs(self._clock() // MICROS - claims.iat) > LEEWAY_SECONDS:
            raise InvalidProof("The DPoP proof is too old, or the client's clock is wrong (iat).")
        if not 0 < len(claims.jti) <= MAX_JTI:
            raise InvalidProof("The DPoP proof needs a jti.")
        if access_token is not None and claims.ath != jose.encode(sha256(access_token.encode()).digest()):
            raise InvalidProof("The DPoP proof does not belong to this access token (ath).")

    def _remember(self, claims: Claims, thumbprint: str) -> None:
        self._turn()
        nonce = next((one for one in (self._now, self._before) if one.text == claims.nonce), None)
        if nonce is None:
            raise UseNonce
        mark = sha256(f"{thumbprint}.{claims.jti}".encode()).digest()[:16]
        if mark in nonce.seen:
            raise InvalidProof("The DPoP proof was used before (jti).")
        if len(nonce.seen) >= self._most:
            raise UseNonce
        nonce.seen.add(mark)

    def _turn(self) -> None:
        now = self._clock()
        age = now - self._now.born
        if 0 <= age < RENEW_MICROS and len(self._now.seen) < self._most:
            return
        fresh = _Nonce(now)
        self._before = self._now if 0 <= age < 2 * RENEW_MICROS else fresh
        self._now = fresh


def _same_place(given: str, url: str) -> bool:
    """Whether two URLs are the same but for query, fragment and how the host is spelt."""
    try:
        one, other = urlsplit(given), urlsplit(url)
        return _place(one.scheme, one.hostname, one.port, one.path) == _place(
            other.scheme, other.hostname, other.port, other.path
        )
    except ValueError:
        return False


def _place(scheme: str, host: str | None, port: int | None, path: str) -> tuple[str, str | None, int | None, str]:
    return scheme, host, port or {"https": 443, "http": 80}.get(scheme), path or "/"
