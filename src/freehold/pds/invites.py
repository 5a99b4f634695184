"""Invitations: a code lets so many people join.

Tables: invite, invite_use (who joined by which), invite_ban (who may make none). Codes are random; a used-up one stays
known until its uses are counted down to none. A ban does not touch the codes that its member has made already.
"""

import secrets
from typing import NamedTuple

from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.migrations import Migration
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-7-invite",
        """
        CREATE TABLE invite (
            code TEXT PRIMARY KEY,
            uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
            made_by BIGINT NOT NULL,
            created_at BIGINT NOT NULL
        );
        """,
    ),
    Migration(
        "pds-12-invite-use",
        """
        ALTER TABLE invite ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX invite_made_by ON invite (made_by);
        CREATE TABLE invite_use (code TEXT NOT NULL, did TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (code, did));
        CREATE INDEX invite_use_did ON invite_use (did);
        CREATE TABLE invite_ban (account BIGINT PRIMARY KEY);
        """,
    ),
)

OPERATOR = 0
"""Who makes codes without being a member."""
MAX_USES, MAX_CODES = 10_000, 1_000
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that are mistaken for another


class InvalidInvite(Refused):
    """Unknown, used up or disabled."""

    name = "InvalidInviteCode"
    say = "That invitation is not valid, or has been used up. Ask for a new one."


class InvitesDisabled(Refused):
    """The operator does not let this member invite."""

    kind, name = "forbidden", "InvitesDisabled"
    say = "You cannot make invitations at the moment. Ask whoever runs the network."


class Use(NamedTuple):
    """Somebody joined. at: microseconds since 1970 UTC."""

    did: str
    at: int


class Invite(NamedTuple):
    """A code. made_by: an account id. place: its number in the order of making. at: microseconds since 1970 UTC."""

    code: str
    uses_left: int
    made_by: int
    disabled: bool
    at: int
    place: int
    uses: list[Use]


def make(tx: Tx, made_by: int, uses: int = 1) -> str:
    """A new code, good for `uses` people. made_by: an account id, OPERATOR for the operator. Raises InvitesDisabled."""
    if not 1 <= uses <= MAX_USES:
        raise InvalidRequest(f"An invitation is good for 1 to {MAX_USES} people.")
    if is_banned(tx, made_by):
        raise InvitesDisabled
    code = "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(3))
    tx.run(
        "INSERT INTO invite (code, uses_left, made_by, created_at) VALUES (:code, :uses, :by, :now)",
        code=code,
        uses=uses,
        by=made_by,
        now=tx.now,
    )
    return code


def assure_valid(tx: Tx, code: str | None) -> None:
    """Raises InvalidInvite unless somebody may still join with the code."""
    row = tx.one("SELECT uses_left, disabled FROM invite WHERE code = :code", code=_plain(code))
    if row is None or row[0] < 1 or row[1]:
        raise InvalidInvite


def use(tx: Tx, code: str | None, did: str) -> None:
    """Count one use, by whoever joins as `did`. Raises InvalidInvite."""
    assure_valid(tx, code)
    tx.run("UPDATE invite SET uses_left = uses_left - 1 WHERE code = :code", code=_plain(code))
    tx.run("INSERT INTO invite_use (code, did, at) VALUES (:code, :did, :now)", code=_plain(code), did=did, now=tx.now)


def newest(tx: Tx, before: int | None, limit: int) -> list[Invite]:
    """Codes, newest first, made before the one at this place."""
    return _read(tx, "WHERE :before IS NULL OR rowid < :before ORDER BY rowid DESC LIMIT :n", before=before, n=limit)


def most_used(tx: Tx, skip: int, limit: int) -> list[Invite]:
    """Codes, those that brought most people first."""
    order = "ORDER BY (SELECT count(*) FROM invite_use u WHERE u.code = invite.code) DESC, rowid LIMIT :n OFFSET :skip"
    return _read(tx, order, skip=skip, n=limit)


def made_by(tx: Tx, account_id: int) -> list[Invite]:
    """A member's own codes, oldest first."""
    return _read(tx, "WHERE made_by = :id ORDER BY rowid", id=account_id)


def disable(tx: Tx, codes: list[str], makers: list[int]) -> None:
    """Nobody joins any more by these codes, nor by those that these accounts have made."""
    for code in codes:
        tx.run("UPDATE invite SET disabled = 1 WHERE code = :code", code=_plain(code))
    for maker in makers:
        tx.run("UPDATE invite SET disabled = 1 WHERE made_by = :id", id=maker)


def is_banned(tx: Tx, account_id: int) -> bool:
    """May this account make no codes?"""
    return tx.one("SELECT 1 FROM invite_ban WHERE account = :id", id=account_id) is not None


def set_ban(tx: Tx, account_id: int, banned: bool) -> None:
    """Let an account make no more codes, or let it again."""
    tx.run("DELETE FROM invite_ban WHERE account = :id", id=account_id)
    if banned:
        tx.run("INSERT INTO invite_ban (account) VALUES (:id)", id=account_id)


def erase(tx: Tx, account_id: int, did: str) -> None:
    """The account ends: its codes, and by which it joined."""
    set_ban(tx, account_id, False)
    tx.run("DELETE FROM invite_use WHERE did = :did", did=did)
    tx.run("DELETE FROM invite_use WHERE code IN (SELECT code FROM invite WHERE made_by = :id)", id=account_id)
    tx.run("DELETE FROM invite WHERE made_by = :id", id=account_id)


def _read(tx: Tx, which: str, **given: object) -> list[Invite]:
    rows = tx.run(f"SELECT code, uses_left, made_by, disabled, created_at, rowid FROM invite {which}", **given)
    return [
        Invite(code, left, maker, bool(disabled), at, place, _uses(tx, code))
        for code, left, maker, disabled, at, place in rows
    ]


def _uses(tx: Tx, code: str) -> list[Use]:
    return [
        Use(did, at) for did, at in tx.run("SELECT did, at FROM invite_use WHERE code = :code ORDER BY at", code=code)
    ]


def _plain(code: str | None) -> str:
    return (code or "").strip().lower()
