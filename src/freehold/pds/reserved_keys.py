"""Signing keys made before their account: whoever moves here puts one into the DID document first.

Tables: reserved_key. Sealed; given to the account of its DID when that comes, else deleted after a week.
Source: lexicon com.atproto.server.reserveSigningKey
"""

import secrets

from freehold.protocol.keys import K256Key, SigningKey
from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-11-reserved-key",
        """
        CREATE TABLE reserved_key (
            did_key TEXT PRIMARY KEY,
            did TEXT UNIQUE,
            box BLOB NOT NULL,
            created_at BIGINT NOT NULL
        );
        """,
    ),
)

PURPOSE = "reserved signing key"
SEALED = (Sealed("reserved_key", "box", PURPOSE),)
KEPT_MICROS = 7 * 86_400 * 1_000_000


def reserve(tx: Tx, seal: Seal, did: str | None) -> str:
    """The did:key text of a key kept for `did`, the same each time; a new one for nobody yet (None)."""
    row = tx.one("SELECT did_key FROM reserved_key WHERE did = :did", did=did) if did is not None else None
    if row is not None:
        return str(row[0])
    key = K256Key.from_raw(secrets.token_bytes(32))
    tx.run(
        "INSERT INTO reserved_key (did_key, did, box, created_at) VALUES (:key, :did, :box, :now)",
        key=key.did_key,
        did=did,
        box=seal.seal(PURPOSE, key.raw),
        now=tx.now,
    )
    return key.did_key


def take(tx: Tx, seal: Seal, did: str, did_key: str | None = None) -> SigningKey | None:
    """The key reserved for `did`, or the one that its document names already; it is no longer kept. None: there is
    none."""
    row = tx.one(
        "SELECT did_key, box FROM reserved_key WHERE did = :did OR (did IS NULL AND did_key = :key)"
        " ORDER BY did IS NULL LIMIT 1",
        did=did,
        key=did_key or "",
    )
    if row is None:
        return None
    tx.run("DELETE FROM reserved_key WHERE did_key = :key", key=row[0])
    return K256Key.from_raw(seal.open(PURPOSE, row[1]))


def find(tx: Tx, seal: Seal, did: str, did_key: str) -> SigningKey | None:
    """The reserved key of this did:key text, if it is kept for `did` or for nobody yet; it stays kept."""
    row = tx.one(
        "SELECT box FROM reserved_key WHERE did_key = :key AND (did IS NULL OR did = :did)", key=did_key, did=did
    )
    return None if row is None else K256Key.from_raw(seal.open(PURPOSE, row[0]))


def drop(tx: Tx, did_key: str) -> None:
    """It has come to its account."""
    tx.run("DELETE FROM reserved_key WHERE did_key = :key", key=did_key)


def sweep(tx: Tx) -> None:
    """Delete keys that nobody came for."""
    tx.run("DELETE FROM reserved_key WHERE created_at <= :then", then=tx.now - KEPT_MICROS)
