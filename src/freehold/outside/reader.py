"""Frames in, changes of the index out: every message is judged, and what is not proven is dropped and counted.

Messages are judged in their order against how far each repository was taken in, off the event loop; what came of them
is written in one transaction, with the cursor. One batch at a time, whatever its source. What comes for a repository
while it is fetched whole waits, within bounds, and is judged afterwards.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import NamedTuple

from freehold.identity import resolver
from freehold.outside import judging, known, messages
from freehold.outside.asking import Answer, Answers, Asking
from freehold.outside.ends import Ended, Ends
from freehold.outside.index import Index, Taker
from freehold.outside.judging import Cursors, Judge, Plan
from freehold.outside.messages import Account, Commit, Dropped, Identity, Message, Notice, Sync
from freehold.outside.newcomers import Newcomers
from freehold.outside.sources import Source
from freehold.outside.waiting import Told, Waiting
from freehold.protocol.refused import Refused
from freehold.store.clock import Clock
from freehold.store.tx import Tx

LATER_SECONDS = 5.0
"""How often it is looked whether somebody is to be asked for again."""


class StreamEnded(Refused):
    """The other side says why it hangs up."""

    kind, name, say = "upstream", "StreamEnded", "The other host ended its stream."


class Batch(NamedTuple):
    """Messages read from frames. outdated: what came before them is not to be had there any more."""

    told: list[Told]
    last: int | None
    outdated: bool


class Reader:
    """Takes in what sources say. is_here: whether an account lives in this network, which knows its own better.

    dropped: (source, reason) of what was not taken in; commits: of what was, by source. wants: set when there is a
    repository to fetch.
    """

    def __init__(
        self,
        index: Index,
        reading: Callable[[], AbstractContextManager[Tx]],
        identity: resolver.Identity,
        is_here: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        self.index, self.reading, self.identity, self.is_here, self.clock = index, reading, identity, is_here, clock
        self.newcomers = Newcomers(reading, clock)
        self.turn = asyncio.Lock()
        self.wants = asyncio.Event()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.commits: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.asking = Asking(identity, clock)
        self._waiting = Waiting(self.dropped)
        self._ends = Ends(index, self.turn, self._follow_up)

    # -- frames -------------------------------------------------------------------------------------------------------

    async def take(self, source: Source, frames: Sequence[bytes], after: int | None) -> Batch:
        """Take in frames that follow the message `after`. Raises StreamEnded, and what `Index.take_in` raises."""
        batch = await asyncio.to_thread(self._read, source, frames, after)
        self.seen[source.url] += len(frames)
        await self.judge(batch.told, {source.url: batch.last} if batch.last != after else {})
        return batch

    def _read(self, source: Source, frames: Sequence[bytes], after: int | None) -> Batch:
        told: list[Told] = []
        outdated = False
        for frame in frames:
            try:
                message = messages.read(frame)
            except Dropped as dropped:
                self.dropped[source.url, dropped.reason] += 1
                continue
            if isinstance(message, Notice):
                if message.kind == "error":
                    raise StreamEnded(name=message.name, source=source.url)
                outdated |= message.name == "OutdatedCursor"
            elif message is not None and after is not None and message.seq <= after:
                self.dropped[source.url, "old-sequence"] += 1
            elif message is not None:
                after = message.seq
                told.append((source, message))
        return Batch(told, after, outdated)

    # -- judging ------------------------------------------------------------------------------------------------------

    async def judge(self, told: Sequence[Told], cursors: Cursors) -> None:
        """Judge messages in their order, and write what comes of them. Who is slow to say who somebody is keeps nobody
        else from their turn: it is asked before, and where a signature is in doubt, between two turns."""
        answers = await self._ask_first(told)
        while True:
            async with self.turn:
                at = await self._judge(told, cursors, answers)
            if at == len(told):
                return
            did = told[at][1].did
            answers[did] = await self.asking.ask(did)
            told = told[at:]

    async def _judge(self, told: Sequence[Told], cursors: Cursors, answers: Answers) -> int:
        """How far that went: to the end, or to a message of somebody who has to be asked for."""
        dids = {message.did for _, message in told}
        while True:
            plan = await asyncio.to_thread(self._begin, dids)
            at = await asyncio.to_thread(Judge(plan, answers, self.newcomers, self.clock()).go_through, told)
            if told and not at:
                return 0
            reached: Cursors = cursors if at == len(told) else {url: told[at - 1][1].seq for url in cursors if at}
            if await self.index.take_in(partial(judging.write, plan, reached)):
                break
        self.dropped += plan.dropped
        self.commits += plan.commits
        for doubt in plan.doubts:
            self.asking.doubt(*doubt)
        self._waiting.keep(plan.waiting)
        for did, row in plan.rows.items():
            if row.wanted is None and did in self._waiting:
                self.give_up(did)
        if any(row.wanted is not None and plan.before.get(did) != row for did, row in plan.rows.items()):
            self.wants.set()
        return at

    def _begin(self, dids: Iterable[str]) -> Plan:
        with self.reading() as tx:
            return Plan(known.repos(tx, dids), {did for did in dids if self.is_here(did)})

    async def _ask_first(self, told: Sequence[Told]) -> Answers:
        """Ask who those are of whom more is said than commits, some at a time."""
        dids = list({message.did for _, message in told if isinstance(message, Account | Identity)})
        if not dids:
            return {}
        plan = await asyncio.to_thread(self._begin, dids)
        return await self.asking.ask_for([did for did in dids if did in plan.rows and did not in plan.here])

    async def ask_later(self) -> None:
        """Ask for those whose time has come, until cancelled."""
        while True:
            await asyncio.sleep(LATER_SECONDS)
            due = self.asking.due()
            with suppress(Refused):  # the index is just made anew, and asks for all
                if due:
                    await self.judge(due, {})

    # -- waiting for a repository -------------------------------------------------------------------------------------

    async def finish(self, ended: Ended) -> bool:
        """Write the end of a whole repository, then judge what came after that and waited. False if it was not wanted
        any more."""
        return await self._ends.write(ended)

    async def _follow_up(self, ended: Ended) -> None:
        """Judge what waited for a repository."""
        did = ended.did
        later = [(source, message) for source, message in self._waiting.let_go(did) if _is_after(message, ended.rev)]
        if ended.done and later:
            await self._judge(later, {}, {did: Answer(None, self.clock())})
        if self._waiting.has_missed(did):
            self._waiting.forgive(did)
            await self.index.take_in(partial(_want_again, did, self.clock()))
            self.wants.set()

    def give_up(self, did: str) -> None:
        """The repository is not to be had: what waits for it is let go."""
        self._waiting.let_go(did)
        self._waiting.forgive(did)


def _want_again(did: str, now: int, taker: Taker) -> None:
    row = known.repo(taker.tx, did)
    if row is not None:
        known.want(taker.tx, row, now)


def _is_after(message: Message, rev: str) -> bool:
    return not isinstance(message, Commit | Sync) or message.rev > rev
