"""What a password alone does not open: codes of an authenticator app, backup codes, codes by e-mail.

Tables: mail_factor; through totp and backup_codes their own. An account asks for a code of its app if it has one (a
backup code does as well), else for one sent to its address if the member wanted that, else for none. Wrong codes of an
app are counted in the database: only who knows the password can make any. App passwords and passkeys ask for no code.
Source: lexicons com.atproto.server.createSession, updateEmail (emailAuthFactor)
"""

from collections.abc import Awaitable, Callable
from typing import Literal

from freehold.net.budgets import Limit
from freehold.pds import backup_codes, totp, tries
from freehold.pds.accounts import Account, Accounts
from freehold.pds.confirmations import Confirmations, ExpiredCode, InvalidCode
from freehold.protocol.refused import Refused
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SCHEMA = (
    *tries.SCHEMA,
    *totp.SCHEMA,
    *backup_codes.SCHEMA,
    Migration("pds-34-mail-factor", "CREATE TABLE mail_factor (account BIGINT PRIMARY KEY, since BIGINT NOT NULL);"),
)

Way = Literal["app", "mail"]

TRIES = Limit("wrong second factors", 10, 6 * 3600)
"""Of a million codes three are right at any time: who has the password finds one in some decades."""


class FactorNeeded(Refused):
    """The password was right, and a code is asked for as well. way: where the code comes from."""

    kind = "unauthenticated"
    name = "AuthFactorTokenRequired"

    def __init__(self, way: Way) -> None:
        super().__init__(_NEEDED[way])
        self.way = way


_NEEDED: dict[Way, str] = {
    "app": "A sign in code is needed: from your authenticator app, or one of your backup codes.",
    "mail": "A sign in code has been sent to your email address",  # as the official server says it
}


class WrongFactor(Refused):
    """Not a code that counts now."""

    name = "InvalidToken"
    say = "Token is invalid: that code is not right, or it was used before."


class CannotBeSent(Refused):
    """The account asks for codes by e-mail, and this network sends none any more."""

    kind = "unavailable"
    name = "EmailDisabled"
    say = "This account asks for a code by e-mail, which cannot be sent. Use a passkey or recover the account."


class NotSetUp(Refused):
    """There is no secret that waits for its first code."""

    name = "NotSetUp"
    say = "Begin anew: codes from an app are not being set up, or they are on already."


class AddressUnconfirmed(Refused):
    """Codes go to a confirmed address only."""

    name = "InvalidEmail"
    say = "Confirm your e-mail address first: sign-in codes would be sent there."


