"""Codes that confirm what a member asked for: sent to their address, good once, for half an hour.

Tables: confirmation. Only a hash of a code is stored, one for each purpose of an account: a new one replaces the old.
A member who has no address, or whose network sends no mail, confirms with the account's password where the code would
stand: an account needs no e-mail.
"""

import secrets
from base64 import b32encode
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Literal, NamedTuple

from freehold.net.mail import Letter
from freehold.pds.accounts import Account, Accounts
from freehold.pds.letters import Letters
from freehold.protocol.refused import Refused
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-10-confirmation",
        """
        CREATE TABLE confirmation (
            account BIGINT NOT NULL,
            purpose TEXT NOT NULL,
            hash BLOB NOT NULL UNIQUE,
            expires_at BIGINT NOT NULL,
            PRIMARY KEY (account, purpose)
        );
        """,
    ),
)

LIFETIME_MICROS = 30 * 60 * 1_000_000
PAUSE_MICROS = 60 * 1_000_000
"""How long nobody gets another letter for the same purpose: strangers may ask for one in a member's name."""

Purpose = Literal["confirm address", "change address", "reset password", "delete account", "change identity", "sign in"]


class InvalidCode(Refused):
    """Not a code that was sent for this, or one that was used."""

    name = "InvalidToken"
    say = "That code is not right. Ask for a new one."


class ExpiredCode(Refused):
    """A code that was sent too long ago."""

    name = "ExpiredToken"
    say = "That code has expired. Ask for a new one."


class PasswordNeeded(Refused):
    """No code can be sent, so the password stands in its place."""

    name = "InvalidToken"
    say = "No code is sent to this account: give the account's password where the code would stand."


class _Words(NamedTuple):
    subject: str
    text: str


_WORDS: dict[Purpose, _Words] = {
    "confirm address": _Words("Confirm your address", "To confirm that this address is yours, enter this code:"),
    "change address": _Words("Change your address", "To give your account another address, enter this code:"),
    "reset password": _Words("Set a new password", "To set a new password for {handle}, enter this code:"),
    "delete account": _Words("Delete your account", "To delete {handle} and all that it holds, enter this code:"),
    "change identity": _Words("Change your identity", "To sign a change of your identity, enter this code:"),
    "sign in": _Words("Your sign-in code", "To sign in as {handle}, enter this code:"),
}


class Confirmations:
    """The codes of one network. name: says what the network is called. check_password: raises what is not right."""

    def __init__(
        self,
        truth: Database,
        accounts: Accounts,
        letters: Letters,
        name: Callable[[], str],
        check_password: Callable[[str, str], Awaitable[object]],
    ) -> None:
        self._truth = truth
        self._accounts = accounts
        self._letters = letters
        self._name = name
        self._check_password = check_password

    def reaches(self, account: Account) -> bool:
        """Can a letter be sent to this member?"""
        return self._letters.possible and self._accounts.mail_of(account) is not None

    async def send(self, account: Account, purpose: Purpose) -> None:
        """Send a code. Nothing happens for a member whom no letter reaches: their password will do; nor within a
        minute after the last code, which still counts."""
        mail = self._accounts.mail_of(account)
        if mail is None or not self._letters.possible:
            return

        def write(tx: Tx) -> None:
            if self._sent_lately(tx, account.id, purpose):
                return
            code = self._make(tx, account.id, purpose)
            words = _WORDS[purpose]
            text = f"{words.text.format(handle=account.handle)}\n\n    {code}\n\n"
            text += "It is good for half an hour. If you did not ask for it, somebody else did: do not pass it on.\n"
            self._letters.queue(tx, Letter(mail, f"{words.subject} at {self._name()}", text))

        await self._truth.write(write)

    async def confirm(self, account: Account, purpose: Purpose, given: str) -> None:
        """Take the code that was sent or, where none can be, the password. Raises InvalidCode, ExpiredCode,
        PasswordNeeded."""
        if self.reaches(account):
            await self._truth.write(lambda tx: self.take(tx, account.id, purpose, given))
            return
        try:
            await self._check_password(account.did, given)
        except Refused as refused:
            if refused.kind != "unauthenticated":
                raise
            raise PasswordNeeded from None

    def take(self, tx: Tx, account_id: int, purpose: Purpose, given: str) -> None:
        """Use up a code, within the change that it confirms. Raises InvalidCode, ExpiredCode."""
        if self.take_any(tx, purpose, given) != account_id:
            raise InvalidCode

    def take_any(self, tx: Tx, purpose: Purpose, given: str) -> int:
        """As `take`; whose code it is. Raises InvalidCode, ExpiredCode."""
        row = tx.one(
            "SELECT account, expires_at FROM confirmation WHERE hash = :hash AND purpose = :purpose",
            hash=_hash(given),
            purpose=purpose,
        )
        if row is None:
            raise InvalidCode
        if row[1] <= tx.now:
            raise ExpiredCode
        tx.run("DELETE FROM confirmation WHERE account = :id AND purpose = :purpose", id=row[0], purpose=purpose)
        return int(row[0])

    def _sent_lately(self, tx: Tx, account_id: int, purpose: Purpose) -> bool:
        row = tx.one(
            "SELECT expires_at FROM confirmation WHERE account = :id AND purpose = :purpose",
            id=account_id,
            purpose=purpose,
        )
        return row is not None and row[0] > tx.now + LIFETIME_MICROS - PAUSE_MICROS

    def _make(self, tx: Tx, account_id: int, purpose: Purpose) -> str:
        letters = b32encode(secrets.token_bytes(10)).decode("ascii")
        code = "-".join(letters[i : i + 4] for i in range(0, 16, 4))
        tx.run(
            "INSERT INTO confirmation (account, purpose, hash, expires_at) VALUES (:id, :purpose, :hash, :until)"
            " ON CONFLICT (account, purpose) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at",
            id=account_id,
            purpose=purpose,
            hash=_hash(code),
            until=tx.now + LIFETIME_MICROS,
        )
        return code


def sweep(tx: Tx) -> None:
    """Delete codes that expired a day ago."""
    tx.run("DELETE FROM confirmation WHERE expires_at <= :then", then=tx.now - 86_400_000_000)


def erase(tx: Tx, account_id: int) -> None:
    """The account, or its address, is gone."""
    tx.run("DELETE FROM confirmation WHERE account = :id", id=account_id)


def _hash(code: str) -> bytes:
    return sha256("".join(code.split()).replace("-", "").upper().encode()).digest()
