"""The watch on certificate logs: has anybody had a certificate for a name of this network from any authority?

An edge, a hijacked route or a lost name server is enough to get one; CAA records forbid it, and this notices it. In
come the URLs of the setting, and what the network's own certificates are; out goes an alarm for each that is none of
them, once, kept in the truth. What cannot be read, or contradicts itself, is said too: silence would look like peace.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from hashlib import sha256

from freehold.net.client import Client
from freehold.store.database import Database
from freehold.store.tx import Tx
from freehold.tls import foreign
from freehold.tls.foreign import Foreign, Source
from freehold.tls.logbook import BadLog, Entry, Issued, grown, issued, leaf_hash, root
from freehold.tls.logs import DOMAIN, TROUBLE, Head, log_at, monitored

logger = logging.getLogger(__name__)

LOOK_SECONDS = 3600.0
MOST_AT_ONCE = 200_000
"""Entries of one log in one round; what is left is read in the next."""

Raise = Callable[[Tx, Foreign], object]


class Watch:
    """Of one network. names: its own, without those below them. own: the PEM chains that it shows now.

    raise_alarm: told of each certificate of somebody else, within the transaction that keeps it.
    """

    def __init__(
        self,
        truth: Database,
        client: Client,
        urls: Sequence[str],
        names: Callable[[], Sequence[str]],
        own: Callable[[], list[bytes]],
        raise_alarm: Raise,
    ) -> None:
        self._truth, self._client, self.urls = truth, client, tuple(urls)
        self._names, self._own, self._raise = names, own, raise_alarm

    def found(self) -> list[Foreign]:
        """Certificates of others that are not over, the newest first."""
        with self._truth.reading() as tx:
            return foreign.found(tx)

    def sources(self) -> list[Source]:
        """What is looked into, and how far."""
        with self._truth.reading() as tx:
            known = foreign.sources(tx)
        return [known.get(url, Source(url)) for url in self.urls]

    async def expect(self, id: str) -> bool:
        """The operator knows of that one; False if there is none of that id."""
        return bool(await self._truth.write(lambda tx: foreign.expect(tx, id)))

    async def run(self) -> None:
        """Look once an hour, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Once, into all of them."""
        chains = self._own()
        await self._truth.write(lambda tx: foreign.note_own(tx, chains))
        for source in self.sources():
            try:
                await (self._ask(source) if DOMAIN in source.url else self._follow(source))
            except TROUBLE as wrong:
                await self._trouble(source.url, getattr(wrong, "say", None) or str(wrong))

    # --- a monitor

    async def _ask(self, source: Source) -> None:
        found = [one for name in self._names() for one in await monitored(self._client, source.url, name)]
        await self._keep(found, source, source)

    # --- a log

    async def _follow(self, source: Source) -> None:
        """Read on; at the first time, from the end, for what is older than the network's interest in it."""
        log = log_at(self._client, source.url)
        head = await log.head()
        if not source.read_at:
            peaks = await log.frontier(head)
            _assure(peaks, head)
            await self._keep([], source, source._replace(size=head.size, total=head.size, frontier=tuple(peaks)))
            return
        if head.size < source.size:
            raise BadLog("it is shorter than it was: entries were taken out")
        until = source.size + MOST_AT_ONCE
        while source.size < min(head.size, until):
            entries = await log.entries(source.size, head)
            found, after = await asyncio.to_thread(self._read, entries, source, head)
            await self._keep(found, source, after)
            source = after
        if source.size == head.size:
            _assure(list(source.frontier), head)
            await self._keep([], source, source._replace(total=head.size))

    def _read(self, entries: Sequence[Entry], source: Source, head: Head) -> tuple[list[Issued], Source]:
        """Those of our names among the entries, and the tree with them."""
        peaks, size, found = list(source.frontier), source.size, []
        names = self._names()
        needles = [needle_of(name) for name in names]
        for entry in entries:
            peaks, size = grown(peaks, size, leaf_hash(entry.leaf)), size + 1
            lower = entry.certificate.lower()
            if any(needle in lower for needle in needles):
                found.append(_readable(entry.certificate, names))
        return found, source._replace(size=size, total=head.size, frontier=tuple(peaks))

    # --- what is kept

    async def _keep(self, found: Sequence[Issued], before: Source, after: Source) -> None:
        """Raise the alarm where one is due, and note how far it is, in one transaction."""
        names = self._names()

        def write(tx: Tx) -> list[Foreign]:
            alarms = []
            for one in found:
                if any(covers(name, ours) for name in one.names for ours in names) and not foreign.is_own(tx, one):
                    new = foreign.note(tx, one, before.url)
                    if new is not None:
                        self._raise(tx, new)
                        alarms.append(new)
            foreign.keep_source(tx, after._replace(read_at=tx.now, failure=""))
            return alarms

        for alarm in await self._truth.write(write):
            logger.error("somebody else has a certificate for %s, by %s (%s)", alarm.names, alarm.issuer, alarm.id)

    async def _trouble(self, url: str, why: str) -> None:
        """Say that nobody watches there just now; where it was read to stays."""
        logger.warning("the certificate log %s cannot be read: %s", url, why)

        def write(tx: Tx) -> None:
            foreign.keep_source(tx, foreign.sources(tx).get(url, Source(url))._replace(failure=why[:300]))

        await self._truth.write(write)


def covers(name: str, ours: str) -> bool:
    """Would a certificate for `name` be taken for a name of ours, or for one below it?"""
    bare = name.removeprefix("*.")
    return bare == ours or bare.endswith(f".{ours}") or (name != bare and ours.partition(".")[2] == bare)


def needle_of(name: str) -> bytes:
    """What stands in every certificate that covers a name, or one below it; found without reading all of it."""
    above = name.partition(".")[2]
    return (above if "." in above else name).encode()


def _readable(der: bytes, names: Sequence[str]) -> Issued:
    """What it says; one that nobody can read, but that has our name in it, is somebody else's."""
    try:
        return issued(der)
    except ValueError:
        digest = sha256(der).hexdigest()
        return Issued(frozenset(names[:1]), "an authority whose certificate cannot be read", digest, b"", 0, 2**62)


def _assure(peaks: list[bytes], head: Head) -> None:
    if root(peaks) != head.root:
        raise BadLog("it contradicts itself: what it holds is not what it signed")
