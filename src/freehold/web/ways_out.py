"""What the pages need to know of the ways out: recovery keys, the archive, a move to another host, the end.

Nothing of it may be made hard: who can leave stays freely. Secrets that the network makes are in the answer to the call
that makes them. `password` is the member's own here, which every lasting step asks for again.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NewKey:
    """A recovery key. secret: shown once. public: its did:key."""

    secret: str
    public: str


@dataclass(frozen=True, slots=True)
class OtherPlace:
    """What another host asks of who comes. origin: its address; domains: what handles there end with."""

    origin: str
    domains: Sequence[str]
    invite: bool


@dataclass(frozen=True, slots=True)
class Leaving:
    """A move to another host. place: the host's name. step: of `STEPS`, the one that is at work. done, total: of it.

    failure: why it stands still. decided: there is no way back but another move. until: when what rests here goes.
    """

    place: str
    origin: str
    handle: str
    step: int
    steps: int
    done: int
    total: int
    failure: str | None
    decided: bool
    over: bool
    until: datetime | None


class WaysOut(Protocol):
    """How members of one network leave."""

    async def keys(self, did: str) -> Sequence[str] | None:
        """The member's recovery keys (did:key), highest first; None for an identity that has none (did:web)."""
        ...

    async def make_key(self, did: str, password: str, instead_of: str) -> NewKey:
        """A recovery key above all others, in the place of one of them if `instead_of` names it."""
        ...

    async def remove_key(self, did: str, password: str, public: str) -> None:
        """Take a recovery key out of the identity."""
        ...

    def public_half(self, secret: str) -> str:
        """The did:key of a secret that somebody holds."""
        ...

    def archive(self, did: str) -> AsyncIterator[bytes]:
        """Everything of the account, as one file."""
        ...

    def leaving(self, did: str) -> Leaving | None:
        """How far the member's move is; None if there is none."""
        ...

    async def look(self, did: str, host: str) -> OtherPlace:
        """Another host, asked for this member."""
        ...

    async def leave(
        self, did: str, password: str, *, host: str, handle: str, mail: str, new_password: str, invite: str
    ) -> None:
        """Begin to move."""
        ...

    async def go_on(self, did: str) -> None:
        """Try again where the move stands still."""
        ...

    async def stay(self, did: str) -> None:
        """Give a move up."""
        ...

    async def send_code(self, did: str) -> bool:
        """Send the code that a tool of the member's asks for; False where the password stands in its place."""
        ...

    async def rest(self, did: str, password: str) -> None:
        """Deactivate the account."""
        ...

    async def ask_to_end(self, did: str) -> bool:
        """Send the code that `end` asks for; False where the password is enough."""
        ...

    async def end(self, did: str, password: str, code: str) -> None:
        """Delete the account and all that it has."""
        ...
