"""Who is signed in: refresh tokens for programs, session ids for browsers.

Tables: refresh_token, web_session. A refresh token is used once: using it gives the next of its family. Using it again
within the grace period gives that same next one (the answer may have been lost on the way); later it is a stolen
token, and the family ends. An access token names its family and ends with it, at once. Of a browser's session id only
the hash is stored.
Source: https://atproto.com/specs/xrpc#authentication
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import NamedTuple

from freehold.pds import app_passwords
from freehold.pds.accounts import Account, find
from freehold.pds.app_passwords import AppPassword
from freehold.pds.oauth import grants
from freehold.pds.tokens import ACCESS_SCOPE, REFRESH_SECONDS, WAITING_SCOPE, ExpiredToken, Tokens
from freehold.store.migrations import Migration
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-4-session",
        """
        CREATE TABLE refresh_token (
            id TEXT PRIMARY KEY,
            account BIGINT NOT NULL,
            family TEXT NOT NULL,
            expires_at BIGINT NOT NULL,
            next_id TEXT,
            used_at BIGINT
        );
        CREATE INDEX refresh_token_family ON refresh_token (family);
        CREATE INDEX refresh_token_account ON refresh_token (account);
        CREATE TABLE web_session (
            id_hash BLOB PRIMARY KEY,
            account BIGINT NOT NULL,
            created_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL
        );
        CREATE INDEX web_session_account ON web_session (account);
        """,
    ),
)

ENDED = "sessions ended"
"""Told when sessions of programs end."""
MICROS = 1_000_000
GRACE_MICROS = 2 * 3600 * MICROS
WEB_SESSION_MICROS = 30 * 86400 * MICROS


class Pair(NamedTuple):
    """The two tokens of a session."""

    access: str
    refresh: str


class Running:
    """Which sessions of programs still run: an access token ends with its session. Kept in memory until one ends."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Tx]], most_cached: int = 50_000) -> None:
        self._reading, self._most_cached = reading, most_cached
        self._known: dict[str, int] = {}
        self.generation = 0

    def goes_on(self, family: str, account_id: int) -> bool:
        """Does this account's session (a family of refresh tokens) still run?"""
        known = self._known.get(family)
        if known is None:
            generation = self.generation
            with self._reading() as tx:
                row = tx.one("SELECT account FROM refresh_token WHERE family = :family", family=family)
            if row is None:
                return False
            known = int(row[0])
            if generation == self.generation:  # else one ended since
                if len(self._known) >= self._most_cached:
                    self._known.clear()
                self._known[family] = known
        return known == account_id

    def hear(self, told: Mapping[str, object]) -> None:
        """For `Database.listen`."""
        if ENDED in told:
            self.forget_all()

    def forget_all(self) -> None:
        """Drop what is cached."""
        self.generation += 1
        self._known.clear()


def start(tx: Tx, tokens: Tokens, account: Account, app: AppPassword | None = None) -> Pair:
    """A new session: a family of refresh tokens with its first. app: the app password by which it was begun."""
    token_id, expires_at = _new_id(), tx.now + REFRESH_SECONDS * MICROS
    _store(tx, token_id, account.id, token_id, expires_at, app)
    return _pair(tx, tokens, account, token_id, expires_at, token_id, app)


def rotate(tx: Tx, tokens: Tokens, account: Account, token_id: str) -> Pair | None:
    """The next pair in exchange for a refresh token.

    None when the token was revoked, or was used before and the grace period is over: then its family has ended. (A
    refusal would roll that end back, so the caller refuses after the commit.)
    """
    row = tx.one(
        "SELECT family, expires_at, next_id, used_at, app_password FROM refresh_token"
        " WHERE id = :id AND account = :account",
        id=token_id,
        account=account.id,
    )
    if row is None or row[1] <= tx.now:
        return None
    family, _, next_id, used_at, app_id = row
    app = app_passwords.one(tx, app_id) if app_id is not None else None
    if app is None and app_id is not None:
        return None
    expires_at = tx.now + REFRESH_SECONDS * MICROS
    if next_id is None:
        next_id = _new_id()
        tx.run(
            "UPDATE refresh_token SET next_id = :next, used_at = :now WHERE id = :id",
            next=next_id,
            now=tx.now,
            id=token_id,
        )
        _store(tx, next_id, account.id, family, expires_at, app)
    elif used_at + GRACE_MICROS < tx.now:
        _end_family(tx, family)
        return None
    return _pair(tx, tokens, account, next_id, expires_at, family, app)


def end(tx: Tx, token_id: str) -> None:
    """Sign out: the family of this refresh token ends."""
    row = tx.one("SELECT family FROM refresh_token WHERE id = :id", id=token_id)
    if row is None:
        raise ExpiredToken
    _end_family(tx, row[0])


def end_all(tx: Tx, account_id: int) -> None:
    """Sign out everywhere."""
    tx.tell(ENDED, account_id)
    tx.run("DELETE FROM refresh_token WHERE account = :account", account=account_id)
    tx.run("DELETE FROM web_session WHERE account = :account", account=account_id)
    grants.end_all(tx, account_id)


class Ended(NamedTuple):
    """How many sessions there were. apps: that members let in by OAuth."""

    browsers: int
    programs: int
    apps: int


def count_all(tx: Tx) -> Ended:
    """The sessions of everybody that have not expired."""
    row = tx.one(
        "SELECT (SELECT count(*) FROM web_session WHERE expires_at > :now),"
        " (SELECT count(DISTINCT family) FROM refresh_token WHERE expires_at > :now)",
        now=tx.now,
    )
    assert row is not None
    return Ended(row[0], row[1], grants.count_all(tx))


