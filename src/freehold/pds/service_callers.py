"""Who calls from another service: service tokens read and checked, each taken once.

What was taken is kept in memory until it expires; a token lives an hour at most, and one made before this process began
to listen could have been used before, so it is not taken when it is older than a minute.
Source: https://atproto.com/specs/xrpc#inter-service-authentication-jwt
"""

import heapq
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import TypeVar

import msgspec

from freehold.identity.resolver import Identity
from freehold.net.budgets import Budgets, Limit
from freehold.pds.service_auth import MAX_SECONDS
from freehold.protocol.diddoc import DidDoc
from freehold.protocol.keys import verify
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import is_did
from freehold.protocol.unreadable import UNREADABLE

T = TypeVar("T")

SKEW_SECONDS = 60
MAX_TOKEN = 4_096
MAX_NONCE = 256
MOST_KEPT = 200_000
MICROS = 1_000_000
CURVES = {"ES256K": "did:key:zQ3s", "ES256": "did:key:zDn"}
"""The algorithms that are taken, and how the keys that go with them begin."""
DEFAULT_KEY = "#atproto"
CALLS = Limit("calls by service token of one address", 3_000, 300)


class BadServiceToken(Refused):
    """A service token that is not to be believed."""

    kind, name = "unauthenticated", "BadJwt"
    say = "That service token is not valid."


class Busy(Refused):
    """More tokens are remembered than we keep."""

    kind, name = "unavailable", "TryAgain"
    say = "Too many services are calling at the moment. Try again in a minute."


class Header(msgspec.Struct):
    """A token's header."""

    alg: str = ""
    typ: str = ""
    kid: str = DEFAULT_KEY


class Claims(msgspec.Struct):
    """What a token says. All of it is required. exp, iat: seconds since 1970 UTC."""

    iss: str
    aud: str
    exp: int
    iat: int
    jti: str
    lxm: str


def is_service_token(token: str) -> bool:
    """Does this look like one? (By its algorithm: our own session tokens have another.)"""
    try:
        return len(token) <= MAX_TOKEN and _part(token.partition(".")[0], Header).alg in CURVES
    except BadServiceToken:
        return False


class ServiceCallers:
    """Reads the service tokens that are meant for one network. audiences: those of a method, `did#service` or a DID.

    budgets: None: unlimited (--dev).
    """

    def __init__(
        self,
        identity: Identity,
        audiences: Callable[[str], frozenset[str]],
        clock: Callable[[], int],
        budgets: Budgets | None,
    ) -> None:
        self._budgets = budgets
        self._identity = identity
        self._audiences = audiences
        self._clock = clock
        self._began = clock() // MICROS
        self._taken: set[tuple[str, str]] = set()
        self._ends: list[tuple[int, tuple[str, str]]] = []

    async def read(self, token: str, method: str, place: str) -> str:
        """The DID in whose name the token lets `method` be called here, once. Raises BadServiceToken by the names that
        the official server has, Busy, TooMany, and what resolving raises. place: the address that calls."""
        if len(token) > MAX_TOKEN or token.count(".") != 2:
            raise BadServiceToken
        body, _, signature = token.rpartition(".")
        head, _, payload = body.partition(".")
        header, claims = _part(head, Header), _part(payload, Claims)
        if header.alg not in CURVES or header.typ not in ("", "JWT"):
            raise BadServiceToken("That is not a service token.", name="BadJwtType")
        self._check_claims(claims, method)
        if self._budgets is not None:  # before anybody is asked for a document
            self._budgets.spend(CALLS, place)
        await self._check_signature(header, claims, body.encode(), _decoded(signature))
        self._take(claims)
        return claims.iss

    def _check_claims(self, claims: Claims, method: str) -> None:
        now = self._clock() // MICROS
        if not is_did(claims.iss):
            raise BadServiceToken("iss must be a DID.", name="BadJwtIss")
        if claims.aud not in self._audiences(method):
            raise BadServiceToken("That token is for another service.", name="BadJwtAudience")
        if claims.lxm != method:
            raise BadServiceToken("That token is for another method.", name="BadJwtLexiconMethod")
        if claims.exp <= now:
            raise BadServiceToken("That token has expired.", name="JwtExpired")
        if claims.exp > now + MAX_SECONDS + SKEW_SECONDS or claims.iat > now + SKEW_SECONDS:
            raise BadServiceToken("That token lives too long, or is from the future.")
        if not 1 <= len(claims.jti) <= MAX_NONCE:
            raise BadServiceToken("jti must be there, and short.")
        if claims.iat < self._began - SKEW_SECONDS:
            raise BadServiceToken("That token is older than this process: make a new one.", name="JwtExpired")

    async def _check_signature(self, header: Header, claims: Claims, body: bytes, signature: bytes) -> None:
        """By the key that the header names; asked for again once, as it may have been changed."""
        for doubted in (False, True):
            document = await self._identity.did_document(claims.iss, doubted=doubted)
            key = _key(document, header)
            if key is not None and verify(key, body, signature):
                return
        raise BadServiceToken("The signature of that token is not right.", name="BadJwtSignature")

    def _take(self, claims: Claims) -> None:
        """Note that the token was used. Raises BadServiceToken for one that was, Busy."""
        now, nonce = self._clock() // MICROS, (claims.iss, claims.jti)
        while self._ends and self._ends[0][0] <= now:
            self._taken.discard(heapq.heappop(self._ends)[1])
        if nonce in self._taken:
            raise BadServiceToken("That token was used before.", name="NonceNotUnique")
        if len(self._ends) >= MOST_KEPT:
            raise Busy
        self._taken.add(nonce)
        heapq.heappush(self._ends, (claims.exp, nonce))


def _key(document: DidDoc, header: Header) -> str | None:
    """The did:key of the kid, `#id` or `did#id`, if it is of the curve that the algorithm has."""
    key = document.keys.get(header.kid.removeprefix(document.did))
    return key if key is not None and key.startswith(CURVES[header.alg]) else None


def _part(text: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(_decoded(text), type=kind)
    except UNREADABLE:
        raise BadServiceToken from None


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        raise BadServiceToken from None
