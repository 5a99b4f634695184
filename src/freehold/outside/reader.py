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
from itertools import islice
from typing import NamedTuple

from freehold.identity import resolver
from freehold.outside import known, messages, people
from freehold.outside.ends import Ended, Ends
from freehold.outside.index import Index, Taker
from freehold.outside.known import GONE, Repo
from freehold.outside.messages import Account, Commit, Dropped, Identity, Message, Notice, Sync
from freehold.outside.newcomers import Newcomers
from freehold.outside.people import Person
from freehold.outside.proving import Forged, Gap, Proven, prove, prove_sync
from freehold.outside.sources import Source
from freehold.protocol.refused import Refused
from freehold.store.clock import Clock
from freehold.store.tx import Tx

WAITING_MAX = 200
"""Messages that wait for one repository."""
WAITING_MAX_BYTES = 32_000_000
"""For all of those of one source."""
LATER_MAX, LATER_AT_ONCE = 10_000, 100
LATER_SECONDS = 5.0
"""How often it is looked whether somebody is to be asked for again."""

ASKED_AT_ONCE = 4
"""People of one batch."""

Told = tuple[Source, Message]
Step = Callable[[Taker], None]
Cursors = dict[str, int | None]


class Answer(NamedTuple):
    """What the directory says of somebody; None where nobody can say, and they stay as they are known. began: when it
    was asked (micros)."""

    person: Person | None
    began: int


Answers = dict[str, Answer]


class NotAsked(Exception):  # noqa: N818 - nobody is told
    """Who this is has to be asked first."""


class StreamEnded(Refused):
    """The other side says why it hangs up."""

    kind, name, say = "upstream", "StreamEnded", "The other host ended its stream."


class Batch(NamedTuple):
    """Messages read from frames. outdated: what came before them is not to be had there any more."""

    told: list[Told]
    last: int | None
    outdated: bool


class TurnedAway(Dropped):
    """There is no room for an account that nobody knows yet."""

    def __init__(self, **facts: object) -> None:
        super().__init__("too-many-new", **facts)


