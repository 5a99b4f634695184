"""What every taking has: how it is done, what is done about it, and what was promised."""

from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from freehold.cli.drill.crowd import Crowd
from freehold.protocol.refused import Refused

W = TypeVar("W")
"""The world that it is taken from: one that a drill made, or the network itself."""


class Broken(Refused):
    """Something did not hold that was promised."""

    kind, name = "unavailable", "Broken"


class Taking(NamedTuple, Generic[W]):
    """One thing that is taken away.

    what: is lost, for a reader of the report. read, write: within how many seconds members are promised to be answered
    again. take: it is gone when this returns. mend: what its owner and the machines do about it meanwhile; gives what
    is worth telling, raises Broken. after: another taking without which there is nothing to take.
    """

    name: str
    what: str
    read: float
    write: float
    take: Callable[[W, Crowd], Awaitable[None]]
    mend: Callable[[W, Crowd], Awaitable[list[str]]]
    after: str = ""