def end_everybodys(tx: Tx) -> None:
    """Every session everywhere ends: nobody serves yet, or the caller tells those who do."""
    tx.run("DELETE FROM refresh_token")
    tx.run("DELETE FROM web_session")
    grants.end_everybodys(tx)


def start_web(tx: Tx, account_id: int, tokens: Tokens | None = None) -> str:
    """A new browser session; the id to put into its cookie. tokens: to mark it as a member's."""
    session_id = secrets.token_urlsafe(32)
    if tokens is not None:
        session_id = tokens.marked(session_id, (tx.now + WEB_SESSION_MICROS) // MICROS)
    tx.run(
        "INSERT INTO web_session (id_hash, account, created_at, expires_at) VALUES (:hash, :account, :now, :until)",
        hash=_hash(session_id),
        account=account_id,
        now=tx.now,
        until=tx.now + WEB_SESSION_MICROS,
    )
    return session_id


def find_web(tx: Tx, session_id: str, now: int) -> Account | None:
    """Whose browser session this is, if it has not expired."""
    row = tx.one(
        "SELECT a.did FROM web_session s JOIN account a ON a.id = s.account"
        " WHERE s.id_hash = :hash AND s.expires_at > :now",
        hash=_hash(session_id),
        now=now,
    )
    return find(tx, row[0]) if row else None


def place_of_web(tx: Tx, session_id: str) -> int | None:
    """The place in the line of applicants of whoever has this browser session, if that is who has it."""
    row = tx.one(
        "SELECT -account FROM web_session WHERE id_hash = :hash AND expires_at > :now AND account < 0",
        hash=_hash(session_id),
        now=tx.now,
    )
    return row[0] if row else None


def hand_on(tx: Tx, before: int, account_id: int) -> None:
    """An applicant, whose sessions stand under a number of their own, has become a member: they go on."""
    tx.run("UPDATE refresh_token SET account = :now WHERE account = :before", now=account_id, before=before)
    tx.run("UPDATE web_session SET account = :now WHERE account = :before", now=account_id, before=before)


def end_web(tx: Tx, session_id: str) -> None:
    """Sign this browser out."""
    tx.run("DELETE FROM web_session WHERE id_hash = :hash", hash=_hash(session_id))


class Open(NamedTuple):
    """A session as its member sees it. kind: browser, or program. app: the app password's name; empty for none.

    since, used: microseconds; since is 0 where it is not known. key: names it to `end_open`, and opens nothing.
    """

    kind: str
    key: str
    app: str
    since: int
    used: int


def open_sessions(tx: Tx, account_id: int) -> list[Open]:
    """The member's sessions in browsers and in programs that signed in with a password."""
    browsers = tx.run(
        "SELECT id_hash, created_at FROM web_session WHERE account = :account AND expires_at > :now"
        " ORDER BY created_at DESC",
        account=account_id,
        now=tx.now,
    )
    programs = tx.run(
        "SELECT r.family, max(r.expires_at), max(coalesce(p.name, '')) FROM refresh_token r"
        " LEFT JOIN app_password p ON p.id = r.app_password"
        " WHERE r.account = :account AND r.expires_at > :now GROUP BY r.family ORDER BY 2 DESC",
        account=account_id,
        now=tx.now,
    )
    return [
        *(Open("browser", id_hash.hex(), "", created_at, created_at) for id_hash, created_at in browsers),
        *(
            Open("program", _hash(family).hex(), name, 0, expires_at - REFRESH_SECONDS * MICROS)
            for family, expires_at, name in programs
        ),
    ]


def end_open(tx: Tx, account_id: int, kind: str, key: str) -> None:
    """End one of the member's sessions; one that is not there is no error."""
    if kind == "browser":
        for (id_hash,) in tx.run("SELECT id_hash FROM web_session WHERE account = :account", account=account_id):
            if id_hash.hex() == key:
                tx.run("DELETE FROM web_session WHERE id_hash = :hash", hash=id_hash)
        return
    for (family,) in tx.run("SELECT DISTINCT family FROM refresh_token WHERE account = :account", account=account_id):
        if _hash(family).hex() == key:
            _end_family(tx, family)


def web_key(session_id: str) -> str:
    """The `Open.key` of a browser's own session."""
    return _hash(session_id).hex()


def sweep(tx: Tx) -> None:
    """Delete what has expired."""
    tx.run("DELETE FROM refresh_token WHERE expires_at <= :now", now=tx.now)
    tx.run("DELETE FROM web_session WHERE expires_at <= :now", now=tx.now)
    grants.sweep(tx)


def _end_family(tx: Tx, family: str) -> None:
    tx.tell(ENDED, family)
    tx.run("DELETE FROM refresh_token WHERE family = :family", family=family)


def _pair(
    tx: Tx, tokens: Tokens, account: Account, token_id: str, expires_at: int, family: str, app: AppPassword | None
) -> Pair:
    now = tx.now // MICROS
    own = WAITING_SCOPE if account.waiting else ACCESS_SCOPE
    scope, app_id = (app.scope, app.id) if app is not None else (own, "")
    access = tokens.access(account.did, now, scope, app_id, family)
    return Pair(access, tokens.refresh(account.did, token_id, now, expires_at // MICROS))


def _store(tx: Tx, token_id: str, account_id: int, family: str, expires_at: int, app: AppPassword | None) -> None:
    tx.run(
        "INSERT INTO refresh_token (id, account, family, expires_at, app_password)"
        " VALUES (:id, :account, :family, :until, :app)",
        id=token_id,
        account=account_id,
        family=family,
        until=expires_at,
        app=app.id if app is not None else None,
    )


def _new_id() -> str:
    return urlsafe_b64encode(secrets.token_bytes(24)).decode("ascii")


def _hash(session_id: str) -> bytes:
    return sha256(session_id.encode()).digest()
