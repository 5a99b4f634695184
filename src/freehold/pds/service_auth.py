"""Short-lived tokens by which a member's host speaks to another service in the member's name.

Source: https://atproto.com/specs/xrpc#inter-service-authentication-jwt
"""

from base64 import urlsafe_b64encode

import msgspec

from freehold.protocol.keys import SigningKey
from freehold.protocol.refused import Refused

DEFAULT_SECONDS = 60
MAX_SECONDS = 3600
MAX_SECONDS_ANY_METHOD = 60

PROTECTED = frozenset(
    {
        "com.atproto.identity.requestPlcOperationSignature",
        "com.atproto.identity.signPlcOperation",
        "com.atproto.identity.updateHandle",
        "com.atproto.server.activateAccount",
        "com.atproto.server.confirmEmail",
        "com.atproto.server.createAppPassword",
        "com.atproto.server.deactivateAccount",
        "com.atproto.server.getSession",
        "com.atproto.server.listAppPasswords",
        "com.atproto.server.requestAccountDelete",
        "com.atproto.server.requestEmailConfirmation",
        "com.atproto.server.requestEmailUpdate",
        "com.atproto.server.revokeAppPassword",
        "com.atproto.server.updateEmail",
    }
)


PRIVILEGED = "com.atproto.server.createAccount"
PRIVILEGED_NAMESPACE = "chat.bsky."


class BadTokenMethod(Refused):
    """An app password of the plain level reaches for messages, or for moving the account."""

    name = "InvalidToken"
    say = "Bad token method: this app password is not privileged."


def assure_level(method: str | None, privileged: bool) -> None:
    """May a session of this level have a token for the method? Raises BadTokenMethod."""
    wide = method is None or method == PRIVILEGED or method.startswith(PRIVILEGED_NAMESPACE)
    if wide and not privileged:
        raise BadTokenMethod(method=method)


class BadExpiration(Refused):
    """Asked for a token that would live too long, or not at all."""

    name = "BadExpiration"


class ProtectedMethod(Refused):
    """Account management is done by the member's own session only."""

    say = "A token for that method cannot be had: it is for the account's own session only."


def service_token(
    *, key: SigningKey, issuer: str, audience: str, method: str | None, now: int, until: int | None, nonce: str
) -> str:
    """A JWT that lets `audience` take a call of `method` (None: any) for that of `issuer`.

    now, until: seconds since 1970 UTC; until None is a minute from now. Raises BadExpiration, ProtectedMethod.
    """
    if method in PROTECTED:
        raise ProtectedMethod(method=method)
    until = now + DEFAULT_SECONDS if until is None else until
    longest = MAX_SECONDS if method else MAX_SECONDS_ANY_METHOD
    if not now < until <= now + longest:
        raise BadExpiration(f"exp must be in the future, at most {longest} seconds.")
    payload: dict[str, object] = {"iss": issuer, "aud": audience, "iat": now, "exp": until, "jti": nonce}
    if method:
        payload["lxm"] = method
    body = _encode({"typ": "JWT", "alg": "ES256K"}) + b"." + _encode(payload)
    return (body + b"." + urlsafe_b64encode(key.sign(body)).rstrip(b"=")).decode("ascii")


def _encode(value: object) -> bytes:
    return urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=")
