"""A member's own changes of their identity, signed by this host's rotation key on their word.

Their word is a code that was sent to them or, where none can be, the account's password in its place.
Source: https://atproto.com/guides/account-migration, lexicons com.atproto.identity.*PlcOperation*
"""

from typing import Any

from freehold.identity.operations import Operations
from freehold.identity.register import Register
from freehold.pds.accounts import Account, Accounts
from freehold.pds.confirmations import Confirmations
from freehold.protocol.plcform import Operation, check_form
from freehold.protocol.refused import InvalidRequest
from freehold.store.database import Database

CHANGEABLE = ("rotationKeys", "alsoKnownAs", "verificationMethods", "services")


class PlcRequests:
    """Signs and submits operations for the accounts of one network."""

    def __init__(
        self,
        truth: Database,
        accounts: Accounts,
        register: Register,
        operations: Operations,
        confirmations: Confirmations,
    ) -> None:
        self._truth = truth
        self._accounts = accounts
        self._register = register
        self._operations = operations
        self._confirmations = confirmations

    def recommended(self, account: Account) -> dict[str, Any]:
        """What the DID of an account that lives here should say."""
        return {
            "rotationKeys": self._register.rotation_keys,
            "alsoKnownAs": [f"at://{account.handle}"],
            "verificationMethods": {"atproto": self._key_of(account)},
            "services": {"atproto_pds": {"type": "AtprotoPersonalDataServer", "endpoint": self._register.endpoint}},
        }

    async def ask(self, account: Account) -> None:
        """Send the code that `sign` asks for."""
        await self._confirmations.send(account, "change identity")

    async def sign(self, account: Account, code: str, changes: dict[str, Any]) -> Operation:
        """The next operation of the account's DID with these changes; nobody has it yet. Raises InvalidCode,
        ExpiredCode, PasswordNeeded, BadOperation."""
        await self._confirmations.confirm(account, "change identity", code)
        wanted = {name: changes[name] for name in CHANGEABLE if changes.get(name) is not None}
        return await self._operations.sign(account.did, wanted)

    async def submit(self, account: Account, operation: Any) -> None:
        """Log an operation that keeps the account working here. Raises BadOperation, InvalidRequest."""
        check_form(operation)
        self._assure_keeps_working(account, operation)
        await self._operations.submit(account.did, operation)

    def _assure_keeps_working(self, account: Account, said: Operation) -> None:
        wanted = self.recommended(account)
        if said["type"] != "plc_operation":
            raise InvalidRequest("Only an update of the identity can be submitted here.")
        if self._register.rotation_keys[-1] not in said["rotationKeys"]:
            raise InvalidRequest("Rotation keys do not include server's rotation key")
        if said["services"].get("atproto_pds") != wanted["services"]["atproto_pds"]:
            raise InvalidRequest("The operation does not name this host as the account's PDS.")
        if said["verificationMethods"].get("atproto") != wanted["verificationMethods"]["atproto"]:
            raise InvalidRequest("The operation does not name the key that signs for the account here.")
        if list(said["alsoKnownAs"])[:1] != wanted["alsoKnownAs"]:
            raise InvalidRequest("The operation does not name the account's handle here first.")

    def _key_of(self, account: Account) -> str:
        with self._truth.reading() as tx:
            return self._accounts.key_of(tx, account.id).did_key
