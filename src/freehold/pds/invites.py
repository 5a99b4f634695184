"""Invitations: a code lets so many people join.

Tables: invite. Codes are random; a used-up one stays known until its uses are counted down to none.
"""

import secrets

from freehold.protocol.refused import Refused
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
)

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that are mistaken for another


class InvalidInvite(Refused):
    """Unknown or used up."""

    name = "InvalidInviteCode"
    say = "That invitation is not valid, or has been used up. Ask for a new one."


def make(tx: Tx, made_by: int, uses: int = 1) -> str:
    """A new code, good for `uses` people. made_by: an account id, 0 for the operator."""
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
    row = tx.one("SELECT uses_left FROM invite WHERE code = :code", code=_plain(code))
    if row is None or row[0] < 1:
        raise InvalidInvite


def use(tx: Tx, code: str | None) -> None:
    """Count one use. Raises InvalidInvite."""
    assure_valid(tx, code)
    tx.run("UPDATE invite SET uses_left = uses_left - 1 WHERE code = :code", code=_plain(code))


def _plain(code: str | None) -> str:
    return (code or "").strip().lower()
