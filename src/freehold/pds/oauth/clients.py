"""Who asks: a client's metadata, fetched from its id or read out of a loopback id, and the proof of who it is.

A client id is a URL, and what it says of itself is what stands there now: nothing is registered. Metadata is kept ten
minutes in memory. A client that signs its requests (private_key_jwt) is known by that key; all others are public.
Source: https://atproto.com/specs/oauth#clients; RFC 7523
"""

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

import msgspec

from freehold.net.client import Client as Http
from freehold.pds.oauth import jose
from freehold.pds.oauth.errors import InvalidClient, OAuthRefused
from freehold.pds.oauth.jose import ALGORITHM, BadJwt, Jwk
from freehold.pds.oauth.scopes import BASIC, Scopes
from freehold.protocol.refused import Refused
from freehold.protocol.unreadable import UNREADABLE

MICROS = 1_000_000
KEEP_MICROS = 600 * MICROS
MOST_KEPT = 1_000
MAX_ID = 2_048
MAX_METADATA = 65_536
FETCH_SECONDS = 6.0
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 600
"""How long an assertion may be good for, at most."""
LEEWAY_SECONDS = 60
LOOPBACK_IDS = ("http://localhost", "http://localhost/")
LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")
_PLAIN = re.compile(r"[!-~]+")
_PLACE = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])?(?::[0-9]{1,5})?")
CODE, REFRESH = "authorization_code", "refresh_token"


class BadRedirect(OAuthRefused):
    """A redirect URI that this client did not declare, or that the profile does not allow."""

    say = "The redirect_uri is not one that this client may use."


class _Keys(msgspec.Struct, frozen=True):
    keys: tuple[msgspec.Raw, ...]


class Metadata(msgspec.Struct, frozen=True):
    """What a client says of itself. Names, logos and links are not read: nothing vouches for them."""

    client_id: str
    redirect_uris: tuple[str, ...]
    scope: str = ""
    application_type: str = "web"
    grant_types: tuple[str, ...] = (CODE,)
    response_types: tuple[str, ...] = ("code",)
    token_endpoint_auth_method: str = "client_secret_basic"  # noqa: S105 - RFC 7591's name of what is absent
    token_endpoint_auth_signing_alg: str = ""
    dpop_bound_access_tokens: bool = False
    jwks: _Keys | None = None
    jwks_uri: str = ""

    @property
    def confidential(self) -> bool:
        return self.token_endpoint_auth_method == "private_key_jwt"  # noqa: S105

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset(self.scope.split())


class Assertion(NamedTuple):
    """A client's proof of who it is. key: thumbprint of the one that signed; jti may be used once until `until`
    (seconds)."""

    key: str
    jti: str
    until: int


class _AssertionClaims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str | tuple[str, ...]
    jti: str
    iat: int
    exp: int | None = None


class _Kept(NamedTuple):
    metadata: Metadata
    keys: tuple[Jwk, ...]
    until: int


