"""What clients asked, what they were answered and when; and whether one careful writer could have answered so.

`History` is filled by many threads while machines fail; the `assure_…` functions look at the whole of it afterwards.
Times are seconds of the clients' own monotonic clock. A call that was not answered by a clear yes may have been carried
out or not: both must be borne. Each machine's process is a *life*, and says yes under one epoch at most.
Sources: M. Herlihy, J. Wing, "Linearizability", TOPLAS 1990; K. Kingsbury, jepsen.io
"""

import threading
from collections.abc import Mapping
from typing import Literal, NamedTuple

Kind = Literal["create", "delete", "read"]


class Call(NamedTuple):
    """kind: read asks for the record at `uri`. life: whose answer it is; 0 when that is not clear. cid: of the record
    written or read.

    yes: it was answered by a clear yes; for a read, also by "there is none", with an empty cid.
    """

    kind: Kind
    uri: str
    life: int
    asked: float
    answered: float
    yes: bool
    cid: str = ""


class History:
    """heard: what each number of the stream told. reused: numbers that told two things."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.heard: dict[int, str] = {}
        self.reused: dict[int, tuple[str, str]] = {}
        self._turn = threading.Lock()

    def add(self, call: Call) -> None:
        """After its answer, or when none will come."""
        with self._turn:
            self.calls.append(call)

    def hear(self, seq: int, told: str) -> None:
        """An event of the stream, from either machine. told: whose and which it is."""
        with self._turn:
            if self.heard.setdefault(seq, told) != told:
                self.reused[seq] = self.heard[seq], told

    def written(self) -> list[str]:
        """URIs of records that were acknowledged, oldest first."""
        with self._turn:
            return [call.uri for call in self.calls if call.yes and call.kind == "create"]


def assure_all_kept(history: History, found: Mapping[str, str]) -> None:
    """found: the CID of each record at the end, by URI. What was acknowledged is so; nothing is invented."""
    may_be_gone = {call.uri for call in history.calls if call.kind == "delete"}
    gone = {call.uri for call in history.calls if call.kind == "delete" and call.yes}
    created = [call for call in history.calls if call.kind == "create"]
    lost = [call for call in created if call.yes and call.uri not in may_be_gone and found.get(call.uri) != call.cid]
    assert not lost, f"{len(lost)} acknowledged writes are lost, the first: {lost[0]}"
    back = gone & found.keys()
    assert not back, f"acknowledged deletions were undone: {sorted(back)}"
    invented = found.keys() - {call.uri for call in created}
    assert not invented, f"nobody wrote {sorted(invented)}"


def assure_one_writer(history: History, epochs: Mapping[int, int]) -> None:
    """No yes under an epoch to what was asked after somebody heard a yes under a later one. epochs: of each life."""
    began: dict[int, Call] = {}
    yes = [call for call in history.calls if call.yes and call.life and call.kind != "read"]
    for call in yes:
        epoch = epochs[call.life]
        if epoch not in began or call.answered < began[epoch].answered:
            began[epoch] = call
    for call in yes:
        for epoch, first in began.items():
            late = epoch > epochs[call.life] and call.asked > first.answered
            assert not late, f"under epoch {epochs[call.life]} yes was said after epoch {epoch} began: {call}, {first}"


def assure_reads_are_fresh(history: History, epochs: Mapping[int, int], *, waits: bool) -> None:
    """Who reads finds all to which yes was said before, there or under an earlier epoch; at a standby too.

    waits: no yes is said while a standby is gone. Where it is, a standby that is cut off may be read and lack what its
    primary took meanwhile, alone: there reads count from the first yes of the life that answers them.
    """
    reigns: dict[int, float] = {}
    for call in history.calls:
        if call.yes and call.kind != "read":
            reigns[call.life] = min(call.answered, reigns.get(call.life, call.answered))
    created = {call.uri: call for call in history.calls if call.kind == "create" and call.yes and call.life}
    deleted = {call.uri: call for call in history.calls if call.kind == "delete"}
    for read in history.calls:
        write = created.get(read.uri)
        if read.kind != "read" or not read.life or write is None:
            continue
        if not waits and read.asked < reigns.get(read.life, read.answered):
            continue
        known = write.answered < read.asked and epochs[write.life] <= epochs[read.life]
        if known and not (read.uri in deleted and deleted[read.uri].asked < read.answered):
            assert read.cid == write.cid, f"{read} did not find {write}"


def assure_no_number_reused(history: History, log: Mapping[int, str]) -> None:
    """log: all that the last primary tells, by number. Whoever listened anywhere heard the same."""
    for seq, told in log.items():
        history.hear(seq, told)
    assert not history.reused, f"numbers told two things: {sorted(history.reused.items())[:10]}"
    vanished = history.heard.keys() - log.keys()
    assert not vanished, f"events were heard that there are not: {sorted(vanished)[:10]}"
