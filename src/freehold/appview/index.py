"""The indexer: follows both logs and keeps index.db, and what memory holds of it, in step with them.

Batches of events go through the index's own writer, each in one transaction that also says which seq it has reached;
an event at or before that seq changes nothing. `run` follows for ever; `reached` lets a page wait for its own write;
`rebuild` starts over from the repositories when the log no longer holds everything, or when the index is gone.
The words of new posts follow within a second, or when somebody searches (see `gathered`).
Table: state (seq, private_seq, whole, mark: the log's, at these numbers; words: as `gathered` has it).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache, partial
from itertools import islice
from typing import NamedTuple, Protocol, TypeVar

from freehold.appview import actors, bulk
from freehold.appview.apply import (
    RecordOf,
    Records,
    RecordsOf,
    apply_event,
    apply_identity,
    apply_private,
    read_record,
)
from freehold.appview.arrivals import Arrivals
from freehold.appview.batch import Batch, Effect, Json, Known
from freehold.appview.bundle import bundle
from freehold.appview.chains import Chains
from freehold.appview.foreign import Foreign
from freehold.appview.gathered import Words
from freehold.appview.memory import Memory
from freehold.appview.pieces import KeptBy, MutedBy
from freehold.appview.schema import TABLES
from freehold.protocol.cid import Cid
from freehold.protocol.lexicon import Catalog
from freehold.protocol.refused import Refused
from freehold.store.clock import Clock, now_micros
from freehold.store.database import Database, StoreFailed
from freehold.store.tx import Tx
from freehold.stream.bell import Bell
from freehold.stream.log import Event, Log, Private

logger = logging.getLogger(__name__)
T = TypeVar("T")

READ_AT_ONCE = 200
"""Events in one transaction: enough to share its cost, few enough that readers see them soon."""
GATHER_SECONDS = 0.02
"""How long news wait for more that nobody waits for, so that they share a transaction."""
LOAD_AT_ONCE = 1_000
ITEMS_IN_MEMORY = 250_000
ACTORS_KNOWN = 200_000
MERGED_AT_ONCE = 500
"""Pages of a full-text index: a few milliseconds."""
DAY_MICROS = 86_400 * 1_000_000
SAID_EVERY_MICROS = 10 * 1_000_000
"""How often the log says how far an index is that is made anew."""


class MadeAnew(Refused):
    """The index is just being made anew; what others said is taken in after that."""

    kind, name, say = "unavailable", "IndexMadeAnew", "What is read here is being made anew. Try again in a while."


class Account(NamedTuple):
    """A repository as a rebuild reads it. status: None when active. records: (path, CID, DAG-CBOR). rev: if known."""

    did: str
    handle: str | None
    status: str | None
    records: Records
    rev: str | None = None


Snapshot = Callable[[], Iterable[Account]]
PrivateSnapshot = Callable[[], Iterable[tuple[str, str, Json]]]


class Sources(NamedTuple):
    """Where an index finds what the logs do not say: see `Index`."""

    snapshot: Snapshot
    private_snapshot: PrivateSnapshot
    records_of: RecordsOf
    record_of: RecordOf


class Reader(Protocol):
    """Who reads the same index in another process, and is told how it goes on, in order, on the writer's thread."""

    def changed(self, effect: Effect, seq: int, private_seq: int) -> None:
        """A batch was committed; with it the index has reached these seqs."""

    def made_anew(self) -> None:
        """All that memory holds is void."""


