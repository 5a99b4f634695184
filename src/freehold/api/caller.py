"""Who calls: the levels of sign-in that a method can ask for, and what an authenticator says of a caller.

The authenticator itself is handed to the door; here are only the words that it shares with handlers.
Source: https://atproto.com/specs/xrpc#authentication
"""

from enum import Enum
from typing import Any, Literal

import msgspec


class Auth(Enum):
    """What a method asks of its caller."""

    NONE = "none"
    """Nothing: credentials are not even looked at."""
    OPTIONAL = "optional"
    """Anyone; a caller who does sign in must do so rightly."""
    ACCESS = "access"
    """A member, by an access token."""
    FULL = "full"
    """A member, by an access token that no app password gave: for what belongs to the account itself."""
    WAITING = "waiting"
    """As `ACCESS`, or somebody who waits to be let in and is no member yet."""
    REFRESH = "refresh"
    """A member, by a refresh token."""
    SERVICE = "service"
    """Another service on behalf of one of its members, by a service token for this very method."""
    ADMIN = "admin"
    """The owner."""


NONE, OPTIONAL, ACCESS, FULL, WAITING, REFRESH, SERVICE, ADMIN = Auth

Kind = Literal["nobody", "access", "app", "oauth", "waiting", "refresh", "service", "admin"]


class Caller(msgspec.Struct, frozen=True):
    """Who calls.

    did: the account in whose name; None for nobody and for the owner by password. kind: by what credential; `app` is an
    access token of an app password, `oauth` one of OAuth, already held against its scopes. token: what the credential
    says, for the room that gave it out.
    """

    did: str | None
    kind: Kind
    token: Any = None
    privileged: bool = True
    """False for an app password of the plain level: it keeps away from messages and from moving the account."""

    @property
    def member(self) -> str:
        """The DID of a caller who had to sign in as a member."""
        if self.did is None:
            raise LookupError("this method is not for members only: look at `did`")
        return self.did


NOBODY = Caller(None, "nobody")
"""Who did not sign in."""
