"""Codes from an authenticator app: one secret for each account, sealed; every code counts once.

Tables: authenticator. A secret is begun, shown, and counts once a code has confirmed that the app has it. A code is
taken a step early or late, for clocks that differ, but never one of a step that was taken before, or of an earlier one.
Source: RFC 6238, RFC 4226 (by pyotp); https://github.com/google/google-authenticator/wiki/Key-Uri-Format
"""

import hmac

import pyotp

from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-31-authenticator",
        """
        CREATE TABLE authenticator (
            account BIGINT PRIMARY KEY,
            secret BLOB NOT NULL,
            confirmed_at BIGINT,
            last_step BIGINT NOT NULL
        );
        """,
    ),
)

PURPOSE = "authenticator"
SEALED = (Sealed("authenticator", "secret", PURPOSE),)
STEP_MICROS = 30 * 1_000_000
DRIFT = 1
"""Steps by which the app's clock may differ."""


def begin(tx: Tx, seal: Seal, account_id: int) -> str:
    """A new secret (base32, 160 bits), which does not count yet; one that was begun before is dropped."""
    secret = pyotp.random_base32()
    tx.run(
        "INSERT INTO authenticator (account, secret, last_step) VALUES (:id, :secret, 0)"
        " ON CONFLICT (account) DO UPDATE SET secret = excluded.secret, confirmed_at = NULL, last_step = 0",
        id=account_id,
        secret=seal.seal(PURPOSE, secret.encode()),
    )
    return secret


def begun(tx: Tx, seal: Seal, account_id: int) -> str | None:
    """The secret that waits for its first code."""
    row = tx.one("SELECT secret FROM authenticator WHERE account = :id AND confirmed_at IS NULL", id=account_id)
    return seal.open(PURPOSE, row[0]).decode() if row else None


def is_on(tx: Tx, account_id: int) -> bool:
    """Does the account ask for codes?"""
    return bool(tx.one("SELECT 1 FROM authenticator WHERE account = :id AND confirmed_at IS NOT NULL", id=account_id))


def confirm(tx: Tx, seal: Seal, account_id: int, code: str) -> bool:
    """Let the secret count from now on, if this is a code of it."""
    if not _take(tx, seal, account_id, code, "confirmed_at IS NULL"):
        return False
    tx.run("UPDATE authenticator SET confirmed_at = :now WHERE account = :id", now=tx.now, id=account_id)
    return True


def take(tx: Tx, seal: Seal, account_id: int, code: str) -> bool:
    """Is this a code of the account's app that was not used yet? Then it is used now."""
    return _take(tx, seal, account_id, code, "confirmed_at IS NOT NULL")


def erase(tx: Tx, account_id: int) -> None:
    """The account asks for no more codes."""
    tx.run("DELETE FROM authenticator WHERE account = :id", id=account_id)


def address(secret: str, handle: str, network: str) -> str:
    """What the QR code says: the otpauth URI that authenticator apps read."""
    return pyotp.TOTP(secret).provisioning_uri(name=handle, issuer_name=network)


def _take(tx: Tx, seal: Seal, account_id: int, code: str, which: str) -> bool:
    row = tx.one(f"SELECT secret, last_step FROM authenticator WHERE account = :id AND {which}", id=account_id)
    if row is None:
        return False
    step = matching_step(seal.open(PURPOSE, row[0]).decode(), code, tx.now // STEP_MICROS, after=row[1])
    if step is None:
        return False
    tx.run("UPDATE authenticator SET last_step = :step WHERE account = :id", step=step, id=account_id)
    return True


def matching_step(secret: str, code: str, now: int, after: int) -> int | None:
    """The step, of those near the step `now` and later than `after`, that this code belongs to."""
    given, totp = "".join(code.split()).encode(), pyotp.TOTP(secret)
    for step in range(max(now - DRIFT, after + 1), now + DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), given):
            return step
    return None
