"""What a live drill takes away, and asks for: each with what is promised, as in a drill on a copy.

In comes the network, at its two machines' hands, with its edges and with what it calls outside. What is left of January
2021 can only be taken from a copy: see `NOT_TAKEN`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from freehold.cli.drill.crowd import Crowd
from freehold.cli.drill.live import away, shield
from freehold.cli.drill.live.assured import NotNow
from freehold.cli.drill.live.away import Away
from freehold.cli.drill.live.shield import Shield
from freehold.cli.drill.live.way_home import WayHome
from freehold.cli.drill.live.words import GiveBack, Kill, NotDoneThere, Order, Rehearse, Service
from freehold.cli.drill.looking import Expected
from freehold.cli.drill.member import Ways
from freehold.cli.drill.takings.taking import Broken, Taking
from freehold.protocol.refused import InvalidRequest
from freehold.store.clock import now_micros

READ_SECONDS, WRITE_SECONDS, PERSON_SECONDS = 5.0, 8.0, 10.0
"""Until members are answered again by the public name, through edges that have to notice and at a pace that an edge
allows; and what is added where the drill promotes in the place of a person."""
PROMOTE_SECONDS, PAUSE_SECONDS = 60.0, 0.3
THERE_AND_BACK = {"machine", "returned", "home"}
AWAY_WRITE_SECONDS = 5.0
"""What is outside holds up nobody: but for the pace of the drill's members this would be nothing."""
NOT_TAKEN = (
    "the domain, off the registry: whoever lets it go may not get it back",
    "its name servers: they are the vendor's, and others stand on them",
    "the resolver: by it this machine finds its standby and its witness, too",
    "an archive store, wiped: what is deleted there is gone",
    "a flood: it would strike neighbours and vendors first",
)
KINDS = {
    "archive": "the archive store",
    "mail": "the mail server",
    "directory": "the public directory",
    "authority": "the certificate authority",
    "relay": "the relay",
    "certificates": "the certificate log",
    "appview": "the outside AppView",
    "host": "the host",
    "labeler": "the labeler",
}


class Live(NamedTuple):
    """The network. witness: whether one decides. planned: its machine hands over, and is not killed. archive: its
    address and recovery passphrase, if a restore is rehearsed. shields: edges that are taken. stores, services: what is
    outside and can be taken; None: nothing. stays: each thing that could be taken elsewhere, and why it is not here.
    finds_by_itself: whether an edge leads to both machines."""

    way: WayHome
    ways: Ways
    witness: bool
    planned: bool
    archive: tuple[str, str] | None
    shields: tuple[Shield, ...] = ()
    stores: Away | None = None
    services: Away | None = None
    stays: tuple[str, ...] = ()
    finds_by_itself: bool = False

    def with_services(self, found: Sequence[Service]) -> "Live":
        """The same, with what is outside."""
        go = [each for each in found if not each.stays]
        stores = [each for each in go if each.kind == "archive"]
        others = [each for each in go if each.kind != "archive"]
        home = self.way.home
        return self._replace(
            stores=Away(home, stores) if stores else None,
            services=Away(home, others) if others else None,
            stays=(*self.stays, *(f"{in_words(each)}: {each.stays}" for each in found if each.stays)),
        )


def in_words(service: Service) -> str:
    """What it is."""
    return f"{KINDS.get(service.kind, service.kind)} {service.name}"


Take = Callable[[Live, Crowd], Awaitable[None]]
Mend = Callable[[Live, Crowd], Awaitable[list[str]]]


async def nothing(live: Live, crowd: Crowd) -> None:
    """Nothing goes."""


# --- what is asked for, while all is well


async def doors_asked(live: Live, crowd: Crowd) -> list[str]:
    """Every spare door, by its own name, as a browser asks it."""
    found = await crowd.members[0].ask_doors()
    if not found:
        return ["there is no spare door: if the name is lost, nobody is told where the network is (spare_doors)"]
    if wrong := [f"{door}: {why}" for door, why in found.items() if why]:
        raise Broken(f"A spare door does not lead here. {wrong[0]}")
    return [f"{', '.join(found)}: the network's own beacon, by its own name and certificate"]


async def archive_restored(live: Live, crowd: Crowd) -> list[str]:
    """Into a folder of the drill's own on the second machine, all that members were told by now."""
    assert live.archive is not None
    address, passphrase = live.archive
    records, moment = dict(Expected(crowd.history).records), now_micros()
    id = live.way.mark.id
    return [await live.way.far.ask(Rehearse(id, address, passphrase, moment, records))]


# --- what goes


async def killed(live: Live, crowd: Crowd) -> None:
    """Without notice, and nobody starts it again."""
    await live.way.home.ask(Kill())


async def taken_over(live: Live, crowd: Crowd) -> list[str]:
    """By order of the witness; or by that of whoever typed the network's name."""
    began = time.monotonic()
    if not live.witness:
        await _promote(live)
    await live.way.serves(live.way.far)
    by = "by order of the witness" if live.witness else "by order of who holds the drill"
    return [f"the standby was the primary after {time.monotonic() - began:.1f} s, {by}"]


