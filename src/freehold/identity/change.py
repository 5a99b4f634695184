"""A change of an identity that something here hangs on: made where its log is first, then here, with what hangs on it.

Where only our own directory keeps the log, the operation and what hangs on it are one transaction. Where another one
has a say (`both`, a directory's URL, an account that moved in), the operation goes there first: nobody is told of a
change here that they cannot look up yet. A process that dies in between does no harm: repeated, the change finds itself
made.
Source: https://web.plc.directory/spec/v0.1/did-plc
"""

from collections.abc import Callable
from typing import Any

from freehold.identity import plc_directory, publish
from freehold.identity.operations import Operations
from freehold.identity.publish import Publisher
from freehold.identity.register import Register
from freehold.identity.resolver import Identity
from freehold.net.client import Client
from freehold.protocol import plc
from freehold.protocol.plcform import Operation, check_form, check_limits
from freehold.store.database import Database
from freehold.store.tx import Tx

State = dict[str, Any]
Change = Callable[[State], dict[str, Any]]
"""From what the newest operation says to the fields that shall say something else."""


class Changes:
    """Changes identities of accounts here. publisher: keeps our log equal to another directory's; None if alone."""

    def __init__(
        self,
        truth: Database,
        register: Register,
        operations: Operations,
        publisher: Publisher | None,
        identity: Identity,
        client: Client,
    ) -> None:
        self._truth = truth
        self._register = register
        self._operations = operations
        self._publisher = publisher
        self._identity = identity
        self._client = client

    def is_at_once(self, did: str) -> bool:
        """Is the change one transaction? Else what hangs on it must be kept before it is begun."""
        return self._publisher is None and self._operations.is_ours(did)

    async def state(self, did: str) -> State:
        """What the newest operation of the DID says. Raises NotPlc, NotRegistered, BadOperation, upstream refusals."""
        return plc.modern(await self._operations.newest(did))

    async def make(self, did: str, change: Change, then: Callable[[Tx], object] = lambda tx: None) -> None:
        """Let the DID's newest operation say the change, and do `then` in the transaction that takes note of it.

        If it says so already only `then` is done. Raises NotPlc, NotRegistered, BadOperation, HostHasNoRight,
        OperationRefused, UpstreamFailed.
        """
        if not self.is_at_once(did):
            await self._send_next(did, change)

        def note(tx: Tx) -> None:
            if plc_directory.newest(tx, did) is not None:
                self._log_next(tx, did, change)
            then(tx)

        await self._truth.write(note)
        self._identity.forget(did)

    def _log_next(self, tx: Tx, did: str, change: Change) -> None:
        signed = self._next(plc_directory.last(tx, did), change)
        if signed is not None:
            plc_directory.submit(tx, did, signed, tx.now)

    async def _send_next(self, did: str, change: Change) -> None:
        """Bring the operation to the other directory. Signatures are deterministic: sent again, it is the same."""
        ours = self._operations.is_ours(did)
        if ours and self._publisher is not None:
            await self._publisher.publish({"did": did})
        newest = await self._operations.newest(did)
        signed = self._next(newest, change)
        if signed is None:
            return
        directory = self._publisher.url if ours and self._publisher is not None else self._identity.directory
        if directory is None:
            raise plc_directory.NotRegistered(did)
        await publish.submit_to(self._client, directory, did, signed)

    def _next(self, newest: Operation, change: Change) -> State | None:
        """The operation to come; None if the newest says it already."""
        state = plc.modern(newest)
        wanted = change(state)
        if all(state.get(name) == value for name, value in wanted.items()):
            return None
        signed = self._register.sign_next(newest, wanted)
        check_form(signed)
        check_limits(signed)
        return signed