class Clients:
    """The clients known at the moment. issuer: our own URL. local_http: take ids by plain http from this machine
    (--dev)."""

    def __init__(self, http: Http, issuer: str, clock: Callable[[], int], *, local_http: bool) -> None:
        self._http, self._issuer, self._clock, self._local_http = http, issuer, clock, local_http
        self._kept: dict[str, _Kept] = {}

    async def find(self, client_id: str) -> Metadata:
        """The client's metadata. Raises InvalidClient."""
        return (await self._find(client_id)).metadata

    async def keys(self, client_id: str) -> tuple[Jwk, ...]:
        """The keys that a confidential client signs with today."""
        return (await self._find(client_id)).keys

    async def authenticate(self, client: Metadata, kind: str, assertion: str) -> Assertion | None:
        """Check that the request comes from this client; None for a public one.

        kind, assertion: client_assertion_type and client_assertion. Raises InvalidClient.
        """
        if not client.confidential:
            if assertion or kind:
                raise InvalidClient("This client's metadata does not name private_key_jwt.")
            return None
        if kind != ASSERTION_TYPE or not assertion:
            raise InvalidClient("This client has to send a client_assertion.")
        try:
            jwt = jose.read_jwt(assertion)
            claims = jwt.claims(_AssertionClaims)
            key = _named(await self.keys(client.client_id), jwt.header.kid)
            key.verify(jwt.signed, jwt.signature)
        except BadJwt as wrong:
            raise InvalidClient(f"The client_assertion is not valid: {wrong}.") from None
        return Assertion(key.thumbprint, claims.jti, self._check_claims(client, claims))

    def _check_claims(self, client: Metadata, claims: _AssertionClaims) -> int:
        """Until when the assertion is good, in seconds."""
        now = self._clock() // MICROS
        audience = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
        until = claims.exp if claims.exp is not None else claims.iat + LEEWAY_SECONDS
        if claims.iss != client.client_id or claims.sub != client.client_id or self._issuer not in audience:
            raise InvalidClient(
                "The client_assertion must have the client's id as iss and sub, and this server as aud."
            )
        if not claims.jti or len(claims.jti) > 256:
            raise InvalidClient("The client_assertion needs a jti.")
        if claims.iat > now + LEEWAY_SECONDS or until <= now or until > now + ASSERTION_SECONDS:
            raise InvalidClient("The client_assertion has expired, or is good for too long.")
        return until

    async def _find(self, client_id: str) -> _Kept:
        kept = self._kept.get(client_id)
        if kept is None or kept.until <= self._clock():
            kept = await self._read(client_id)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[client_id] = kept
        return kept

    async def _read(self, client_id: str) -> _Kept:
        until = self._clock() + KEEP_MICROS
        if (client := loopback(client_id)) is not None:
            return _Kept(client, (), until)
        assure_id(client_id, local_http=self._local_http)
        client = read_metadata(client_id, await self._fetch(client_id))
        if not client.confidential:
            return _Kept(client, (), until)
        keys = client.jwks if client.jwks is not None else await self._fetch_keys(client)
        return _Kept(client, _usable(keys), until)

    async def _fetch_keys(self, client: Metadata) -> _Keys:
        assure_url(client.jwks_uri, local_http=self._local_http)
        try:
            return msgspec.json.decode(await self._fetch(client.jwks_uri), type=_Keys)
        except UNREADABLE:
            raise InvalidClient("The client's jwks_uri does not hold a set of keys.") from None

    async def _fetch(self, url: str) -> bytes:
        """The JSON document at a URL: status 200, no redirect."""
        try:
            answer = await self._http.get(url, accept="application/json", max_bytes=MAX_METADATA, seconds=FETCH_SECONDS)
        except Refused as refused:
            raise InvalidClient(f"The client's document could not be fetched. {refused.say}", url=url) from None
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if answer.status != 200 or not (kind == "application/json" or kind.endswith("+json")):
            raise InvalidClient("The client's document must be answered with 200 and as JSON.", url=url)
        return answer.body


def read_metadata(client_id: str, document: bytes) -> Metadata:
    """A client's document, held against the profile. Raises InvalidClient."""
    try:
        client = msgspec.json.decode(document, type=Metadata)
    except UNREADABLE as wrong:
        raise InvalidClient(f"The client's metadata does not have the right form: {wrong}"[:300]) from None
    wrong_things = {
        "client_id differs from the URL": client.client_id != client_id,
        "dpop_bound_access_tokens must be true": not client.dpop_bound_access_tokens,
        "grant_types must have authorization_code": CODE not in client.grant_types,
        "response_types must have code": "code" not in client.response_types,
        "scope must have atproto": BASIC not in client.scopes,
        "application_type must be web or native": client.application_type not in ("web", "native"),
        "redirect_uris must not be empty": not client.redirect_uris,
        "token_endpoint_auth_method must be none or private_key_jwt": not (
            client.confidential or client.token_endpoint_auth_method == "none"  # noqa: S105
        ),
        "either jwks or jwks_uri is needed": client.confidential and (client.jwks is None) == (not client.jwks_uri),
        "token_endpoint_auth_signing_alg must be ES256": client.confidential
        and client.token_endpoint_auth_signing_alg != ALGORITHM,
        "a native app cannot keep a key": client.confidential and client.application_type == "native",
    }
    for words, is_so in wrong_things.items():
        if is_so:
            raise InvalidClient(f"The client's metadata is not as the profile asks: {words}.")
    for uri in client.redirect_uris:
        _assure_declared(client, uri)
    return client


def loopback(client_id: str) -> Metadata | None:
    """The metadata that a loopback id stands for; None for another id. Raises InvalidClient."""
    head, mark, query = client_id.partition("?")
    if head not in LOOPBACK_IDS:
        return None
    pairs = parse_qsl(query, keep_blank_values=True) if mark else []
    names = [name for name, _ in pairs]
    if len(client_id) > MAX_ID or not set(names) <= {"redirect_uri", "scope"} or names.count("scope") > 1:
        raise InvalidClient("A loopback client_id has redirect_uri and scope as its only parameters.")
    uris = tuple(value for name, value in pairs if name == "redirect_uri")
    client = Metadata(
        client_id=client_id,
        redirect_uris=uris or ("http://127.0.0.1/", "http://[::1]/"),
        scope=dict(pairs).get("scope", BASIC),
        application_type="native",
        grant_types=(CODE, REFRESH),
        token_endpoint_auth_method="none",  # noqa: S106
        dpop_bound_access_tokens=True,
    )
    if BASIC not in client.scopes:
        raise InvalidClient("A loopback client's scope must have atproto.")
    for uri in uris:
        if not _is_loopback(_parts(uri)):
            raise InvalidClient("A loopback client's redirect_uri must be on 127.0.0.1 or [::1].")
    return client


