"""Whole repositories: fetched from where they live, proven in a child, put into the index in pieces.

What is wanted stands in the index's file, so a kill costs the repositories that were just under way. The last piece
says how far the repository is known, in one transaction; until then it is wanted. Many hosts are asked at once, each no
harder than `pace` has it; and each source has its share of what is under way, whatever others tell of.
"""

import asyncio
import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path

from freehold.net.client import Client
from freehold.net.xrpc import Remote, RemoteRefused
from freehold.outside import known, people
from freehold.outside.checkers import Checkers, Head, NotProven
from freehold.outside.ends import Ended
from freehold.outside.index import Taker
from freehold.outside.known import GONE, Repo
from freehold.outside.messages import Dropped
from freehold.outside.pace import Pace
from freehold.outside.people import Person, Unresolved
from freehold.outside.reader import Reader
from freehold.outside.sources import Source
from freehold.protocol.refused import Refused
from freehold.store.tx import Tx

logger = logging.getLogger(__name__)

METHOD = "com.atproto.sync.getRepo"
SECONDS = 600.0
SECOND = 1_000_000
LONGEST_PAUSE = 86_400 * SECOND
SOON_SECONDS = 1.0
LOOK_AT = 400
TRIES_MAX = 12
"""After so many an account that was never here is forgotten, until somebody speaks of it again: a day and a half."""
NOT_THERE = {
    "RepoNotFound": GONE,
    "RepoTakendown": "takendown",
    "RepoSuspended": "suspended",
    "RepoDeactivated": "deactivated",
}
"""What a host says of a repository that it does not give out, and what it means for the account."""


class Overtaken(Refused):
    """The repository is not wanted any more, or the index was emptied meanwhile."""


