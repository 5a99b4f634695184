"""What was asked, what was granted, and the tokens that come of it.

Tables: oauth_request, oauth_session, oauth_once. A request becomes a code by the member's word, a code becomes
a session once, a session has one access token and one refresh token at a time. Of every secret only the hash is stored.
A code or refresh token that comes a second time is in the wrong hands: its session ends. Tokens are random and looked
up at every call, so that a session that is ended is over at once.
Source: https://atproto.com/specs/oauth#tokens-and-session-lifetime, RFC 9126, RFC 9700
"""

import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

import msgspec

from freehold.store.migrations import Migration
from freehold.store.tx import Row, Tx

SCHEMA = (
    Migration(
        "pds-12-oauth",
        """
        CREATE TABLE oauth_request (
            id_hash BLOB PRIMARY KEY,
            client_id TEXT NOT NULL,
            asked BLOB NOT NULL,
            jkt TEXT NOT NULL,
            client_key TEXT,
            expires_at BIGINT NOT NULL,
            answered INTEGER NOT NULL DEFAULT 0,
            account BIGINT,
            code_hash BLOB UNIQUE,
            session BIGINT
        );
        CREATE INDEX oauth_request_account ON oauth_request (account);
        CREATE INDEX oauth_request_expiry ON oauth_request (expires_at);
        CREATE TABLE oauth_session (
            id INTEGER PRIMARY KEY,
            account BIGINT NOT NULL,
            client_id TEXT NOT NULL,
            client_name TEXT NOT NULL,
            client_key TEXT,
            scope TEXT NOT NULL,
            jkt TEXT NOT NULL,
            handle_hash BLOB NOT NULL UNIQUE,
            refresh_hash BLOB NOT NULL,
            access_hash BLOB NOT NULL UNIQUE,
            access_until BIGINT NOT NULL,
            created_at BIGINT NOT NULL,
            used_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL
        );
        CREATE INDEX oauth_session_account ON oauth_session (account);
        CREATE TABLE oauth_once (mark BLOB PRIMARY KEY, expires_at BIGINT NOT NULL);
        """,
    ),
)

MICROS = 1_000_000
REQUEST_SECONDS = 300
OPENED_MICROS = 3600 * MICROS
CODE_MICROS = 60 * MICROS
ACCESS_SECONDS = 15 * 60
PUBLIC_MICROS = 14 * 86400 * MICROS
CONFIDENTIAL_MICROS = 180 * 86400 * MICROS
SPENT_CODE_MICROS = 86400 * MICROS
URN = "urn:ietf:params:oauth:request_uri:"
MOST_SESSIONS = 200
"""Of one account; the one used longest ago gives way."""


Mark = Callable[[str, int], str]
"""What lets a secret show that it is ours: `pds.tokens.Tokens.marked`."""


class Asked(msgspec.Struct, frozen=True):
    """What a client asked for. challenge: PKCE S256. prompt: empty for none in particular."""

    redirect_uri: str
    scope: str
    challenge: str
    state: str = ""
    response_mode: str = "query"
    login_hint: str = ""
    prompt: str = ""


class Request(NamedTuple):
    """A request that waits for the member, or for its code to be used. client_key: thumbprint; None: public."""

    id_hash: bytes
    client_id: str
    asked: Asked
    jkt: str
    client_key: str | None
    account: int | None
    session: int | None
    expires_at: int


class Session(NamedTuple):
    """A session of an app. Times in microseconds."""

    id: int
    account: int
    client_id: str
    client_name: str
    client_key: str | None
    scope: str
    jkt: str
    access_until: int
    created_at: int
    used_at: int
    expires_at: int


class Tokens(NamedTuple):
    """A new pair for a session."""

    access: str
    refresh: str
    session: Session


_REQUEST = "id_hash, client_id, asked, jkt, client_key, account, session, expires_at"
_SESSION = "id, account, client_id, client_name, client_key, scope, jkt, access_until, created_at, used_at, expires_at"


# --- requests and codes