class Index:
    """Keeps `db` (index.db) as the logs would have it.

    snapshot: all accounts with their records, for a rebuild. private_snapshot: (kind, DID, body) as the private log
    would tell them: who mutes, what was seen and is taken down. muted_by: whom somebody mutes, kept_by: what
    they keep for themselves, neither ever written here.
    record_of: one record as it is now, asked for when it is put back. records_of: the records of one repository, asked
    for when a `#sync` event says that it was reset. catalog: the lexicons that records must fit; None takes them as
    they come. beside: tables in the same file, of those who keep in them how far they have taken in what other hosts
    say; emptied with all others. is_here: whether an account lives here and reads its notifications.
    """

    def __init__(
        self,
        db: Database,
        log: Log,
        *,
        beside: Sequence[str] = (),
        is_here: Callable[[str], bool] = lambda did: True,
        snapshot: Snapshot = tuple,
        private_snapshot: PrivateSnapshot = tuple,
        muted_by: MutedBy = lambda did: (),
        kept_by: KeptBy = lambda did: ({}, {}, {}, {}),
        records_of: RecordsOf | None = None,
        record_of: RecordOf = lambda did, path: None,
        catalog: Catalog | None = None,
        clock: Clock = now_micros,
    ) -> None:
        self.db = db
        self.log = log
        self.clock = clock
        self.memory = Memory(muted_by, kept_by)
        self.moved = Bell()
        self._arrivals = Arrivals(self._has_come)
        self._words = Words()
        self._follows = False
        self._hurries = False
        self._snapshot = snapshot
        self._private_snapshot = private_snapshot
        self._records_of = records_of
        self._record_of = record_of
        self._catalog = catalog
        self._known = Known()
        self._words_kept_until = 0
        self._beside = tuple(beside)
        self.is_here = is_here
        self._readers: dict[int, bool] = {}
        self.reader: Reader | None = None
        self.wants: Callable[[int, int], object] | None = None
        """Told which seqs somebody waits for, where the index is kept by another process."""
        self.made: int | None = None
        """Records that are in it so far, while it is made anew."""
        self._load()

    def _load(self) -> None:
        """Take up where index.db stands."""
        with self.db.reading() as tx:
            state: dict[str, int] = dict(tx.run("SELECT name, value FROM state"))
            if not self.db.read_only:
                self._words.load(tx, state.get("words"))
            self.memory.start_over(_read_chains(tx))
        self.seq = state.get("seq", 0)
        self.private_seq = state.get("private_seq", 0)
        self.whole = bool(state.get("whole", 1))
        self._known.forget()
        self._mark = state.get("mark")

    def turn_to(self, log: Log, sources: Sources) -> None:
        """Go on by these from now on. Nobody may be catching up just now."""
        self.log = log
        self._snapshot, self._private_snapshot, self._records_of, self._record_of = sources
        self.memory.circles.values.clear()  # what was not readable there may be here

    # -- following ---------------------------------------------------------------------------------------------------

    @property
    def outdated(self) -> bool:
        """Whether it was left unfinished, or stands where the logs no longer reach back to, or follows from other logs
        than these: those of a copy that was put back, or of a machine whose last writes were lost."""
        if not self.whole or self.seq < self.log.oldest() - 1:
            return True
        return self._mark is not None and self._mark != self.log.mark(self.seq, self.private_seq)

    async def run(self) -> None:
        """Follow for ever; first rebuild, if following cannot make it whole."""
        if self.outdated:
            await asyncio.to_thread(self.rebuild)
        self._follows = True
        try:
            while True:
                await self._follow()
        finally:
            self._follows = False

    async def _follow(self) -> None:
        """Apply what is new, or wait for something; write the words of posts when that is due."""
        stroke = self.log.bell.next
        self._hurries = False
        if self._is_behind:
            await self.db.write(partial(self._apply_news, at_once=False))
        elif not await stroke.wait(self._words.due_seconds):
            await self.words_written()
        await asyncio.sleep(GATHER_SECONDS)

    def _hurry(self) -> None:
        """Have what is new applied now, for somebody waits for it. From any thread."""
        if self._follows and not self._hurries:
            self._hurries = True
            with suppress(StoreFailed):  # it is being closed: who waits is told so in their time
                self.db.begin(self._apply_hurried)

    def _apply_hurried(self, tx: Tx) -> None:
        self._hurries = False
        self._apply_news(tx, at_once=False)

    @property
    def _is_behind(self) -> bool:
        return self.log.last > self.seq or self.log.last_private > self.private_seq

    async def catch_up(self) -> int:
        """Apply the next events of both logs; how many there were. They are read on the writer's thread too, so that
        the event loop does not stand still for a few hundred frames."""
        return await self.db.write(self._apply_news) if self._is_behind else 0

    async def words_written(self) -> None:
        """Have all posts in the index found by their words, for somebody searches now."""
        if self._words.wait:
            await self.db.write(self._write_words)

    def _write_words(self, tx: Tx) -> None:
        self._words.settle(tx, {}, (), {}, at_once=True)
        _keep_state(tx, words=self._words.settled)

    def catch_up_sync(self) -> None:
        """Apply all that the logs hold now, from a thread without an event loop."""
        while self.db.write_sync(self._apply_news):
            pass

    def _apply_news(self, tx: Tx, at_once: bool = True) -> int:
        """at_once: as `Words.settle` has it."""
        events, private = self._news()
        if events or private:
            self._apply(tx, events, private, at_once)
        return len(events) + len(private)

    def apply(self, events: Sequence[Event], private: Sequence[Private] = ()) -> None:
        """Apply events from a thread without an event loop. Those applied before change nothing."""
        self.db.write_sync(lambda tx: self._apply(tx, events, private))

    async def reached(self, seq: int, timeout: float = 0.5, private_seq: int = 0) -> bool:  # noqa: ASYNC109
        """Wait until the events up to these seqs are in the index; False when that took more than `timeout` seconds."""
        return self._has_come(seq, private_seq) or await self.arrival(seq, timeout, private_seq)

    def arrival(self, seq: int, timeout: float = 0.5, private_seq: int = 0) -> "asyncio.Future[bool]":
        """As `reached`, for who does not wait where they stand."""
        hurry = self._hurry if self.wants is None else partial(self.wants, seq, private_seq)
        return self._arrivals.wait(seq, private_seq, timeout, hurry)

    def _has_come(self, seq: int, private_seq: int) -> bool:
        return self.seq >= seq and self.private_seq >= private_seq

    def _move(self) -> None:
        """Tell those who wait that the index is further than it was; go on at once if somebody waits for more."""
        self._arrivals.arrived()
        self.moved.ring()
        if self._arrivals.awaited and self._is_behind:
            self._hurry()

    def _news(self) -> tuple[list[Event], list[Private]]:
        log = self.log
        events = log.read(self.seq, READ_AT_ONCE) if log.last > self.seq else []
        return events, log.read_private(self.private_seq, READ_AT_ONCE) if log.last_private > self.private_seq else []

    def _apply(self, tx: Tx, events: Sequence[Event], private: Sequence[Private], at_once: bool = True) -> None:
        batch = self._begin(tx)
        seq, private_seq = self._known.reached or (_state(tx, "seq"), _state(tx, "private_seq"))
        for event in events:
            if event.kind != "commit":
                self._readers.clear()
            if event.seq > seq:
                apply_event(batch, event, self._records_of)
                seq = event.seq
        for told in private:
            if told.seq > private_seq:
                apply_private(batch, told, self._record_of)
                private_seq = told.seq
        batch.finish(self._words, at_once=at_once)
        mark = self.log.mark(seq, private_seq)
        _keep_state(tx, seq=seq, private_seq=private_seq, mark=mark, words=self._words.settled)
        self._known.reached = seq, private_seq

        def committed() -> None:
            self.memory.take_over(batch)
            self._mark = mark
            self.seq, self.private_seq = seq, private_seq
            self._tell(batch)
            self._move()

        tx.after_commit(committed)

    async def take_in(self, change: Callable[[Foreign], T]) -> T:
        """Let `change` say what accounts of other hosts did, in one transaction, on the writer's thread; what it says.

        Raises MadeAnew while the index is being made anew.
        """
        return await self.db.write(lambda tx: self._take_in(tx, change))

    def _take_in(self, tx: Tx, change: Callable[[Foreign], T]) -> T:
        if not self.whole:
            raise MadeAnew
        batch = self._begin(tx)
        batch.is_reader = partial(self._is_reader, tx)
        done = change(Foreign(batch))
        batch.finish(self._words)
        _keep_state(tx, words=self._words.settled)

        def committed() -> None:
            self.memory.take_over(batch)
            self._tell(batch)
            self._move()

        tx.after_commit(committed)
        return done

    # -- kept by one process, read by several ------------------------------------------------------------------------

    def _tell(self, batch: Batch) -> None:
        if self.reader is not None:
            self.reader.changed(batch.effect, self.seq, self.private_seq)

    def learn(self, effect: Effect, seq: int, private_seq: int) -> None:
        """Take over what the process that keeps the index has committed."""
        self.memory.take_over(effect)
        self.seq, self.private_seq = max(seq, self.seq), max(private_seq, self.private_seq)
        self._move()

    def look_anew(self) -> None:
        """Take up again where index.db stands."""
        self._load()

    def _is_reader(self, tx: Tx, actor: int) -> bool:
        """Whether an actor lives here; kept until accounts change."""
        known = self._readers.get(actor)
        if known is None:
            row = tx.one("SELECT did FROM actor WHERE id = :id", id=actor)
            known = self._readers[actor] = row is not None and self.is_here(row[0])
        return known

    def _begin(self, tx: Tx) -> Batch:
        if len(self._known.ids) > ACTORS_KNOWN:
            self._forget_known()
        tx.on_rollback(self._forget_known)
        return Batch(tx, self.clock(), self._known, self._fits)

    def _forget_known(self) -> None:
        self._known.forget()
        self._readers.clear()

    def _fits(self, collection: str, record: Json) -> bool:
        check = self._catalog.record(collection) if self._catalog is not None else None
        if check is None:
            return True
        try:
            check(record)
        except Refused:
            return False
        return True

    async def forget_words(self) -> None:
        """Let go of the words of deleted posts and changed profiles, at most once a day.

        Nobody finds them any more, but the full-text index holds them until all its parts are merged.
        """
        if self.clock() < self._words_kept_until:
            return
        self._words_kept_until = self.clock() + DAY_MICROS
        for table in ("post_search", "post_top", "actor_search", "actor_top"):
            pages = -MERGED_AT_ONCE  # below zero: begin to merge everything
            while await self.db.write(partial(_merge, table=table, pages=pages)):
                pages = MERGED_AT_ONCE

    # -- starting over -----------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Hold nothing, because nobody asks. Whoever lets it run again sees it rebuilt first. Blocks, as `rebuild`."""
        if self.seq or self.private_seq:
            self.db.write_sync(self._empty)
            self._load()
            self._void()

    def _void(self) -> None:
        if self.reader is not None:
            self.reader.made_anew()

    def rebuild(self) -> None:
        """Empty the index and fill it from the repositories. It takes its time: call it off the event loop.

        What happens meanwhile comes from the log afterwards; what is in the repositories already changes nothing then.
        """
        seq, private_seq = self.log.last, self.log.last_private
        self.db.write_sync(self._empty)
        self.made, said_at = 0, self.clock()
        for account in self._snapshot():
            self.db.write_sync(partial(self._load_actor, account=account))
            records = iter(account.records)
            while chunk := list(islice(records, LOAD_AT_ONCE)):
                self.db.write_sync(partial(self._load_records, did=account.did, records=chunk))
                self.made += len(chunk)
                if self.clock() - said_at >= SAID_EVERY_MICROS:
                    logger.info("the index is made anew: %d records so far", self.made)
                    said_at = self.clock()
        self.db.write_sync(self._load_private)
        mark = self.log.mark(seq, private_seq)
        reached = {"seq": seq, "private_seq": private_seq, "mark": mark, "words": self._words.settled}
        self.db.write_sync(lambda tx: _keep_state(tx, **reached, whole=1))
        self._load()
        self._void()
        self.made = None
        self._move()

    def _empty(self, tx: Tx) -> None:
        self._forget_known()
        self._words.start_over()
        for table in (*TABLES, *self._beside):
            tx.run(f"DELETE FROM {table}")
        _keep_state(tx, whole=0)
        self.seq = self.private_seq = 0
        self.whole = False

    def _load_actor(self, tx: Tx, account: Account) -> None:
        batch = self._begin(tx)
        apply_identity(batch, account.did, account.handle)
        actors.account(batch, account.did, account.status is None, account.status)
        if account.rev is not None:
            batch.reach(batch.actor(account.did), account.rev)
        batch.finish(self._words)

    def _load_records(self, tx: Tx, did: str, records: list[tuple[str, Cid, bytes]]) -> None:
        batch = self._begin(tx)
        read = ((path, cid, raw, read_record(batch, path, raw)) for path, cid, raw in records)
        bulk.take(batch, did, bundle(read, batch.now))
        batch.finish(self._words)

    def _load_private(self, tx: Tx) -> None:
        batch = self._begin(tx)
        for kind, did, body in self._private_snapshot():
            told = Private(0, kind, did, batch.now, body)
            apply_private(batch, told, self._record_of)
        batch.finish(self._words)


