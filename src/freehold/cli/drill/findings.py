"""What a drill in several takings found, for people and for later: lines at the terminal, a file in DIRECTORY/drills.

The page of it, with plots, is made by `page`. `Report` of `report` reads what is common to all drills.
"""

from datetime import datetime

import msgspec

from freehold.cli.drill.report import Report
from freehold.protocol.refused import Refused

STEP_SECONDS = 0.5
"""Of the numbers over time."""


class NotHeld(Refused):
    """A drill in which something did not hold."""

    name = "NotHeld"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One taking. at: seconds since the load began. read, write: until members were answered again; promised beside.

    longest_read, longest_write: without any answer, from then until all was mended, in seconds: promised likewise.
    notes: worth telling. wrong: what did not hold, empty if all did. lost: what was acknowledged and is not there.
    """

    name: str
    what: str
    at: float
    read: float | None
    write: float | None
    promised_read: float
    promised_write: float
    longest_read: float
    longest_write: float
    notes: list[str]
    wrong: str = ""
    lost: list[str] = []

    @property
    def held(self) -> bool:
        """Whether everything was as promised."""
        if self.wrong or self.lost or self.read is None or self.write is None:
            return False
        read, write = max(self.read, self.longest_read), max(self.write, self.longest_write)
        return read <= self.promised_read and write <= self.promised_write

    @property
    def verdict(self) -> str:
        """In some words."""
        if self.lost:
            return f"lost {len(self.lost)} acknowledged things"
        if self.wrong or self.read is None or self.write is None:
            return "broken"
        return "held" if self.held else "too late"


class Findings(Report, frozen=True, kw_only=True):
    """All of a drill. seconds: it took. reads, writes, failures: calls in each STEP_SECONDS since the load began."""

    seconds: float
    follows: int
    reports: int
    settings: int
    others: int
    """Accounts of before the drill, which were all there with all they had."""
    reads: list[int]
    writes: list[int]
    failures: list[int]
    takings: list[Found]
    live: str = ""
    """The network's name, where it was the network itself that lost them."""
    not_taken: list[str] = []
    """What a live drill cannot take away."""

    @property
    def held(self) -> bool:
        """Whether everything was as promised."""
        return bool(self.takings) and all(found.held for found in self.takings)

    @property
    def verdict(self) -> str:
        """In one sentence."""
        if self.lost:
            return f"{len(self.lost)} things that were acknowledged are LOST"
        rest = "and everybody was back in time" if self.held else "but NOT everything held"
        return f"nothing that was acknowledged was lost, {rest}"

    def lines(self) -> list[str]:
        """For people."""
        said = [
            f"{self.drill}{f', live on {self.live}' if self.live else ''}: {self.verdict}",
            f"  acknowledged   {self.records} records, {self.blobs} pictures, {self.follows} follows,"
            f" {self.reports} reports, {self.settings} changes of settings",
            f"  {'':<10} {'first read':>18} {'first write':>18}",
        ]
        for each in self.takings:
            read, write = _beside(each.read, each.promised_read), _beside(each.write, each.promised_write)
            said.append(f"  {each.name:<10} {read:>18} {write:>18}  {each.verdict}")
            said += [f"             {word}" for word in (*each.notes, each.wrong, *each.lost[:5]) if word]
        said += [f"  not taken away here: {each}" for each in self.not_taken]
        return said


def _beside(measured: float | None, promised: float) -> str:
    return f"{'never' if measured is None else f'{measured:.1f} s'} of {promised:.0f} s"


def counted(times: list[float], start: float, end: float) -> list[int]:
    """How many in each STEP_SECONDS."""
    counts = [0] * (int((end - start) / STEP_SECONDS) + 1)
    for at in times:
        if start <= at <= end:
            counts[int((at - start) / STEP_SECONDS)] += 1
    return counts


def began_at(when: datetime) -> str:
    """For the title."""
    return when.strftime("%Y-%m-%d %H:%M UTC")
