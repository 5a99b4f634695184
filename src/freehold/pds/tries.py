"""How often somebody may be wrong about an account: buckets that outlive a restart.

Tables: tries. One row for each account that was guessed at lately: the moment when its bucket is full again. Only wrong
tries are counted, in the transaction that found them wrong.
"""

from freehold.net.budgets import Limit, Standing, TooMany
from freehold.store.migrations import Migration
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-30-tries",
        """
        CREATE TABLE tries (
            account BIGINT NOT NULL,
            what TEXT NOT NULL,
            full_at BIGINT NOT NULL,
            PRIMARY KEY (account, what)
        );
        """,
    ),
)

MICROS = 1_000_000


def assure_left(tx: Tx, limit: Limit, account_id: int) -> None:
    """Raises TooMany when the bucket holds no more tries."""
    full_at = _full_at(tx, limit, account_id)
    missing, price, whole = full_at - tx.now, _price(limit), limit.seconds * MICROS
    if missing + price > whole:
        raise TooMany(Standing(limit, 0, full_at), retry_seconds=-((whole - missing - price) // MICROS))


def count(tx: Tx, limit: Limit, account_id: int) -> None:
    """One wrong try."""
    tx.run(
        "INSERT INTO tries (account, what, full_at) VALUES (:account, :what, :at)"
        " ON CONFLICT (account, what) DO UPDATE SET full_at = excluded.full_at",
        account=account_id,
        what=limit.name,
        at=_full_at(tx, limit, account_id) + _price(limit),
    )


def sweep(tx: Tx) -> None:
    """Delete the buckets that are full."""
    tx.run("DELETE FROM tries WHERE full_at <= :now", now=tx.now)


def erase(tx: Tx, account_id: int) -> None:
    """The account is gone, or what was guessed at is."""
    tx.run("DELETE FROM tries WHERE account = :id", id=account_id)


def _full_at(tx: Tx, limit: Limit, account_id: int) -> int:
    row = tx.one("SELECT full_at FROM tries WHERE account = :id AND what = :what", id=account_id, what=limit.name)
    return max(tx.now, min(row[0], tx.now + limit.seconds * MICROS)) if row else tx.now


def _price(limit: Limit) -> int:
    return limit.seconds * MICROS // limit.points
