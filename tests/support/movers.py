"""Accounts that moved in: a DID that another host made, entered here as a finished migration would have it."""

from freehold.pds.accounts import Account, New
from freehold.protocol.keys import K256Key
from freehold.site import Site
from freehold.store.tx import Tx
from support.network import PASSWORD


async def move_in(site: Site, did: str, handle: str, key: K256Key) -> Account:
    """An account with this DID and signing key, and an empty repository."""
    password = await site.shared.passwords.hash(PASSWORD)

    def enter(tx: Tx) -> Account:
        account = site.accounts.add(tx, New(did, handle, "member", password, None, key))
        site.accounts.announce(tx, account)
        site.repositories.create(tx, did, account.id, key)
        return account

    return await site.truth.write(enter)
