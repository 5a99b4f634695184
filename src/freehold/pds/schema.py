"""The order in which this room's tables came to be. Each stands beside the module that owns it."""

from freehold.pds import (
    accounts,
    app_passwords,
    applicants,
    asking_hosts,
    beacon,
    blobs,
    bulk_reading,
    confirmations,
    invites,
    kept,
    key_rotation,
    keychain,
    letters,
    lost_posts,
    moves,
    network,
    passkeys,
    private,
    proof_of_work,
    recovery_codes,
    repositories,
    reserved_keys,
    rotations,
    second_factor,
    sessions,
    takedowns,
    totp,
    verifiers,
)
from freehold.pds.oauth import grants, permission_sets
from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SEALED: tuple[Sealed, ...] = (
    *keychain.SEALED,
    *accounts.SEALED,
    *reserved_keys.SEALED,
    *passkeys.SEALED,
    *totp.SEALED,
    *letters.SEALED,
    *applicants.SEALED,
    *key_rotation.SEALED,
    *moves.SEALED,
    *private.SEALED,
    *lost_posts.SEALED,
    *kept.SEALED,
)
"""Where this room keeps sealed values. A test looks whether one is missing."""


def seal_plain(tx: Tx, seal: Seal) -> None:
    """Seal what an older Freehold kept in the clear. Twice is the same as once."""
    private.seal_plain(tx, seal)
    accounts.seal_plain(tx, seal)
    applicants.seal_plain(tx, seal)


SCHEMA: tuple[Migration, ...] = (
    *keychain.SCHEMA,
    *accounts.SCHEMA,
    *repositories.SCHEMA,
    *blobs.SCHEMA,
    *sessions.SCHEMA,
    *private.SCHEMA,
    *network.SCHEMA,
    *invites.SCHEMA,
    *app_passwords.SCHEMA,
    *confirmations.SCHEMA,
    *reserved_keys.SCHEMA,
    *grants.SCHEMA,
    *second_factor.SCHEMA,
    *passkeys.SCHEMA,
    *recovery_codes.SCHEMA,
    *takedowns.SCHEMA,
    *applicants.SCHEMA,
    *proof_of_work.SCHEMA,
    *bulk_reading.SCHEMA,
    *asking_hosts.SCHEMA,
    *permission_sets.SCHEMA,
    *key_rotation.SCHEMA,
    *rotations.SCHEMA,
    *moves.SCHEMA,
    *beacon.SCHEMA,
    *lost_posts.SCHEMA,
    *kept.SCHEMA,
    *verifiers.SCHEMA,
)