class Plan:
    """What comes of a batch. before, rows: the rows as they were and as they will be; steps: for the index. again: the
    sources of which somebody was turned away. doubts: whose identity may be another, and when that was asked."""

    def __init__(self, before: dict[str, Repo], here: set[str]) -> None:
        self.before = before
        self.rows = dict(before)
        self.here = here
        self.steps: list[Step] = []
        self.waiting: list[Told] = []
        self.doubts: list[tuple[Source, Identity, int]] = []
        self.again: set[str] = set()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.commits: Counter[str] = Counter()

    def drop(self, source: Source, reason: str) -> None:
        """Count what is not taken in."""
        self.dropped[source.url, reason] += 1


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
        self._waiting: dict[str, list[Told]] = {}
        self._waiting_bytes: Counter[str] = Counter()
        self._missed: set[str] = set()
        self._later: dict[str, tuple[int, Told]] = {}
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
            answers[did] = await self._ask_for(did)
            told = told[at:]

    async def _judge(self, told: Sequence[Told], cursors: Cursors, answers: Answers) -> int:
        """How far that went: to the end, or to a message of somebody who has to be asked for."""
        dids = {message.did for _, message in told}
        while True:
            plan = await asyncio.to_thread(self._begin, dids)
            at = await asyncio.to_thread(self._go_through, plan, told, answers)
            if told and not at:
                return 0
            reached: Cursors = cursors if at == len(told) else {url: told[at - 1][1].seq for url in cursors if at}
            if await self.index.take_in(partial(_write, plan, reached)):
                break
        self.dropped += plan.dropped
        self.commits += plan.commits
        for doubt in plan.doubts:
            self._doubt(*doubt)
        self._keep_waiting(plan.waiting)
        for did, row in plan.rows.items():
            if row.wanted is None and did in self._waiting:
                self.give_up(did)
        if any(row.wanted is not None and plan.before.get(did) != row for did, row in plan.rows.items()):
            self.wants.set()
        return at

    def _begin(self, dids: Iterable[str]) -> Plan:
        with self.reading() as tx:
            return Plan(known.repos(tx, dids), {did for did in dids if self.is_here(did)})

    def _go_through(self, plan: Plan, told: Sequence[Told], answers: Answers) -> int:
        """Judge messages: how far that went. On a thread."""
        now = self.clock()
        for at, (source, message) in enumerate(told):
            try:
                if isinstance(message, Commit | Sync):
                    self._prove_or_doubt(plan, source, message, answers, now)
                else:
                    self._hear(plan, source, message, answers, now)
            except NotAsked:
                return at
            except Dropped as dropped:
                plan.drop(source, dropped.reason)
        return len(told)

    def _prove_or_doubt(self, plan: Plan, source: Source, message: Commit | Sync, answers: Answers, now: int) -> None:
        """Judge a commit; once more if another key may have signed it. Raises Dropped, NotAsked."""
        try:
            self._prove(plan, source, message, now)
        except Forged:
            self._learn(plan, plan.rows[message.did], answers)
            self._prove(plan, source, message, now)

    def _prove(self, plan: Plan, source: Source, message: Commit | Sync, now: int) -> None:
        """What a commit means. Raises Forged, Dropped."""
        row = self._row(plan, source, message)
        if row is None or row.wanted is not None:
            self._wait(plan, source, message, row, now)
            return
        if row.status is not None:
            raise Dropped("inactive")
        if not source.speaks_for(row.pds):
            raise Dropped("not-its-host")
        try:
            proven = _proven(message, row, now)
        except Gap as gap:
            plan.drop(source, gap.reason)
            proven = None
        if proven is None:
            self._wait(plan, source, message, row, now)
            return
        plan.rows[row.did] = row._replace(rev=proven.rev, data=bytes(proven.data), via=source.url)
        plan.steps.append(partial(_take, proven))
        plan.commits[source.url] += 1

    def _row(self, plan: Plan, source: Source, message: Message) -> Repo | None:
        if message.did in plan.here:
            raise Dropped("ours")
        return plan.rows.get(message.did)

    def _wait(self, plan: Plan, source: Source, message: Message, row: Repo | None, now: int) -> None:
        """Have the repository fetched, and the message judged after that."""
        if row is None:
            self._come(plan, source, message.did, now)
        elif row.wanted is None:
            plan.rows[message.did] = row._replace(via=source.url, wanted=now, tries=0, why=None)
        plan.waiting.append((source, message))

    def _come(self, plan: Plan, source: Source, did: str, now: int) -> None:
        """An account that nobody spoke of yet is wanted. Raises TurnedAway."""
        if self.newcomers.room(source.url) <= 0:
            plan.again.add(source.url)
            raise TurnedAway
        self.newcomers.came(source.url, 1)
        plan.rows[did] = known.met(source.url, source.relay, did, now)

    # -- what the directory knows -------------------------------------------------------------------------------------

    def _hear(self, plan: Plan, source: Source, message: Account | Identity, answers: Answers, now: int) -> None:
        """Judge what is said of an account itself. Raises Dropped, NotAsked."""
        row = self._row(plan, source, message)
        if row is None:
            if isinstance(message, Account) and message.status is not None:
                raise Dropped("unknown")
            self._come(plan, source, message.did, now)
            return
        answer = self._learn(plan, row, answers)
        if isinstance(message, Identity):
            plan.doubts.append((source, message, answer.began))
        row = plan.rows[row.did]
        if not source.speaks_for(row.pds):
            raise Dropped("not-its-host")
        if isinstance(message, Account):
            _stand(plan, row, message.status, now)

    def _learn(self, plan: Plan, row: Repo, answers: Answers) -> Answer:
        """Let the row be as the directory says now; as it was where nobody answers. Raises NotAsked."""
        answer = answers.get(row.did)
        if answer is None:
            raise NotAsked
        person = answer.person
        if person is not None:
            plan.rows[row.did] = row._replace(pds=person.pds, key=person.key)
            if row.held is not None:
                plan.steps.append(lambda taker: taker.identity(row.did, person.handle))
        return answer

    async def _ask_first(self, told: Sequence[Told]) -> Answers:
        """Ask who those are of whom more is said than commits, some at a time."""
        dids = list({message.did for _, message in told if isinstance(message, Account | Identity)})
        if not dids:
            return {}
        plan = await asyncio.to_thread(self._begin, dids)
        return await self.ask_for([did for did in dids if did in plan.rows and did not in plan.here])

    async def ask_for(self, dids: Sequence[str]) -> Answers:
        """Who these are, some asked for at a time."""
        answers: Answers = {}
        for at in range(0, len(dids), ASKED_AT_ONCE):
            some = dids[at : at + ASKED_AT_ONCE]
            answers |= zip(some, await asyncio.gather(*map(self._ask_for, some)), strict=True)
        return answers

    async def _ask_for(self, did: str) -> Answer:
        """What the directory says."""
        began = self.clock()
        try:
            return Answer(await people.person(self.identity, did, doubted=True), began)
        except Dropped:
            return Answer(None, began)

    def _doubt(self, source: Source, message: Identity, began: int) -> None:
        """Ask once more later, where the directory was asked too shortly before: it may have told what was."""
        asked = self.identity.asked_at(message.did)
        if asked is not None and asked < began and len(self._later) < LATER_MAX:
            self._later[message.did] = asked + resolver.AGAIN_AFTER, (source, message)

    async def ask_later(self) -> None:
        """Ask for those whose time has come, until cancelled."""
        while True:
            await asyncio.sleep(LATER_SECONDS)
            now = self.clock()
            due = list(islice((told for at, told in self._later.values() if at <= now), LATER_AT_ONCE))
            for _, message in due:
                del self._later[message.did]
            with suppress(Refused):  # the index is just made anew, and asks for all
                if due:
                    await self.judge(due, {})

    # -- waiting for a repository -------------------------------------------------------------------------------------

    def _keep_waiting(self, told: Iterable[Told]) -> None:
        for source, message in told:
            held = self._waiting.setdefault(message.did, [])
            size = _size(message)
            if len(held) >= WAITING_MAX or self._waiting_bytes[source.url] + size > WAITING_MAX_BYTES:
                self.dropped[source.url, "too-many-waiting"] += 1
                self._missed.add(message.did)
                continue
            held.append((source, message))
            self._waiting_bytes[source.url] += size

    async def finish(self, ended: Ended) -> bool:
        """Write the end of a whole repository, then judge what came after that and waited. False if it was not wanted
        any more."""
        return await self._ends.write(ended)

    async def _follow_up(self, ended: Ended) -> None:
        """Judge what waited for a repository."""
        did = ended.did
        later = [(source, message) for source, message in self._let_go(did) if _is_after(message, ended.rev)]
        if ended.done and later:
            await self._judge(later, {}, {did: Answer(None, self.clock())})
        if did in self._missed:
            self._missed.discard(did)
            await self.index.take_in(partial(_want_again, did, self.clock()))
            self.wants.set()

    def give_up(self, did: str) -> None:
        """The repository is not to be had: what waits for it is let go."""
        self._let_go(did)
        self._missed.discard(did)

    def _let_go(self, did: str) -> list[Told]:
        """What waits for a repository, which waits no more."""
        told = self._waiting.pop(did, [])
        for source, message in told:
            self._waiting_bytes[source.url] -= _size(message)
        return told


