"""What can go wrong with another server, as refusals. The facts name the URL, for our log; the sentence does not."""

from typing import ClassVar

from freehold.protocol.refused import Kind, Refused


class UpstreamFailed(Refused):
    """The other server could not be reached, or answered what no client can use."""

    kind: ClassVar[Kind] = "upstream"
    name = "UpstreamFailure"
    say = "The other server did not answer as it should. Try again later."


class UpstreamTooSlow(UpstreamFailed):
    """The exchange took longer than its limit."""

    kind = "upstream_slow"
    name = "UpstreamTimeout"
    say = "The other server took too long to answer. Try again later."


class UpstreamTooLarge(UpstreamFailed):
    """The answer is larger than we take."""

    say = "The other server answered with more than this server takes."


class UnexpectedStatus(UpstreamFailed):
    """An HTTP status that the caller did not ask for; `status` holds it."""

    def __init__(self, status: int, url: str) -> None:
        self.status = status
        super().__init__(status=status, url=url)


class BadUrl(Refused):
    """A URL that we do not fetch: another scheme, a password in it, no host."""

    name = "BadUrl"
    say = "That address cannot be fetched. It has to begin with https:// and name a host."
