"""The did:plc operations of accounts here, wherever their log is kept: in our own directory or in another.

In comes a DID; out comes the operation that counts now, and a signed one goes to where the log is.
Source: https://web.plc.directory/spec/v0.1/did-plc
"""

from typing import Any

from freehold.identity import plc_directory, publish
from freehold.identity.register import Register
from freehold.identity.resolver import Identity
from freehold.net.client import Client
from freehold.protocol import plc
from freehold.protocol.plcform import Operation, check_form, check_limits
from freehold.protocol.refused import InvalidRequest
from freehold.store.database import Database

MAX_OPERATION_BYTES = 20_000


class NotPlc(InvalidRequest):
    """An identity that has no operations."""

    say = "That identity is not a did:plc: its document is changed where it is kept."


class Operations:
    """Reads and submits operations. directory: of DIDs that our own does not know; None to ask nobody."""

    def __init__(
        self, truth: Database, register: Register, identity: Identity, client: Client, directory: str | None
    ) -> None:
        self._truth = truth
        self._register = register
        self._identity = identity
        self._client = client
        self._directory = directory

    def is_ours(self, did: str) -> bool:
        """Is the log of this DID in our own directory?"""
        with self._truth.reading() as tx:
            return plc_directory.newest(tx, did) is not None

    async def newest(self, did: str) -> Operation:
        """The operation that counts now. Raises NotPlc, NotRegistered, BadOperation, upstream refusals."""
        if not plc.is_plc_did(did):
            raise NotPlc(did=did)
        with self._truth.reading() as tx:
            own = plc_directory.newest(tx, did)
        if own is not None:
            return own
        if self._directory is None:
            raise plc_directory.NotRegistered(did)
        found = await self._client.get_json(f"{self._directory}/{did}/log/last", max_bytes=MAX_OPERATION_BYTES)
        check_form(found, unknown_fields=True)
        return found  # type: ignore[return-value]

    async def sign(self, did: str, changes: dict[str, Any]) -> Operation:
        """The next operation with these changes, signed by this host's key. Raises BadOperation, HostHasNoRight."""
        signed = self._register.sign_next(await self.newest(did), changes)
        check_form(signed)
        check_limits(signed)
        return signed

    async def submit(self, did: str, operation: Any) -> None:
        """Log a signed operation where the log is, and tell the stream. Raises BadOperation, OperationRefused."""
        if self.is_ours(did):
            await self._truth.write(lambda tx: self._register.take(tx, did, operation, limited=True))
        elif self._directory is None:
            raise plc_directory.NotRegistered(did)
        else:
            await publish.submit_to(self._client, self._directory, did, operation)
            await self._truth.write(lambda tx: self._register.tell(tx, did))
        self._identity.forget(did)
