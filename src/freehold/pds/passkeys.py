"""Passkeys: keys of a member's devices that sign in without a password. A passkey ends with the network's name.

Tables: passkey. The browser's answer is checked by fido2; here is what it does not know: whose passkey it is, that a
challenge counts once, that a counter which goes back is a copy. A challenge is handed out sealed, so that nothing is
kept for those who only look at the sign-in page. What an authenticator says of itself (attestation) is not asked for.
Source: https://www.w3.org/TR/webauthn-3/
"""

import logging
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from freehold.pds.accounts import Account, Accounts, did_of
from freehold.pds.oauth.grants import first_time
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import BrokenSeal, Seal
from freehold.store.tx import Tx

if TYPE_CHECKING:
    from fido2.server import Fido2Server

SCHEMA = (
    Migration(
        "pds-35-passkey",
        """
        CREATE TABLE passkey (
            lookup BLOB PRIMARY KEY,
            account BIGINT NOT NULL,
            name TEXT NOT NULL,
            host TEXT NOT NULL,
            credential BLOB NOT NULL,
            counter BIGINT NOT NULL,
            created_at BIGINT NOT NULL,
            used_at BIGINT
        );
        CREATE INDEX passkey_account ON passkey (account);
        """,
    ),
)

MOST = 20
MAX_NAME = 60
MAX_ANSWER = 32_768
LIFETIME_MICROS = 10 * 60 * 1_000_000
PURPOSE = "passkey"
SEALED = (Sealed("passkey", "credential", PURPOSE),)
Use = Literal["make", "sign in"]
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, IndexError, AssertionError, RecursionError)
"""What fido2 raises for an answer that is none."""


class BadPasskey(Refused):
    """The browser's answer does not prove what it should."""

    kind = "unauthenticated"
    name = "PasskeyRefused"
    say = "That passkey was not accepted. Try again, or sign in with your password."


class StaleChallenge(Refused):
    """The challenge is too old, or was answered before."""

    name = "PasskeyTooLate"
    say = "That took too long. Try again."


class CopiedPasskey(Refused):
    """The counter of an authenticator went back."""

    kind = "unauthenticated"
    name = "PasskeyCopied"
    say = "That passkey may have been copied. Sign in with your password, and remove the passkey in the settings."


class Passkey(NamedTuple):
    """What its member sees of one. key: names it to `remove`. host: the name that it is bound to.

    created_at, used_at: microseconds; used_at is None if it was never used.
    """

    key: str
    name: str
    host: str
    created_at: int
    used_at: int | None


class Challenge(NamedTuple):
    """options: what the browser is asked, as WebAuthn's JSON has it. ticket: comes back with the answer."""

    options: dict[str, Any]
    ticket: str


class _Ticket(msgspec.Struct, array_like=True):
    use: Use
    challenge: str
    expires_at: int
    did: str


