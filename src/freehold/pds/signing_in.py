"""Coming in: by password and what the account asks for beside it, by app password, by passkey.

The doors differ in how the second step comes: a program sends the code with its next try, a browser is shown a second
page. Between the two, a browser carries a sealed ticket: whose password was right, until when.
Source: lexicon com.atproto.server.createSession
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

import msgspec

from freehold.pds import sessions
from freehold.pds.accounts import Account, Accounts
from freehold.pds.app_passwords import AppPasswords
from freehold.pds.membership import Members, SignedIn, assure_may_enter
from freehold.pds.passkeys import Passkeys
from freehold.pds.second_factor import SecondFactor, Way
from freehold.pds.tokens import Tokens
from freehold.protocol.refused import Refused
from freehold.store.database import Database
from freehold.store.sealed import BrokenSeal, Seal

LIFETIME_MICROS = 10 * 60 * 1_000_000
_PURPOSE = "sign-in ticket"


class TooLate(Refused):
    """The second step came too late after the first."""

    kind = "unauthenticated"
    name = "SignInTooLate"
    say = "That took too long. Sign in again."


class Halfway(NamedTuple):
    """The password was right. ticket: comes back with the code. way: where the code comes from."""

    ticket: str
    way: Way


class _Ticket(msgspec.Struct, array_like=True):
    did: str
    expires_at: int
    password: str


class SigningIn:
    """The ways into one network."""

    def __init__(
        self,
        truth: Database,
        seal: Seal,
        accounts: Accounts,
        app_passwords: AppPasswords,
        members: Members,
        second_factor: SecondFactor,
        passkeys: Passkeys,
        tokens: Tokens,
        clock: Callable[[], int],
    ) -> None:
        self._truth, self._seal, self._accounts, self._clock = truth, seal, accounts, clock
        self._app_passwords, self._members, self._tokens = app_passwords, members, tokens
        self._second_factor, self._passkeys = second_factor, passkeys

    async def program(self, identifier: str, password: str, code: str | None = None) -> SignedIn:
        """A new session for a program, by one of the account's app passwords or by its own password and, if it asks for
        one, a code. Raises WrongPassword, AccountTakedown, FactorNeeded, WrongFactor, TooMany."""
        account = self._members.named(identifier)
        app = self._app_passwords.opened_by(account.id, password) if account is not None else None
        if account is None or app is None:
            account = await self._members.check_password(identifier, password)
            await self._second_factor.assure(account, code)
        else:
            assure_may_enter(account)
        holder = account
        pair = await self._truth.write(lambda tx: sessions.start(tx, self._tokens, holder, app))
        return SignedIn(holder, pair)

    async def browser(self, identifier: str, password: str) -> Account | Halfway:
        """Who has this password; or the way to the second step. Raises WrongPassword, AccountTakedown, TooMany."""
        account = await self._members.check_password(identifier, password)
        way = await self._second_factor.ask(account)
        if way is None:
            return account
        ticket = _Ticket(account.did, self._clock() + LIFETIME_MICROS, self._mark(account))
        box = self._seal.seal(_PURPOSE, msgspec.json.encode(ticket))
        return Halfway(urlsafe_b64encode(box).decode("ascii"), way)

    async def second_step(self, ticket: str, code: str) -> Account:
        """Who has the password and this code. Raises TooLate, AccountTakedown, FactorNeeded, WrongFactor, TooMany."""
        account = self._holder(ticket)
        assure_may_enter(account)
        await self._second_factor.assure(account, code)
        return account

    def way_of(self, ticket: str) -> Way | None:
        """What the holder of a ticket is asked for. Raises TooLate."""
        return self._second_factor.of(self._holder(ticket))

    async def by_passkey(self, ticket: str, answer: str) -> Account:
        """Whose passkey this is; no password is asked for. Raises StaleChallenge, BadPasskey, CopiedPasskey,
        AccountTakedown."""
        account = await self._passkeys.recognise(ticket, answer)
        assure_may_enter(account)
        return account

    def _holder(self, text: str) -> Account:
        """Raises TooLate."""
        try:
            ticket = msgspec.json.decode(self._seal.open(_PURPOSE, urlsafe_b64decode(text[:2_000])), type=_Ticket)
        except (ValueError, BrokenSeal):
            raise TooLate from None
        account = self._accounts.find(ticket.did)
        if account is None or ticket.expires_at <= self._clock() or ticket.password != self._mark(account):
            raise TooLate
        return account

    def _mark(self, account: Account) -> str:
        """Changes with the password, so that a ticket ends with the password that it was given for."""
        return sha256((self._accounts.password_of(account) or "").encode()).hexdigest()[:16]
