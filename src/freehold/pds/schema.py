"""The order in which this room's tables came to be. Each stands beside the module that owns it."""

from freehold.pds import (
    accounts,
    app_passwords,
    blobs,
    confirmations,
    invites,
    keychain,
    network,
    private,
    repositories,
    reserved_keys,
    sessions,
    takedowns,
)
from freehold.pds.oauth import grants
from freehold.store.migrations import Migration

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
    *takedowns.SCHEMA,
)
