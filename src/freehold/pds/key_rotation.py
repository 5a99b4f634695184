"""Another signing key for an account: its identity says so, then an empty commit is signed by it.

Table: next_key. Where other directories have a say in the identity, the key is kept there, sealed, before they are told
of it, so that a process that dies in between leaves nobody with an identity whose key is lost; `rotate` again goes on.
The stream hears #identity, then #commit: the newest commit must verify by the document that stands now.
Source: https://atproto.com/specs/repository#commit-objects, https://atproto.com/specs/account
"""

import secrets
from typing import Any

from freehold.identity.change import Changes
from freehold.identity.operations import NotPlc
from freehold.pds.accounts import Account, AccountNotFound, Accounts
from freehold.pds.accounts import find as find_account
from freehold.pds.repositories import Repositories
from freehold.protocol.keys import K256Key, SigningKey
from freehold.protocol.plc import is_plc_did
from freehold.protocol.refused import Refused
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-60-next-key",
        "CREATE TABLE next_key (did TEXT PRIMARY KEY, box BLOB NOT NULL, made_at BIGINT NOT NULL);",
    ),
)
PURPOSE = "next signing key"
SEALED = (Sealed("next_key", "box", PURPOSE),)


class LivesElsewhere(Refused):
    """The identity names another host: it has not come here yet, or has left, and signs with a key of that host."""

    name = "LivesElsewhere"
    say = "That account lives at another host, and signs with a key of that one."


class KeyRotation:
    """Gives accounts of one network other signing keys. endpoint: this host's URL."""

    def __init__(
        self,
        truth: Database,
        accounts: Accounts,
        repositories: Repositories,
        changes: Changes,
        seal: Seal,
        endpoint: str,
    ) -> None:
        self._endpoint = endpoint
        self._truth = truth
        self._accounts = accounts
        self._repositories = repositories
        self._changes = changes
        self._seal = seal

    async def rotate(self, did: str, key: SigningKey | None = None) -> str:
        """Let the account sign with `key`, or with a new one; the key's did:key text.

        Raises AccountNotFound, NotPlc, LivesElsewhere, and as `Changes.make`: then the account signs as before. Where
        another directory is asked, call it again then: it may have taken the change. (The key may be left out.)
        """
        if self._accounts.find(did) is None:
            raise AccountNotFound(account=did)
        if not is_plc_did(did):
            raise NotPlc(did=did)
        self._assure_here(await self._changes.state(did))
        new: SigningKey = key or K256Key.from_raw(secrets.token_bytes(32))
        if not self._changes.is_at_once(did):
            new = await self._truth.write(lambda tx: self._kept(tx, did, new))

        def change(state: dict[str, Any]) -> dict[str, Any]:
            self._assure_here(state)
            return {"verificationMethods": {**state["verificationMethods"], "atproto": new.did_key}}

        await self._changes.make(did, change, lambda tx: self._settle(tx, did, new))
        return new.did_key

    def pending(self) -> list[str]:
        """The DIDs of accounts that are between two keys, because another directory could not be reached."""
        with self._truth.reading() as tx:
            return [did for (did,) in tx.run("SELECT did FROM next_key ORDER BY made_at")]

    def _assure_here(self, state: dict[str, Any]) -> None:
        if state.get("services", {}).get("atproto_pds", {}).get("endpoint") != self._endpoint:
            raise LivesElsewhere

    def _kept(self, tx: Tx, did: str, key: SigningKey) -> SigningKey:
        """The key that was kept for the account, or this one from now on."""
        tx.run(
            "INSERT INTO next_key (did, box, made_at) VALUES (:did, :box, :now) ON CONFLICT (did) DO NOTHING",
            did=did,
            box=self._seal.seal(PURPOSE, key.raw),
            now=tx.now,
        )
        row = tx.one("SELECT box FROM next_key WHERE did = :did", did=did)
        assert row is not None
        return K256Key.from_raw(self._seal.open(PURPOSE, row[0]))

    def _settle(self, tx: Tx, did: str, key: SigningKey) -> None:
        account = self._still_there(tx, did)
        tx.run("DELETE FROM next_key WHERE did = :did", did=did)
        self._accounts.set_key(tx, account.id, key)
        if account.status != "deactivated":  # who rests is told of when they wake
            self._accounts.announce_identity(tx, account)
        self._repositories.resign(tx, account, key)

    def _still_there(self, tx: Tx, did: str) -> Account:
        account = find_account(tx, did)
        if account is None:
            raise AccountNotFound(account=did)
        return account


def erase(tx: Tx, did: str) -> None:
    """Delete what is kept of an account."""
    tx.run("DELETE FROM next_key WHERE did = :did", did=did)
