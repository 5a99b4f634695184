"""Who is on the way to another host, and how far: kept, so that a move goes on after a restart.

Tables: move_out (one row per account; what is needed to speak at the new host is sealed, and deleted at the end).
"""

from typing import NamedTuple

import msgspec

from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-20-move-out",
        """
        CREATE TABLE move_out (
            account BIGINT PRIMARY KEY,
            host TEXT NOT NULL,
            handle TEXT NOT NULL,
            box BLOB,
            step TEXT NOT NULL,
            done BIGINT NOT NULL,
            total BIGINT NOT NULL,
            failure TEXT,
            begun_at BIGINT NOT NULL
        );
        """,
    ),
)

PURPOSE = "move to another host"
SEALED = (Sealed("move_out", "box", PURPOSE),)
STEPS = ("account", "repository", "blobs", "settings", "identity", "wake", "rest", "over")
"""What is to be done next, in this order."""


class Secrets(msgspec.Struct, frozen=True, omit_defaults=True):
    """What opens the account at the new host: the password until it is made, a session from then on."""

    password: str = ""
    mail: str = ""
    invite: str = ""
    access: str = ""
    refresh: str = ""


class Move(NamedTuple):
    """One move. host: the new one's origin. handle: there. done, total: of the step (0: unknown). failure: why it
    stands still. begun_at: micros since 1970 UTC."""

    account: int
    host: str
    handle: str
    step: str
    done: int
    total: int
    failure: str | None
    begun_at: int

    @property
    def over(self) -> bool:
        return self.step == "over"

    @property
    def decided(self) -> bool:
        """Has the identity been handed over? From then on there is no way back but another move."""
        return STEPS.index(self.step) > STEPS.index("identity")


_FIELDS = "account, host, handle, step, done, total, failure, begun_at"


def begin(tx: Tx, seal: Seal, account: int, host: str, handle: str, secrets: Secrets) -> None:
    """Note a new move, in the place of an earlier one."""
    erase(tx, account)
    tx.run(
        "INSERT INTO move_out (account, host, handle, box, step, done, total, begun_at)"
        " VALUES (:account, :host, :handle, :box, :step, 0, 0, :now)",
        account=account,
        host=host,
        handle=handle,
        box=seal.seal(PURPOSE, msgspec.json.encode(secrets)),
        step=STEPS[0],
        now=tx.now,
    )


def of(tx: Tx, account: int) -> Move | None:
    """The move of an account, also one that is over."""
    row = tx.one(f"SELECT {_FIELDS} FROM move_out WHERE account = :account", account=account)
    return Move(*row) if row else None


def going(tx: Tx) -> list[Move]:
    """All that are neither over nor stand still."""
    rows = tx.run(f"SELECT {_FIELDS} FROM move_out WHERE step <> 'over' AND failure IS NULL ORDER BY begun_at")
    return [Move(*row) for row in rows]


def secrets_of(tx: Tx, seal: Seal, account: int) -> Secrets:
    """What opens the account at the new host."""
    row = tx.one("SELECT box FROM move_out WHERE account = :account", account=account)
    if row is None or row[0] is None:
        return Secrets()
    return msgspec.json.decode(seal.open(PURPOSE, row[0]), type=Secrets)


def keep_secrets(tx: Tx, seal: Seal, account: int, secrets: Secrets) -> None:
    """Replace them."""
    box = seal.seal(PURPOSE, msgspec.json.encode(secrets))
    tx.run("UPDATE move_out SET box = :box WHERE account = :account", box=box, account=account)


def reach(tx: Tx, account: int, step: str) -> None:
    """`step` is the next one. At the end the secrets go."""
    tx.run(
        "UPDATE move_out SET step = :step, done = 0, total = 0, failure = NULL,"
        " box = CASE WHEN :step = 'over' THEN NULL ELSE box END WHERE account = :account",
        step=step,
        account=account,
    )


def count(tx: Tx, account: int, done: int, total: int) -> None:
    """How far the step is."""
    tx.run(
        "UPDATE move_out SET done = :done, total = :total WHERE account = :account",
        done=done,
        total=total,
        account=account,
    )


def stop(tx: Tx, account: int, failure: str | None) -> None:
    """Let it stand still and say why; None lets it go on."""
    tx.run("UPDATE move_out SET failure = :failure WHERE account = :account", failure=failure, account=account)


def erase(tx: Tx, account: int) -> None:
    """The account ends, or does not move after all."""
    tx.run("DELETE FROM move_out WHERE account = :account", account=account)