def _proven(message: Commit | Sync, row: Repo, now: int) -> Proven | None:
    """None: only the whole repository can tell."""
    key = row.key or ""
    if isinstance(message, Commit):
        return prove(message, row.held, key, now)
    return prove_sync(message, row.held, key, now)


def _stand(plan: Plan, row: Repo, status: str | None, now: int) -> None:
    """An account is active, or not."""
    if status == GONE:
        row = Repo(row.did, row.via, row.pds, row.key, GONE)
    elif status is None and row.held is None:
        row = row._replace(status=None, wanted=now, tries=0, why=None)
    elif status is not None and row.wanted is not None:  # what is under way is too old; fetched when it is active again
        row = row._replace(status=status, wanted=None, data=None)
    else:
        row = row._replace(status=status)
    plan.rows[row.did] = row
    plan.steps.append(lambda taker: taker.account(row.did, status))


def _take(proven: Proven, taker: Taker) -> None:
    for path, cid, raw in proven.changes:
        if cid is None or raw is None:
            taker.gone(proven.did, path)
        else:
            taker.record(proven.did, path, cid, raw)
    taker.reached(proven.did, proven.rev)


def _write(plan: Plan, cursors: Cursors, taker: Taker) -> bool:
    """Write what comes of a batch; False, and nothing, if the rows are others by now: the index was emptied."""
    tx = taker.tx
    if any(known.repo(tx, did) != plan.before.get(did) for did in plan.rows):
        return False
    for step in plan.steps:
        step(taker)
    for did, row in plan.rows.items():
        if row != plan.before.get(did):
            known.put(tx, row)
    for url, seq in cursors.items():
        known.keep_cursor(tx, url, seq)
    for url in plan.again:
        known.list_again(tx, url)
    return True


def _want_again(did: str, now: int, taker: Taker) -> None:
    row = known.repo(taker.tx, did)
    if row is not None:
        known.want(taker.tx, row, now)


def _is_after(message: Message, rev: str) -> bool:
    return not isinstance(message, Commit | Sync) or message.rev > rev


def _size(message: Message) -> int:
    return 500 + (len(message.blocks) if isinstance(message, Commit | Sync) else 0)
