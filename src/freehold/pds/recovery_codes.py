"""An account's recovery code: one long code that sets a new password where no e-mail can.

Tables: recovery_code. 160 random bits, which nobody guesses; stored as a keyed hash. At most one for each account.
"""

import re
import secrets
from base64 import b32encode

from freehold.store.migrations import Migration
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-33-recovery-code",
        """
        CREATE TABLE recovery_code (
            account BIGINT PRIMARY KEY,
            lookup BLOB NOT NULL,
            made_at BIGINT NOT NULL
        );
        """,
    ),
)

_BYTES, _GROUP = 20, 4
_SHAPE = re.compile(r"[a-z2-7]{32}")


def make(tx: Tx, seal: Seal, account_id: int) -> str:
    """A new code, in groups of four letters, for paper; one of before counts no more."""
    letters = b32encode(secrets.token_bytes(_BYTES)).decode("ascii").lower()
    tx.run(
        "INSERT INTO recovery_code (account, lookup, made_at) VALUES (:id, :lookup, :now)"
        " ON CONFLICT (account) DO UPDATE SET lookup = excluded.lookup, made_at = excluded.made_at",
        id=account_id,
        lookup=_lookup(seal, account_id, letters),
        now=tx.now,
    )
    return " ".join(letters[i : i + _GROUP] for i in range(0, len(letters), _GROUP))


def letters_of(given: str) -> str | None:
    """The letters of what looks like a recovery code; None for anything else."""
    letters = "".join(given[:200].split()).replace("-", "").lower()
    return letters if _SHAPE.fullmatch(letters) else None


def holds(tx: Tx, seal: Seal, account_id: int, letters: str) -> bool:
    """Is this the account's code? account_id: 0 for nobody's, which takes as long."""
    wanted = _lookup(seal, account_id, letters)
    return bool(
        tx.one("SELECT 1 FROM recovery_code WHERE account = :id AND lookup = :lookup", id=account_id, lookup=wanted)
    )


def made_at(tx: Tx, account_id: int) -> int | None:
    """When the code that counts was made, in microseconds; None if there is none."""
    row = tx.one("SELECT made_at FROM recovery_code WHERE account = :id", id=account_id)
    return int(row[0]) if row else None


def erase(tx: Tx, account_id: int) -> None:
    """None counts any more."""
    tx.run("DELETE FROM recovery_code WHERE account = :id", id=account_id)


def _lookup(seal: Seal, account_id: int, letters: str) -> bytes:
    return seal.lookup("recovery code", f"{account_id}:{letters}")
