"""Another handle: a name under the network's domain, or a domain of the member's own, confirmed both ways.

Source: https://atproto.com/specs/handle, lexicon com.atproto.identity.updateHandle
"""

from typing import Any

from freehold.identity.operations import Operations
from freehold.identity.register import Register
from freehold.identity.resolver import Identity
from freehold.pds.accounts import Account, Accounts, HandleTaken
from freehold.pds.membership import InvalidHandle, Members
from freehold.protocol.plc import is_plc_did
from freehold.protocol.refused import Refused
from freehold.store.database import Database
from freehold.store.tx import Tx


class Naming:
    """Gives the accounts of one network other handles. domain: what the network's own end with, with its dot."""

    def __init__(
        self,
        truth: Database,
        accounts: Accounts,
        members: Members,
        register: Register,
        identity: Identity,
        operations: Operations,
        domain: str,
    ) -> None:
        self._truth = truth
        self._accounts = accounts
        self._members = members
        self._register = register
        self._identity = identity
        self._operations = operations
        self._domain = domain

    async def change(self, account: Account, handle: str) -> Account:
        """Give the account this handle, here and in its DID document. Raises InvalidHandle, HandleTaken,
        UnsupportedDomain, BadOperation, upstream refusals."""
        handle = handle.strip().lower()
        if handle != account.handle:
            if handle.endswith(self._domain):
                handle = self._members.checked_handle(handle)
            holder = self._accounts.find(handle)
            if holder is not None and holder.id != account.id:
                raise HandleTaken(handle=handle)
            if not handle.endswith(self._domain):
                await self._assure_points_at(handle, account.did)
        if not self._operations.is_ours(account.did):
            await self._change_elsewhere(account.did, handle)

        def write(tx: Tx) -> Account:
            self._register.change_handle(tx, account.did, handle)
            return self._accounts.set_handle(tx, account, handle)

        changed = await self._truth.write(write)
        self._identity.forget_handle(handle)
        return changed

    async def _assure_points_at(self, handle: str, did: str) -> None:
        """The domain must name this DID, by its DNS or its page, now."""
        self._identity.forget_handle(handle)
        try:
            found = await self._identity.claimed_by(handle)
        except Refused:
            raise InvalidHandle(
                f"{handle} does not point to an account yet. Give it the DNS record _atproto.{handle} with the"
                f" text did={did}, then try again.",
                handle=handle,
            ) from None
        if found != did:
            raise InvalidHandle(f"{handle} points to another account ({found}).", handle=handle)

    async def _change_elsewhere(self, did: str, handle: str) -> None:
        """A DID whose log is not in our directory: change it where it is; a did:web must say so already."""
        if not is_plc_did(did):
            self._identity.forget(did)
            if (await self._identity.did_document(did)).handles[:1] != (handle,):
                raise InvalidHandle("Let the DID document name that handle first.", did=did)
            return
        aliases: dict[str, Any] = {"alsoKnownAs": [f"at://{handle}"]}
        if list((await self._operations.newest(did)).get("alsoKnownAs", ())) != aliases["alsoKnownAs"]:
            await self._operations.submit(did, await self._operations.sign(did, aliases))
