"""OAuth as programs see it: the two documents that announce it, requests, tokens, revocation, and calls with DPoP.

Only translation: forms and headers to the rules in pds.oauth, and back. The page that asks the member is in web.
Source: https://atproto.com/specs/oauth; RFC 8414, 9126, 9449, 9728, 7009
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl
from weakref import WeakKeyDictionary

import msgspec

from freehold.api import bodies, cors
from freehold.api.answers import ApiRefused, deliver
from freehold.api.caller import Caller
from freehold.api.door import Scope
from freehold.api.permissions import assure_method
from freehold.api.xrpc import Answer, RequestHeaders
from freehold.net.budgets import Budgets, Limit, TooMany, caller_of
from freehold.net.statuses import STATUS
from freehold.pds.membership import AccountTakedown
from freehold.pds.oauth.errors import InvalidAccessToken, InvalidProof, OAuthRefused, ScopeMissing, UseNonce
from freehold.pds.oauth.grants import ACCESS_SECONDS, REQUEST_SECONDS
from freehold.pds.oauth.scopes import BASIC, TRANSITIONAL
from freehold.protocol.refused import Refused
from freehold.site import Site

log = logging.getLogger("freehold.api")

MAX_FORM = 32_768
MOST_FIELDS = 40
PROTECTED_RESOURCE = "/.well-known/oauth-protected-resource"
AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"
PATHS = ("/oauth/par", "/oauth/token", "/oauth/revoke", "/oauth/jwks", PROTECTED_RESOURCE, AUTHORIZATION_SERVER)
LIMIT = Limit("oauth", 600, 300)

Json = dict[str, Any]
Form = dict[str, str]


class DpopRefused(ApiRefused):
    """A call with DPoP that is refused, with the challenge that says why."""

    kind = "unauthenticated"


class AppRefused(ApiRefused):
    """A call beyond what the member granted."""

    kind, name = "forbidden", ScopeMissing.name


class FormExpected(OAuthRefused):
    """The body is no form."""

    say = "Send the parameters once each, as application/x-www-form-urlencoded or JSON."


class WrongVerb(OAuthRefused):
    """GET where POST is asked for, or the other way round."""

    kind = "method"
    say = "This address takes another method."


# --- the documents


def protected_resource(site: Site) -> Json:
    """What the resource server says of itself."""
    return {
        "resource": site.oauth.issuer,
        "authorization_servers": [site.oauth.issuer],
        "scopes_supported": [],
        "bearer_methods_supported": ["header"],
        "resource_documentation": "https://atproto.com",
    }


def authorization_server(site: Site) -> Json:
    """What the authorization server says of itself."""
    issuer = site.oauth.issuer
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "pushed_authorization_request_endpoint": f"{issuer}/oauth/par",
        "jwks_uri": f"{issuer}/oauth/jwks",
        "require_pushed_authorization_requests": True,
        "scopes_supported": [BASIC, *TRANSITIONAL],
        "subject_types_supported": ["public"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "revocation_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "revocation_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "require_request_uri_registration": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": True,
        "prompt_values_supported": ["none", "login", "consent", "select_account", "create"],
        "ui_locales_supported": ["en", "fr"],
        "protected_resources": [issuer],
    }


# --- the endpoints


async def push(site: Site, form: Form, jkt: str) -> tuple[int, Json]:
    """POST /oauth/par"""
    return 201, {"request_uri": await site.oauth.push(form, jkt), "expires_in": REQUEST_SECONDS}


async def token(site: Site, form: Form, jkt: str) -> tuple[int, Json]:
    """POST /oauth/token"""
    account, made = await site.oauth.token(form, jkt)
    return 200, {
        "access_token": made.access,
        "token_type": "DPoP",
        "expires_in": ACCESS_SECONDS,
        "refresh_token": made.refresh,
        "scope": made.session.scope,
        "sub": account.did,
    }


async def revoke(site: Site, form: Form) -> tuple[int, Json]:
    """POST /oauth/revoke"""
    await site.oauth.revoke(form)
    return 200, {}


PROVEN: dict[str, Callable[[Site, Form, str], Awaitable[tuple[int, Json]]]] = {
    "/oauth/par": push,
    "/oauth/token": token,
}
DOCUMENTS: dict[str, Callable[[Site], Json]] = {
    PROTECTED_RESOURCE: protected_resource,
    AUTHORIZATION_SERVER: authorization_server,
    "/oauth/jwks": lambda site: {"keys": []},  # our tokens are looked up, not signed
}


class OAuthDoor:
    """Answers the OAuth paths of every site."""

    def __init__(self) -> None:
        self._budgets: WeakKeyDictionary[Site, Budgets] = WeakKeyDictionary()

    async def __call__(self, site: Site, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": cors.preflight(scope["headers"])})
            await send({"type": "http.response.body", "body": b""})
            return
        try:
            answer = await self._answer(site, scope, receive)
        except bodies.ClientGone:
            return
        except Refused as refused:
            answer = _refusal(site, refused)
        except Exception:
            log.exception("an OAuth request failed", extra={"path": scope["path"]})
            answer = Answer({"error": "server_error"}, headers=[("cache-control", "no-store")], status=500)
        await deliver(answer, None, send, head=scope["method"] == "HEAD")

    async def _answer(self, site: Site, scope: Scope, receive: Any) -> Answer:
        path, verb = scope["path"], scope["method"]
        document = DOCUMENTS.get(path)
        if (document is None) != (verb == "POST"):
            raise WrongVerb
        if document is not None:
            return Answer(document(site), headers=[("cache-control", "public, max-age=600")])
        self._spend(site, scope)
        headers = RequestHeaders(scope["headers"])
        form = await read_form(headers, receive)
        if path == "/oauth/revoke":
            status, said = await revoke(site, form)
        else:
            status, said = await PROVEN[path](site, form, _proven(site, headers, scope))
        return Answer(said, headers=_headers(site), status=status)

    def _spend(self, site: Site, scope: Scope) -> None:
        """Raises TooMany."""
        if not site.place.dev:
            budgets = self._budgets.setdefault(site, Budgets(site.clock))
            budgets.spend(LIMIT, caller_of((scope.get("client") or ("",))[0]))


def _proven(site: Site, headers: RequestHeaders, scope: Scope, access_token: str | None = None) -> str:
    """The thumbprint of the key that made the request's proof. Raises InvalidProof, UseNonce."""
    proof = headers.get("dpop")
    if proof is None:
        raise InvalidProof("A DPoP proof is needed.")
    return site.oauth.proofs.check(proof, scope["method"], site.oauth.issuer + scope["path"], access_token)


