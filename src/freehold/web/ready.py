"""What the owner's page asks about how ready the network is: what it depends on, drills, measurements, certificates.

`SiteBackend.ready` is a `SiteReady`, made of the site's rooms and the list in `freehold.readiness`. Only translation.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from freehold.readiness.lines import Line
from freehold.readiness.outside import all_of
from freehold.readiness.reports import Report, reports
from freehold.site import Site

KINDS = ("standby", "archive", "restore", "certificate", "clock")
"""Of measurements, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Series:
    """Measurements of one thing, in order of time; of each hour the worst. kind: one of KINDS."""

    kind: str
    name: str
    points: Sequence[tuple[datetime, float]]


@dataclass(frozen=True, slots=True)
class ForeignCertificate:
    """Somebody else's certificate for a name of the network."""

    id: str
    names: str
    issuer: str
    seen: datetime
    ends: datetime


class Ready(Protocol):
    """How ready one network is."""

    async def lines(self) -> list[Line]:
        """Everything outside that it depends on."""
        ...

    def drills(self) -> list[Report]:
        """The drills that were held, the newest first."""
        ...

    def series(self) -> list[Series]:
        """All that was measured."""
        ...

    def certificates(self) -> list[ForeignCertificate]:
        """Certificates that nobody has said to know of."""
        ...

    async def expect(self, id: str) -> None:
        """The owner knows of that certificate."""
        ...


class SiteReady:
    """`Ready` of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def lines(self) -> list[Line]:
        return await asyncio.to_thread(all_of, self._site)

    def drills(self) -> list[Report]:
        return reports(self._site.directory)

    def series(self) -> list[Series]:
        return [
            Series(kind, name, [(_moment(at), value) for at, value in points])
            for kind in KINDS
            for name, points in self._site.measures.series(kind).items()
        ]

    def certificates(self) -> list[ForeignCertificate]:
        return [
            ForeignCertificate(one.id, one.names, one.issuer, _moment(one.seen_at), _moment(one.ends_at))
            for one in self._site.certificate_watch.found()
            if not one.expected
        ]

    async def expect(self, id: str) -> None:
        await self._site.certificate_watch.expect(id)


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(min(micros, 2**57) / 1_000_000, UTC)
