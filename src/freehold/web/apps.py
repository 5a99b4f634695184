"""Apps that ask to act for a member, and those that may: what the pages need to know of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

SessionKind = Literal["app", "program", "browser"]


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing that an app asks to be allowed. kind: which sentence of `pages.authorize`; what: fills it in.

    said: of a permission set, what its authority calls it: (language, title, detail), "" for all other languages.
    """

    kind: str
    what: str = ""
    said: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AppRequest:
    """A request that waits for a member's answer.

    app: the host whose word it is, empty for an app on the member's own machine. account: the DID that the app asked
    for, empty for any; hint: the name it was asked by. prompt: as OAuth has it. source: where the browser goes
    afterwards, as a content security policy names it.
    """

    uri: str
    client_id: str
    app: str
    wishes: Sequence[Wish]
    account: str
    hint: str
    prompt: str
    source: str


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Somewhere that a member is signed in. name: the app's host, or that of its app password; empty for none.

    since: None where it is not known. here: the browser that asks.
    """

    kind: SessionKind
    key: str
    name: str
    wishes: Sequence[Wish]
    since: datetime | None
    used: datetime
    here: bool


class Apps(Protocol):
    """Letting apps in, and seeing them out."""

    async def request(self, uri: str, client_id: str) -> AppRequest:
        """The request of this app. Refuses one that is unknown, expired or answered."""
        ...

    async def allow(self, uri: str, client_id: str, did: str) -> str:
        """The member's yes; where to send the browser."""
        ...

    async def refuse(self, uri: str, client_id: str, error: str) -> str:
        """The member's no, or why they cannot be asked; where to send the browser."""
        ...

    async def sessions(self, did: str, here: str | None) -> Sequence[OpenSession]:
        """Where the member is signed in. here: the asking browser's own session."""
        ...

    async def end(self, did: str, kind: str, key: str) -> None:
        """End one of the member's sessions."""
        ...
