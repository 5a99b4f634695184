"""Services outside that the network on this machine uses: which of them a live drill can take from it, and which not.

In come the running network's own list (`freehold readiness --hosts`) and the process that serves it; out come
`Service`s, each with why it stays, if it stays. Those that go are taken by `cutting`.
"""

import socket
from collections.abc import Sequence
from pathlib import Path

from freehold.cli.drill import orders
from freehold.cli.drill.live import cutting
from freehold.cli.drill.live.cutting import Cutting, Target
from freehold.cli.drill.live.words import Service
from freehold.readiness.hosts import NO_HOST

NEEDED = ("standby", "witness", "door")
"""By these the network itself goes on, or is found: they are not taken, and nothing that is at the same place."""
MISSED = {"appview": "without it members see no timelines here, and everybody would notice"}


class Services:
    """Of the network in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._cutting = directory, Cutting()
        self._needed: dict[Target, Service] = {}

    def found(self, pid: int) -> list[Service]:
        """Those outside. pid: of the process that serves it. Raises NotDone, RefusedThere."""
        every = listed(self._directory)
        self._needed = {place: each for each in every if each.kind in NEEDED for place in places(each)}
        wholly = cutting.why_not(pid)
        return [each.staying(why(each, self._needed) or wholly) for each in every if each.kind not in NEEDED]

    def cut(self, services: Sequence[Service], pid: int) -> None:
        """That process reaches none of them any more. Raises NotCut."""
        targets = {place for each in services for place in self._anew(each)}
        self._cutting.take(targets - self._needed.keys(), cutting.user_of(pid))

    def reached(self, services: Sequence[Service], pid: int) -> tuple[bool, ...]:
        """Whether that process would reach each of them now."""
        user = cutting.user_of(pid)
        return tuple(any(cutting.reaches(place, user) for place in self._anew(each)) for each in services)

    def give_back(self) -> None:
        """All of them. Idempotent. Raises NotCut."""
        self._cutting.give_back()

    def _anew(self, service: Service) -> set[Target]:
        """Where it was, and where its name leads now."""
        now = (Target(address, service.port) for address in looked_up(service.host, service.port))
        return {*places(service), *now}


def listed(directory: Path) -> list[Service]:
    """What the running network says that it calls, looked up here. Raises NotDone, RefusedThere."""
    said = orders.order("readiness", directory, "--hosts")
    return [_read(line) for line in said.splitlines() if line]


def _read(line: str) -> Service:
    kind, host, port, name = line.split(maxsplit=3)
    return Service(kind=kind, name=name, host=host, port=int(port), addresses=looked_up(host, int(port)))


def looked_up(host: str, port: int) -> tuple[str, ...]:
    """Its addresses, by this machine's resolver; none if it has none."""
    if host == NO_HOST:
        return ()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(sorted({str(each[4][0]) for each in found}))


def why(service: Service, needed: dict[Target, Service]) -> str:
    """Why it is not taken; empty: it is."""
    if service.host == NO_HOST:
        return "it is a folder of this machine, which no rule of routing takes away"
    if service.kind in MISSED:
        return MISSED[service.kind]
    if not service.addresses:
        return "its name leads nowhere just now"
    if any(cutting.is_here(address) for address in service.addresses):
        return "it is on this machine itself"
    for place in places(service):
        if place in needed:
            return f"it is where the {needed[place].kind} {needed[place].name} is, which must stay"
    return ""


def places(service: Service) -> list[Target]:
    """Where it is."""
    return [Target(address, service.port) for address in service.addresses]
