"""How members prove who they are, and come back when they cannot: what the pages need to know of it.

Secrets that the network makes (codes, keys, app passwords) are in the answer to the call that makes them, and nowhere
else. `password` is the member's own, which every lasting change asks for again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

Way = Literal["app", "mail"]


@dataclass(frozen=True, slots=True)
class Halfway:
    """A sign-in after its first step. ticket: comes back with the code. way: where the code comes from."""

    ticket: str
    way: Way


@dataclass(frozen=True, slots=True)
class Question:
    """What a browser is asked. options: WebAuthn's JSON. ticket: comes back with the answer."""

    options: dict[str, Any]
    ticket: str


@dataclass(frozen=True, slots=True)
class PasskeyLine:
    """One passkey. host: the network's name that it was made for. used: None if it never was."""

    key: str
    name: str
    host: str
    made: datetime
    used: datetime | None


@dataclass(frozen=True, slots=True)
class AppPasswordLine:
    """One app password. privileged: may also read messages."""

    name: str
    privileged: bool
    made: datetime


@dataclass(frozen=True, slots=True)
class Safety:
    """What guards an account beside its password. recovery_code: when it was made; None if there is none."""

    codes: bool
    backup_codes: int
    mail_codes: bool
    passkeys: Sequence[PasskeyLine]
    recovery_code: datetime | None


@dataclass(frozen=True, slots=True)
class CodesBegun:
    """A secret that waits for its first code: as text in groups of four, and as what a QR code says."""

    secret: str
    uri: str


class Credentials(Protocol):
    """The credentials of one network's members."""

    # Coming in: each gives the member's DID

    async def second_step(self, ticket: str, code: str, address: str) -> str:
        """The code after the password."""
        ...

    def way_of(self, ticket: str) -> Way | None:
        """What the second step asks for; None when the ticket is too old."""
        ...

    def question(self) -> Question:
        """For a browser that wants in by a passkey."""
        ...

    async def by_passkey(self, ticket: str, answer: str, address: str) -> str:
        """The browser's answer (JSON)."""
        ...

    # Coming back

    @property
    def mail_possible(self) -> bool:
        """Does this network send mail?"""
        ...

    async def recover(self, *, identifier: str, proof: str, password: str, address: str) -> tuple[str, str]:
        """A new password by recovery code or recovery key: the member's DID, and their new recovery code."""
        ...

    async def ask_for_letter(self, mail: str, address: str) -> None:
        """Send a code to this address if an account has it; whether one has is not said."""
        ...

    async def recover_by_letter(self, code: str, password: str, address: str) -> None:
        """A new password by the code in a letter."""
        ...

    # In the settings

    async def safety(self, did: str) -> Safety:
        """What guards the account."""
        ...

    async def make_recovery_code(self, did: str, password: str) -> str:
        """A recovery code; the one of before ends."""
        ...

    async def begin_codes(self, did: str, password: str) -> None:
        """Make a secret for the member's authenticator app."""
        ...

    def codes_begun(self, did: str) -> CodesBegun | None:
        """The secret that waits."""
        ...

    async def confirm_codes(self, did: str, code: str) -> Sequence[str]:
        """Turn codes on by the first; the backup codes."""
        ...

    async def end_codes(self, did: str, password: str, code: str) -> None:
        """Turn codes off."""
        ...

    async def renew_backup_codes(self, did: str, password: str) -> Sequence[str]:
        """New backup codes; those of before end."""
        ...

    async def offer_passkey(self, did: str, password: str) -> Question:
        """For a browser that shall make a passkey."""
        ...

    async def add_passkey(self, did: str, *, ticket: str, answer: str, name: str) -> None:
        """Keep what the browser made."""
        ...

    async def remove_passkey(self, did: str, key: str) -> None:
        """End a passkey."""
        ...

    async def app_passwords(self, did: str) -> Sequence[AppPasswordLine]:
        """The member's app passwords."""
        ...

    async def make_app_password(self, did: str, name: str, *, privileged: bool) -> str:
        """An app password."""
        ...

    async def revoke_app_password(self, did: str, name: str) -> None:
        """End an app password and its sessions."""
        ...
