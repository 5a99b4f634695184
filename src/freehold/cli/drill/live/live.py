"""`freehold drill DIRECTORY january-2021 --live ssh://…`: the network itself loses its machine, and comes home.

In come both machines and what its holder wishes; out come `Findings`, kept on the first machine. Members of the drill's
own come from this machine by the network's public name; they are called by the drill's id, and deleted at the end.
However it ends, the network is left served: by the hands of the drill, and if those are lost too, by what keeps
services running.
"""

import asyncio
import secrets
import signal
import ssl
import sys
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from freehold.cli.drill import looking, page, report
from freehold.cli.drill.course import Course
from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.findings import Findings, NotHeld
from freehold.cli.drill.live import announced, assured, shield
from freehold.cli.drill.live.aftermath import aftermath
from freehold.cli.drill.live.edge import EdgeMachine
from freehold.cli.drill.live.station import Station, Where
from freehold.cli.drill.live.takings import NOT_TAKEN, Live, chosen
from freehold.cli.drill.live.way_home import WayHome
from freehold.cli.drill.live.words import Keep, Mark, NotDoneThere, Order, PutMark, Seen
from freehold.cli.drill.looking import Expected
from freehold.cli.drill.member import Ways
from freehold.cli.drill.takings.taking import Taking
from freehold.cli.terminal import Hands
from freehold.haven.edges.push import Far
from freehold.net.guard import system_lookup
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.clock import now_micros

NAME, ID_BYTES = "january-2021", 8
SECONDS, MEMBERS, JOINING_LATER = 5, 4, 1


class Wishes(NamedTuple):
    """home: how the second machine reaches the first. archive: an address, of which a restore is rehearsed. edges: that
    are taken away, by name, and where their machines are."""

    members: int
    seconds: float
    only: Sequence[str]
    home: str
    archive: str
    planned: bool
    edges: Sequence[tuple[str, Far]] = ()


class BrokenOff(Refused):
    """A live drill that did not come to its end."""

    kind, name = "unavailable", "BrokenOff"


def hold(home: Where, far: Where, wishes: Wishes) -> None:
    """Hold it, or lead one home that was broken off. Raises NotNow, InvalidRequest, NotReached, BrokenOff, NotHeld."""
    stations, edges = (Station(home), Station(far)), [EdgeMachine(*each) for each in wishes.edges]
    drill: Drill | None = None
    try:
        drill = asyncio.run(prepared(*stations, wishes, edges))
        passphrase = drill.agreed(Hands())
        found = asyncio.run(_ended_by_signals(drill.hold(passphrase)))
    except (Refused, KeyboardInterrupt, asyncio.CancelledError) as error:
        if drill is None or not drill.began:
            raise
        for each in stations:
            each.cut()
        why = error.say if isinstance(error, Refused) else "It was interrupted."
        raise BrokenOff("\n".join([f"The drill was broken off. {why}", *aftermath(home, far, edges)])) from None
    finally:
        for one in edges:
            one.close()
        for each in stations:
            each.close()
    if found is not None:
        print("\n".join(found.lines()))
        print(f"  with plots     {drill.shown}{f' on {home.to.host}' if home.to else ''}")
        if not found.held:
            raise NotHeld("Not everything held. What did not stands in that file.")


async def prepared(home: Station, far: Station, wishes: Wishes, edges: Sequence[EdgeMachine] = ()) -> "Drill":
    """What is to be done, if it may be. Nothing was changed by then."""
    here, there = await asyncio.gather(home.look(weigh=bool(wishes.archive)), far.look())
    left = here.mark or there.mark
    if left is not None:
        return Drill(WayHome(home, far, left, _Told()), here, there, wishes, edges, resumes=True)
    peer = assured.peer_of(here, there)
    assured.assure_standing(here, there, peer, restores=bool(wishes.archive))
    listen = assured.listen_of(wishes.home, here.listen)
    await assured.assure_way_back(home, far, wishes.home, listen, peer)
    id = secrets.token_hex(ID_BYTES)
    mark = Mark(
        id=id,
        began=now_micros(),
        peer=peer,
        home=wishes.home,
        home_listen=listen,
        far_listen=there.listen,
        own_key=peer.keys == "own",
        accounts=tuple(f"drill{id[:8]}-{n}" for n in range(wishes.members + JOINING_LATER)),
    )
    drill = Drill(WayHome(home, far, mark, _Told()), here, there, wishes, edges)
    await drill.look_around(here)
    return drill


async def _ended_by_signals(work: Coroutine[object, object, Findings | None]) -> Findings | None:
    """Also by those that come when a terminal is closed."""
    task = asyncio.ensure_future(work)
    for each in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(each, task.cancel)
    return await task


