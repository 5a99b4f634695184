"""Members' mail addresses: confirming one, changing it, and setting a new password by it.

At a member's wish a code is sent to the address at each sign-in; that ends when the address changes, for nobody has
confirmed the new one yet.
Source: lexicons com.atproto.server.requestEmailConfirmation, confirmEmail, requestEmailUpdate, updateEmail,
requestPasswordReset, resetPassword
"""

from collections.abc import Callable

from freehold.pds import confirmations, second_factor, sessions
from freehold.pds.accounts import Account, Accounts
from freehold.pds.confirmations import Confirmations
from freehold.pds.letters import Letters
from freehold.pds.membership import checked_mail
from freehold.pds.passwords import Passwords
from freehold.pds.second_factor import SecondFactor
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.database import Database
from freehold.store.tx import Tx


class CodeNeeded(Refused):
    """The address now is confirmed, so that changing it needs a code sent there."""

    name = "TokenRequired"
    say = "A code is needed. Ask for one first: it is sent to the address that the account has now."


class OtherAddress(Refused):
    """Not the account's address."""

    name = "InvalidEmail"
    say = "That is not the address of this account."


class ResetOff(Refused):
    """The network has another name since its owner allowed that."""

    name = "EmailDisabled"
    say = (
        "Passwords are not reset by mail here at present. A recovery code brings you back, or whoever runs the network."
    )


class Addresses:
    """What members do with their addresses. may_reset: the owner's choice.

    Every act raises NoMail on a network that sends none.
    """

    def __init__(
        self,
        truth: Database,
        accounts: Accounts,
        passwords: Passwords,
        confirmations: Confirmations,
        letters: Letters,
        factors: SecondFactor,
        may_reset: Callable[[], bool],
    ) -> None:
        self._truth = truth
        self._accounts = accounts
        self._passwords = passwords
        self._confirmations = confirmations
        self._letters = letters
        self._factors = factors
        self._may_reset = may_reset

    @property
    def reset_possible(self) -> bool:
        """May a lost password be set anew by mail?"""
        return self._letters.possible and self._may_reset()

    def _assure_reset(self) -> None:
        self._letters.assure_possible()
        if not self._may_reset():
            raise ResetOff

    async def ask_to_confirm(self, account: Account) -> None:
        """Send a code to the account's address. Raises InvalidRequest for an account without one."""
        self._letters.assure_possible()
        if self._accounts.mail_of(account) is None:
            raise InvalidRequest("This account has no e-mail address.")
        await self._confirmations.send(account, "confirm address")

    async def confirm(self, account: Account, mail: str, code: str) -> None:
        """The address is the member's own. Raises OtherAddress, InvalidCode, ExpiredCode."""
        self._letters.assure_possible()
        if (self._accounts.mail_of(account) or "").lower() != mail.strip().lower():
            raise OtherAddress

        def change(tx: Tx) -> None:
            self._confirmations.take(tx, account.id, "confirm address", code)
            self._accounts.confirm_mail(tx, account)

        await self._truth.write(change)

    async def ask_to_change(self, account: Account) -> bool:
        """Send a code to the address of now, if that is confirmed; whether one is needed."""
        self._letters.assure_possible()
        needed = self._accounts.mail_confirmed(account)
        if needed:
            await self._confirmations.send(account, "change address")
        return needed

    async def change(self, account: Account, mail: str, code: str | None, factor: bool | None = None) -> None:
        """Another address, not confirmed yet; or, for the address of now, whether codes are sent there at sign-in.

        factor: None leaves that as it is. Raises CodeNeeded, InvalidCode, ExpiredCode, MailTaken, AddressUnconfirmed.
        """
        self._letters.assure_possible()
        wanted = checked_mail(mail)
        if wanted is None:
            raise InvalidRequest("That is not an e-mail address.", name="InvalidEmail")
        same = (self._accounts.mail_of(account) or "").lower() == wanted.lower()
        if factor and same:
            await self._truth.write(lambda tx: self._factors.turn_mail_on(tx, account))
            return
        needed = self._accounts.mail_confirmed(account)
        if needed and not code:
            raise CodeNeeded

        def write(tx: Tx) -> None:
            if needed:
                self._confirmations.take(tx, account.id, "change address", code or "")
            if factor is not None or not same:
                second_factor.turn_mail_off(tx, account.id)
            if factor is None or not same:
                confirmations.erase(tx, account.id)
                self._accounts.set_mail(tx, account, wanted)

        await self._truth.write(write)

    async def ask_to_reset(self, mail: str) -> None:
        """Send a code to the address if an account has it; whether one has is not said."""
        self._assure_reset()
        account = self._accounts.by_mail(mail)
        if account is not None and account.status not in ("takendown", "suspended"):
            await self._confirmations.send(account, "reset password")

    async def reset(self, code: str, password: str) -> None:
        """A new password by a code; every session ends. Raises InvalidCode, ExpiredCode, WeakPassword."""
        self._assure_reset()
        hashed = await self._passwords.hash(password)

        def change(tx: Tx) -> None:
            account_id = self._confirmations.take_any(tx, "reset password", code)
            self._accounts.set_password(tx, account_id, hashed)
            sessions.end_all(tx, account_id)

        await self._truth.write(change)
