"""Who has an account here: DID, handle, role, status, keys.

Tables: account. A change that the world must know of (handle, status) is announced in the stream within its
transaction. Mail addresses, signing keys and the hashes of passwords (by which weak ones could be guessed) are sealed;
a mail address is found again by its keyed hash.
Source: https://atproto.com/specs/account
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple, NoReturn

from freehold.pds import applicants
from freehold.protocol.keys import K256Key, SigningKey
from freehold.protocol.refused import Refused
from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx
from freehold.stream.log import append

SCHEMA = (
    Migration(
        "pds-1-account",
        """
        CREATE TABLE account (
            id INTEGER PRIMARY KEY,
            did TEXT NOT NULL UNIQUE,
            handle TEXT NOT NULL UNIQUE,
            role TEXT NOT NULL CHECK (role IN ('service', 'member', 'moderator', 'owner')),
            status TEXT CHECK (status IN ('deactivated', 'takendown', 'suspended', 'deleted')),
            password TEXT,
            mail BLOB,
            mail_lookup BLOB UNIQUE,
            signing_key BLOB NOT NULL,
            created_at BIGINT NOT NULL
        );
        """,
    ),
    Migration(
        "pds-9-account-life",
        """
        ALTER TABLE account ADD COLUMN mail_confirmed_at BIGINT;
        ALTER TABLE account ADD COLUMN delete_after BIGINT;
        CREATE INDEX account_delete_after ON account (delete_after) WHERE delete_after IS NOT NULL;
        """,
    ),
    Migration("pds-80-account-beneath", "ALTER TABLE account ADD COLUMN beneath TEXT;"),
)

_HASHED = "password"
SEALED = (
    Sealed("account", "mail", "mail"),
    Sealed("account", "signing_key", "signing key"),
    Sealed("account", "password", _HASHED),
)


class HandleTaken(Refused):
    """Somebody else here has this handle."""

    name = "HandleNotAvailable"
    say = "That handle is taken. Choose another one."


class MailTaken(Refused):
    """Somebody else here has this mail address."""

    name = "EmailNotAvailable"
    say = "That e-mail address is in use by another account here."


class AccountNotFound(Refused):
    """No account of that name or DID lives here."""

    name = "AccountNotFound"
    say = "There is no such account here."


class RepoNotFound(Refused):
    """No repository of that name or DID lives here."""

    name = "RepoNotFound"
    say = "There is no repository of that name here."


class NotActive(Refused):
    """The account exists but does not speak at the moment."""

    kind = "invalid"


_NOT_ACTIVE = {
    "deactivated": ("RepoDeactivated", "This account is deactivated by its owner."),
    "suspended": ("RepoSuspended", "This account is suspended."),
    "takendown": ("RepoTakendown", "This account has been taken down."),
}


class Account(NamedTuple):
    """One row. created_at: microseconds since 1970 UTC. status: None while active."""

    id: int
    did: str
    handle: str
    role: str
    status: str | None
    created_at: int

    @property
    def active(self) -> bool:
        return self.status is None

    @property
    def waiting(self) -> bool:
        """In the line of applicants: no account yet, see pds.admission."""
        return self.role == "waiting"


class New(NamedTuple):
    """What a new account starts with. password: the PHC string, None for services."""

    did: str
    handle: str
    role: str
    password: str | None
    mail: str | None
    signing_key: SigningKey
    status: str | None = None


_FIELDS = "id, did, handle, role, status, created_at"


class Accounts:
    """The accounts of one network. Rows that were read are kept in memory until they change; `forget_all` drops
    them."""

    def __init__(
        self, seal: Seal, reading: Callable[[], AbstractContextManager[Tx]], most_cached: int = 50_000
    ) -> None:
        self.seal = self._seal = seal
        self._reading = reading
        self._cached: dict[str, Account] = {}
        self._most_cached = most_cached
        self.generation = 0

    # --- reading

    def find(self, name: str) -> Account | None:
        """The account with this DID or handle, whatever its status; None if it never was or is deleted."""
        key = name if name.startswith("did:") else name.lower()
        known = self._cached.get(key)
        if known is None:
            generation = self.generation
            with self._reading() as tx:
                known = find(tx, key)
            if known is not None and generation == self.generation:  # else it may have changed since it was read
                if len(self._cached) >= self._most_cached:
                    self._cached.clear()
                self._cached[key] = known
        return known

    def one(self, name: str) -> Account:
        """As `find`. Raises AccountNotFound."""
        account = self.find(name)
        if account is None:
            raise AccountNotFound(account=name)
        return account

    def hosted(self, name: str) -> Account:
        """The account whose repository is here, whatever its status. Raises RepoNotFound."""
        account = self.find(name)
        if account is None:
            raise RepoNotFound(account=name)
        return account

    def speaking(self, name: str) -> Account:
        """The account if its repository may be served. Raises RepoNotFound, or NotActive with the protocol's name."""
        account = self.hosted(name)
        assure_active(account)
        return account

    def by_mail(self, mail: str) -> Account | None:
        """The account with this mail address."""
        with self._reading() as tx:
            row = tx.one(f"SELECT {_FIELDS} FROM account WHERE mail_lookup = :key", key=self._mail_key(mail))
        return Account(*row) if row else None

    def password_of(self, account: Account | None) -> str | None:
        """The stored PHC string."""
        if account is None:
            return None
        with self._reading() as tx:
            row = tx.one("SELECT password FROM account WHERE id = :id", id=account.id)
        return self._seal.open(_HASHED, row[0]).decode() if row and row[0] is not None else None

    def owners(self, tx: Tx) -> list[Account]:
        """Who may decide everything here."""
        rows = tx.run(f"SELECT {_FIELDS} FROM account WHERE role = 'owner' AND status IS NULL ORDER BY id")
        return [Account(*row) for row in rows]

    def mail_of(self, account: Account) -> str | None:
        """The mail address, opened."""
        with self._reading() as tx:
            row = tx.one("SELECT mail FROM account WHERE id = :id", id=account.id)
        return self._seal.open("mail", row[0]).decode() if row and row[0] is not None else None

    def mail_confirmed(self, account: Account) -> bool:
        """Has the member shown that the address is theirs?"""
        with self._reading() as tx:
            row = tx.one("SELECT mail_confirmed_at FROM account WHERE id = :id AND mail IS NOT NULL", id=account.id)
        return row is not None and row[0] is not None

    def page(self, after: int, limit: int) -> list[Account]:
        """Accounts in the order of joining, after the given id."""
        with self._reading() as tx:
            rows = tx.run(
                f"SELECT {_FIELDS} FROM account WHERE id > :after AND status IS NOT 'deleted' ORDER BY id LIMIT :n",
                after=after,
                n=limit,
            )
        return [Account(*row) for row in rows]

    def count(self) -> int:
        """How many members the network has."""
        with self._reading() as tx:
            row = tx.one("SELECT count(*) FROM account WHERE role <> 'service' AND status IS NULL")
        return int(row[0]) if row else 0

    def count_all(self) -> int:
        """How many accounts `page` goes through, services too."""
        with self._reading() as tx:
            row = tx.one("SELECT count(*) FROM account WHERE status IS NOT 'deleted'")
        return int(row[0]) if row else 0

    def key_of(self, tx: Tx, account_id: int) -> SigningKey:
        """The account's signing key, opened."""
        row = tx.one("SELECT signing_key FROM account WHERE id = :id", id=account_id)
        if row is None:
            raise AccountNotFound(account=account_id)
        return K256Key.from_raw(self._seal.open("signing key", row[0]))

    # --- changing (within the caller's transaction)

    def add(self, tx: Tx, new: New) -> Account:
        """Raises HandleTaken, MailTaken."""
        mail_key = self.assure_free(tx, new.handle, new.mail)
        tx.run(
            "INSERT INTO account (did, handle, role, status, password, mail, mail_lookup, signing_key, created_at)"
            " VALUES (:did, :handle, :role, :status, :password, :mail, :mail_lookup, :key, :now)",
            did=new.did,
            handle=new.handle,
            role=new.role,
            status=new.status,
            password=self._seal.seal(_HASHED, new.password.encode()) if new.password is not None else None,
            mail=self._seal.seal("mail", new.mail.encode()) if new.mail else None,
            mail_lookup=mail_key,
            key=self._seal.seal("signing key", new.signing_key.raw),
            now=tx.now,
        )
        account = find(tx, new.did)
        if account is None:
            raise AccountNotFound(account=new.did)
        return account

    def assure_free(self, tx: Tx, handle: str, mail: str | None) -> bytes | None:
        """Has nobody, here or in the line of applicants, this handle or address? Gives the address's keyed hash.

        Raises HandleTaken, MailTaken.
        """
        if tx.one("SELECT 1 FROM account WHERE handle = :handle", handle=handle) or applicants.holds_handle(tx, handle):
            raise HandleTaken(handle=handle)
        key = self._mail_key(mail) if mail else None
        if key and tx.one("SELECT 1 FROM account WHERE mail_lookup = :key", key=key):
            raise MailTaken
        if applicants.holds_mail(tx, key):
            raise MailTaken
        return key

    def announce(self, tx: Tx, account: Account) -> None:
        """Tell the stream who this is and whether they speak: #identity, then #account."""
        self.announce_identity(tx, account)
        self.announce_status(tx, account)

    def announce_identity(self, tx: Tx, account: Account) -> None:
        """Tell the stream that the DID document is to be read anew."""
        append(tx, "identity", account.did, {"did": account.did, "handle": account.handle})

    def is_free(self, tx: Tx, account: Account, handle: str) -> bool:
        """Has nobody else, here or in the line of applicants, this handle?"""
        holder = find(tx, handle)
        return (holder is None or holder.id == account.id) and not applicants.holds_handle(tx, handle)

    def set_handle(self, tx: Tx, account: Account, handle: str) -> Account:
        """Give the account another handle. Raises HandleTaken."""
        if not self.is_free(tx, account, handle):
            raise HandleTaken(handle=handle)
        tx.run("UPDATE account SET handle = :handle WHERE id = :id", handle=handle, id=account.id)
        append(tx, "identity", account.did, {"did": account.did, "handle": handle})
        return self._changed(tx, account, handle=handle)

    def take_down(self, tx: Tx, account: Account) -> Account:
        """Cover what the account is by a takedown; `put_back` uncovers it."""
        tx.run(
            "UPDATE account SET beneath = CASE status WHEN 'deactivated' THEN status ELSE beneath END,"
            " status = 'takendown' WHERE id = :id",
            id=account.id,
        )
        changed = self._changed(tx, account, status="takendown")
        self.announce_status(tx, changed)
        return changed

    def put_back(self, tx: Tx, account: Account) -> Account:
        """What the account was before it was taken down or suspended; any other stays as it is."""
        row = tx.one(
            "UPDATE account SET status = beneath, beneath = NULL"
            " WHERE id = :id AND status IN ('takendown', 'suspended') RETURNING status",
            id=account.id,
        )
        if row is None:
            return account
        changed = self._changed(tx, account, status=row[0])
        self.announce_status(tx, changed)
        return changed

    def set_status(self, tx: Tx, account: Account, status: str | None) -> Account:
        """Active (None) or deactivated, as its member wants it; beneath a takedown this is only noted."""
        row = tx.one(
            "UPDATE account SET beneath = :status WHERE id = :id AND status IN ('takendown', 'suspended')"
            " RETURNING status",
            status=status,
            id=account.id,
        )
        if row is not None:
            return self._changed(tx, account, status=row[0])
        tx.run("UPDATE account SET status = :status, delete_after = NULL WHERE id = :id", status=status, id=account.id)
        changed = self._changed(tx, account, status=status)
        self.announce_status(tx, changed)
        return changed

    def set_role(self, tx: Tx, account: Account, role: str) -> Account:
        """member, moderator or owner."""
        tx.run("UPDATE account SET role = :role WHERE id = :id", role=role, id=account.id)
        return self._changed(tx, account, role=role)

    def set_key(self, tx: Tx, account_id: int, key: SigningKey) -> None:
        """Another signing key. Its repository is to be signed anew in the same transaction."""
        tx.run(
            "UPDATE account SET signing_key = :box WHERE id = :id",
            box=self._seal.seal("signing key", key.raw),
            id=account_id,
        )

    def set_password(self, tx: Tx, account_id: int, password: str) -> None:
        """password: the PHC string."""
        box = self._seal.seal(_HASHED, password.encode())
        tx.run("UPDATE account SET password = :box WHERE id = :id", box=box, id=account_id)

    def set_mail(self, tx: Tx, account: Account, mail: str) -> None:
        """Another address, which nobody has confirmed. Raises MailTaken."""
        key = self._mail_key(mail)
        holder = tx.one("SELECT id FROM account WHERE mail_lookup = :key", key=key)
        if (holder is not None and holder[0] != account.id) or applicants.holds_mail(tx, key):
            raise MailTaken
        tx.run(
            "UPDATE account SET mail = :mail, mail_lookup = :key, mail_confirmed_at = NULL WHERE id = :id",
            mail=self._seal.seal("mail", mail.encode()),
            key=key,
            id=account.id,
        )

    def set_delete_after(self, tx: Tx, account: Account, at: int | None) -> None:
        """at: micros since 1970 UTC, when the account may be deleted if it still rests; None: it may not."""
        tx.run("UPDATE account SET delete_after = :at WHERE id = :id", at=at, id=account.id)

    def confirm_mail(self, tx: Tx, account: Account) -> None:
        """The address is the member's own."""
        tx.run("UPDATE account SET mail_confirmed_at = :now WHERE id = :id", now=tx.now, id=account.id)

    def erase(self, tx: Tx, account: Account) -> None:
        """Delete the row and tell the stream. What else the account had is erased by its owners in the same
        transaction."""
        tx.run("DELETE FROM account WHERE id = :id", id=account.id)
        append(tx, "account", account.did, {"did": account.did, "active": False, "status": "deleted"})
        tx.after_commit(lambda: self._forget(account))

    def forget_all(self) -> None:
        """Drop what is cached (after a commit that failed)."""
        self.generation += 1
        self._cached.clear()

    # --- within

    def _mail_key(self, mail: str) -> bytes:
        return self._seal.lookup("mail", mail.strip().lower())

    def announce_status(self, tx: Tx, account: Account) -> None:
        """Tell the stream whether this account speaks."""
        payload: dict[str, object] = {"did": account.did, "active": account.active}
        if account.status is not None:
            payload["status"] = account.status
        append(tx, "account", account.did, payload)

    def _changed(self, tx: Tx, account: Account, **fields: str | None) -> Account:
        tx.after_commit(lambda: self._forget(account))
        return account._replace(**fields)  # type: ignore[arg-type]

    def _forget(self, account: Account) -> None:
        self.generation += 1
        self._cached.pop(account.did, None)
        self._cached.pop(account.handle, None)


