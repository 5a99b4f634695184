"""The indexer: follows both logs and keeps index.db, and what memory holds of it, in step with them.

Batches of events go through the index's own writer, each in one transaction that also says which seq it has reached;
an event at or before that seq changes nothing. `run` follows for ever; `reached` lets a page wait for its own write;
`rebuild` starts over from the repositories when the log no longer holds everything, or when the index is gone.
Table: state (seq, private_seq, whole).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from freehold.appview import actors, declarations, edges, posts
from freehold.appview.batch import HANDLERS, Batch, Change, FeedItem
from freehold.appview.chains import Chains
from freehold.appview.memory import Memory
from freehold.appview.schema import TABLES
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.repo.car import read_car
from freehold.store.clock import Clock, now_micros
from freehold.store.database import Database
from freehold.store.tx import Tx
from freehold.stream import frames
from freehold.stream.bell import Bell
from freehold.stream.log import Event, Log, Private

log = logging.getLogger(__name__)

READ_AT_ONCE = 200
"""Events in one transaction: enough to share its cost, few enough that readers see them soon."""
LOAD_AT_ONCE = 1_000
ITEMS_IN_MEMORY = 250_000
ACTORS_KNOWN = 200_000

_HANDLING_MODULES = (actors, declarations, edges, posts)


class Account(NamedTuple):
    """A repository as a rebuild reads it. status: None when active. records: (path, CID, DAG-CBOR), by path."""

    did: str
    handle: str | None
    status: str | None
    records: Iterable[tuple[str, Cid, bytes]]


Snapshot = Callable[[], Iterable[Account]]
PrivateSnapshot = Callable[[], Iterable[tuple[str, str, dict[str, Any]]]]
RecordsOf = Callable[[str], Iterable[tuple[str, Cid, bytes]]]


class Index:
    """Keeps `db` (index.db) as the logs would have it.

    snapshot: all accounts with their records, for a rebuild. private_snapshot: (kind, DID, body) as the private log
    would tell them: what is muted and seen. records_of: the records of one repository, asked for when a `#sync` event
    says that it was reset.
    """

    def __init__(
        self,
        db: Database,
        log: Log,
        *,
        snapshot: Snapshot = tuple,
        private_snapshot: PrivateSnapshot = tuple,
        records_of: RecordsOf | None = None,
        clock: Clock = now_micros,
    ) -> None:
        self.db = db
        self.log = log
        self.clock = clock
        self.memory = Memory()
        self.moved = Bell()
        self._snapshot = snapshot
        self._private_snapshot = private_snapshot
        self._records_of = records_of
        self._ids: dict[str, int] = {}
        self._load()

    def _load(self) -> None:
        """Take up where index.db stands."""
        with self.db.reading() as tx:
            state: dict[str, int] = dict(tx.run("SELECT name, value FROM state"))
            self.memory.start_over(_read_chains(tx))
        self.seq = state.get("seq", 0)
        self.private_seq = state.get("private_seq", 0)
        self.whole = bool(state.get("whole", 1))

    # -- following ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow for ever; first rebuild, if the log no longer reaches back to where the index stands."""
        if not self.whole or self.seq < self.log.oldest() - 1:
            await asyncio.to_thread(self.rebuild)
        while True:
            stroke = self.log.bell.next
            if not await self.catch_up():
                await stroke.wait(None)

    async def catch_up(self) -> int:
        """Apply the next events of both logs; how many there were."""
        events = self.log.read(self.seq, READ_AT_ONCE) if self.log.last > self.seq else []
        private = (
            self.log.read_private(self.private_seq, READ_AT_ONCE) if self.log.last_private > self.private_seq else []
        )
        if events or private:
            await self.db.write(lambda tx: self._apply(tx, events, private))
        return len(events) + len(private)

    async def reached(self, seq: int, timeout: float = 0.5, private_seq: int = 0) -> bool:  # noqa: ASYNC109
        """Wait until the events up to these seqs are in the index; False when that took more than `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    stroke = self.moved.next
                    if self.seq >= seq and self.private_seq >= private_seq:
                        return True
                    await stroke.wait(None)
        except TimeoutError:
            return False

    def apply(self, events: list[Event], private: list[Private] = []) -> None:  # noqa: B006 - never changed
        """Apply events from a thread without an event loop. Those applied before change nothing."""
        self.db.write_sync(lambda tx: self._apply(tx, events, private))

    def _apply(self, tx: Tx, events: list[Event], private: list[Private]) -> None:
        batch = self._begin(tx)
        reached = _state(tx, "seq")
        reached_private = _state(tx, "private_seq")
        for event in events:
            if event.seq > reached:
                self._apply_event(batch, event)
                reached = event.seq
        for told in private:
            if told.seq > reached_private:
                _apply_private(batch, told.kind, told.did, told.body, told.at)
                reached_private = told.seq
        self._finish(batch, reached, reached_private)

    def _begin(self, tx: Tx) -> Batch:
        if len(self._ids) > ACTORS_KNOWN:
            self._ids.clear()
        tx.on_rollback(self._ids.clear)
        return Batch(tx, self.clock(), self._ids)

    def _finish(self, batch: Batch, seq: int, private_seq: int) -> None:
        _keep_state(batch.tx, seq=seq, private_seq=private_seq)

        def committed() -> None:
            self.memory.take_over(batch)
            self.seq, self.private_seq = seq, private_seq
            self.moved.ring()

        batch.tx.after_commit(committed)

    # -- one event ---------------------------------------------------------------------------------------------------

    def _apply_event(self, batch: Batch, event: Event) -> None:
        """What cannot be read is passed over, loudly: one bad frame must not stop the network's reading for good."""
        batch.now = event.at
        try:
            kind, payload = frames.decode(event.frame)
            if kind == "commit":
                _apply_commit(batch, payload)
            elif kind == "identity":
                _apply_identity(batch, payload["did"], payload.get("handle"))
            elif kind == "account":
                actors.account(batch, payload["did"], payload["active"], payload.get("status"))
            elif kind == "sync":
                self._resync(batch, payload["did"])
        except Refused as error:
            log.error("event %d of %s cannot be read: %s", event.seq, event.did, error)

    def _resync(self, batch: Batch, did: str) -> None:
        """Make the index equal to a repository that was reset."""
        if self._records_of is None:
            return
        actor = batch.actor(did)
        actors.announce(batch, actor)
        records = list(self._records_of(did))
        keep = frozenset(_split(path) for path, _, _ in records)
        actors.forget(batch, actor, did, keep)
        for path, cid, raw in records:
            apply_record(batch, did, path, cid, raw)

    # -- starting over -----------------------------------------------------------------------------------------------

    def rebuild(self) -> None:
        """Empty the index and fill it from the repositories. It takes its time: call it off the event loop.

        What happens meanwhile comes from the log afterwards; what is in the repositories already changes nothing then.
        """
        seq, private_seq = self.log.last, self.log.last_private
        self.db.write_sync(self._empty)
        for account in self._snapshot():
            self.db.write_sync(partial(self._load_actor, account=account))
            records = iter(account.records)
            while chunk := list(islice(records, LOAD_AT_ONCE)):
                self.db.write_sync(partial(self._load_records, did=account.did, records=chunk))
        self.db.write_sync(lambda tx: self._load_private(tx, seq, private_seq))
        self._load()
        self.moved.ring()

    def _empty(self, tx: Tx) -> None:
        self._ids.clear()
        for table in TABLES:
            tx.run(f"DELETE FROM {table}")
        _keep_state(tx, whole=0)
        self.seq = self.private_seq = 0

    def _load_actor(self, tx: Tx, account: Account) -> None:
        batch = self._begin(tx)
        _apply_identity(batch, account.did, account.handle)
        actors.account(batch, account.did, account.status is None, account.status)

    def _load_records(self, tx: Tx, did: str, records: list[tuple[str, Cid, bytes]]) -> None:
        batch = self._begin(tx)
        for path, cid, raw in records:
            apply_record(batch, did, path, cid, raw)

    def _load_private(self, tx: Tx, seq: int, private_seq: int) -> None:
        batch = self._begin(tx)
        for kind, did, body in self._private_snapshot():
            _apply_private(batch, kind, did, body, batch.now)
        _keep_state(tx, seq=seq, private_seq=private_seq, whole=1)