class Fetcher:
    """Fetches what is wanted, until cancelled. folder: for files that nobody needs after a kill.

    records, repositories: how many were put into the index. sources: those that are listened to, by address.
    """

    def __init__(
        self,
        reader: Reader,
        client: Client,
        checkers: Checkers,
        pace: Pace,
        folder: Path,
        sources: Callable[[], Mapping[str, Source]],
        *,
        at_once: int,
        max_bytes: int,
    ) -> None:
        self._reader, self._client, self._checkers, self._pace = reader, client, checkers, pace
        self._folder, self._sources = folder, sources
        self._at_once, self._max_bytes = at_once, max_bytes
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._shares: Counter[str] = Counter()
        self._free = asyncio.Event()
        self.records = self.repositories = 0

    async def run(self) -> None:
        """Fetch for ever."""
        self._prepare()
        try:
            while True:
                self._reader.wants.clear()
                self._free.clear()
                rows, seconds = await asyncio.to_thread(self._look)
                self._begin_some(rows)
                await self._rest(seconds)
        finally:
            tasks = list(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _prepare(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.glob("*.car"):
            left.unlink()

    def _look(self) -> tuple[list[list[Repo]], float]:
        """What can be begun now, by source, and in how many seconds to look again. On a thread."""
        now, room, under_way = self._reader.clock(), self._at_once - len(self._under_way), frozenset(self._under_way)
        if room <= 0:
            return [], 60.0
        with self._reader.reading() as tx:
            found = [self._due(tx, url, now) for url in self._sources()]
            after = [at for url in self._sources() if (at := known.next_due(tx, url)) is not None]
        rows = [[row for row in some if row.did not in under_way] for some in found]
        if any(rows):
            return rows, 1.0
        return [], min([60.0, *(max((at - now) / SECOND, 1.0) for at in after)])

    def _due(self, tx: Tx, url: str, now: int) -> list[Repo]:
        """Of one source: first what was here before; then what is new, if it may still be asked for."""
        rows = known.due(tx, url, now, LOOK_AT + self._at_once, new=False)
        if self._reader.newcomers.may_ask(url):
            rows += known.due(tx, url, now, LOOK_AT + self._at_once, new=True)
        return rows

    async def _rest(self, seconds: float) -> None:
        """Until something is wanted, or one that was under way is done, or so long."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._reader.wants, self._free)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _begin_some(self, rows: list[list[Repo]]) -> None:
        """As many as there is room for: each time of the source of which the fewest are under way."""
        left = {some[0].via: iter(some) for some in rows if some}
        while left and len(self._under_way) < self._at_once:
            via = min(left, key=self._shares.__getitem__)
            if not any(map(self._begin, left[via])):
                del left[via]

    def _begin(self, row: Repo) -> bool:
        """Fetch it, if its host may be asked soon, and its source has not asked too often in vain."""
        wait = self._pace.wait_for(row.pds) if row.pds is not None else 0.0
        if wait is None or wait > SOON_SECONDS:
            return False
        if row.rev is None:
            if not self._reader.newcomers.may_ask(row.via):
                return False
            self._reader.newcomers.spend(row.via)
        self._shares[row.via] += 1
        task = self._under_way[row.did] = asyncio.create_task(self._fetch(row))
        task.add_done_callback(lambda _: self._done(row))
        return True

    def _done(self, row: Repo) -> None:
        self._under_way.pop(row.did, None)
        self._shares[row.via] -= 1
        self._free.set()

    # -- one repository ------------------------------------------------------------------------------------------------

    async def _fetch(self, row: Repo) -> None:
        """Fetch it, and note how that went."""
        source, pds = self._sources().get(row.via), row.pds
        try:
            person = await self._person(row)
            source, pds = self._speaker(row, person), person.pds
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix="", suffix=".car") as file:
                async with self._pace.asking(pds):
                    await self._download(row.did, pds, Path(file.name))
                await self._take_in(row.did, source, person, Path(file.name))
            if row.rev is None:
                self._reader.newcomers.win_back(row.via)
        except Overtaken:
            self._reader.give_up(row.did)
        except Dropped as dropped:
            await self._fail(row, dropped.reason, source, forget=not isinstance(dropped, Unresolved))
        except NotProven as not_proven:
            await self._fail(row, not_proven.reason, source)
        except RemoteRefused as refused:
            await self._refused(row, refused, pds)
        except Refused as refused:
            await self._fail(row, refused.name, None)
        except Exception:
            logger.exception("the repository of %s could not be taken in", row.did)
            await self._fail(row, "our-fault", None)

    async def _person(self, row: Repo) -> Person:
        """Who it is; asked anew where something did not go well, or another host tells of them. Raises Dropped."""
        if self._reader.is_here(row.did):
            raise Dropped("ours")
        return await people.person(self._reader.identity, row.did, doubted=row.tries > 0 or row.rev is not None)

    def _speaker(self, row: Repo, person: Person) -> Source:
        """Who is believed about them: the source that told of them, or the host to which they have moved. Raises
        Dropped where neither is listened to."""
        sources = self._sources()
        for source in (sources.get(row.via), sources.get(person.pds)):
            if source is not None and source.speaks_for(person.pds):
                return source
        raise Dropped("not-its-host")

    async def _download(self, did: str, pds: str, path: Path) -> None:
        """The file, as its host gives it. Raises RemoteRefused, upstream refusals."""
        remote, given = Remote(self._client, pds), {"did": did}
        async with remote.download(METHOD, given, max_bytes=self._max_bytes, seconds=SECONDS) as answer:
            with path.open("wb") as file:
                async for piece in answer.chunks:
                    file.write(piece)

    async def _take_in(self, did: str, source: Source, person: Person, path: Path) -> None:
        """Put a proven repository into the index: piece by piece, the last one with how far it is known. Most have but
        one."""
        head: Head | None = None
        last = b""
        opened = False
        async with aclosing(self._checkers.check(path, did, person.key, self._reader.clock())) as told:
            async for one in told:
                if isinstance(one, Head):
                    head = one
                    continue
                assert head is not None
                if last:
                    await self._reader.index.take_in(partial(_put, did, person, None if opened else head, last))
                    opened = True
                last = one
        assert head is not None
        ended = Ended(did, head.rev, partial(_close, did, source.url, person, head, last, opened), len(last))
        if not await self._reader.finish(ended):
            raise Overtaken
        self.records += len(head.paths)
        self.repositories += 1

    # -- when it does not go well --------------------------------------------------------------------------------------

    async def _refused(self, row: Repo, refused: RemoteRefused, pds: str | None) -> None:
        """Its host says no: because of the account, or because it is asked too much, or it fails."""
        status = NOT_THERE.get(refused.name)
        if status is None:
            if pds is not None:
                self._pace.heed(pds, refused)
            await self._fail(row, refused.name, None)
            return
        self._reader.give_up(row.did)

        def note(taker: Taker) -> None:
            if _wanted(taker.tx, row.did) is not None:
                known.put(taker.tx, Repo(row.did, row.via, row.pds, row.key, status))
                taker.account(row.did, status)

        with suppress(Refused):
            await self._reader.index.take_in(note)

    async def _fail(self, row: Repo, why: str, source: Source | None, *, forget: bool = False) -> None:
        """Try again later, each time later; or never, where the account is none of this source's."""
        if source is not None:
            self._reader.dropped[source.url, why] += 1
        self._reader.give_up(row.did)

        def note(taker: Taker) -> None:
            now = _wanted(taker.tx, row.did)
            if now is not None and now.rev is None and (forget or now.tries + 1 >= TRIES_MAX):
                known.forget(taker.tx, row.did)
            elif now is not None:
                pause = min(60 * SECOND << min(now.tries, 20), LONGEST_PAUSE)
                known.put(taker.tx, now._replace(wanted=self._reader.clock() + pause, tries=now.tries + 1, why=why))

        with suppress(Refused):
            await self._reader.index.take_in(note)


def _wanted(tx: Tx, did: str) -> Repo | None:
    """The row of a repository that is still wanted."""
    row = known.repo(tx, did)
    return row if row is not None and row.wanted is not None else None


def _put(did: str, person: Person, head: Head | None, records: bytes, taker: Taker) -> None:
    """Some records; and first, with a `head`, the account as it stands, without what it deleted. Raises Overtaken."""
    if _wanted(taker.tx, did) is None:
        raise Overtaken
    if head is not None:
        taker.identity(did, person.handle)
        taker.account(did, None)
        taker.only(did, head.paths)
    if records:
        taker.records(did, records)


def _close(did: str, via: str, person: Person, head: Head, last: bytes, opened: bool, taker: Taker) -> bool:
    """The last records, and how far the repository is known now; False if it is not wanted any more."""
    if _wanted(taker.tx, did) is None:
        return False
    _put(did, person, None if opened else head, last, taker)
    taker.reached(did, head.rev)
    known.put(taker.tx, Repo(did, via, person.pds, person.key, None, head.rev, head.data))
    return True
