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
from freehold.cli.drill.course import BACK_SECONDS, Course
from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.findings import Findings, NotHeld
from freehold.cli.drill.live import assured
from freehold.cli.drill.live.station import Station, Where
from freehold.cli.drill.live.takings import NOT_TAKEN, Live, chosen
from freehold.cli.drill.live.way_home import WayHome
from freehold.cli.drill.live.words import Keep, Mark, NotDoneThere, Order, PutMark, Seen
from freehold.cli.drill.looking import Expected
from freehold.cli.drill.member import Ways
from freehold.cli.terminal import Hands
from freehold.net.guard import system_lookup
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.clock import now_micros

NAME, ID_BYTES = "january-2021", 8
SECONDS, MEMBERS = 5, 4
AFTERMATH_SECONDS, LOOK_SECONDS = 60.0, 0.5


class Wishes(NamedTuple):
    """home: how the second machine reaches the first. archive: an address, of which a restore is rehearsed."""

    members: int
    seconds: float
    only: Sequence[str]
    home: str
    archive: str
    planned: bool


class BrokenOff(Refused):
    """A live drill that did not come to its end."""

    kind, name = "unavailable", "BrokenOff"


def hold(home: Where, far: Where, wishes: Wishes) -> None:
    """Hold it, or lead one home that was broken off. Raises NotNow, InvalidRequest, NotReached, BrokenOff, NotHeld."""
    stations = Station(home), Station(far)
    drill: Drill | None = None
    try:
        drill = asyncio.run(prepared(*stations, wishes))
        passphrase = drill.agreed(Hands())
        found = asyncio.run(_ended_by_signals(drill.hold(passphrase)))
    except (Refused, KeyboardInterrupt, asyncio.CancelledError) as error:
        if drill is None or not drill.began:
            raise
        for each in stations:
            each.cut()
        why = error.say if isinstance(error, Refused) else "It was interrupted."
        raise BrokenOff("\n".join([f"The drill was broken off. {why}", *aftermath(home, far)])) from None
    finally:
        for each in stations:
            each.close()
    if found is not None:
        print("\n".join(found.lines()))
        print(f"  with plots     {drill.shown}{f' on {home.to.host}' if home.to else ''}")
        if not found.held:
            raise NotHeld("Not everything held. What did not stands in that file.")


async def prepared(home: Station, far: Station, wishes: Wishes) -> "Drill":
    """What is to be done, if it may be. Nothing was changed by then."""
    here, there = await asyncio.gather(home.look(weigh=bool(wishes.archive)), far.look())
    left = here.mark or there.mark
    if left is not None:
        return Drill(WayHome(home, far, left, _Told()), here, there, wishes, resumes=True)
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
        accounts=tuple(f"drill{id[:8]}-{n}" for n in range(wishes.members)),
    )
    return Drill(WayHome(home, far, mark, _Told()), here, there, wishes)


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

    def __init__(self, way: WayHome, home: Seen, far: Seen, wishes: Wishes, *, resumes: bool = False) -> None:
        self._way, self._wishes, self._resumes = way, wishes, resumes
        self._told, self._mark = _Told(), way.mark
        self._url = home.url or far.url
        archive = (wishes.archive, "") if wishes.archive else None
        self._live = Live(way, bool(home.witness), wishes.planned, archive)
        self._taken = [] if resumes else chosen(self._live, wishes.only)
        self._finds_by_itself = any(len(edge.origins) > 1 for edge in home.edges)
        self.began, self.shown = False, ""

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
        way, peer = self._way, self._mark.peer
        if self._resumes:
            return [
                f"A drill of {name} was broken off ({self._mark.id}). Now its two machines are led back to what",
                "they were, its members are deleted, and it ends.",
            ]
        how = "hands over" if self._wishes.planned else "is killed without notice, and kept down"
        who = "by order of the witness" if self._live.witness else "by this drill, in your place: there is no witness"
        said = [
            f"A live drill of {name}, which is served meanwhile:",
            f"    The service of {way.home.where.said} {how}.",
            f"    {peer.name} ({way.far.where.said}) becomes the primary, {who}.",
            "    The first machine becomes its standby, is compared with it, and becomes the primary again.",
            f"    {self._wishes.members} members of the drill's own read and post by the public name, and are deleted.",
            "What members notice: some seconds without an answer, twice. Until the first machine follows again, what",
            "they write is on one disk only.",
        ]
        if not self._finds_by_itself:
            said.append(f"No edge leads to both: lead {name} to the second one yourself, within {BACK_SECONDS:.0f} s.")
        return said

    # --- the drill

    async def hold(self, passphrase: str) -> Findings | None:
        """All of it. Raises Refused."""
        self.began = True
        await self._put_marks()
        if self._resumes:
            await self._way.go()
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
        found = course.findings(NAME, 0, live=urlsplit(self._url).hostname, not_taken=list(NOT_TAKEN))
        await self._clear_away()
        await self._keep(found)
        return found

    def _ways(self) -> Ways:
        return Ways(self._url, system_lookup, ssl.create_default_context())

    async def _put_marks(self) -> None:
        for station in (self._way.home, self._way.far):
            await station.ask(PutMark(self._mark))

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


# --- after one that was broken off


def aftermath(home: Where, far: Where) -> list[str]:
    """What state things are in, once both machines are served or cannot be, and how to go on."""
    said = [_state("The first machine", home), _state("The second machine", far)]
    return [
        *said,
        "To go on, give the same command again: it leads both back to what they were, and deletes its members.",
    ]


def _state(which: str, where: Where) -> str:
    try:
        station = Station(where)
        try:
            seen = asyncio.run(_settled(station))
        finally:
            station.close()
    except Refused as refused:
        return f"{which} is out of reach: {refused.say}"
    match seen.role, seen.runs:
        case "primary", True:
            with_standby = ", ".join(peer.name for peer in seen.standbys) or "none: what is written is on one disk only"
            return f"{which} serves the network. Its standbys: {with_standby}."
        case "standby", True:
            return f"{which} is a standby."
        case "fenced", _:
            return f"{which} knows that it was succeeded, and serves nobody."
        case role, _:
            return f"{which} is {role}, and does not run. Start it: freehold run {where.directory}"


async def _settled(station: Station) -> Seen:
    until = time.monotonic() + AFTERMATH_SECONDS
    while True:
        seen = await station.look()
        if seen.runs or seen.role == "fenced" or time.monotonic() > until:
            return seen
        await asyncio.sleep(LOOK_SECONDS)
