"""Becoming a member, coming back, leaving: the acts that join accounts, keys, identity and sessions.

Each act is one transaction: an account without a repository, or a DID without an account, cannot come to be.
Source: https://atproto.com/guides/account-lifecycle
"""

import secrets
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from freehold.identity.register import Genesis, Register
from freehold.net.budgets import Budgets, Limit
from freehold.pds import (
    applicants,
    confirmations,
    invites,
    kept,
    key_rotation,
    lost_posts,
    moves,
    passkeys,
    private,
    recovery_codes,
    second_factor,
    sessions,
)
from freehold.pds.accounts import Account, AccountNotFound, Accounts, HandleTaken, New
from freehold.pds.accounts import find as find_account
from freehold.pds.app_passwords import AppPasswords
from freehold.pds.applicants import Applicant
from freehold.pds.blobs import Blobs
from freehold.pds.network import Network
from freehold.pds.passwords import Passwords
from freehold.pds.repositories import Repositories
from freehold.pds.sessions import Pair
from freehold.pds.tokens import Claims, ExpiredToken, InvalidToken, Tokens
from freehold.protocol import syntax
from freehold.protocol.keys import K256Key
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.database import Database
from freehold.store.tx import Tx

MIN_NAME, MAX_NAME = 3, 40
MAX_MAIL = 254
TRIES = Limit("password tries of one account", 30, 300)
"""Whoever the caller is and wherever: guessing one account's password is slow."""
RESERVED = frozenset(
    "about abuse account accounts admin administrator api app appview assets atproto blog bot chat contact dev"
    " dns email feed feeds ftp help home host img info labeler labels legal login mail moderation moderator news"
    " noreply ns official owner pds plc postmaster privacy root rules security server settings shop signin signup"
    " static status support system terms test webmaster www xrpc".split()
)


class InvalidHandle(Refused):
    """Not a handle that this network gives."""

    name = "InvalidHandle"
    say = "That handle is not valid. Use letters, digits and hyphens."


class UnsupportedDomain(Refused):
    """A handle under somebody else's name."""

    name = "UnsupportedDomain"


class SignUpClosed(Refused):
    """The owner does not take new members."""

    kind = "forbidden"
    name = "SignUpClosed"
    say = "This network does not take new members at the moment."


class WrongPassword(Refused):
    """Which of the two was wrong is not said."""

    kind = "unauthenticated"
    name = "AuthenticationRequired"
    say = "The name or the password is not right."


class AccountTakedown(Refused):
    """Signing in to an account that was taken down."""

    kind = "unauthenticated"
    name = "AccountTakedown"
    say = "This account has been taken down."


class StillWaiting(Refused):
    """Whose password it is has asked to join, and was not let in yet."""

    kind = "forbidden"
    name = "SignupQueued"
    say = "You are in the line of those who asked to join, and not let in yet."

    @property
    def did(self) -> str:
        return str(self.facts["did"])


class Application(NamedTuple):
    """What a new member gives. handle: whole, with the network's domain. recovery_key: a did:key of their own.

    proof: of work, if the network asks for one. words: said about themselves, to whoever lets them in.
    """

    handle: str
    password: str
    mail: str | None = None
    invite: str | None = None
    recovery_key: str | None = None
    proof: str | None = None
    words: str = ""


class SignedIn(NamedTuple):
    """A member with the tokens of a new session."""

    account: Account
    pair: Pair


