"""The certificates of one network: which is shown for a name, ordered when it is first needed, renewed by themselves.

With a hook for TXT records one certificate holds the domain and `*.domain`, and one more each of its other domains:
those that it had before, and its spare ones. Without, each name has its own: that of the domain is ordered at the
start, a member's when somebody first asks for that handle, and never one for a name that nobody has. Orders for one
name are made one at a time, after a failure later and later, and for new names only so many a week. While an order
fails, the certificate before it goes on serving.

Owns nothing but memory: tables are kept.py's. In come plain values and two callables; out come SSL contexts.
"""

import asyncio
import logging
import ssl
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from freehold.protocol.refused import Refused
from freehold.store.database import Database
from freehold.store.sealed import Seal
from freehold.store.tx import Tx
from freehold.tls import foreign, kept
from freehold.tls.contexts import context_of, key_from, new_key, raw_key, term
from freehold.tls.proofs import FileProofs, HookProofs

if TYPE_CHECKING:
    from freehold.tls.authority import Authority

logger = logging.getLogger(__name__)

SECOND = 1_000_000
DAY = 24 * 3600 * SECOND
FIRST_PAUSE = 15 * 60 * SECOND
"""After a failed order; doubled with each. Let's Encrypt allows five failures an hour for a name."""
LIMITED_PAUSE = 6 * 3600 * SECOND
LONGEST_PAUSE = DAY
LAST_WEEK = 7 * DAY
LOOK_SECONDS, RETRY_SECONDS = 600.0, 60.0
"""How often to look what is due; how often while an order waits for its time."""
AT_ONCE = 4
CONTEXTS_KEPT = 2_000
PATIENCE_SECONDS = 30.0
"""How long a connection waits for the first certificate of its name."""


class Plan(NamedTuple):
    """How certificates are had. directory: the authority's URL. contact: a mail address or "". hook: a program or "".
    names_per_week: first certificates, at most."""

    directory: str
    contact: str
    hook: str
    names_per_week: int


class TooManyNames(Refused):
    """The week's first certificates are used up."""

    kind, name = "too_many", "TooManyNames"