def push(tx: Tx, client_id: str, asked: Asked, jkt: str, client_key: str | None) -> str:
    """Keep a request; its request_uri."""
    uri = URN + secrets.token_urlsafe(32)
    tx.run(
        "INSERT INTO oauth_request (id_hash, client_id, asked, jkt, client_key, expires_at)"
        " VALUES (:id, :client, :asked, :jkt, :key, :until)",
        id=_hash(uri),
        client=client_id,
        asked=msgspec.json.encode(asked),
        jkt=jkt,
        key=client_key,
        until=tx.now + REQUEST_SECONDS * MICROS,
    )
    return uri


def waiting(tx: Tx, uri: str, client_id: str, now: int) -> Request | None:
    """The request of this client that nobody has answered yet."""
    row = tx.one(
        f"SELECT {_REQUEST} FROM oauth_request"
        " WHERE id_hash = :id AND client_id = :client AND answered = 0 AND expires_at > :now",
        id=_hash(uri),
        client=client_id,
        now=now,
    )
    return _request(row) if row else None


def opened(tx: Tx, request: Request) -> None:
    """The member has the page before them: they get an hour to sign in and read."""
    tx.run(
        "UPDATE oauth_request SET expires_at = :until WHERE id_hash = :id AND answered = 0",
        until=tx.now + OPENED_MICROS,
        id=request.id_hash,
    )


def answer(tx: Tx, request: Request, account: int | None) -> str | None:
    """The member's word: a code for `account`, or (None) a no. None also if the request was answered before."""
    code = secrets.token_urlsafe(32) if account is not None else None
    tx.run(
        "UPDATE oauth_request SET answered = 1, account = :account, code_hash = :code, expires_at = :until"
        " WHERE id_hash = :id AND answered = 0",
        account=account,
        code=_hash(code) if code else None,
        until=tx.now + CODE_MICROS,
        id=request.id_hash,
    )
    return code if tx.changes() else None


def by_code(tx: Tx, code: str) -> Request | None:
    """The request that this code was given for, whether or not the code is still good."""
    row = tx.one(f"SELECT {_REQUEST} FROM oauth_request WHERE code_hash = :code", code=_hash(code))
    return _request(row) if row else None


# --- sessions


def begin(tx: Tx, request: Request, client_name: str, mark: Mark) -> Tokens:
    """The session that a code is exchanged for. The code's row stays a day, to know it if it comes again."""
    handle, access_until = secrets.token_urlsafe(16), tx.now + ACCESS_SECONDS * MICROS
    access, refresh = _new_access(mark, access_until), _new_refresh(handle)
    tx.run(
        "INSERT INTO oauth_session (account, client_id, client_name, client_key, scope, jkt, handle_hash, refresh_hash,"
        " access_hash, access_until, created_at, used_at, expires_at) VALUES (:account, :client, :name, :key, :scope,"
        " :jkt, :handle, :refresh, :access, :access_until, :now, :now, :until)",
        account=request.account,
        client=request.client_id,
        name=client_name,
        key=request.client_key,
        scope=request.asked.scope,
        jkt=request.jkt,
        handle=_hash(handle),
        refresh=_hash(refresh),
        access=_hash(access),
        access_until=access_until,
        now=tx.now,
        until=tx.now + (PUBLIC_MICROS if request.client_key is None else CONFIDENTIAL_MICROS),
    )
    session = by_access(tx, access)
    assert session is not None
    tx.run(
        "UPDATE oauth_request SET session = :session, expires_at = :until WHERE id_hash = :id",
        session=session.id,
        until=tx.now + SPENT_CODE_MICROS,
        id=request.id_hash,
    )
    tx.run(
        "DELETE FROM oauth_session WHERE id IN (SELECT id FROM oauth_session WHERE account = :account"
        " ORDER BY used_at DESC LIMIT -1 OFFSET :most)",
        account=request.account,
        most=MOST_SESSIONS,
    )
    return Tokens(access, refresh, session)


def by_access(tx: Tx, token: str) -> Session | None:
    """The session of an access token."""
    row = tx.one(f"SELECT {_SESSION} FROM oauth_session WHERE access_hash = :hash", hash=_hash(token))
    return Session(*row) if row else None


