"""What messages mean: each is held against how far its repository was taken in, and what is not proven is dropped.

In come messages in their order, the rows as they were, and what the directory says of people; out goes a plan: the rows
as they will be, and what is to be done to the index. Nothing is written here but the plan, by `write`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from freehold.outside import known
from freehold.outside.asking import Answer, Answers
from freehold.outside.index import Taker
from freehold.outside.known import GONE, Repo
from freehold.outside.messages import Account, Commit, Dropped, Identity, Message, Sync
from freehold.outside.newcomers import Newcomers
from freehold.outside.proving import Forged, Gap, Proven, prove, prove_sync
from freehold.outside.sources import Source
from freehold.outside.waiting import Told

Step = Callable[[Taker], None]
Cursors = dict[str, int | None]


class NotAsked(Exception):  # noqa: N818 - nobody is told
    """Who this is has to be asked first."""


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


class Judge:
    """Goes through messages, into a plan. answers: who people are, as far as was asked; now: micros."""

    def __init__(self, plan: Plan, answers: Answers, newcomers: Newcomers, now: int) -> None:
        self._plan, self._answers, self._newcomers, self._now = plan, answers, newcomers, now

    def go_through(self, told: Sequence[Told]) -> int:
        """How far that went: to the end, or to a message of somebody who has to be asked for first. On a thread."""
        for at, (source, message) in enumerate(told):
            try:
                if isinstance(message, Commit | Sync):
                    self._prove_or_doubt(source, message)
                else:
                    self._hear(source, message)
            except NotAsked:
                return at
            except Dropped as dropped:
                self._plan.drop(source, dropped.reason)
        return len(told)

    def _prove_or_doubt(self, source: Source, message: Commit | Sync) -> None:
        """Judge a commit; once more if another key may have signed it. Raises Dropped, NotAsked."""
        try:
            self._prove(source, message)
        except Forged:
            self._learn(self._plan.rows[message.did])
            self._prove(source, message)

    def _prove(self, source: Source, message: Commit | Sync) -> None:
        """What a commit means. Raises Forged, Dropped."""
        row = self._row(source, message)
        if row is None or row.wanted is not None:
            self._wait(source, message, row)
            return
        if row.status is not None:
            raise Dropped("inactive")
        if not source.speaks_for(row.pds):
            raise Dropped("not-its-host")
        try:
            proven = _proven(message, row, self._now)
        except Gap as gap:
            self._plan.drop(source, gap.reason)
            proven = None
        if proven is None:
            self._wait(source, message, row)
            return
        self._plan.rows[row.did] = row._replace(rev=proven.rev, data=bytes(proven.data), via=source.url)
        self._plan.steps.append(partial(_take, proven))
        self._plan.commits[source.url] += 1

    def _row(self, source: Source, message: Message) -> Repo | None:
        if message.did in self._plan.here:
            raise Dropped("ours")
        return self._plan.rows.get(message.did)

    def _wait(self, source: Source, message: Message, row: Repo | None) -> None:
        """Have the repository fetched, and the message judged after that."""
        if row is None:
            self._come(source, message.did)
        elif row.wanted is None:
            self._plan.rows[message.did] = row._replace(via=source.url, wanted=self._now, tries=0, why=None)
        self._plan.waiting.append((source, message))

    def _come(self, source: Source, did: str) -> None:
        """An account that nobody spoke of yet is wanted. Raises TurnedAway."""
        if self._newcomers.room(source.url) <= 0:
            self._plan.again.add(source.url)
            raise TurnedAway
        self._newcomers.came(source.url, 1)
        self._plan.rows[did] = known.met(source.url, source.relay, did, self._now)

    def _hear(self, source: Source, message: Account | Identity) -> None:
        """Judge what is said of an account itself. Raises Dropped, NotAsked."""
        row = self._row(source, message)
        if row is None:
            if isinstance(message, Account) and message.status is not None:
                raise Dropped("unknown")
            self._come(source, message.did)
            return
        answer = self._learn(row)
        if isinstance(message, Identity):
            self._plan.doubts.append((source, message, answer.began))
        row = self._plan.rows[row.did]
        if not source.speaks_for(row.pds):
            raise Dropped("not-its-host")
        if isinstance(message, Account):
            _stand(self._plan, row, message.status, self._now)

    def _learn(self, row: Repo) -> Answer:
        """Let the row be as the directory says now; as it was where nobody answers. Raises NotAsked."""
        answer = self._answers.get(row.did)
        if answer is None:
            raise NotAsked
        person = answer.person
        if person is not None:
            self._plan.rows[row.did] = row._replace(pds=person.pds, key=person.key)
            if row.held is not None:
                self._plan.steps.append(lambda taker: taker.identity(row.did, person.handle))
        return answer


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


def write(plan: Plan, cursors: Cursors, taker: Taker) -> bool:
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