class Certificates:
    """serves: is that name one of ours now? clock: micros. Keep one task in `run`.

    others: its other domains as they are now. orders: whether new ones may be had; else, as where a standby's copy is
    read, what is kept is shown and nothing is written.
    """

    def __init__(
        self,
        truth: Database,
        seal: Seal,
        domain: str,
        serves: Callable[[str], bool],
        plan: Plan,
        clock: Callable[[], int],
        others: Callable[[], Iterable[str]] = tuple,
        *,
        orders: bool = True,
    ) -> None:
        self._truth, self._seal, self._clock = truth, seal, clock
        self._domain, self._serves, self._plan = domain, serves, plan
        self._others, self._may_order = others, orders
        self.files = FileProofs()
        self._proofs = HookProofs(plan.hook) if plan.hook else self.files
        self._contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()
        self._orders: dict[str, asyncio.Task[None]] = {}
        self._hands = asyncio.Semaphore(AT_ONCE)
        self._asked_when_to_renew: dict[str, int] = {}
        self._alarmed_at = 0
        self._news = asyncio.Event()

    # --- what the door asks

    async def context_for(self, name: str) -> ssl.SSLContext | None:
        """What to open a connection to `name` with; None if it is not ours, or has no certificate yet.

        The first one who asks waits while it is ordered, half a minute at most.
        """
        if not self._serves(name):
            return None
        lineage = self._lineage(name)
        if self._context(lineage) is None:
            order = self._begin(lineage)
            if order is not None:
                await asyncio.wait([order], timeout=PATIENCE_SECONDS)
        return self._context(lineage)

    def days_left(self) -> float | None:
        """Until the first of the certificates ends; None if there is none."""
        ends = [ends for _, _, ends, _ in self._terms()]
        return (min(ends) - self._clock()) / DAY if ends else None

    def chains(self) -> list[bytes]:
        """Every certificate in use, PEM, the leaf first."""
        with self._truth.reading() as tx:
            return kept.chains(tx)

    def _lineage(self, name: str) -> str:
        """Under which name the certificate for `name` is kept."""
        return f"*.{self._domain_of(name)}" if self._plan.hook else name

    def _domain_of(self, name: str) -> str:
        """Which of our domains it is, or lies below: the longest, for one may lie below another."""
        ours = (each for each in (self._domain, *self._others()) if f".{name}".endswith(f".{each}"))
        return max(ours, key=len, default=self._domain)

    def _names(self, lineage: str) -> list[str]:
        """The names in a certificate."""
        return [lineage.removeprefix("*."), lineage] if lineage.startswith("*.") else [lineage]

    def _context(self, lineage: str) -> ssl.SSLContext | None:
        context = self._contexts.get(lineage)
        if context is None:
            with self._truth.reading() as tx:
                found = kept.certificate(tx, self._seal, lineage)
            if found is None:
                return None
            context = self._remember(found)
        self._contexts.move_to_end(lineage)
        return context

    def _remember(self, certificate: kept.Certificate) -> ssl.SSLContext:
        context = self._contexts[certificate.name] = context_of(certificate.chain, certificate.key)
        while len(self._contexts) > CONTEXTS_KEPT:
            self._contexts.popitem(last=False)
        return context

    # --- ordering

    def _begin(self, lineage: str) -> "asyncio.Task[None] | None":
        """The order for that name: the one under way, or a new one; None while it must wait after failures."""
        order = self._orders.get(lineage)
        if order is None and self._may_order:
            with self._truth.reading() as tx:
                failed = kept.failure(tx, lineage)
            if failed is not None and failed.next_at > self._clock():
                return None
            order = self._orders[lineage] = asyncio.create_task(self._order(lineage))
            order.add_done_callback(lambda _: self._orders.pop(lineage, None))
        return order

    async def _order(self, lineage: str) -> None:
        """Get a certificate, or note why there is none."""
        from freehold.tls.authority import OrderFailed

        try:
            async with self._hands:
                await self._count(lineage)
                await self._get(lineage)
        except Refused as failed:
            limited = isinstance(failed, TooManyNames) or (isinstance(failed, OrderFailed) and failed.limited)
            await self._failed(lineage, failed.say, limited)
        except Exception as wrong:  # our own fault: it must not be tried again at once either
            logger.exception("the order for %s came to a bad end", lineage)
            await self._failed(lineage, type(wrong).__name__, limited=True)

    async def _failed(self, lineage: str, said: str, limited: bool) -> None:
        await self._truth.write(lambda tx: self._note(tx, lineage, said, limited))
        logger.warning("no certificate for %s: %s", lineage, said)

    def _note(self, tx: Tx, lineage: str, said: str, limited: bool) -> None:
        before = kept.failure(tx, lineage)
        times = before.times + 1 if before else 1
        pause = min(FIRST_PAUSE << min(times - 1, 20), LONGEST_PAUSE)
        at = self._clock() + max(pause, LIMITED_PAUSE if limited else 0)
        kept.note_failure(tx, lineage, kept.Failure(times, at, said))

    async def _count(self, lineage: str) -> None:
        """Members' first certificates are limited, so that the domain's own renewals always have room. Raises
        TooManyNames."""

        def write(tx: Tx) -> None:
            own = lineage == self._domain or lineage.startswith("*.")
            if own or kept.certificate(tx, self._seal, lineage) is not None:
                return
            if kept.orders_this_week(tx) >= self._plan.names_per_week:
                raise TooManyNames(
                    f"{self._plan.names_per_week} members' handles have had their first certificate within seven days."
                    " With acme_hook one certificate holds them all."
                )
            kept.note_order(tx, lineage)

        await self._truth.write(write)

    async def _get(self, lineage: str) -> None:
        """One order; an account that the authority has forgotten is made anew, once."""
        from freehold.tls.authority import AccountUnknown

        key = new_key()
        await self._truth.write(lambda tx: foreign.note_own_key(tx, foreign.spki_of(key)))  # logs hear of it first
        authority = await self._authority()
        try:
            chain = await asyncio.to_thread(authority.order, self._names(lineage), key, self._proofs)
        except AccountUnknown:
            await self._truth.write(lambda tx: kept.forget_account(tx, self._plan.directory))
            authority = await self._authority()
            chain = await asyncio.to_thread(authority.order, self._names(lineage), key, self._proofs)
        starts, ends = term(chain)
        renew = starts + (ends - starts) * 2 // 3
        made = kept.Certificate(lineage, chain, raw_key(key), starts, ends, renew)
        await self._truth.write(lambda tx: kept.keep(tx, self._seal, made))
        self._remember(made)
        self._news.set()
        logger.info("%s has a certificate for %.0f days", lineage, (ends - self._clock()) / DAY)

    async def _authority(self) -> "Authority":
        """The authority with our account there; a first account is made and kept."""
        from freehold.tls.authority import Authority

        directory = self._plan.directory
        with self._truth.reading() as tx:
            known = kept.account(tx, self._seal, directory)
        if known is not None:
            return Authority(directory, key_from(known.key), known.uri)
        key = new_key()
        authority = Authority(directory, key)
        account = kept.AcmeAccount(raw_key(key), await asyncio.to_thread(authority.register, self._plan.contact))
        await self._truth.write(lambda tx: kept.keep_account(tx, self._seal, directory, account))
        logger.info("the certificate authority knows this network as %s", account.uri)
        return authority

    # --- steady work

    async def run(self) -> None:
        """Order the domain's certificate, renew what is due, raise the alarm, until cancelled."""
        while True:
            first = self._lineage(self._domain)
            if self._context(first) is None:
                self._begin(first)
            await self.renew_due()
            self._watch()
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._news.wait()

    async def renew_due(self) -> None:
        """Renew each certificate whose time has come; what nobody has any more is forgotten."""
        for name, _, ends, renew in self._terms():
            if not self._wanted(name):
                await self._forget(name)
                continue
            await self._ask_when(name, ends)
            order = self._begin(name) if renew <= self._clock() else None
            if order is not None:
                await asyncio.wait([order])

    async def _forget(self, name: str) -> None:
        await self._truth.write(lambda tx: kept.forget(tx, name))
        self._contexts.pop(name, None)

    def _wanted(self, lineage: str) -> bool:
        if self._plan.hook:
            return lineage in {f"*.{each}" for each in (self._domain, *self._others())}
        return self._serves(lineage)

    async def _ask_when(self, name: str, ends: int) -> None:
        """Twice a day: does the authority want it renewed sooner (it may have to revoke it), or at another time?"""
        from freehold.tls.authority import OrderFailed

        now = self._clock()
        if now < self._asked_when_to_renew.get(name, 0) or ends <= now:
            return
        self._asked_when_to_renew[name] = now + DAY // 2
        with self._truth.reading() as tx:
            found = kept.certificate(tx, self._seal, name)
            known = kept.account(tx, self._seal, self._plan.directory)
        if found is None or known is None:
            return
        authority = await self._authority()
        try:
            wanted = await asyncio.to_thread(authority.renew_at, found.chain)
        except OrderFailed:
            return
        if wanted is not None:
            await self._truth.write(
                lambda tx: kept.put_off(tx, name, min(wanted, ends - (ends - found.starts_at) // 6))
            )

    def _watch(self) -> None:
        """Say so, once a day, when a certificate ends soon and nobody could renew it."""
        now = self._clock()
        if now < self._alarmed_at + DAY:
            return
        for name, starts, ends, _ in self._terms():
            if ends - now < min(LAST_WEEK, (ends - starts) // 5):
                with self._truth.reading() as tx:
                    failed = kept.failure(tx, name)
                said = failed.said if failed else "not tried yet"
                logger.error("the certificate of %s ends in %.1f days: %s", name, (ends - now) / DAY, said)
                self._alarmed_at = now

    def _terms(self) -> list[tuple[str, int, int, int]]:
        with self._truth.reading() as tx:
            return kept.terms(tx)

    def _pause(self) -> float:
        """Seconds until there may be something to do."""
        due = (min((renew for *_, renew in self._terms()), default=0) - self._clock()) / SECOND
        if 0 < due < LOOK_SECONDS:
            return due
        return LOOK_SECONDS if due > 0 else RETRY_SECONDS