def by_refresh(tx: Tx, token: str) -> tuple[Session, bool] | None:
    """The session that a refresh token belongs, or once belonged, to; and whether it is the one that is good now."""
    handle = token.partition(".")[0]
    row = tx.one(f"SELECT {_SESSION}, refresh_hash FROM oauth_session WHERE handle_hash = :hash", hash=_hash(handle))
    return (Session(*row[:-1]), secrets.compare_digest(row[-1], _hash(token))) if row else None


def renew(tx: Tx, session: Session, refresh: str, mark: Mark) -> Tokens:
    """The next pair; the one before is good no more. A public client's session is not made longer by it."""
    handle = refresh.partition(".")[0]
    until = session.expires_at if session.client_key is None else tx.now + CONFIDENTIAL_MICROS
    access_until = min(tx.now + ACCESS_SECONDS * MICROS, until)
    access, following = _new_access(mark, access_until), _new_refresh(handle)
    tx.run(
        "UPDATE oauth_session SET refresh_hash = :refresh, access_hash = :access, access_until = :access_until,"
        " used_at = :now, expires_at = :until WHERE id = :id",
        refresh=_hash(following),
        access=_hash(access),
        access_until=access_until,
        now=tx.now,
        until=until,
        id=session.id,
    )
    return Tokens(access, following, session._replace(access_until=access_until, used_at=tx.now, expires_at=until))


def sessions_of(tx: Tx, account: int, now: int) -> list[Session]:
    """The member's apps, the one used last first."""
    rows = tx.run(
        f"SELECT {_SESSION} FROM oauth_session WHERE account = :account AND expires_at > :now ORDER BY used_at DESC",
        account=account,
        now=now,
    )
    return [Session(*row) for row in rows]


def end(tx: Tx, session: int) -> None:
    """This session is over."""
    tx.run("DELETE FROM oauth_session WHERE id = :id", id=session)


def end_one_of(tx: Tx, account: int, session: int) -> None:
    """As `end`, on the word of the member whose session it is."""
    tx.run("DELETE FROM oauth_session WHERE id = :id AND account = :account", id=session, account=account)


def end_all(tx: Tx, account: int) -> None:
    """No app may act for this account any more, nor may one that was just allowed begin to."""
    tx.run("DELETE FROM oauth_session WHERE account = :account", account=account)
    tx.run("DELETE FROM oauth_request WHERE account = :account", account=account)


def count_all(tx: Tx) -> int:
    """How many sessions of apps have not expired."""
    row = tx.one("SELECT count(*) FROM oauth_session WHERE expires_at > :now", now=tx.now)
    return int(row[0]) if row else 0


def end_everybodys(tx: Tx) -> None:
    """No app may act for anybody any more."""
    tx.run("DELETE FROM oauth_session")
    tx.run("DELETE FROM oauth_request")


# --- what may happen once


def first_time(tx: Tx, what: str, text: str, until: int) -> bool:
    """Whether `text` was not seen as `what` before; it is remembered until then (microseconds)."""
    mark = sha256(f"{what} {text}".encode()).digest()
    tx.run(
        "INSERT INTO oauth_once (mark, expires_at) VALUES (:mark, :until) ON CONFLICT (mark) DO NOTHING",
        mark=mark,
        until=until,
    )
    return tx.changes() == 1


def sweep(tx: Tx) -> None:
    """Delete what has expired."""
    for table in ("oauth_request", "oauth_session", "oauth_once"):
        tx.run(f"DELETE FROM {table} WHERE expires_at <= :now", now=tx.now)


def _request(row: Row) -> Request:
    return Request(*row)._replace(asked=msgspec.json.decode(row[2], type=Asked))


def _new_access(mark: Mark, until: int) -> str:
    return mark("fh_" + secrets.token_urlsafe(32), until // MICROS)


def _new_refresh(handle: str) -> str:
    return f"{handle}.{secrets.token_urlsafe(32)}"


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
