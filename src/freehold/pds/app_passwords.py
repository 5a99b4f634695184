"""Passwords for single apps: made here, shown once, ended one by one.

Tables: app_password. Each is 80 random bits, so a keyed hash finds it and no slow one is needed. A session begun with
one carries its id, and ends when it is revoked. Two levels: plain, and privileged (which may also read messages).
Source: https://atproto.com/specs/xrpc#app-passwords, lexicons com.atproto.server.*AppPassword*
"""

import re
import secrets
from base64 import b32encode
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.migrations import Migration
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-8-app-password",
        """
        CREATE TABLE app_password (
            id TEXT PRIMARY KEY,
            account BIGINT NOT NULL,
            name TEXT NOT NULL,
            lookup BLOB NOT NULL UNIQUE,
            privileged INTEGER NOT NULL,
            created_at BIGINT NOT NULL,
            UNIQUE (account, name)
        );
        ALTER TABLE refresh_token ADD COLUMN app_password TEXT;
        CREATE INDEX refresh_token_app_password ON refresh_token (app_password) WHERE app_password IS NOT NULL;
        """,
    ),
)

SCOPE, PRIVILEGED_SCOPE = "com.atproto.appPass", "com.atproto.appPassPrivileged"
MOST = 100
MAX_NAME = 100
_SHAPE = re.compile(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}")


class NameTaken(Refused):
    """The member has an app password of that name."""

    name = "DuplicateAppPassword"
    say = "You have an app password of that name. Choose another name, or revoke that one first."


class AppPassword(NamedTuple):
    """What is known of one afterwards. created_at: microseconds since 1970 UTC."""

    id: str
    name: str
    privileged: bool
    created_at: int

    @property
    def scope(self) -> str:
        return PRIVILEGED_SCOPE if self.privileged else SCOPE


_FIELDS = "id, name, privileged, created_at"


class AppPasswords:
    """The app passwords of one network. Those in use are kept in memory until one is revoked."""

    def __init__(
        self, seal: Seal, reading: Callable[[], AbstractContextManager[Tx]], most_cached: int = 20_000
    ) -> None:
        self._seal = seal
        self._reading = reading
        self._valid: dict[str, int] = {}
        self._most_cached = most_cached
        self.generation = 0

    def make(self, tx: Tx, account_id: int, name: str, privileged: bool) -> tuple[str, AppPassword]:
        """The password, which nobody can show again, and what is known of it. Raises NameTaken, InvalidRequest."""
        name = name.strip()
        if not 1 <= len(name) <= MAX_NAME:
            raise InvalidRequest(f"Give the app password a name of 1 to {MAX_NAME} characters.")
        names = {known.name for known in of_account(tx, account_id)}
        if name in names:
            raise NameTaken
        if len(names) >= MOST:
            raise InvalidRequest(f"One account has at most {MOST} app passwords. Revoke those that are not in use.")
        text = _new_text()
        made = AppPassword(secrets.token_urlsafe(18), name, privileged, tx.now)
        tx.run(
            "INSERT INTO app_password (id, account, name, lookup, privileged, created_at)"
            " VALUES (:id, :account, :name, :lookup, :privileged, :now)",
            id=made.id,
            account=account_id,
            name=name,
            lookup=self._lookup(text, account_id),
            privileged=int(privileged),
            now=tx.now,
        )
        return text, made

    def opened_by(self, account_id: int, given: str) -> AppPassword | None:
        """The app password of this account that `given` is; None if it is none."""
        text = given.strip().lower()
        if not _SHAPE.fullmatch(text):
            return None
        with self._reading() as tx:
            row = tx.one(
                f"SELECT {_FIELDS} FROM app_password WHERE lookup = :lookup", lookup=self._lookup(text, account_id)
            )
        return _read(row) if row else None

    def is_valid(self, id: str, account_id: int) -> bool:
        """May a session of this app password go on?"""
        known = self._valid.get(id)
        if known is None:
            generation = self.generation
            with self._reading() as tx:
                row = tx.one("SELECT account FROM app_password WHERE id = :id", id=id)
            if row is None:
                return False
            known = int(row[0])
            if generation == self.generation:  # else one was revoked since
                if len(self._valid) >= self._most_cached:
                    self._valid.clear()
                self._valid[id] = known
        return known == account_id

    def revoke(self, tx: Tx, account_id: int, name: str) -> None:
        """End it and its sessions. One that is not there is ended already."""
        for known in of_account(tx, account_id):
            if known.name == name.strip():
                tx.run("DELETE FROM refresh_token WHERE app_password = :id", id=known.id)
                tx.run("DELETE FROM app_password WHERE id = :id", id=known.id)
                tx.after_commit(self.forget_all)

    def erase(self, tx: Tx, account_id: int) -> None:
        """The account ends."""
        tx.run("DELETE FROM app_password WHERE account = :id", id=account_id)
        tx.after_commit(self.forget_all)

    def forget_all(self) -> None:
        """Drop what is cached."""
        self.generation += 1
        self._valid.clear()

    def _lookup(self, text: str, account_id: int) -> bytes:
        return self._seal.lookup("app password", f"{account_id}:{text}")


def of_account(tx: Tx, account_id: int) -> list[AppPassword]:
    """The account's app passwords, oldest first."""
    rows = tx.run(f"SELECT {_FIELDS} FROM app_password WHERE account = :id ORDER BY created_at, id", id=account_id)
    return [_read(row) for row in rows]


def one(tx: Tx, id: str) -> AppPassword | None:
    """The app password with this id."""
    row = tx.one(f"SELECT {_FIELDS} FROM app_password WHERE id = :id", id=id)
    return _read(row) if row else None


def _read(row: tuple[str, str, int, int]) -> AppPassword:
    return AppPassword(row[0], row[1], bool(row[2]), row[3])


def _new_text() -> str:
    letters = b32encode(secrets.token_bytes(10)).decode("ascii").lower()
    return "-".join(letters[i : i + 4] for i in range(0, 16, 4))
