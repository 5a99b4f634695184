"""A standby's index, kept warm: a promotion goes on with it as it is, and so does reading while the primary is gone.

Owns DIRECTORY/index.db while the standby follows. In come the events in its copy of the truth, which is only ever read;
out go, by the room that serves readers, the same tables that the primary has. The index says itself how far it has come
and from which history, so that a kill loses at most the last batch, and a copy that was made anew from another history
is indexed anew. Nothing sealed is opened: a locked standby's index is as warm.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence

from freehold.appview.index import Account, Index, Sources
from freehold.appview.schema import SCHEMA
from freehold.haven.copied import CopiedTruth
from freehold.haven.copy import Copy
from freehold.outside import schema as outside
from freehold.pds.accounts import Accounts
from freehold.pds.snapshot import Snapshot
from freehold.protocol.lexicon import Catalog
from freehold.protocol.refused import Refused
from freehold.store.database import Database
from freehold.store.migrations import Migration, SchemaTooOld
from freehold.store.sealed import Seal, new_network_key
from freehold.stream.log import Log

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.05
LOOKS_PER_PAUSE = 9
"""A look reads the whole log that is not folded yet, up to a few hundredths of a second: one of ten is spent so."""
TRY_AGAIN_SECONDS = 1.0
FORGET_EVERY_SECONDS = 3600.0


class Interrupted(Refused):
    """The index was about to be made anew when it was wanted elsewhere."""

    kind, name, say = "unavailable", "Interrupted", "The making of the index was broken off."


class Warm:
    """Keeps the index beside `copy`, on a thread of its own, from `start` to `hand_over` or `close`.

    schema: the truth's. catalog: the lexicons that records must fit. index: one to go on with.
    """

    def __init__(
        self,
        copy: Copy,
        schema: Sequence[Migration],
        catalog: Catalog | None = None,
        index: Index | None = None,
    ) -> None:
        self._copy, self._schema, self._catalog = copy, schema, catalog
        self._truth: CopiedTruth | None = None
        self._accounts: Accounts | None = None
        self._index = index
        self._turn = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="warm index", daemon=True)
        self.has_caught_up = False
        """Whether the index has had all that the copy held at some time since `start`."""
        self._said = ""
        self._forget_at = 0.0

    def start(self) -> None:
        """Follow from now on."""
        self._copy.grew.set()  # there may be something from before
        self._thread.start()

    def catch_up(self) -> None:
        """Take in all that the copy holds now. Blocks, for long where the index is made anew. Raises Refused, OSError,
        apsw.Error."""
        with self._turn:
            index = self._opened()
            if index is None:
                return
            if index.outdated:
                logger.warning("the index is made anew from the copy's repositories")
                index.rebuild()
            index.catch_up_sync()

    def _opened(self) -> Index | None:
        """The index, with a fresh look at the copy; None before there is a copy."""
        if not self._copy.whole:
            return None
        if self._truth is None or self._accounts is None:
            self._truth = CopiedTruth(self._copy, self._schema)
            self._accounts = Accounts(Seal(new_network_key()), self._truth.reading)  # a key that opens nothing
        self._truth.renew()
        self._accounts.forget_all()
        log = Log(self._truth)
        if self._index is None:
            path = self._copy.path.with_name("index.db")
            tables = (*SCHEMA, *outside.BESIDE_THE_INDEX)
            index_db = Database(path, tables, durable=False)
            self._index = Index(index_db, log, catalog=self._catalog, beside=outside.TABLES)
        found = sources(Snapshot(self._truth, self._accounts), self._accounts)
        self._index.turn_to(log, found._replace(snapshot=lambda: self._until_stopped(found.snapshot())))
        return self._index

    def _until_stopped(self, accounts: Iterable[Account]) -> Iterator[Account]:
        """Nobody waits for an index that is being made anew: whoever takes over begins again, beside the work."""
        for account in accounts:
            if self._stopped.is_set():
                raise Interrupted
            yield account

    def forget_words(self) -> None:
        """Let go of the words of what was deleted, at most once a day, as the primary does. Blocks."""
        with self._turn:
            if self._index is not None:
                asyncio.run(self._index.forget_words())

    def hand_over(self) -> Index | None:
        """The index as it is now, for somebody else to go on with; this follows no more. None where there is none."""
        self._stopped.set()
        self._copy.grew.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._truth is not None:
            self._truth.close()
        index, self._index = self._index, None
        return index

    def close(self) -> None:
        """Follow no more, and let the index go."""
        index = self.hand_over()
        if index is not None:
            index.db.close()

    def _keep(self) -> None:
        while True:
            self._copy.grew.wait(FORGET_EVERY_SECONDS)
            self._copy.grew.clear()
            if self._stopped.is_set():
                return
            began = time.monotonic()
            pause = TRY_AGAIN_SECONDS
            try:
                self.catch_up()
                self.has_caught_up = True
                if began > self._forget_at:
                    self._forget_at = began + FORGET_EVERY_SECONDS
                    self.forget_words()
                pause = max(PAUSE_SECONDS, LOOKS_PER_PAUSE * (time.monotonic() - began))
            except SchemaTooOld:  # the log, which has the newest of it, may be on its way
                logger.info("the index of this standby waits: the primary's tables are older than this program")
            except Refused as refused:
                self._say(refused.say)
            except Exception:
                logger.exception("the index of this standby could not be brought up to date")
            self._stopped.wait(pause)

    def _say(self, why: str) -> None:
        if why != self._said:
            self._said = why
            logger.warning("the index of this standby waits: %s", why)


def sources(snapshot: Snapshot, accounts: Accounts) -> Sources:
    """What an index is made of beside the logs."""
    return Sources(
        snapshot=lambda: _all(snapshot),
        private_snapshot=snapshot.private,
        records_of=lambda did: snapshot.records(accounts.hosted(did)),
        record_of=snapshot.record,
    )


def _all(snapshot: Snapshot) -> Iterator[Account]:
    for account in snapshot.accounts():
        rev, records = snapshot.rev(account), snapshot.records(account)
        yield Account(account.did, account.handle, account.status, records, rev)