class Passkeys:
    """The passkeys of one network. base_url: their origin. name: says what the network is called.

    check_password: raises what is not right.
    """

    def __init__(
        self,
        truth: Database,
        seal: Seal,
        accounts: Accounts,
        check_password: Callable[[str, str], Awaitable[object]],
        base_url: str,
        name: Callable[[], str],
        clock: Callable[[], int],
    ) -> None:
        self._truth, self._seal, self._accounts, self._clock = truth, seal, accounts, clock
        self._check_password, self._base_url, self._name = check_password, base_url, name
        self._host = urlsplit(base_url).hostname or ""

    def count_beside(self, host: str = "") -> int:
        """How many are bound to other names than this, or than that of now, and sign nobody in there."""
        with self._truth.reading() as tx:
            return count_of_other_hosts(tx, host or self._host)

    # --- a new one

    async def offer(self, account: Account, password: str) -> Challenge:
        """The question to a browser that shall make a passkey. Raises WrongPassword, InvalidRequest."""
        await self._check_password(account.did, password)
        with self._truth.reading() as tx:
            self._assure_room(tx, account)
            known = [self._credential(row[0]) for row in _of(tx, account.id, "credential")]
        challenge = secrets.token_bytes(32)
        options, _ = self._server().register_begin(
            {"id": self._user_handle(account), "name": account.handle, "displayName": account.handle},  # type: ignore[arg-type]
            known,
            resident_key_requirement=_required("ResidentKeyRequirement"),
            user_verification=_required("UserVerificationRequirement"),
            challenge=challenge,
        )
        return Challenge(_plain(options.public_key), self._ticket("make", challenge, account.did))

    async def add(self, account: Account, ticket: str, answer: str, name: str) -> None:
        """Keep the passkey that the browser made. answer: its JSON. Raises StaleChallenge, BadPasskey,
        InvalidRequest."""
        opened = self._open(ticket, "make")
        if opened.did != account.did:
            raise StaleChallenge
        try:
            made = self._server().register_complete(_state(opened), _read(answer))
        except _MALFORMED as wrong:
            raise BadPasskey(why=str(wrong)[:200]) from None
        credential = made.credential_data
        if credential is None:
            raise BadPasskey
        box = self._seal.seal(PURPOSE, bytes(credential))
        lookup = self._lookup(credential.credential_id)

        def keep(tx: Tx) -> None:
            self._use_up(tx, opened)
            self._assure_room(tx, account)
            if tx.one("SELECT 1 FROM passkey WHERE lookup = :lookup", lookup=lookup):
                raise BadPasskey("That passkey is known already.")
            tx.run(
                "INSERT INTO passkey (lookup, account, name, host, credential, counter, created_at)"
                " VALUES (:lookup, :account, :name, :host, :box, :counter, :now)",
                lookup=lookup,
                account=account.id,
                name=name.strip()[:MAX_NAME] or "Passkey",
                host=self._host,
                box=box,
                counter=made.counter,
                now=tx.now,
            )

        await self._truth.write(keep)

    # --- signing in

    def challenge(self) -> Challenge:
        """The question to a browser that wants in. Which account it is, the passkey says."""
        challenge = secrets.token_bytes(32)
        options, _ = self._server().authenticate_begin(
            user_verification=_required("UserVerificationRequirement"), challenge=challenge
        )
        return Challenge(_plain(options.public_key), self._ticket("sign in", challenge, ""))

    async def recognise(self, ticket: str, answer: str) -> Account:
        """Whose passkey answered. Raises StaleChallenge, BadPasskey, CopiedPasskey."""
        opened = self._open(ticket, "sign in")
        lookup, counter = self._check(opened, answer)

        def use(tx: Tx) -> str | None:
            self._use_up(tx, opened)
            row = tx.one("SELECT account, counter FROM passkey WHERE lookup = :lookup", lookup=lookup)
            if row is None:
                raise BadPasskey
            if (counter or row[1]) and counter <= row[1]:  # authenticators that do not count say 0 each time
                return None
            tx.run(
                "UPDATE passkey SET counter = :counter, used_at = :now WHERE lookup = :lookup",
                counter=counter,
                now=tx.now,
                lookup=lookup,
            )
            return did_of(tx, row[0])

        did = await self._truth.write(use)
        if did is None:
            raise CopiedPasskey
        return self._accounts.one(did)

    def _check(self, opened: _Ticket, answer: str) -> tuple[bytes, int]:
        """Does the answer prove a passkey of ours? Its lookup and its counter."""
        from fido2.webauthn import AuthenticationResponse

        try:
            given = AuthenticationResponse.from_dict(_read(answer))
            lookup = self._lookup(given.raw_id)
            with self._truth.reading() as tx:
                row = tx.one("SELECT credential, account FROM passkey WHERE lookup = :lookup", lookup=lookup)
                did = did_of(tx, row[1]) if row is not None else None
            if row is None or did is None:
                raise BadPasskey
            handle = given.response.user_handle
            if handle is not None and handle != self._user_handle(self._accounts.one(did)):
                raise BadPasskey
            self._server().authenticate_complete(_state(opened), [self._credential(row[0])], given)
        except _MALFORMED as wrong:
            raise BadPasskey(why=str(wrong)[:200]) from None
        return lookup, given.response.authenticator_data.counter

    # --- the member's list

    def of(self, account: Account) -> list[Passkey]:
        """The member's passkeys, oldest first."""
        with self._truth.reading() as tx:
            rows = _of(tx, account.id, "lookup, name, host, created_at, used_at")
        return [Passkey(row[0].hex(), *row[1:]) for row in rows]

    async def remove(self, account: Account, key: str) -> None:
        """End one of the member's passkeys; one that is not there is ended already."""

        def remove(tx: Tx) -> None:
            for (lookup,) in _of(tx, account.id, "lookup"):
                if lookup.hex() == key:
                    tx.run("DELETE FROM passkey WHERE lookup = :lookup", lookup=lookup)

        await self._truth.write(remove)

    # --- within

    def _server(self) -> "Fido2Server":
        """The library, loaded when first needed: it reads a long list of domains."""
        from fido2.server import Fido2Server
        from fido2.webauthn import PublicKeyCredentialRpEntity

        logging.getLogger("fido2").setLevel(logging.WARNING)  # else it writes down who signs in
        rp = PublicKeyCredentialRpEntity(id=self._host, name=self._name())
        return Fido2Server(rp, verify_origin=lambda origin: origin == self._base_url)

    def _assure_room(self, tx: Tx, account: Account) -> None:
        if len(_of(tx, account.id, "1")) >= MOST:
            raise InvalidRequest(f"One account has at most {MOST} passkeys. Remove those that are not in use.")

    def _ticket(self, use: Use, challenge: bytes, did: str) -> str:
        ticket = _Ticket(use, _text(challenge), self._clock() + LIFETIME_MICROS, did)
        return _text(self._seal.seal("passkey challenge", msgspec.json.encode(ticket)))

    def _open(self, text: str, use: Use) -> _Ticket:
        """Raises StaleChallenge."""
        try:
            box = urlsafe_b64decode(text[:2_000] + "=" * (-len(text) % 4))
            ticket = msgspec.json.decode(self._seal.open("passkey challenge", box), type=_Ticket)
        except (ValueError, BrokenSeal):
            raise StaleChallenge from None
        if ticket.use != use or ticket.expires_at <= self._clock():
            raise StaleChallenge
        return ticket

    def _use_up(self, tx: Tx, ticket: _Ticket) -> None:
        if not first_time(tx, "passkey challenge", ticket.challenge, ticket.expires_at):
            raise StaleChallenge

    def _credential(self, box: bytes) -> Any:
        from fido2.webauthn import AttestedCredentialData

        return AttestedCredentialData(self._seal.open(PURPOSE, box))

    def _lookup(self, credential_id: bytes) -> bytes:
        return self._seal.lookup(PURPOSE, credential_id.hex())

    def _user_handle(self, account: Account) -> bytes:
        """How authenticators name the account: the same each time, and telling nobody who it is."""
        return self._seal.lookup("passkey user", account.did)


