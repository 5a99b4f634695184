"""Our operations in another directory too: sent by a durable job, and compared afterwards.

A DID is the hash of its first operation, so one log is valid in both directories. The job of a DID makes the two logs
equal: it sends what the other lacks, in order, and where the other has operations of its own (the member used their own
key there) it takes over what that says. Repeated, it does nothing.
Source: https://web.plc.directory/spec/v0.1/did-plc
"""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from freehold.identity import plc_directory
from freehold.net.client import Client
from freehold.net.errors import UpstreamFailed
from freehold.protocol.plc import Entry
from freehold.protocol.plcform import Operation
from freehold.store import jobs
from freehold.store.database import Database
from freehold.store.tx import Tx

logger = logging.getLogger(__name__)

JOB = "publish identity"
MAX_LOG_BYTES = 5_000_000
_TRY_LATER = (408, 425, 429)


class OperationRefused(UpstreamFailed):
    """The other directory does not take the operation."""

    name = "PlcRefused"
    say = "The directory of identities did not accept the change."


class Difference(NamedTuple):
    """How two logs of a DID differ, as CIDs of operations that count. Both empty: they are equal."""

    only_here: list[str]
    only_there: list[str]

    def __bool__(self) -> bool:
        return bool(self.only_here or self.only_there)


def enqueue(tx: Tx, did: str) -> None:
    """See to it, from this transaction's commit on, that the other directory gets what our log of the DID says."""
    jobs.enqueue(tx, JOB, {"did": did})


def keep_also(tx: Tx, url: str) -> None:
    """From now on the directory at `url` has all our logs too ("": none has): a new one gets those of before."""
    for did in plc_directory.keep_also(tx, url):
        enqueue(tx, did)


async def submit_to(client: Client, directory: str, did: str, operation: Operation) -> None:
    """Send one operation. Raises OperationRefused when the directory says no, UpstreamFailed when it cannot answer."""
    answer = await client.request(
        "POST",
        f"{directory.rstrip('/')}/{did}",
        headers={"content-type": "application/json"},
        content=msgspec.json.encode(operation),
        seconds=10.0,
    )
    if 400 <= answer.status < 500 and answer.status not in _TRY_LATER:
        raise OperationRefused(did=did, status=answer.status, said=answer.body[:500].decode("utf-8", "replace"))
    if answer.status != 200:
        raise UpstreamFailed(url=answer.url, status=answer.status)


class Publisher:
    """Keeps our log of each DID equal to that of the directory at `url`.

    changed: told, in a transaction, of a DID of which the other directory says something new now: whoever heard of the
    change before and asked there at once was told the old.
    """

    def __init__(
        self, db: Database, client: Client, url: str, changed: Callable[[Tx, str], object] = lambda tx, did: None
    ) -> None:
        self._changed = changed
        self._db = db
        self._client = client
        self._url = url.rstrip("/")

    @property
    def url(self) -> str:
        """The other directory."""
        return self._url

    async def publish(self, payload: dict[str, Any]) -> None:
        """The job's handler. Raises what went wrong, so that it is tried again."""
        did = str(payload["did"])
        theirs = await self._audit(did)
        sent = await self._send(did, self._lacking(did, theirs))
        if sent:
            theirs = await self._audit(did)
            await self._db.write(lambda tx: self._changed(tx, did))
        difference = self._difference(did, theirs)
        if difference.only_there:
            logger.warning("the directory at %s decided otherwise about %s; its order is taken over", self._url, did)
            await self._db.write(lambda tx: self._adopt(tx, did, theirs))
        elif difference.only_here:
            raise UpstreamFailed("The other directory does not take the change yet.", did=did)

    async def difference(self, did: str) -> Difference:
        """For the doctor: what only one of the two logs has."""
        return self._difference(did, await self._audit(did))

    def _adopt(self, tx: Tx, did: str, theirs: list[dict[str, Any]]) -> None:
        plc_directory.adopt(tx, did, theirs)
        self._changed(tx, did)

    async def _send(self, did: str, operations: list[Operation]) -> int:
        """Send in order until one is refused; how many were taken."""
        for taken, operation in enumerate(operations):
            try:
                await submit_to(self._client, self._url, did, operation)
            except OperationRefused as refused:
                logger.warning("the directory at %s refused an operation of %s: %s", self._url, did, refused.facts)
                return taken
        return len(operations)

    async def _audit(self, did: str) -> list[dict[str, Any]]:
        """The other directory's audit log of a DID; [] if it knows none."""
        answer = await self._client.get(f"{self._url}/{did}/log/audit", max_bytes=MAX_LOG_BYTES, seconds=10.0)
        if answer.status == 404:
            return []
        found = answer.json() if answer.status == 200 else None
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise UpstreamFailed(url=answer.url, status=answer.status)
        return found

    def _lacking(self, did: str, theirs: list[dict[str, Any]]) -> list[Operation]:
        known = {entry.get("cid") for entry in theirs}
        return [entry.operation for entry in self._current(did) if str(entry.cid) not in known]

    def _difference(self, did: str, theirs: list[dict[str, Any]]) -> Difference:
        here = [str(entry.cid) for entry in self._current(did)]
        there = [str(entry.get("cid")) for entry in theirs if not entry.get("nullified")]
        return Difference([cid for cid in here if cid not in there], [cid for cid in there if cid not in here])

    def _current(self, did: str) -> list[Entry]:
        with self._db.reading() as tx:
            return [entry for entry in plc_directory.entries(tx, did) if not entry.nullified]
