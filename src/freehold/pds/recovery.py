"""A lost password set anew without e-mail: by the account's recovery code, or by the member's own recovery key.

Whoever recovers an account holds it alone from then on: every session, passkey, app password and second factor ends,
for nobody knows who else had come to hold one. A code that was used is replaced by a new one.
Source: https://web.plc.directory/spec/v0.1/did-plc (rotation keys)
"""

from typing import NamedTuple

from freehold.identity.operations import Operations
from freehold.identity.register import Register
from freehold.pds import passkeys, recovery_codes, recovery_keys, second_factor, sessions
from freehold.pds.accounts import Account, Accounts
from freehold.pds.app_passwords import AppPasswords
from freehold.pds.keychain import MistypedKey
from freehold.pds.membership import Members, assure_may_enter
from freehold.pds.passwords import Passwords
from freehold.protocol import plc
from freehold.protocol.refused import Refused
from freehold.store.database import Database
from freehold.store.sealed import Seal
from freehold.store.tx import Tx


class NoProof(Refused):
    """Neither the account's code nor a key of its identity; or there is no such account, which is not said."""

    kind = "unauthenticated"
    name = "RecoveryRefused"
    say = "The name, or the code or key, is not right. Compare each group of four with what you wrote down."


class Recovered(NamedTuple):
    """code: the account's new recovery code."""

    account: Account
    code: str


class Recovery:
    """How members of one network come back."""

    def __init__(
        self,
        truth: Database,
        seal: Seal,
        accounts: Accounts,
        app_passwords: AppPasswords,
        members: Members,
        passwords: Passwords,
        operations: Operations,
        register: Register,
    ) -> None:
        self._truth, self._seal, self._accounts, self._app_passwords = truth, seal, accounts, app_passwords
        self._members, self._passwords = members, passwords
        self._operations, self._register = operations, register

    def code_made_at(self, account: Account) -> int | None:
        """When the account's recovery code was made, in microseconds; None if it has none."""
        with self._truth.reading() as tx:
            return recovery_codes.made_at(tx, account.id)

    async def make_code(self, account: Account, password: str) -> str:
        """A recovery code, shown this once; one of before ends. Raises WrongPassword."""
        await self._members.check_password(account.did, password)
        return await self._truth.write(lambda tx: recovery_codes.make(tx, self._seal, account.id))

    async def recover(self, identifier: str, proof: str, password: str) -> Recovered:
        """A new password for whoever holds the account's recovery code or recovery key (`proof`).

        Raises NoProof, AccountTakedown, WeakPassword, and what looking up the identity raises.
        """
        account, letters = self._members.named(identifier), recovery_codes.letters_of(proof)
        if letters is not None:
            self._assure_code(account, letters)
        else:
            await self._assure_key(account, proof)
        if account is None:
            raise NoProof
        assure_may_enter(account)
        hashed = await self._passwords.hash(password)

        def change(tx: Tx) -> str:
            if letters is not None and not recovery_codes.holds(tx, self._seal, account.id, letters):
                raise NoProof  # spent meanwhile
            self._close_all_doors(tx, account)
            self._accounts.set_password(tx, account.id, hashed)
            return recovery_codes.make(tx, self._seal, account.id)

        return Recovered(account, await self._truth.write(change))

    def _assure_code(self, account: Account | None, letters: str) -> None:
        with self._truth.reading() as tx:
            if not recovery_codes.holds(tx, self._seal, account.id if account is not None else 0, letters):
                raise NoProof

    async def _assure_key(self, account: Account | None, proof: str) -> None:
        try:
            key = recovery_keys.did_key_of(proof)
        except MistypedKey:
            raise NoProof from None
        if account is None or not account.did.startswith("did:plc:"):
            raise NoProof
        newest = await self._operations.newest(account.did)
        with self._truth.reading() as tx:
            of_network = recovery_keys.network_keys(tx, self._seal, self._register.rotation_keys)
        if newest is None or not recovery_keys.stands(newest, key, of_network):
            raise NoProof
        host = plc.modern(newest)["services"].get("atproto_pds", {}).get("endpoint")
        if host != self._register.endpoint:  # while an account is on its way, another host's keys stand among them
            raise NoProof

    def _close_all_doors(self, tx: Tx, account: Account) -> None:
        sessions.end_all(tx, account.id)
        self._app_passwords.erase(tx, account.id)
        second_factor.erase(tx, account.id)
        passkeys.erase(tx, account.id)