def apply_record(batch: Batch, did: str, path: str, cid: Cid, raw: bytes) -> None:
    """Let the index know a record as it is now. A record of a collection that means nothing here is passed over."""
    collection, rkey = _split(path)
    handler = HANDLERS.get(collection)
    if handler is None:
        return
    try:
        record = cbor.decode_json(raw)
    except Refused:
        log.warning("the record %s of %s cannot be read", path, did)
        return
    if isinstance(record, dict):
        handler(batch, Change(batch.actor(did), did, collection, rkey, cid, record, raw))


def _apply_commit(batch: Batch, payload: dict[str, Any]) -> None:
    did = payload["repo"]
    actor = batch.actor(did)
    actors.announce(batch, actor)
    blocks: dict[Cid, bytes] | None = None
    for op in payload["ops"]:
        cid = op["cid"]
        if cid is not None:
            if blocks is None:
                blocks = dict(read_car(payload["blocks"])[1])
            raw = blocks.get(cid)
            if raw is not None:
                apply_record(batch, did, op["path"], cid, raw)
            continue
        collection, rkey = _split(op["path"])
        handler = HANDLERS.get(collection)
        if handler is not None:
            handler(batch, Change(actor, did, collection, rkey))


def _apply_identity(batch: Batch, did: str, handle: str | None) -> None:
    row = batch.tx.one("SELECT profile FROM actor WHERE id = :id", id=batch.actor(did))
    profile = cbor.decode_json(row[0]) if row is not None and row[0] is not None else {}
    actors.identity(batch, did, handle.lower() if handle is not None else None, profile)


def _apply_private(batch: Batch, kind: str, did: str, body: dict[str, Any], at: int) -> None:
    if kind == "seen":
        actors.seen(batch, did, body["at"])
    elif kind == "mute":
        actors.mute(batch, did, body["subject"], body["on"], body.get("at", at))


def _read_chains(tx: Tx) -> Chains:
    """The newest feed items, oldest first, at most ITEMS_IN_MEMORY."""
    row = tx.one("SELECT moment FROM feed_item ORDER BY moment DESC LIMIT 1 OFFSET :most", most=ITEMS_IN_MEMORY)
    chains = Chains(row[0] if row is not None else 0)
    for values in tx.each(
        "SELECT moment, actor, post, author, parent_author, root_author FROM feed_item"
        " WHERE moment >= :since ORDER BY moment",
        since=chains.since,
    ):
        chains.add(FeedItem._make(values))
    return chains


def _state(tx: Tx, name: str) -> int:
    row = tx.one("SELECT value FROM state WHERE name = :name", name=name)
    return row[0] if row is not None else 0


def _keep_state(tx: Tx, **values: int) -> None:
    for name, value in values.items():
        tx.run(
            "INSERT INTO state (name, value) VALUES (:name, :value)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name=name,
            value=value,
        )


def _split(path: str) -> tuple[str, str]:
    collection, _, rkey = path.partition("/")
    return collection, rkey
