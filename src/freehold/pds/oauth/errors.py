"""What OAuth refuses, by the names of its RFCs.

Source: RFC 6749 §5.2, RFC 9126 §2.3, RFC 9449 §7.1 and §8
"""

from freehold.protocol.refused import Refused


class OAuthRefused(Refused):
    """A request that this authorization server says no to; `name` is the RFC's error code."""

    name = "invalid_request"
    say = "The request is not one of OAuth by the AT Protocol's profile."


class InvalidClient(OAuthRefused):
    """The client is not who it says, or its metadata is not as the profile asks."""

    kind, name = "unauthenticated", "invalid_client"


class InvalidGrant(OAuthRefused):
    """A code or refresh token that is wrong, used, expired or bound to somebody else."""

    name = "invalid_grant"
    say = "That code or refresh token is not valid. Begin again."


class InvalidScope(OAuthRefused):
    """A scope that is misspelt or not declared."""

    name = "invalid_scope"


class InvalidProof(OAuthRefused):
    """The DPoP proof does not prove."""

    name = "invalid_dpop_proof"


class UseNonce(OAuthRefused):
    """The DPoP proof has no nonce of ours, or an old one."""

    name = "use_dpop_nonce"
    say = "Send the DPoP proof again with the nonce of the DPoP-Nonce header."


class AccessDenied(OAuthRefused):
    """The member, or their account's state, said no."""

    name = "access_denied"
    say = "The request was denied."


class InvalidAccessToken(OAuthRefused):
    """Not an access token of ours, expired, revoked, or bound to another key."""

    kind, name = "unauthenticated", "invalid_token"
    say = "That access token is not valid."


class ScopeMissing(OAuthRefused):
    """The member did not grant this."""

    kind, name = "forbidden", "ScopeMissingError"

    def __init__(self, needed: str) -> None:
        super().__init__(f'Missing required scope "{needed}"', needed=needed)
        self.needed = needed
