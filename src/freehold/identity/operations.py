"""The did:plc operations of accounts here, wherever their log is kept: in our own directory or in another.

In comes a DID; out comes the operation that counts now, and a signed one goes to where the log is.
Source: https://web.plc.directory/spec/v0.1/did-plc
"""

from collections.abc import Sequence
from typing import Any

from freehold.identity import plc_directory, publish
from freehold.identity.publish import Publisher
from freehold.identity.register import Register
from freehold.identity.resolver import Identity
from freehold.net.client import Client
from freehold.net.errors import UnexpectedStatus, UpstreamFailed
from freehold.protocol import plc
from freehold.protocol.keys import SigningKey
from freehold.protocol.plc import Entry
from freehold.protocol.plcform import BadOperation, Operation, check_form, check_limits
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.database import Database

MAX_OPERATION_BYTES = 20_000
MAX_LOG_BYTES = 5_000_000


class NotPlc(InvalidRequest):
    """An identity that has no operations."""

    say = "That identity is not a did:plc: its document is changed where it is kept."


class KeyHasNoRight(BadOperation):
    """A rotation key that the identity does not name, or not any more."""

    name = "RotationKeyUnknown"


class Operations:
    """Reads and submits operations. directory: of DIDs that our own does not know; None to ask nobody.

    publisher: keeps our log equal to another directory's; None where ours is alone.
    """

    def __init__(
        self,
        truth: Database,
        register: Register,
        identity: Identity,
        client: Client,
        directory: str | None,
        publisher: Publisher | None = None,
    ) -> None:
        self._publisher = publisher
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

    async def entries(self, did: str) -> list[Entry]:
        """The whole log of a DID, checked. Raises NotPlc, NotRegistered, BadOperation, upstream refusals."""
        if not plc.is_plc_did(did):
            raise NotPlc(did=did)
        with self._truth.reading() as tx:
            own = plc_directory.entries(tx, did)
        if own:
            return own
        if self._directory is None:
            raise plc_directory.NotRegistered(did)
        try:
            found = await self._client.get_json(f"{self._directory}/{did}/log/audit", max_bytes=MAX_LOG_BYTES)
        except UnexpectedStatus as refused:
            if refused.status == 404:
                raise plc_directory.NotRegistered(did) from None
            raise
        if not isinstance(found, list) or not found:
            raise UpstreamFailed(did=did)
        entries = plc.validate_log(found)
        if any(entry["did"] != did for entry in found):
            raise BadOperation("The directory answered with the log of another identity.", did=did)
        return entries

    def sign_by(
        self, did: str, entries: Sequence[Entry], key: SigningKey, changes: dict[str, Any], now: int
    ) -> Operation:
        """The next operation with these changes, signed by a rotation key of the holder's own, whoever else has a say.

        What a lower key did within the last 72 hours (taking this one out, or ending the identity) is taken back.
        entries: the log; now: micros since 1970 UTC. Raises KeyHasNoRight, BadOperation.
        """
        base = last_naming(did, entries, key.did_key)
        signed = plc.sign_operation(plc.update(base.operation, **changes), key)
        try:
            plc.assure_next(did, entries, signed, now)
        except BadOperation:
            if base is [entry for entry in entries if not entry.nullified][-1]:
                raise
            raise KeyHasNoRight(
                "That key was taken out of the identity: by a key that ranks higher, or more than 72 hours ago.",
                did=did,
            ) from None
        return signed

    async def sign(self, did: str, changes: dict[str, Any]) -> Operation:
        """The next operation with these changes, signed by this host's key. Raises BadOperation, HostHasNoRight."""
        signed = self._register.sign_next(await self.newest(did), changes)
        check_form(signed)
        check_limits(signed)
        return signed

    async def follow(self, did: str) -> None:
        """Another host may have changed the DID in another directory: let our own log of it say the same, at once or,
        if that directory does not answer, as soon as it does."""
        if self._publisher is not None and self.is_ours(did):
            try:
                await self._publisher.publish({"did": did})
            except Refused:
                await self._truth.write(lambda tx: publish.enqueue(tx, did))
        self._identity.forget(did)

    async def submit(self, did: str, operation: Any) -> None:
        """Log a signed operation where the log is, and tell the stream. Raises BadOperation, OperationRefused."""
        if self.is_ours(did):
            await self.follow(did)
            await self._truth.write(lambda tx: self._register.take(tx, did, operation, limited=True))
        elif self._directory is None:
            raise plc_directory.NotRegistered(did)
        else:
            await publish.submit_to(self._client, self._directory, did, operation)
            await self._truth.write(lambda tx: self._register.tell(tx, did))
        self._identity.forget(did)


def last_naming(did: str, entries: Sequence[Entry], did_key: str) -> Entry:
    """The newest operation that counts and names this rotation key. Raises KeyHasNoRight."""
    for entry in reversed(entries):
        if not entry.nullified and did_key in rotation_keys(entry.operation):
            return entry
    raise KeyHasNoRight("That key is not, and never was, among the rotation keys of that identity.", did=did)


def rotation_keys(operation: Operation) -> list[str]:
    """The rotation keys of an operation by rank; none of a tombstone."""
    return [] if operation["type"] == "plc_tombstone" else list(plc.modern(operation)["rotationKeys"])