class Members:
    """Membership of one network.

    handle_domain: begins with a dot. open_to_all: sign-up without the owner's word (--dev). budgets: for password
    tries; None: unlimited (--dev).
    """

    def __init__(
        self,
        *,
        truth: Database,
        accounts: Accounts,
        app_passwords: AppPasswords,
        repositories: Repositories,
        blobs: Blobs,
        passwords: Passwords,
        tokens: Tokens,
        network: Network,
        register: Register,
        handle_domain: str,
        open_to_all: bool,
        budgets: Budgets | None,
        clock: Callable[[], int],
    ) -> None:
        self._truth = truth
        self._accounts = accounts
        self._app_passwords = app_passwords
        self._repositories = repositories
        self._blobs = blobs
        self._passwords = passwords
        self._tokens = tokens
        self._network = network
        self._register = register
        self._handle_domain = handle_domain
        self._open_to_all = open_to_all
        self._budgets = budgets
        self._clock = clock

    # --- joining

    @property
    def open_to_all(self) -> bool:
        """Is nobody asked for anything (--dev)?"""
        return self._open_to_all

    @property
    def invite_required(self) -> bool:
        """Does sign-up ask for an invitation?"""
        return not self._open_to_all and self._network.choices.join == "invite"

    @property
    def sign_up_open(self) -> bool:
        """Can anybody new join at all?"""
        choices = self._network.choices
        return self._open_to_all or (choices.claimed and choices.join != "closed")

    def is_free(self, handle: str) -> bool:
        """Could somebody new have this handle? Raises InvalidHandle, UnsupportedDomain."""
        try:
            handle = self.checked_handle(handle)
            with self._truth.reading() as tx:
                return self._accounts.find(handle) is None and not applicants.holds_handle(tx, handle)
        except HandleTaken:
            return False

    def free_like(self, handle: str, most: int = 4) -> list[str]:
        """Free handles like one that is taken: the same name with a number."""
        name = handle.split(".", 1)[0][: MAX_NAME - 2]
        candidates = (f"{name}{number}{self._handle_domain}" for number in range(2, 100))
        return list(islice((each for each in candidates if self.is_free(each)), most))

    async def admit(
        self,
        given: Application,
        role: str,
        invited: bool = True,
        together_with: Callable[[Tx, Account], None] | None = None,
    ) -> SignedIn:
        """Make somebody a member. invited: no invitation is asked for. together_with: what must happen in the same
        transaction. Raises InvalidHandle, HandleTaken, WeakPassword, InvalidInvite, MailTaken ..."""
        handle = self.checked_handle(given.handle)
        mail = checked_mail(given.mail)
        if not self.is_free(handle):
            raise HandleTaken(handle=handle)
        if not invited:
            with self._truth.reading() as tx:  # before anything costs time or is told to the world
                invites.assure_valid(tx, given.invite)
        password = await self._passwords.hash(given.password)
        key = K256Key.from_raw(secrets.token_bytes(32))
        genesis = self._register.genesis(handle, key.did_key, given.recovery_key)
        await self._register.publish_first(genesis)

        def enter(tx: Tx) -> SignedIn:
            if not invited:
                invites.use(tx, given.invite, genesis.did)
            account = self.enter(tx, New(genesis.did, handle, role, password, mail, key), genesis)
            if together_with is not None:
                together_with(tx, account)
            return SignedIn(account, sessions.start(tx, self._tokens, account))

        return await self._truth.write(enter)

    def enter(self, tx: Tx, new: New, genesis: Genesis) -> Account:
        """Within a transaction: account, DID, empty repository, and the events that tell of them."""
        account = self._accounts.add(tx, new)
        self._register.record(tx, genesis)
        self._accounts.announce(tx, account)
        self._repositories.create(tx, account.did, account.id, new.signing_key)
        return account

    def checked_handle(self, handle: str) -> str:
        """The handle in its normal form. Raises InvalidHandle, UnsupportedDomain."""
        handle = handle.strip().lower()
        if not syntax.is_handle(handle):
            raise InvalidHandle
        name, domain = handle.split(".", 1)
        if f".{domain}" != self._handle_domain:
            raise UnsupportedDomain(f"Handles here end with {self._handle_domain}.")
        if not MIN_NAME <= len(name) <= MAX_NAME:
            raise InvalidHandle("Choose a name of 3 to 40 characters.")
        if name in RESERVED:
            raise HandleTaken(handle=handle)
        return handle

    # --- coming and going

    async def check_password(self, identifier: str, password: str) -> Account:
        """The account that `identifier` (handle, DID or mail address) and `password` open.

        Raises WrongPassword, after the same time for an account that does not exist; AccountTakedown; StillWaiting.
        """
        account = self.named(identifier)
        applicant = self._applicant(identifier) if account is None else None
        whose = account or applicant
        if self._budgets is not None:
            self._budgets.spend(TRIES, whose.did if whose is not None else identifier[:256].lower())
        if applicant is not None:
            stored: str | None = applicants.password_of(self._accounts.seal, applicant)
        else:
            stored = self._accounts.password_of(account)
        right = await self._passwords.check(stored, password)
        if applicant is not None and right:
            raise StillWaiting(did=applicant.did)
        if account is None or not right:
            raise WrongPassword  # no facts: neither a mail address nor a password in the wrong field belongs in a log
        assure_may_enter(account)
        return account

    async def refresh(self, claims: Claims) -> SignedIn:
        """The next pair of tokens. Raises ExpiredToken when the session has ended."""
        account = self._holder(claims)
        pair = await self._truth.write(lambda tx: sessions.rotate(tx, self._tokens, account, claims.jti))
        if pair is None:
            raise ExpiredToken("This session has ended. Sign in again.", name="ExpiredToken")
        return SignedIn(account, pair)

    async def sign_out(self, claims: Claims) -> None:
        """End the session of this refresh token."""
        await self._truth.write(lambda tx: sessions.end(tx, claims.jti))

    async def start_web(self, account: Account) -> str:
        """A new browser session for somebody who has just come in: the id for the cookie."""
        return await self._truth.write(lambda tx: sessions.start_web(tx, account.id, self._tokens))

    async def sign_out_web(self, session_id: str) -> None:
        """End this browser session."""
        await self._truth.write(lambda tx: sessions.end_web(tx, session_id))

    async def sign_out_everywhere(self, account: Account) -> None:
        """End every session of the member, in browsers and programs."""
        await self._truth.write(lambda tx: sessions.end_all(tx, account.id))

    async def change_password(self, account: Account, old: str, new: str) -> None:
        """Set a new password and end every session. Raises WrongPassword, WeakPassword."""
        await self.check_password(account.did, old)
        await self.set_password(account, new)

    async def set_password(self, account: Account, new: str) -> None:
        """On the operator's word: a new password; every session ends."""
        hashed = await self._passwords.hash(new)

        def change(tx: Tx) -> None:
            self._accounts.set_password(tx, account.id, hashed)
            sessions.end_all(tx, account.id)

        await self._truth.write(change)

    # --- status

    async def set_status(self, account: Account, status: str | None) -> None:
        """Deactivate, or (None) let speak again; then #sync asserts the state anew.

        Who was deactivated may have moved meanwhile, so #identity goes before all else when they wake. Of an account
        that is taken down it is only noted, for when it is put back.
        """

        def change(tx: Tx) -> None:
            known = find_account(tx, account.did) or account
            if status is None and known.status == "deactivated":
                self._accounts.announce_identity(tx, known)
            if self._accounts.set_status(tx, known, status).active:
                self._repositories.assert_state(tx, known)

        await self._truth.write(change)

    async def take_down(self, account: Account) -> None:
        """Serve the account no more, and end its sessions."""

        def cover(tx: Tx) -> None:
            self._accounts.take_down(tx, account)
            sessions.end_all(tx, account.id)

        await self._truth.write(cover)

    async def put_back(self, account: Account) -> Account:
        """Serve again what was taken down or suspended; who rested before that rests on."""

        def uncover(tx: Tx) -> Account:
            known = find_account(tx, account.did) or account
            back = self._accounts.put_back(tx, known)
            if back.active and not known.active:
                self._repositories.assert_state(tx, back)
            return back

        return await self._truth.write(uncover)

    async def delete(self, account: Account) -> None:
        """Erase the account and all that it had, in one transaction; its files after."""

        def erase(tx: Tx) -> None:
            if find_account(tx, account.did) is None:
                raise AccountNotFound(did=account.did)
            sessions.end_all(tx, account.id)
            self._app_passwords.erase(tx, account.id)
            confirmations.erase(tx, account.id)
            invites.erase(tx, account.id, account.did)
            moves.erase(tx, account.id)
            lost_posts.erase(tx, account.id)
            private.erase(tx, account.id)
            kept.erase(tx, account.id)
            second_factor.erase(tx, account.id)
            passkeys.erase(tx, account.id)
            recovery_codes.erase(tx, account.id)
            key_rotation.erase(tx, account.did)
            self._blobs.erase(tx, account.id)
            self._repositories.drop(tx, account.did, account.id)
            self._accounts.erase(tx, account)

        await self._truth.write(erase)

    # --- within

    def named(self, identifier: str) -> Account | None:
        """The member whom somebody at the door means, by handle (its first part is enough), DID or mail address."""
        given = identifier.strip().removeprefix("@")
        if "@" in given:
            return self._accounts.by_mail(given)
        if "." not in given and not given.startswith("did:"):
            given += self._handle_domain
        account = self._accounts.find(given)
        return account if account is not None and account.role != "service" else None

    def _applicant(self, identifier: str) -> Applicant | None:
        """As `named`, for somebody who waits in the line."""
        given = identifier.strip().removeprefix("@").lower()
        with self._truth.reading() as tx:
            if "@" in given:
                return applicants.by_mail(tx, self._accounts.seal, given)
            whole = given if "." in given or given.startswith("did:") else given + self._handle_domain
            return applicants.find(tx, whole)

    def _holder(self, claims: Claims) -> Account:
        account = self._accounts.find(claims.sub)
        if account is None:
            raise InvalidToken
        assure_may_enter(account)
        return account


def assure_may_enter(account: Account) -> None:
    """Raises AccountTakedown. A deactivated account may be signed in to: how else would it wake?"""
    if account.status in ("takendown", "suspended"):
        raise AccountTakedown(did=account.did)


def checked_mail(mail: str | None) -> str | None:
    """The address without white space; None if none was given. Raises InvalidRequest."""
    mail = (mail or "").strip()
    if not mail:
        return None
    name, at, host = mail.rpartition("@")
    if len(mail) > MAX_MAIL or not (name and at and "." in host) or any(c.isspace() for c in mail):
        raise InvalidRequest("That is not an e-mail address.", name="InvalidEmail")
    return mail