def seal_plain(tx: Tx, seal: Seal) -> None:
    """Seal hashes of passwords from before they were sealed."""
    rows = tx.run("SELECT id, password FROM account WHERE typeof(password) = 'text'")
    boxes = [{"id": id, "box": seal.seal(_HASHED, password.encode())} for id, password in rows]
    tx.many("UPDATE account SET password = :box WHERE id = :id", boxes)


def find(tx: Tx, name: str) -> Account | None:
    """The account with this DID or (lower-case) handle."""
    column = "did" if name.startswith("did:") else "handle"
    row = tx.one(f"SELECT {_FIELDS} FROM account WHERE {column} = :name", name=name)
    return Account(*row) if row else None


def assure_speaking(tx: Tx, account_id: int) -> None:
    """Raises RepoNotFound when the account is gone, NotActive, with the protocol's name for why, when it rests."""
    row = tx.one("SELECT did, status FROM account WHERE id = :id", id=account_id)
    if row is None:
        raise RepoNotFound(account=account_id)
    if row[1] is not None:
        _refuse(*row)


def did_of(tx: Tx, account_id: int) -> str | None:
    """The DID of an account by its number."""
    row = tx.one("SELECT did FROM account WHERE id = :id", id=account_id)
    return str(row[0]) if row else None


def assure_active(account: Account) -> None:
    """Raises NotActive, with the protocol's name for why."""
    if account.status is not None:
        _refuse(account.did, account.status)


def _refuse(did: str, status: str) -> NoReturn:
    wrong, say = _NOT_ACTIVE[status]
    raise NotActive(say, name=wrong, did=did)