async def _promote(live: Live) -> None:
    """As soon as it lets itself be: not while its primary was heard a moment ago."""
    until = time.monotonic() + PROMOTE_SECONDS
    while True:
        try:
            await live.way.far.ask(Order("standby", ("promote",)))
            return
        except NotDoneThere:
            if time.monotonic() > until:
                raise
        await asyncio.sleep(PAUSE_SECONDS)


async def handed_over(live: Live, crowd: Crowd) -> list[str]:
    """As before an hour's notice runs out."""
    mark = live.way.mark
    await live.way.home.ask(Order("standby", ("relocate", mark.peer.name)))
    await live.way.serves(live.way.far)
    return ["the standby became the primary, with everything"]


async def started(live: Live, crowd: Crowd) -> None:
    """The old machine, with its disk, knowing nothing."""
    await live.way.home.ask(GiveBack())


async def made_useful(live: Live, crowd: Crowd) -> list[str]:
    """It must hear that it is the primary no more; then it becomes the standby of its successor."""
    began = time.monotonic()
    await live.way.fenced(live.way.home)
    heard = time.monotonic() - began
    await live.way.home_follows()
    return [
        f"it had fenced itself {heard:.1f} s after it was up",
        "now it is the standby, and has the same, byte by byte",
    ]


async def came_home(live: Live, crowd: Crowd) -> list[str]:
    """Both are again what they were."""
    await live.way.come_home()
    await live.way.far_follows()
    return ["the first machine is the primary again, the second its standby, and has the same, byte by byte"]


# --- what is in front, and outside


def shielded(one: Shield) -> Taking[Live]:
    """An edge is gone, and members find another way."""

    async def take(live: Live, crowd: Crowd) -> None:
        await shield.take(one, crowd)

    async def mend(live: Live, crowd: Crowd) -> list[str]:
        return await shield.mend(one, live.ways)

    return _taking("shield", f"the shield in front: the edge {one.edge.name}, its HAProxy stopped", take, mend)


def stored(gone: Away) -> Taking[Live]:
    """Archive stores are out of reach: the archive waits here, and catches up."""

    async def take(live: Live, crowd: Crowd) -> None:
        await gone.take()

    async def mend(live: Live, crowd: Crowd) -> list[str]:
        return await away.stores_missed(gone, live.way.home)

    return Taking("store", "the archive store, out of reach", READ_SECONDS, AWAY_WRITE_SECONDS, take, mend)


def served(gone: Away) -> Taking[Live]:
    """So is everything else outside."""

    async def take(live: Live, crowd: Crowd) -> None:
        await gone.take()

    async def mend(live: Live, crowd: Crowd) -> list[str]:
        return await away.services_missed(gone, live.way.home, crowd)

    what = f"every service outside, out of reach: {', '.join(map(in_words, gone.services))}"
    return Taking("services", what, READ_SECONDS, AWAY_WRITE_SECONDS, take, mend)


def takings(live: Live) -> list[Taking[Live]]:
    """In order: first what is only asked for."""
    found = [_taking("doors", "nothing: spare doors are asked for the way", nothing, doors_asked)]
    if live.archive is not None:
        what = "nothing: a restore from the archive is rehearsed on the second machine"
        found.append(_taking("archive", what, nothing, archive_restored))
    found += map(shielded, live.shields)
    found += [stored(live.stores)] if live.stores is not None else []
    found += [served(live.services)] if live.services is not None else []
    if live.planned:
        found.append(_taking("machine", "the hosting machine, by plan: it hands over", nothing, handed_over))
    else:
        what, more = "the hosting machine: its service killed, and kept down", 0.0 if live.witness else PERSON_SECONDS
        found.append(_taking("machine", what, killed, taken_over, more))
    found.append(_taking("returned", "the right to be alone: the old machine returns", started, made_useful))
    found.append(_taking("home", "the second machine, by plan: it hands back", nothing, came_home))
    return found


def _taking(name: str, what: str, take: Take, mend: Mend, more: float = 0.0) -> Taking[Live]:
    return Taking(name, what, READ_SECONDS + more, WRITE_SECONDS + more, take, mend)


def chosen(live: Live, only: Sequence[str]) -> list[Taking[Live]]:
    """Those named; who leaves comes home. Raises InvalidRequest, NotNow."""
    every = takings(live)
    known = {taking.name for taking in every}
    for name in only:
        if name not in known and name in ABSENT:
            raise NotNow("\n".join([f"{ABSENT[name]} Nothing was done.", *(f"    {each}" for each in live.stays)]))
        if name not in known:
            raise InvalidRequest(f"“{name}” is not in a live drill of this network: {', '.join(sorted(known))}.")
    wanted = set(only) | (THERE_AND_BACK if THERE_AND_BACK & set(only) else set())
    return [taking for taking in every if not only or taking.name in wanted]


ABSENT = {
    "shield": "No edge was named (--edge NAME=ssh://USER@HOST).",
    "store": "No archive store of this network can be taken from it.",
    "services": "No service outside can be taken from this network.",
}