def count_of_other_hosts(tx: Tx, host: str) -> int:
    """How many passkeys are bound to other names than this, and sign nobody in here."""
    row = tx.one("SELECT count(*) FROM passkey WHERE host <> :host", host=host)
    return int(row[0]) if row else 0


def erase(tx: Tx, account_id: int) -> None:
    """None opens the account any more."""
    tx.run("DELETE FROM passkey WHERE account = :id", id=account_id)


def _of(tx: Tx, account_id: int, columns: str) -> list[Any]:
    return tx.run(f"SELECT {columns} FROM passkey WHERE account = :id ORDER BY created_at, lookup", id=account_id)


def _read(answer: str) -> Mapping[str, Any]:
    if len(answer) > MAX_ANSWER:
        raise BadPasskey
    try:
        return msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise BadPasskey from None


def _state(ticket: _Ticket) -> dict[str, Any]:
    return {"challenge": ticket.challenge, "user_verification": "required"}


def _required(kind: str) -> Any:
    from fido2 import webauthn

    return getattr(webauthn, kind).REQUIRED


def _plain(options: Any) -> Any:
    """The library's options as plain JSON values."""
    if isinstance(options, Mapping):
        return {key: _plain(value) for key, value in options.items() if value is not None}
    if isinstance(options, (list, tuple)):
        return [_plain(value) for value in options]
    return _text(options) if isinstance(options, bytes) else options


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