def _merge(tx: Tx, table: str, pages: int) -> bool:
    """Merge some pages of a full-text index; whether there is more to do.

    Source: https://sqlite.org/fts5.html#the_merge_command
    """
    (before,) = tx.one("SELECT total_changes()") or (0,)
    tx.run(f"INSERT INTO {table} ({table}, rank) VALUES ('merge', :pages)", pages=pages)
    (after,) = tx.one("SELECT total_changes()") or (0,)
    return bool(after - before >= 2)


def _read_chains(tx: Tx) -> Chains:
    """The newest feed items, oldest first, at most ITEMS_IN_MEMORY."""
    row = tx.one("SELECT moment FROM feed_item ORDER BY moment DESC LIMIT 1 OFFSET :most", most=ITEMS_IN_MEMORY)
    chains = Chains(row[0] if row is not None else 0)
    rows = tx.run(
        "SELECT moment, actor, post, author, parent_author, root_author FROM feed_item"
        " WHERE moment >= :since ORDER BY moment",
        since=chains.since,
    )
    chains.begin(rows)
    return chains


def _state(tx: Tx, name: str) -> int:
    row = tx.one("SELECT value FROM state WHERE name = :name", name=name)
    return row[0] if row is not None else 0


def _keep_state(tx: Tx, **values: int | None) -> None:
    """None: keep nothing under that name."""
    for name in [name for name, value in values.items() if value is None]:
        tx.run("DELETE FROM state WHERE name = :name", name=name)
        del values[name]
    tx.run(_keeping(tuple(values)), **values)


@cache
def _keeping(names: tuple[str, ...]) -> str:
    rows = ", ".join(f"('{name}', :{name})" for name in names)
    return f"INSERT INTO state (name, value) VALUES {rows} ON CONFLICT (name) DO UPDATE SET value = excluded.value"