class SecondFactor:
    """The second factors of one network's accounts. check_password: raises what is not right."""

    def __init__(
        self,
        truth: Database,
        seal: Seal,
        accounts: Accounts,
        confirmations: Confirmations,
        check_password: Callable[[str, str], Awaitable[object]],
    ) -> None:
        self._truth = truth
        self._seal = seal
        self._accounts = accounts
        self._confirmations = confirmations
        self._check_password = check_password

    # --- at sign-in

    def of(self, account: Account) -> Way | None:
        """What this account asks for beside the password."""
        with self._truth.reading() as tx:
            if totp.is_on(tx, account.id):
                return "app"
            return "mail" if mail_is_on(tx, account.id) else None

    async def ask(self, account: Account) -> Way | None:
        """As `of`; a code that comes by mail is on its way then. Raises CannotBeSent."""
        way = self.of(account)
        if way == "mail":
            if not self._confirmations.reaches(account):
                raise CannotBeSent
            await self._confirmations.send(account, "sign in")
        return way

    async def assure(self, account: Account, code: str | None) -> None:
        """Check the second factor of somebody whose password was right.

        Raises FactorNeeded when there is one and no code was given, WrongFactor, TooMany.
        """
        if not (code or "").strip():
            way = await self.ask(account)
            if way is not None:
                raise FactorNeeded(way)
        elif (way := self.of(account)) is not None:
            await self._take(account, way, code or "")

    async def _take(self, account: Account, way: Way, code: str) -> None:
        def take(tx: Tx) -> bool:
            tries.assure_left(tx, TRIES, account.id)
            right = self._is_right(tx, account, way, code)
            if not right:
                tries.count(tx, TRIES, account.id)
            return right

        if not await self._truth.write(take):  # refused after the commit: the count must stand
            raise WrongFactor

    def _is_right(self, tx: Tx, account: Account, way: Way, code: str) -> bool:
        if way == "app":
            right = totp.take(tx, self._seal, account.id, code)
            return right or backup_codes.use(tx, self._seal, account.id, code)
        try:
            self._confirmations.take(tx, account.id, "sign in", code)
        except (InvalidCode, ExpiredCode):
            return False
        return True

    # --- setting it up

    async def begin(self, account: Account, password: str) -> None:
        """Make a secret for the member's app. Raises WrongPassword, NotSetUp."""
        await self._check_password(account.did, password)

        def begin(tx: Tx) -> None:
            if totp.is_on(tx, account.id):
                raise NotSetUp
            totp.begin(tx, self._seal, account.id)

        await self._truth.write(begin)

    def begun(self, account: Account) -> str | None:
        """The secret that waits for its first code (base32)."""
        with self._truth.reading() as tx:
            return totp.begun(tx, self._seal, account.id)

    async def confirm(self, account: Account, code: str) -> list[str]:
        """Turn codes on by the first of them; the backup codes, which are shown once. Raises WrongFactor, NotSetUp."""

        def confirm(tx: Tx) -> list[str]:
            if totp.begun(tx, self._seal, account.id) is None:
                raise NotSetUp
            if not totp.confirm(tx, self._seal, account.id, code):
                raise WrongFactor
            return backup_codes.renew(tx, self._seal, account.id)

        return await self._truth.write(confirm)

    async def turn_off(self, account: Account, password: str, code: str) -> None:
        """No more codes from an app. Raises WrongPassword, FactorNeeded, WrongFactor, TooMany."""
        await self._check_password(account.did, password)
        await self.assure(account, code)
        await self._truth.write(lambda tx: erase_app(tx, account.id))

    async def renew_backup_codes(self, account: Account, password: str) -> list[str]:
        """Ten new ones; the old ones end. Raises WrongPassword, NotSetUp."""
        await self._check_password(account.did, password)

        def renew(tx: Tx) -> list[str]:
            if not totp.is_on(tx, account.id):
                raise NotSetUp
            return backup_codes.renew(tx, self._seal, account.id)

        return await self._truth.write(renew)

    def backup_codes_left(self, account: Account) -> int:
        """How many are not used."""
        with self._truth.reading() as tx:
            return backup_codes.left(tx, account.id)

    # --- codes by mail

    def by_mail(self, account: Account) -> bool:
        """Did the member ask for codes by mail?"""
        with self._truth.reading() as tx:
            return mail_is_on(tx, account.id)

    def turn_mail_on(self, tx: Tx, account: Account) -> None:
        """Ask for a code by mail at each sign-in. Raises AddressUnconfirmed."""
        if not self._accounts.mail_confirmed(account):
            raise AddressUnconfirmed
        tx.run(
            "INSERT INTO mail_factor (account, since) VALUES (:id, :now) ON CONFLICT (account) DO NOTHING",
            id=account.id,
            now=tx.now,
        )

    async def drop_all(self, account: Account) -> None:
        """On the operator's word: the password alone opens the account."""
        await self._truth.write(lambda tx: erase(tx, account.id))


def mail_is_on(tx: Tx, account_id: int) -> bool:
    """Does the account ask for codes by mail?"""
    return bool(tx.one("SELECT 1 FROM mail_factor WHERE account = :id", id=account_id))


def turn_mail_off(tx: Tx, account_id: int) -> None:
    """No more codes by mail."""
    tx.run("DELETE FROM mail_factor WHERE account = :id", id=account_id)


def erase_app(tx: Tx, account_id: int) -> None:
    """No more codes from an app."""
    totp.erase(tx, account_id)
    backup_codes.erase(tx, account_id)


def erase(tx: Tx, account_id: int) -> None:
    """No second factor any more."""
    erase_app(tx, account_id)
    turn_mail_off(tx, account_id)
    tries.erase(tx, account_id)
