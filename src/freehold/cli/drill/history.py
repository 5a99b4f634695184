"""What the members of a drill were told "yes" to, and when: the one record by which the network is judged.

Times are seconds of the monotonic clock. Nothing in here is asked of the network; all of it was said by it.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple


class Span(NamedTuple):
    """When a call was begun and answered."""

    begun: float
    answered: float


@dataclass
class History:
    """What was acknowledged."""

    records: dict[str, str] = field(default_factory=dict)
    """Address of each record, and its CID."""
    authors: set[str] = field(default_factory=set)
    """Who has posted something."""
    blobs: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """CID of each upload that a record names: whose, and its bytes."""
    follows: set[tuple[str, str]] = field(default_factory=set)
    """Who follows whom, by DID."""
    begun_follows: set[tuple[str, str]] = field(default_factory=set)
    """The same, with those that were begun and never answered: they may be there or not."""
    names: dict[str, str] = field(default_factory=dict)
    """The display name of each member, by DID."""
    reports: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Number of each report: by whom, and its words."""
    settings: dict[str, int] = field(default_factory=dict)
    """The newest value that each member's setting was given, by DID; each is one more than the one before."""
    writes: list[Span] = field(default_factory=list)
    reads: list[Span] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    """When a call failed."""

    def shows_something(self, did: str) -> bool:
        """Whether anything was posted by whom this member follows."""
        return any((did, author) in self.follows for author in self.authors)

    def followers(self) -> Counter[str]:
        """How many follow each, by DID."""
        return Counter(whom for _, whom in self.follows)

    def first_after(self, moment: float) -> tuple[float, float] | None:
        """When the first read and the first write that were begun after `moment` were answered; None before that."""
        found = [
            next((span.answered for span in _newest(spans, moment) if span.begun > moment), None)
            for spans in (self.reads, self.writes)
        ]
        return None if found[0] is None or found[1] is None else (found[0], found[1])

    def longest_silence(self, begin: float, end: float) -> tuple[float, float]:
        """The longest time between `begin` and `end` in which no read was answered, and in which no write was."""
        return _gap(self.reads, begin, end), _gap(self.writes, begin, end)

    def calls_between(self, begin: float, end: float) -> int:
        """How many calls were answered in that time."""
        return sum(begin <= span.answered < end for spans in (self.reads, self.writes) for span in spans)


def _gap(spans: list[Span], begin: float, end: float) -> float:
    moments = [begin, *(span.answered for span in _newest(spans, begin) if span.answered < end), end]
    return max(after - before for before, after in pairwise(moments))


def _newest(spans: list[Span], moment: float) -> list[Span]:
    """Those that were answered after `moment`, in order; spans are kept in the order of their answers."""
    first = len(spans)
    while first and spans[first - 1].answered > moment:
        first -= 1
    return spans[first:]
