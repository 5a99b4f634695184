"""The main process and its workers: it starts them, tells them what changed, and takes over what they do not answer.

A *crew* are the workers over some networks as those were opened. When one comes or goes, or changes its keys or the
choices it was opened with, a new crew takes over, and the old one passes everything on from that moment. A worker that
dies is replaced, one that does not listen is ended. The words about one network leave in the order of its commits.
Out of the main process go: numbers, before anybody hears "yes" (`numbers`); the effect of each batch of the index,
after it is committed.
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from typing import Any
from weakref import WeakSet

import msgspec

from freehold.appview.batch import Effect
from freehold.cli.doors import Doors, Server
from freehold.cli.workers.numbers import Numbers, Row
from freehold.cli.workers.tallies import Tally, charged_of, take_in
from freehold.cli.workers.words import (
    Begin,
    Changed,
    End,
    Line,
    MadeAnew,
    Opened,
    Ready,
    Told,
    ToMain,
    Wants,
    Word,
    packed,
)
from freehold.server import Networks
from freehold.site import Site

logger = logging.getLogger(__name__)

MODULE = "freehold.cli.workers.worker"
LOOK_SECONDS = 0.05
"""How soon a network that came, went, or may not be shown any more is noticed."""
FAREWELL_SECONDS = 5.0
SHORT_LIFE_SECONDS = 5.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 30.0
"""Before another one is begun in the place of one that is gone."""
BEHIND_BYTES = 32_000_000
"""Words that a worker may leave unread."""
MESSAGE_BYTES = 1_024
PASSED_ON_AT_ONCE = 64


class Crew:
    """The networks of some workers, as they stand."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self.sites = tuple(sites)
        self.places = {site: at for at, site in enumerate(sites)}
        self.numbers = Numbers.made(len(self.sites))
        self.over = asyncio.Event()
        self.hands: list[Hand] = []
        self._opened_with = [opened_with(site) for site in self.sites]
        for site in self.sites:
            self.publish(site)
            self.look_at(site)

    def publish(self, site: Site) -> bool:
        """Write down how far the truth is; whether the network is still as it was opened. On the writer's thread."""
        at = self.places[site]
        row = self.numbers.of(at)
        row[Row.SEQ], row[Row.PRIVATE_SEQ] = site.log.last, site.log.last_private
        row[Row.KNOWN] = site.accounts.generation + site.app_passwords.generation + site.running.generation
        if opened_with(site) == self._opened_with[at]:
            return True
        row[Row.OVER] = 1
        return False

    def look_at(self, site: Site) -> None:
        """Write down whether it may be shown."""
        self.numbers.of(self.places[site])[Row.SERVED] = int(site.haven.is_served and site.haven.is_confirmed)

    def say(self, word: Word, but: "Hand | None" = None) -> None:
        """To all of them, or all but one."""
        data = packed(word)
        for hand in self.hands:
            if hand is not but:
                hand.write(data)

    def end(self) -> None:
        """They answer nothing more by themselves."""
        for at in range(len(self.sites)):
            self.numbers.of(at)[Row.OVER] = 1
        self.say(End())
        self.over.set()


def opened_with(site: Site) -> tuple[object, ...]:
    """What a worker knows of a network from the start, and is not told anew."""
    return site.network.generation, site.tokens.generation, site.seal.mark


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


class Hand:
    """One worker. server: serves the connections that it passes on. heard: called with it and each word's bytes."""

    def __init__(self, crew: Crew, server: Server, heard: Callable[["Hand", bytes], object]) -> None:
        self._crew, self._server, self._heard = crew, server, heard
        self.sites = crew.sites
        self.is_ready = False
        self._taken: set[asyncio.Task[None]] = set()
        self._line: Line | None = None
        self.tallies: dict[Site, Tally] = {
            site: Tally(partial(self._charge, at, site)) for at, site in enumerate(crew.sites)
        }

    async def serve(self, doors: Doors, processes: int) -> None:
        """Start it, and hear it, until it is gone. Those of an old crew have some seconds to end."""
        with pair(socket.SOCK_STREAM) as (ours, theirs), pair(socket.SOCK_SEQPACKET) as (calls, their_calls):
            inherited = [theirs, their_calls, doors.plain]
            descriptors = [each.fileno() for each in inherited] + [self._crew.numbers.descriptor]
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", MODULE, *map(str, descriptors)),
                pass_fds=descriptors,
                env={name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
            )
            theirs.close()
            their_calls.close()
            try:
                await self._listen(ours, calls, processes)
                await self._until_gone(process)
            finally:
                self._hang_up(calls)
                await kill(process)

    async def _listen(self, ours: socket.socket, calls: socket.socket, processes: int) -> None:
        loop = asyncio.get_running_loop()
        line = Line(partial(self._heard, self), lambda: None)
        await loop.create_unix_connection(lambda: line, sock=ours)
        begin = Begin([opened(site) for site in self._crew.sites], processes)
        line.say(begin)
        self._line = line
        self._crew.hands.append(self)
        calls.setblocking(False)
        loop.add_reader(calls.fileno(), self._take, calls)

    async def _until_gone(self, process: asyncio.subprocess.Process) -> None:
        gone, over = asyncio.ensure_future(process.wait()), asyncio.ensure_future(self._crew.over.wait())
        try:
            await asyncio.wait([gone, over], return_when=asyncio.FIRST_COMPLETED)
            if not gone.done() and self.is_ready:
                await asyncio.wait([gone], timeout=FAREWELL_SECONDS)
        finally:
            gone.cancel()
            over.cancel()
            await asyncio.gather(gone, over, return_exceptions=True)

    def _hang_up(self, calls: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(calls.fileno())
        if self in self._crew.hands:
            self._crew.hands.remove(self)
        if self._line is not None:
            self._line.transport.abort()

    def write(self, data: bytes) -> None:
        """Send it a word; who does not listen is ended, and begun anew."""
        if self._line is None or self._line.transport.is_closing():
            return
        self._line.transport.write(data)
        if self._line.transport.get_write_buffer_size() > BEHIND_BYTES:
            logger.error("a worker does not listen: it is begun anew")
            self._line.transport.abort()

    def _charge(self, at: int, site: Site, tally: Tally) -> None:
        self.write(packed(charged_of(at, site, tally.points())))

    def _take(self, calls: socket.socket) -> None:
        """Connections that it passes on."""
        for _ in range(PASSED_ON_AT_ONCE):
            try:
                word, descriptors, _, _ = socket.recv_fds(calls, MESSAGE_BYTES, 1)
            except BlockingIOError:
                return
            except OSError:
                word, descriptors = b"", []
            if not word:
                asyncio.get_running_loop().remove_reader(calls.fileno())
                return
            client: tuple[str, int] = msgspec.json.decode(word, type=tuple[str, int])
            task = asyncio.create_task(self._serve(socket.socket(fileno=descriptors[0]), client))
            self._taken.add(task)
            task.add_done_callback(self._taken.discard)

    async def _serve(self, connection: socket.socket, client: tuple[str, int]) -> None:
        with suppress(OSError):  # it was gone before it was open
            await self._server.take(connection, client)


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


def opened(site: Site) -> Opened:
    """What a worker is told of a network."""
    return Opened(str(site.directory.resolve()), asdict(site.settings), site.place)


@contextmanager
def pair(kind: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets that are one line; closed at the end, whoever has closed them before."""
    one, other = socket.socketpair(socket.AF_UNIX, kind)
    with one, other:
        yield one, other


async def kill(process: asyncio.subprocess.Process) -> None:
    """End it at once, if it is there."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