def _headers(site: Site) -> list[tuple[str, str]]:
    return [("cache-control", "no-store"), ("pragma", "no-cache"), ("dpop-nonce", site.oauth.proofs.nonce)]


def _refusal(site: Site, refused: Refused) -> Answer:
    name = refused.name if isinstance(refused, OAuthRefused) else "invalid_request"
    if isinstance(refused, TooMany):
        name = "temporarily_unavailable"
    body = {"error": name, "error_description": refused.say}
    return Answer(body, headers=_headers(site), status=STATUS[refused.kind])


async def read_form(headers: RequestHeaders, receive: Any) -> Form:
    """The parameters of a request, each given once. Raises FormExpected."""
    bodies.check_length(headers.get("content-length"), MAX_FORM)
    data = await bodies.whole(receive, MAX_FORM)
    kind = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            return msgspec.json.decode(data, type=Form)
        if kind == "application/x-www-form-urlencoded":
            return _unique(parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except (ValueError, msgspec.MsgspecError):
        raise FormExpected from None
    raise FormExpected


def _unique(pairs: Sequence[tuple[str, str]]) -> Form:
    form = dict(pairs)
    if len(form) != len(pairs):
        raise ValueError("a parameter is repeated")
    return form


# --- calls with a token


def authenticate_dpop(site: Site, access_token: str, headers: RequestHeaders, scope: Scope) -> Caller:
    """Who calls with an access token and a DPoP proof, if what they call was granted.

    Raises DpopRefused with the challenge, AppRefused, AccountTakedown.
    """
    nsid = scope["path"].removeprefix("/xrpc/").rstrip("/")
    try:
        grant = site.oauth.recognise(access_token, _proven(site, headers, scope, access_token))
    except (InvalidProof, UseNonce, InvalidAccessToken) as refused:
        raise _challenge(site, refused) from None
    if grant.account.status in ("takendown", "suspended"):
        raise AccountTakedown(did=grant.account.did)
    try:
        assure_method(site, grant.scopes, nsid, headers)
    except ScopeMissing as refused:
        challenge = f'DPoP error="insufficient_scope", scope="{refused.needed}"'
        raise AppRefused(refused.say, headers=[("www-authenticate", challenge)]) from None
    return Caller(grant.account.did, "oauth", grant)


def _challenge(site: Site, refused: OAuthRefused) -> DpopRefused:
    headers = [
        ("www-authenticate", f'DPoP algs="ES256", error="{refused.name}", error_description="{refused.say}"'),
        ("dpop-nonce", site.oauth.proofs.nonce),
    ]
    return DpopRefused(refused.say, headers=headers, name=refused.name)
