"""The main process and its workers: it starts them, tells them what changed, and takes over what they do not answer.

A *crew* are the workers over some networks as those were opened. When one comes or goes, or changes its keys or the
choices it was opened with, a new crew takes over, and the old one passes everything on from that moment. A worker that
dies is replaced, one that does not listen is ended. The words about one network leave in the order of its commits.
"""

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakSet

import msgspec

from freehold.appview.batch import Effect
from freehold.cli.doors import Doors, Server
from freehold.cli.workers.crew import Crew, Hand
from freehold.cli.workers.tallies import take_in
from freehold.cli.workers.words import Changed, MadeAnew, Ready, Told, ToMain, Wants
from freehold.server import Networks
from freehold.site import Site

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
"""How soon a network that came, went, or may not be shown any more is noticed."""
SHORT_LIFE_SECONDS = 5.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 30.0
"""Before another one is begun in the place of one that is gone."""


class Follower:
    """Tells the crew of the day how the index of a network goes on; called on the index's thread."""

    def __init__(self, workers: "Workers", site: Site) -> None:
        self._workers, self._site = workers, site

    def changed(self, effect: Effect, seq: int, private_seq: int) -> None:
        """A batch was committed."""
        self._workers.later(self._workers.tell_changed, self._site, effect, seq, private_seq)

    def made_anew(self) -> None:
        """All is void."""
        self._workers.later(self._workers.tell_made_anew, self._site)


class Workers:
    """All workers of this process: `count` of them at any time."""

    def __init__(self, networks: Networks, doors: Doors, server: Server, count: int) -> None:
        self._networks, self._doors, self._server, self._count = networks, doors, server, count
        self._loop = asyncio.get_running_loop()
        self._attached: WeakSet[Site] = WeakSet()
        self._decoder = msgspec.msgpack.Decoder(ToMain)
        self._wanted: set[asyncio.Future[Any]] = set()
        self._ending = False
        self._crew = self._new_crew()
        server.before_end.append(self._end)

    async def run(self) -> None:
        """Keep them going, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._look())
                for _ in range(self._count):
                    tasks.create_task(self._keep_one(tasks))
        finally:
            self._crew.end()

    # --- who is there

    def _new_crew(self) -> Crew:
        sites = tuple(self._networks.sites)
        for site in sites:
            self._attach(site)
        return Crew(sites)

    def _attach(self, site: Site) -> None:
        """Hear of what changes there; once."""
        if site in self._attached:
            return
        self._attached.add(site)
        site.index.reader = Follower(self, site)
        site.truth.on_settled(partial(self._publish, site))
        site.allowances.heard = partial(self._spent, site)

    async def _keep_one(self, tasks: asyncio.TaskGroup) -> None:
        """One worker after the other."""
        pause = FIRST_PAUSE_SECONDS
        while not self._ending:
            crew, began = self._crew, self._loop.time()
            hand = Hand(crew, self._server, self._heard)
            work = tasks.create_task(self._serve(hand))
            over = asyncio.ensure_future(crew.over.wait())
            await asyncio.wait([work, over], return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            if crew is not self._crew:
                continue
            await asyncio.sleep(pause)  # first: a signal to end may be for all of us
            lived = self._loop.time() - began
            pause = FIRST_PAUSE_SECONDS if lived > SHORT_LIFE_SECONDS else min(2 * pause, LONGEST_PAUSE_SECONDS)
            if crew is self._crew and not self._ending:
                logger.error("a worker is gone: another one is begun")

    async def _serve(self, hand: Hand) -> None:
        try:
            await hand.serve(self._doors, self._count + 1)
        except Exception:
            logger.exception("a worker could not be begun, or heard")
        self._count_ready()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if tuple(self._networks.sites) != self._crew.sites:
                self._renew(self._crew)
            for site in self._crew.sites:
                self._crew.look_at(site)

    def _renew(self, old: Crew) -> None:
        """Let a new crew take over from this one, unless that has happened."""
        if old is self._crew and not self._ending:
            self._crew = self._new_crew()
            old.end()

    def _end(self) -> None:
        """The doors are being shut."""
        self._ending = True
        self._crew.end()

    # --- what they are told

    def later(self, fn: Any, *words: Any) -> None:
        """Call `fn` on the event loop, in order; from any thread."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(fn, *words)

    def _publish(self, site: Site) -> None:
        crew = self._crew
        if site in crew.places and not crew.publish(site):
            self.later(self._renew, crew)

    def tell_changed(self, site: Site, effect: Effect, seq: int, private_seq: int) -> None:
        """The index has taken in a batch."""
        at = self._crew.places.get(site)
        if at is not None and self._crew.hands:
            self._crew.say(Changed(at, effect, seq, private_seq))

    def tell_made_anew(self, site: Site) -> None:
        """The index was made anew."""
        at = self._crew.places.get(site)
        if at is not None:
            self._crew.say(MadeAnew(at))

    def _spent(self, site: Site, budget: str, points: int, payer: Any) -> None:
        for hand in self._crew.hands:
            if site in hand.tallies:
                hand.tallies[site].spend(budget, points, payer)

    # --- what they say

    def _heard(self, hand: Hand, data: bytes) -> None:
        word: ToMain = self._decoder.decode(data)
        sites = hand.sites
        match word:
            case Ready():
                hand.is_ready = True
                self._count_ready()
            case Wants(at, seq, private_seq):
                wanted = sites[at].index.reached(seq, private_seq=private_seq)
                self._beside(wanted)
            case Told(at):
                self._take_in(hand, sites[at], word)

    def _count_ready(self) -> None:
        self._server.keeper.workers = sum(hand.is_ready for hand in self._crew.hands)

    def _beside(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._wanted.add(task)
        task.add_done_callback(self._wanted.discard)

    def _take_in(self, hand: Hand, site: Site, told: Told) -> None:
        take_in(site, self._networks.api, told)
        self._server.keeper.worker_calls += len(told.called)
        for other in self._crew.hands:
            if other is not hand and site in other.tallies:
                other.tallies[site].add(told.spent)
