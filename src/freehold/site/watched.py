"""How the network stands, looked at while it runs: measurements, alarms, certificates of others, drills, the clock."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator

from freehold.haven.measured import Measures, Sample
from freehold.haven.rehearsals import Rehearsals, plans
from freehold.net import clocks
from freehold.net.clocks import Compared
from freehold.net.siege import Siege
from freehold.pds.alarms import Alarms
from freehold.site.feeding import Feeding
from freehold.site.place import doors_of
from freehold.store.tx import Tx
from freehold.tls.foreign import Foreign
from freehold.tls.watching import Watch

logger = logging.getLogger(__name__)

PROGRAM = (sys.executable, "-m", "freehold.cli")
SECOND = 1_000_000
DAY = 86_400 * SECOND
CLOCK_SECONDS = 3600.0
FAR_OFF_SECONDS = 2.0


class Watched(Feeding):
    """A host with views, whose standing is watched."""

    def _open_watching(self) -> None:
        settings = self.settings
        self.measures = Measures(self.truth, self.clock)
        self.alarms = Alarms(self.accounts, self.letters, lambda: self.network.choices.name)
        self.certificate_watch = Watch(
            self.truth,
            self.client,
            settings.certificate_watch,
            lambda: [self.place.host, *self.former, *sorted(self.spare_names)],
            lambda: self.certificates.chains() if self.certificates is not None else [],
            self._foreign_certificate,
        )
        self.rehearsals = Rehearsals(
            self.directory, self.truth, plans(settings.drills), PROGRAM, self.clock, self._failed_drill
        )
        self.clock_check, self.clock_kept = Compared(None, ()), clocks.kept_by_kernel()
        self._in_step_at: dict[str, int] = {}
        self.siege: Siege | None = None
        """What is seen of floods at the door, where somebody keeps one."""

    def _foreign_certificate(self, tx: Tx, found: Foreign) -> None:
        self.alarms.tell(
            tx,
            "Somebody else has a certificate",
            f"{found.issuer} has issued a certificate for {found.names} to a key that is not this network's.\n\n"
            "Whoever holds it can pass for the network, and read passwords. If you had it made yourself, say so:\n\n"
            f"    freehold edge {self.directory} certificates --ours {found.id}\n\n"
            "If not, tell that authority to revoke it, look at who answers for the domain (its registrar, its name\n"
            f"servers, your edges), and publish the CAA records: freehold edge {self.directory} caa\n",
        )

    def _failed_drill(self, tx: Tx, drill: str, why: str) -> None:
        self.alarms.tell(
            tx,
            f"The drill {drill} failed",
            f"The network held the drill {drill} on a copy of itself, and it did not go as promised:\n\n    {why}\n\n"
            f"Nothing of the network itself was touched. To hold it again: freehold drill {self.directory} {drill}\n",
        )

    def _watching(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        """The steady work of it."""
        work: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("measures", self._keep_measures),
            ("clock", self._keep_clock),
            ("drills", self.rehearsals.run),
        ]
        if self.onion is not None:
            work.append(("onion door", self.onion.run))
        if self.certificate_watch.urls and not self.place.local:
            work.append(("certificate logs", self.certificate_watch.run))
        return work

    # --- measured

    def _samples(self) -> Iterator[Sample]:
        """How things are just now."""
        now = self.clock()
        for peer, state in self.haven.states():
            if state == "in step":
                self._in_step_at[peer.name] = now
            yield Sample("standby", peer.name, (now - self._in_step_at.setdefault(peer.name, now)) / SECOND)
        for archive in self.archiving.states():
            if archive.memory.sent_at:
                yield Sample("archive", archive.name, (now - archive.memory.sent_at) / SECOND)
            if archive.memory.rehearsed_at:
                yield Sample("restore", archive.name, (now - archive.memory.rehearsed_at) / DAY)
        days = self.certificates.days_left() if self.certificates is not None else None
        if days is not None:
            yield Sample("certificate", self.place.host, days)
        if self.clock_check.seconds is not None:
            yield Sample("clock", "", abs(self.clock_check.seconds))

    async def _keep_measures(self) -> None:
        await self.measures.run(self._samples)

    # --- the clock

    async def _keep_clock(self) -> None:
        """Compare it with the hosts that the network speaks to anyway, once an hour."""
        while True:
            self.clock_kept = clocks.kept_by_kernel()
            self.clock_check = await clocks.compare(self.client, self._acquaintances())
            off = self.clock_check.seconds
            if off is not None and abs(off) > FAR_OFF_SECONDS:
                logger.error("this machine's clock is off by %.1f s, by the word of %s", off, self.clock_check.hosts)
            await asyncio.sleep(CLOCK_SECONDS)

    def _acquaintances(self) -> list[str]:
        """URLs of hosts that the settings name: the authority, the public directory, relays, spare doors."""
        if self.place.local:
            return []
        settings = self.settings
        authority = [settings.acme_directory] if settings.https and not settings.certificate_file else []
        other = [self.publisher.url] if self.publisher is not None else []
        relays = [one if "://" in one else f"https://{one}" for one in settings.relays]
        return [url for url in (*authority, *other, *relays, *doors_of(settings)) if url.startswith("https://")]
