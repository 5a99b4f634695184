"""What the pages ask about the door of a network: who waits before it, who lets them in, and what the owner chose.

`SiteBackend.gate` is one, made of the site's rooms by `keeping`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from freehold.protocol.refused import Refused

Joining = Literal["open", "ask", "invite", "closed"]
WAYS: tuple[Joining, ...] = ("open", "ask", "invite", "closed")


class InLine(Refused):
    """The password is right, and its holder is not let in yet. did: to begin a session that shows where they stand."""

    kind, name = "forbidden", "SignupQueued"

    def __init__(self, did: str) -> None:
        super().__init__(did=did)
        self.did = did


@dataclass(frozen=True, slots=True)
class Applied:
    """Somebody has asked to join, and waits."""

    did: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Where somebody stands. turn: 1 is next. seconds: until they are let in, or None. declined: why, or None."""

    did: str
    handle: str
    turn: int = 0
    seconds: int | None = None
    declined: str | None = None


@dataclass(frozen=True, slots=True)
class Applicant:
    """Somebody who waits, as those see them who decide. words: what they said about themselves."""

    place: int
    did: str
    handle: str
    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the owner chose. hue: 0–360, chroma: 0–0.11. bits: of the proof of work. hourly: 0 is no limit.

    alarm: from how many different things read within an hour; 0 is never. slow: such a reader is slowed down.
    mail_reset: a lost password may be set anew by mail.
    """

    name: str
    about: str
    rules: tuple[str, ...]
    contact: str
    hue: int
    chroma: float
    joining: Joining
    proof: bool
    bits: int
    hourly: int
    alarm: int
    slow: bool
    mail_reset: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """Somebody has read very much. kind: repositories, records, profiles, files, or stream for all that happens.

    things: about how many different ones within an hour.
    """

    name: str
    kind: str
    things: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Moved:
    """The network has another name now. was: the host name of before. bound: handle and why, of those not moved whole.

    The numbers are of what ended with the old name.
    """

    was: str
    at: datetime
    moved: int
    browsers: int
    programs: int
    apps: int
    passkeys: int
    bound: list[tuple[str, str]]


class Gate(Protocol):
    """The door of one network."""

    def challenge(self) -> str:
        """The work that joining takes now, for a browser to do; "" for none."""
        ...

    async def start_session(self, did: str) -> tuple[str, int]:
        """A browser session for somebody who waits: the secret for the cookie, and its seconds."""
        ...

    async def turn(self, token: str) -> Turn | None:
        """Where the holder of such a session stands; None if nobody waits by it."""
        ...

    async def withdraw(self, did: str) -> None:
        """They do not want to join any more."""
        ...

    def waiting(self) -> int:
        """How many wait."""
        ...

    def line(self, after: int, limit: int) -> list[Applicant]:
        """Those who wait, in order, after a place."""
        ...

    async def let_in(self, did: str) -> str:
        """Make a member of somebody who waits; their handle. Refuses when they wait no more."""
        ...

    async def decline(self, did: str, because: str) -> str:
        """Say no; their handle. Refuses when they wait no more."""
        ...

    def wanted(self) -> Wanted:
        """The owner's choices as they stand."""
        ...

    async def choose(self, wanted: Wanted) -> None:
        """Change them."""
        ...

    def moved(self) -> Moved | None:
        """The newest move to another name."""
        ...

    def sends_mail(self) -> bool:
        """Has the network a mail server?"""
        ...

    def readings(self) -> list[Reading]:
        """Who has read very much within the last month, newest first."""
        ...

    def expected(self) -> list[str]:
        """Readers of whom the owner said that they may."""
        ...

    async def expect(self, name: str, expected: bool) -> None:
        """Give no alarm for a reader any more, or again."""
        ...
