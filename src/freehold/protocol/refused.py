"""The one family of refusals.

Whatever is not allowed, not there or not well formed raises a `Refused`. `name` and `say` go out: as an XRPC error, as
a sentence beside the form, or on stderr with exit 1. The facts go to our log only. Anything else that is raised is our
bug.
Source: https://atproto.com/specs/xrpc#error-responses
"""

from typing import ClassVar, Literal

Kind = Literal[
    "invalid",
    "unauthenticated",
    "forbidden",
    "missing",
    "method",
    "conflict",
    "too_large",
    "unsupported_type",
    "upgrade",
    "too_many",
    "not_implemented",
    "upstream",
    "upstream_slow",
    "unavailable",
]


class Refused(Exception):  # noqa: N818 - the word of the product
    """A request that we understood well enough to say no.

    kind: what sort of no; each door picks a status by it.
    name: the protocol's error name, without spaces.
    say: one sentence for a person: what happened, what to do next.
    """

    kind: ClassVar[Kind] = "invalid"
    name: str = "InvalidRequest"
    say: str = "That request is not valid."

    def __init__(self, say: str | None = None, /, *, name: str | None = None, **facts: object) -> None:
        if say is not None:
            self.say = say
        if name is not None:
            self.name = name
        self.facts = facts
        super().__init__(self.say)


class InvalidRequest(Refused):
    """The request does not have the form that its method asks for."""
