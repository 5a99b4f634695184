"""An account that moves in: a DID that lives elsewhere gets an account here, silent until its identity points here.

In comes a DID that its holder has proven; out comes a deactivated account with an empty repository and a session. What
follows (repository, blobs, preferences, identity, activation) are the same calls that every account has.
Source: https://atproto.com/guides/account-migration, lexicon com.atproto.server.createAccount
"""

import secrets

from freehold.identity.resolver import DidNotFound, Identity
from freehold.net.errors import UpstreamFailed
from freehold.pds import invites, reserved_keys, sessions
from freehold.pds.accounts import Account, Accounts, HandleTaken, New
from freehold.pds.accounts import find as find_account
from freehold.pds.membership import Application, InvalidHandle, Members, SignedIn, checked_mail
from freehold.pds.passwords import Passwords
from freehold.pds.repositories import Repositories
from freehold.pds.tokens import Tokens
from freehold.protocol.diddoc import BadDidDocument, DidDoc
from freehold.protocol.keys import K256Key
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.database import Database
from freehold.store.sealed import Seal
from freehold.store.tx import Tx


class AlreadyHere(InvalidRequest):
    """The DID has an account here, from before or still."""

    name = "AlreadyExists"


class UnresolvableDid(InvalidRequest):
    """Nobody answers for the DID, so nothing can be held against it."""

    name = "UnresolvableDid"
    say = "That identity cannot be looked up at the moment. Try again later."


class MovingIn:
    """Lets accounts of other hosts into one network. handle_domain: begins with a dot."""

    def __init__(
        self,
        *,
        truth: Database,
        accounts: Accounts,
        members: Members,
        repositories: Repositories,
        passwords: Passwords,
        tokens: Tokens,
        identity: Identity,
        seal: Seal,
        handle_domain: str,
    ) -> None:
        self._truth = truth
        self._accounts = accounts
        self._members = members
        self._repositories = repositories
        self._passwords = passwords
        self._tokens = tokens
        self._identity = identity
        self._seal = seal
        self._handle_domain = handle_domain

    async def join(self, did: str, given: Application, *, invited: bool) -> SignedIn:
        """Let somebody in who has proven that the DID is theirs and may join. invited: no invitation is needed.

        Raises as `admit`, and InvalidInvite, UnresolvableDid.
        """
        assure_new(self._accounts.find(did))
        document = await self._document(did)
        return await self.admit(did, given, document.signing_key, invited=invited)

    async def admit(
        self, did: str, given: Application, named_key: str | None = None, *, invited: bool = True
    ) -> SignedIn:
        """As `join`, on the operator's word. named_key: what the DID document names.

        The account is deactivated, and the stream hears nothing of it. It signs with the key that was reserved for the
        DID, if one was. Raises AlreadyHere, InvalidHandle, UnsupportedDomain, HandleTaken, WeakPassword, MailTaken.
        """
        assure_new(self._accounts.find(did))
        handle = await self._checked_handle(did, given.handle)
        mail = checked_mail(given.mail)
        if not invited:
            with self._truth.reading() as tx:  # before anything costs time
                invites.assure_valid(tx, given.invite)
        password = await self._passwords.hash(given.password)

        def enter(tx: Tx) -> SignedIn:
            assure_new(find_account(tx, did))
            if not invited:
                invites.use(tx, given.invite, did)
            key = reserved_keys.take(tx, self._seal, did, named_key)
            key = key or K256Key.from_raw(secrets.token_bytes(32))
            account = self._accounts.add(tx, New(did, handle, "member", password, mail, key, status="deactivated"))
            self._repositories.create(tx, did, account.id, key, told=False)
            return SignedIn(account, sessions.start(tx, self._tokens, account))

        return await self._truth.write(enter)

    async def _document(self, did: str) -> DidDoc:
        self._identity.forget(did)
        try:
            return await self._identity.did_document(did)
        except (DidNotFound, BadDidDocument, UpstreamFailed) as refused:
            raise UnresolvableDid(did=did, because=refused.name) from None

    async def _checked_handle(self, did: str, handle: str) -> str:
        """A name that this network gives, or the member's own domain, which must stand for the DID now."""
        handle = handle.strip().lower()
        if handle.endswith(self._handle_domain):
            handle = self._members.checked_handle(handle)
        elif not await self._stands_for(handle, did):
            raise InvalidHandle(
                f"{handle} does not stand for this account. Choose a name that ends with {self._handle_domain}, or a"
                " domain of your own whose DNS or page names the account's DID.",
                handle=handle,
            )
        if self._accounts.find(handle) is not None:
            raise HandleTaken(handle=handle)
        return handle

    async def _stands_for(self, handle: str, did: str) -> bool:
        self._identity.forget_handle(handle)
        try:
            return await self._identity.claimed_by(handle) == did
        except Refused:
            return False


def assure_new(known: Account | None) -> None:
    """Raises AlreadyHere for an account that is here, from before or still."""
    if known is None:
        return
    assure_rests(known)
    raise AlreadyHere(
        f"This account is still here, deactivated, as {known.handle}. Sign in to it with the password that it has here,"
        " bring the repository with importRepo, and activate it.",
        did=known.did,
    )


def assure_rests(known: Account) -> None:
    """Raises AlreadyHere for an account that is not deactivated: it needs no move."""
    if known.status != "deactivated":
        raise AlreadyHere(f"This account is here already, as {known.handle}. Sign in to it.", did=known.did)
