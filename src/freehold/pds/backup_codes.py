"""Backup codes: ten short codes on paper for the day when the phone is gone, each good once in place of an app's code.

Tables: backup_code. Each code is 50 random bits and lies here as a keyed hash, found by account and text.
"""

import secrets
from base64 import b32encode

from freehold.store.migrations import Migration
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-32-backup-code",
        """
        CREATE TABLE backup_code (lookup BLOB PRIMARY KEY, account BIGINT NOT NULL);
        CREATE INDEX backup_code_account ON backup_code (account);
        """,
    ),
)

HOW_MANY = 10
_HALF = 5


def renew(tx: Tx, seal: Seal, account_id: int) -> list[str]:
    """Ten new codes, for the member to write down; those of before count no more."""
    erase(tx, account_id)
    codes = [_new_code() for _ in range(HOW_MANY)]
    rows = [{"lookup": _lookup(seal, account_id, code), "account": account_id} for code in codes]
    tx.many("INSERT INTO backup_code (lookup, account) VALUES (:lookup, :account)", rows)
    return codes


def use(tx: Tx, seal: Seal, account_id: int, given: str) -> bool:
    """Is this one of the account's codes? Then it is used up."""
    tx.run("DELETE FROM backup_code WHERE lookup = :lookup", lookup=_lookup(seal, account_id, given))
    return tx.changes() == 1


def left(tx: Tx, account_id: int) -> int:
    """How many are not used."""
    row = tx.one("SELECT count(*) FROM backup_code WHERE account = :id", id=account_id)
    return int(row[0]) if row else 0


def erase(tx: Tx, account_id: int) -> None:
    """None counts any more."""
    tx.run("DELETE FROM backup_code WHERE account = :id", id=account_id)


def _new_code() -> str:
    letters = b32encode(secrets.token_bytes(7)).decode("ascii").lower()
    return f"{letters[:_HALF]}-{letters[_HALF : 2 * _HALF]}"


def _lookup(seal: Seal, account_id: int, given: str) -> bytes:
    text = "".join(given.split()).replace("-", "").lower()
    return seal.lookup("backup code", f"{account_id}:{text[:100]}")