class _Told:
    """Each step, with the time since the drill began, on standard error."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, what: str) -> None:
        print(f"[{time.monotonic() - self._began:6.1f} s] {what}", file=sys.stderr, flush=True)


class Drill:
    """One drill. resumes: another one was broken off, and is only led home."""

    def __init__(
        self,
        way: WayHome,
        home: Seen,
        far: Seen,
        wishes: Wishes,
        edges: Sequence[EdgeMachine] = (),
        *,
        resumes: bool = False,
    ) -> None:
        self._way, self._wishes, self._edges, self._resumes = way, wishes, edges, resumes
        self._told, self._mark = _Told(), way.mark
        self._url = home.url or far.url
        archive = (wishes.archive, "") if wishes.archive else None
        finds = any(len(edge.origins) > 1 for edge in home.edges)
        self._live = Live(way, self._ways(), bool(home.witness), wishes.planned, archive, finds_by_itself=finds)
        self._taken: list[Taking[Live]] = []
        self.began, self.shown = False, ""

    async def look_around(self, home: Seen) -> None:
        """What is in front of the network, and outside: what of it may be taken away. Raises NotNow, NoOtherWay,
        InvalidRequest, NotReached, NotDoneThere."""
        shields = [await shield.assure(each, self._way.home, home, self._live.ways) for each in self._edges]
        named = {each.name for each in self._edges}
        stays = [f"the edge {each.name}: it was not named (--edge)" for each in home.edges if each.name not in named]
        live = self._live._replace(shields=tuple(shields), stays=tuple(stays))
        self._live = live.with_services(await self._way.home.services())
        self._taken = chosen(self._live, self._wishes.only)

    # --- before

    def agreed(self, hands: Hands) -> str:
        """Say what will happen, and let a person type the network's name; the archive's passphrase, if it is asked for.
        Raises InvalidRequest."""
        name = urlsplit(self._url).hostname or ""
        for line in self._announced(name):
            print(line)
        typed = hands.ask("Type the network's name to go on: ").strip().lower()
        if not name or typed != name:
            raise InvalidRequest("That is not the network's name. Nothing was done.")
        if self._resumes or not self._wishes.archive:
            return ""
        return hands.ask_secret(f"Recovery passphrase of {self._wishes.archive}: ")

    def _announced(self, name: str) -> list[str]:
        if self._resumes:
            return announced.resuming(name, self._mark.id)
        taken = {taking.name for taking in self._taken}
        return announced.beginning(name, self._live, taken, self._wishes.members)

    # --- the drill

    async def hold(self, passphrase: str) -> Findings | None:
        """All of it. Raises Refused."""
        self.began = True
        await self._put_marks()
        if self._resumes:
            await self._way.go()
            await self._start_edges()
            await self._clear_away()
            self._told("both machines are what they were, and the drill's members are gone")
            return None
        live = self._live._replace(archive=(self._wishes.archive, passphrase) if self._wishes.archive else None)
        crowd = Crowd(self._ways, discreet=lambda n: self._mark.accounts[n])
        course = Course(live, crowd, lambda: looking.lost(crowd.members, Expected(crowd.history), None), self._told)
        try:
            self._told("members join")
            uses = str(self._wishes.members)
            invite = await self._way.home.ask(Order("account", ("invite", "--uses", uses)))
            await crowd.join(self._wishes.members, invite.strip())
            course.begin()
            for each in self._taken:
                await asyncio.sleep(self._wishes.seconds)
                if not await course.take(each):
                    break
            await asyncio.sleep(self._wishes.seconds)
            await crowd.end()
            await self._way.go()
            if not course.is_lost:
                await course.look_once_more([])
        finally:
            await crowd.end()
            await crowd.close()
        not_taken = [*NOT_TAKEN, *self._live.stays]
        found = course.findings(NAME, 0, live=urlsplit(self._url).hostname, not_taken=not_taken)
        await self._clear_away()
        await self._keep(found)
        return found

    def _ways(self) -> Ways:
        return Ways(self._url, system_lookup, ssl.create_default_context())

    async def _put_marks(self) -> None:
        for station in (self._way.home, self._way.far):
            await station.ask(PutMark(self._mark))

    async def _start_edges(self) -> None:
        """They came back by themselves; where one did not, it does now."""
        for each in self._edges:
            if not await asyncio.to_thread(each.start):
                raise BrokenOff(f"HAProxy does not run at {each.to.host}, and could not be started.")

    async def _clear_away(self) -> None:
        """The members that it made; then its marks, last."""
        self._told("the drill's members are deleted")
        for handle in self._mark.accounts:
            with suppress(NotDoneThere):  # it never joined, or is deleted
                await self._way.home.ask(Order("account", ("delete", handle)))
        await self._way.forget()

    async def _keep(self, found: Findings) -> None:
        """On the first machine, where the readiness looks for it."""
        name = report.file_name(found)
        await self._way.home.ask(Keep(name, report.text(found).decode()))
        self.shown = await self._way.home.ask(Keep(name.replace(".json", ".html"), page.page(found)))
