"""Who calls: reads the Authorization header by what the method asks for.

/xrpc never looks at a cookie: a page in a browser cannot call in a member's name without the token.
Source: https://atproto.com/specs/xrpc#authentication
"""

import hmac
from base64 import b64decode

from freehold.api.answers import ApiRefused
from freehold.api.caller import ACCESS, ADMIN, FULL, NOBODY, OPTIONAL, REFRESH, WAITING, Auth, Caller
from freehold.api.door import Scope
from freehold.api.oauth import authenticate_dpop
from freehold.api.xrpc import RequestHeaders
from freehold.pds import app_passwords
from freehold.pds.accounts import Account
from freehold.pds.membership import AccountTakedown
from freehold.pds.tokens import ACCESS_SCOPE, WAITING_SCOPE, Claims, ExpiredToken, InvalidToken
from freehold.site import Site

MICROS = 1_000_000


class AuthMissing(ApiRefused):
    """The method is for members, or for the owner, and nobody signed in."""

    kind = "unauthenticated"
    name = "AuthMissing"
    say = "Authentication Required"


class AdminWrong(ApiRefused):
    """Not the admin's password."""

    kind = "unauthenticated"
    name = "AuthMissing"
    say = "The admin password is not right."


async def authenticate(site: Site, asked: Auth, headers: RequestHeaders, scope: Scope) -> Caller:
    """Raises AuthMissing, InvalidToken, ExpiredToken, AccountTakedown; for OAuth what `authenticate_dpop` raises."""
    given = headers.get("authorization")
    if given is None:
        if asked is OPTIONAL:
            return NOBODY
        raise AuthMissing(headers=[("www-authenticate", "Basic" if asked is ADMIN else "Bearer")])
    scheme, _, credential = given.partition(" ")
    scheme = scheme.lower()
    if asked is ADMIN:
        return _admin(site, scheme, credential)
    if scheme == "dpop" and asked is not REFRESH:
        return authenticate_dpop(site, credential, headers, scope)
    if scheme != "bearer":
        raise InvalidToken("Send the access token as Bearer.")
    now = site.clock() // MICROS
    refresh = asked is REFRESH
    claims = site.tokens.read_refresh(credential, now) if refresh else site.tokens.read_access(credential, now)
    if claims.scope == WAITING_SCOPE:
        return _waiting(asked, claims)
    account = site.accounts.find(claims.sub) or (site.admission.find(claims.sub) if refresh else None)
    if account is None:
        raise InvalidToken("This account is no longer here.")
    if account.status in ("takendown", "suspended"):
        raise AccountTakedown(did=account.did)
    if refresh:
        return Caller(account.did, "refresh", claims)
    return _member(site, asked, account, claims)


def known(site: Site, headers: RequestHeaders) -> Caller | None:
    """A member whose access token was checked a while ago, and what it hangs on is remembered: by its bearer alone.

    None for whoever has to be looked at. Raises what `authenticate` raises.
    """
    given = headers.get("authorization")
    if given is None or not given.startswith("Bearer "):
        return None
    claims = site.tokens.known(given[len("Bearer ") :], site.clock() // MICROS)
    account = site.accounts.find(claims.sub) if claims is not None else None
    if claims is None or account is None or not account.active or claims.scope == WAITING_SCOPE:
        return None
    return _member(site, ACCESS, account, claims)


def _waiting(asked: Auth, claims: Claims) -> Caller:
    """Somebody in the line of applicants, who may only ask how long it is."""
    if asked is not WAITING:
        raise InvalidToken("Bad token scope: you are in the line of those who asked to join, and not let in yet.")
    return Caller(claims.sub, "waiting", claims)


def _member(site: Site, asked: Auth, account: Account, claims: Claims) -> Caller:
    """Who holds an access token, by what it was given for."""
    if claims.sid and not site.running.goes_on(claims.sid, account.id):
        raise ExpiredToken("This session has ended. Sign in again.")
    if claims.scope == ACCESS_SCOPE:
        return Caller(account.did, "access", claims)
    if asked is FULL:
        raise InvalidToken("Bad token scope: an app password cannot do that. Sign in with your own password.")
    if not site.app_passwords.is_valid(claims.jti, account.id):
        raise ExpiredToken("That app password has been revoked.")
    return Caller(account.did, "app", claims, privileged=claims.scope == app_passwords.PRIVILEGED_SCOPE)


def _admin(site: Site, scheme: str, credential: str) -> Caller:
    """The operator, by the password that the process was started with."""
    if scheme != "basic" or not site.admin_password:
        raise AdminWrong(headers=[("www-authenticate", "Basic")])
    try:
        name, _, password = b64decode(credential, validate=True).decode().partition(":")
    except ValueError:  # not ASCII, not base64, not UTF-8
        raise AdminWrong(headers=[("www-authenticate", "Basic")]) from None
    if name != "admin" or not hmac.compare_digest(password.encode(), site.admin_password.encode()):
        raise AdminWrong(headers=[("www-authenticate", "Basic")])
    return Caller(None, "admin")
