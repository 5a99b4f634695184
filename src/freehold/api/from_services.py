"""Calls by other services in their members' names: views for the members of other hosts, and what asks for it.

Source: https://atproto.com/specs/xrpc#inter-service-authentication-jwt
"""

from freehold.api.bsky import OWN_VIEWS, PUBLIC_VIEWS
from freehold.api.bsky_feeds import BY_SERVICE
from freehold.api.caller import SERVICE, Caller
from freehold.api.door import Scope
from freehold.api.xrpc import Method, RequestHeaders
from freehold.net.budgets import caller_of
from freehold.pds.membership import AccountTakedown
from freehold.pds.service_callers import BadServiceToken, is_service_token
from freehold.site import Site

ALSO_BY_SERVICE = frozenset(
    {*PUBLIC_VIEWS, *OWN_VIEWS, *BY_SERVICE, "com.atproto.moderation.createReport", "com.atproto.server.createAccount"}
)
"""Methods for our own members, or for all, where a service token counts too."""


async def from_service(site: Site, method: Method, headers: RequestHeaders, scope: Scope) -> Caller | None:
    """Who calls by a service token; None for a call that has none. Raises BadServiceToken, AccountTakedown."""
    if method.auth is not SERVICE and method.nsid not in ALSO_BY_SERVICE:
        return None
    scheme, _, token = (headers.get("authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or site.tokens.known(token, 0) or not is_service_token(token):
        if method.auth is SERVICE:
            raise BadServiceToken("A service token for this method is needed.", name="AuthMissing")
        return None
    place = caller_of((scope.get("client") or ("",))[0])
    did = await site.service_callers.read(token, method.nsid, place)
    account = site.accounts.find(did)
    if account is not None and account.status in ("takendown", "suspended"):
        raise AccountTakedown(did=did)
    return Caller(did, "service")
