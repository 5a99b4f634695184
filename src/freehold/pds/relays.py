"""Relays told that there is news here, so that they come and read: once when the network starts, then when something
happened, every twenty minutes at most.

In comes the public log's number; out goes a durable job for each relay, tried again until the relay answers.
Source: lexicon com.atproto.sync.requestCrawl
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from freehold.net.client import Client
from freehold.net.xrpc import Remote, RemoteRefused
from freehold.store import jobs
from freehold.store.database import Database
from freehold.store.tx import Tx
from freehold.stream.log import Log

logger = logging.getLogger(__name__)

JOB = "tell relay"
SECONDS = 20 * 60
TRY_LATER = (408, 425, 429)


class Relays:
    """Tells relays of one network. relays: host names, or whole origins. host: where they find us."""

    def __init__(
        self, truth: Database, log: Log, client: Client, relays: Sequence[str], host: str, seconds: float = SECONDS
    ) -> None:
        self._truth = truth
        self._log = log
        self._client = client
        self._relays = tuple(relays)
        self._host = host
        self._seconds = seconds

    async def run(self) -> None:
        """Tell them, wait, and tell them again after the next event, until cancelled. Nothing without relays."""
        while self._relays:
            told = self._log.last
            await self._truth.write(self._enqueue)
            await asyncio.sleep(self._seconds)
            stroke = self._log.bell.next  # taken before the look: a later event rings this very stroke
            while self._log.last <= told:
                await stroke.wait(self._seconds)
                stroke = self._log.bell.next

    def _enqueue(self, tx: Tx) -> None:
        """One job for each relay; one that could not be told yet has a job already."""
        rows = tx.run("SELECT payload FROM job WHERE kind = :kind AND run_at IS NOT NULL", kind=JOB)
        waiting = {msgspec.json.decode(payload)["relay"] for (payload,) in rows}
        for relay in self._relays:
            if relay not in waiting:
                jobs.enqueue(tx, JOB, {"relay": relay})

    async def tell(self, payload: dict[str, Any]) -> None:
        """The job's handler. A relay's "no" is final; raises UpstreamFailed, RemoteRefused where it cannot answer."""
        relay = str(payload["relay"])
        origin = relay if "://" in relay else f"https://{relay}"
        try:
            await Remote(self._client, origin).procedure("com.atproto.sync.requestCrawl", {"hostname": self._host})
        except RemoteRefused as refused:
            if refused.status >= 500 or refused.status in TRY_LATER:
                raise
            logger.warning("the relay %s does not come: %s", relay, refused.facts)