def assure_id(client_id: str, *, local_http: bool) -> None:
    """Raises InvalidClient unless this is a URL as the profile wants it: a name, a path, nothing odd."""
    parts = assure_url(client_id, local_http=local_http)
    host = parts.hostname or ""
    if local_http and parts.scheme == "http":
        return
    try:
        numeric = bool(ip_address(host))
    except ValueError:
        numeric = False
    path = parts.path
    odd = path in ("", "/") or path.endswith("/") or "//" in path or {".", ".."} & set(path.split("/"))
    if numeric or "." not in host or host.endswith((".local", ".localhost")) or odd or parts.port is not None:
        raise InvalidClient("The client_id must be an https URL with a host name and a path.")


def assure_url(url: str, *, local_http: bool) -> SplitResult:
    """A URL that we fetch a client's document from. Raises InvalidClient."""
    parts = _parts(url)
    local = parts.scheme == "http" and local_http and parts.hostname in ("localhost", *LOOPBACK_ADDRESSES)
    plain = parts.username is None and parts.password is None and not parts.fragment and "#" not in url
    if len(url) > MAX_ID or not plain or not parts.hostname or not (parts.scheme == "https" or local):
        raise InvalidClient("A client's documents must be at https URLs.")
    return parts


def assure_redirect(client: Metadata, uri: str) -> None:
    """Raises BadRedirect unless the client declared this very URI; on loopback addresses the port is its own."""
    if uri in client.redirect_uris:
        return
    parts = _parts(uri)
    if _is_loopback(parts) and any(_portless(parts) == _portless(_parts(one)) for one in client.redirect_uris):
        return
    raise BadRedirect(uri=uri[:200])


def assure_scopes(client: Metadata, scopes: Scopes) -> None:
    """Raises OAuthRefused (invalid_scope) when the client asks for more than it declared."""
    for name in scopes.names:
        if name not in client.scopes:
            raise OAuthRefused(f'This client\'s metadata does not declare the scope "{name}".', name="invalid_scope")


def shown_name(client_id: str) -> str:
    """What a person is told of who asks: the host whose word it is, empty for an app on their own machine."""
    if client_id.partition("?")[0] in LOOPBACK_IDS:
        return ""
    return urlsplit(client_id).hostname or client_id


def _assure_declared(client: Metadata, uri: str) -> None:
    """The profile's rules for a redirect URI in metadata. Raises InvalidClient."""
    parts, own = _parts(uri), urlsplit(client.client_id)
    fine = not parts.fragment and parts.username is None and len(uri) <= MAX_ID
    if parts.scheme == "https":
        fine = fine and bool(parts.hostname) and (client.application_type == "web" or parts.netloc == own.netloc)
    elif parts.scheme == "http":
        fine = fine and _is_loopback(parts) and (client.application_type == "native" or own.scheme == "http")
    else:
        reversed_host = ".".join(reversed((own.hostname or "").split(".")))
        single_slash = uri.startswith(f"{parts.scheme}:/") and not uri.startswith(f"{parts.scheme}://")
        fine = fine and client.application_type == "native" and parts.scheme == reversed_host and single_slash
    if not fine:
        raise InvalidClient(f"The client's redirect URI {uri[:200]} is not one that the profile allows.")


def _usable(keys: _Keys) -> tuple[Jwk, ...]:
    """The keys that sign with ES256; others may stand beside them."""
    usable = []
    for raw in keys.keys[:50]:
        try:
            key = jose.check_key(msgspec.json.decode(raw, type=Jwk))
        except (msgspec.MsgspecError, BadJwt):
            continue
        if key.use in ("", "sig") and key.alg in ("", ALGORITHM):
            usable.append(key)
    if not usable:
        raise InvalidClient("The client's keys have none for ES256.")
    return tuple(usable)


def _named(keys: tuple[Jwk, ...], kid: str) -> Jwk:
    for key in keys:
        if kid and key.kid == kid:
            return key
    raise BadJwt("no key of the client has that kid")


def _parts(url: str) -> SplitResult:
    """The parts of a client's URL, which is later put into headers: nothing odd in it. Raises InvalidClient."""
    try:
        parts = urlsplit(url)
        fine = (parts.port or 1) > 0 and bool(_PLAIN.fullmatch(url)) and bool(_PLACE.fullmatch(parts.netloc))
    except ValueError:
        fine = False
    if not fine:
        raise InvalidClient("A URL of the client is not valid.", url=url[:200])
    return parts


def _is_loopback(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in LOOPBACK_ADDRESSES and parts.username is None


def _portless(parts: SplitResult) -> tuple[str, str | None, str, str, str]:
    return parts.scheme, parts.hostname, parts.path or "/", parts.query, parts.fragment
