"""All of it for one network: a listener for each source, a listing when one is needed, the fetcher, and those labelers
of other networks that readers want.

With no source there is nothing but a task that waits to be told of one.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from freehold.net.client import Client
from freehold.outside import known, listing
from freehold.outside.checkers import Checkers
from freehold.outside.fetching import Fetcher
from freehold.outside.index import Pack, Taker
from freehold.outside.labelers import Labelers
from freehold.outside.listening import FrameTooBig, listening
from freehold.outside.newcomers import Bounds
from freehold.outside.pace import Pace
from freehold.outside.reader import Reader
from freehold.outside.sources import Source, Sources
from freehold.outside.steady import LISTENING, LONGEST_PAUSE_SECONDS, listen
from freehold.protocol.refused import Refused

logger = logging.getLogger(__name__)

FORGET_AT_ONCE = 20
AGAIN_SECONDS = 600.0
"""How often a list is gone through once more, at most, for those who were turned away."""
CHECKERS_MAX = 4


class Limits(NamedTuple):
    """per_host: whole repositories at once from one host. per_second: questions to one host. max_bytes: of one
    repository's file. at_once: whole repositories at once from all. checkers: child processes. new: of those whom
    nobody knows yet."""

    per_host: int = 2
    per_second: float = 8.0
    max_bytes: int = 200_000_000
    at_once: int = 16
    checkers: int = 1
    new: Bounds = Bounds()


class Standing(NamedTuple):
    """How it is with a source. state: LISTENING, or what came in between. cursor: the newest message taken in.
    accounts: how many are how far."""

    source: Source
    state: str
    cursor: int | None
    listed: bool
    accounts: known.Count
    commits: int
    dropped: dict[str, int]


class Outside:
    """What one network takes in. folder: for files that nobody needs after a kill. wanted: collections whose records
    mean something to the index. pack: packs them for it."""

    def __init__(
        self,
        sources: Sources,
        reader: Reader,
        client: Client,
        folder: Path,
        wanted: frozenset[str],
        pack: Pack,
        limits: Limits,
        labelers: Labelers,
    ) -> None:
        self.sources, self.reader, self._client, self.labelers = sources, reader, client, labelers
        self._pace = Pace(limits.per_host, limits.per_second)
        self._checkers = Checkers(limits.checkers, wanted, pack, limits.max_bytes)
        self.fetcher = Fetcher(
            reader,
            client,
            self._checkers,
            self._pace,
            folder,
            lambda: self._known,
            at_once=limits.at_once,
            max_bytes=limits.max_bytes,
        )
        reader.newcomers.bounds = limits.new
        self._changed = asyncio.Event()
        self._relist: dict[str, asyncio.Event] = {}
        self._listed_at: dict[str, float] = {}
        self._known: dict[str, Source] = {}
        self.states: dict[str, str] = {}

    # -- the steady work -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Listen to what the operator named, until cancelled."""
        while True:
            self._changed.clear()
            self._known = {source.url: source for source in self.sources.all()}
            if not self._known:
                await self.labelers.let_go()
                await self._changed.wait()
                continue
            async with asyncio.TaskGroup() as tasks:
                works = [tasks.create_task(self.fetcher.run()), tasks.create_task(self.labelers.run())]
                works.append(tasks.create_task(self.reader.ask_later()))
                works += [tasks.create_task(self._keep_at(source)) for source in self._known.values()]
                await self._changed.wait()
                for work in works:
                    work.cancel()

    async def stop(self) -> None:
        """End what children there are, and close what is open to the outside."""
        await self._checkers.close()
        await self._client.close()

    async def _keep_at(self, source: Source) -> None:
        """Listen to a source, and again when it hangs up."""
        await listen(source.url, self.states, partial(self._follow, source), partial(self._begin_anew, source))

    async def _follow(self, source: Source) -> None:
        """One connection, and beside it the listing of what the source has."""
        with self.reader.reading() as tx:
            cursor = known.cursor(tx, source.url)
        async with listening(self._client.guard, source.stream, cursor) as stream:
            self.states[source.url] = LISTENING
            if cursor is None:
                await self._list_without_cursor(source)
            lists = asyncio.create_task(self._list(source))
            try:
                async for frames in stream.batches():
                    batch = await self.reader.take(source, frames, cursor)
                    cursor = batch.last
                    if batch.outdated:
                        await self.list_again(source)
            except FrameTooBig:
                await self._begin_anew(source)
                raise
            finally:
                lists.cancel()
                with suppress(asyncio.CancelledError):
                    await lists

    async def _list_without_cursor(self, source: Source) -> None:
        """Nothing tells what was said since its list was begun: go through it once more, now or when it is time."""
        with self.reader.reading() as tx:
            at = known.listing(tx, source.url)
        now = asyncio.get_running_loop().time()
        if at is None and now - self._listed_at.get(source.url, -AGAIN_SECONDS) >= AGAIN_SECONDS:
            self._listed_at[source.url] = now
            await self._write(partial(known.keep_listing, url=source.url, at=""))
        elif at != "":
            await self._write(partial(known.list_again, url=source.url))

    async def _list(self, source: Source) -> None:
        """Read the source's list to its end, now and whenever it is asked for anew."""
        again = self._relist.setdefault(source.url, asyncio.Event())
        pause = 1.0
        while True:
            again.clear()
            try:
                await listing.go_on(self.reader, self._client, self._pace, source)
                pause = 1.0
                await self._until_asked_for(source, again)
                continue
            except Refused as refused:
                logger.warning("the list of %s: %s %s", source.url, refused.say, refused.facts)
            except Exception:
                logger.exception("the list of %s could not be read", source.url)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _until_asked_for(self, source: Source, again: asyncio.Event) -> None:
        """Until the list is asked for anew, or somebody on it was turned away for whom there is room by now."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_SECONDS):
                    await again.wait()
                    return
            if await asyncio.to_thread(self._is_to_be_listed_again, source.url):
                await self._write(partial(known.keep_listing, url=source.url, at=""))
                return

    def _is_to_be_listed_again(self, url: str) -> bool:
        with self.reader.reading() as tx:
            turned_away = known.is_to_be_listed_again(tx, url)
        return turned_away and self.reader.newcomers.room(url) > self.reader.newcomers.bounds.waiting // 2

    async def _begin_anew(self, source: Source) -> None:
        """The stream cannot go on where we were: begin with what comes next, and with its list."""
        await self._write(partial(known.keep_cursor, url=source.url, seq=None))
        await self.list_again(source)

    async def _write(self, change: Callable[..., None]) -> None:
        """Write to our own tables."""
        async with self.reader.turn:
            await self.reader.index.take_in(lambda taker: change(taker.tx))

    # -- what an operator does -----------------------------------------------------------------------------------------

    async def add(self, source: Source) -> None:
        """Listen to it from now on, and take in what it has."""
        await self.sources.add(source)
        self._changed.set()

    async def list_again(self, source: Source) -> None:
        """Go through all that it has once more."""
        await self._write(partial(known.keep_listing, url=source.url, at=""))
        self._relist.setdefault(source.url, asyncio.Event()).set()

    async def drop(self, source: Source, told: Callable[[int], None]) -> None:
        """Listen to it no more, and forget all accounts that it told of last. told: how many are gone so far."""
        await self.sources.drop(source)
        self.reader.newcomers.forget(source.url)
        self._changed.set()
        gone = 0
        while count := await self._forget_some(source):
            gone += count
            told(gone)
        await self._write(partial(known.forget_source, url=source.url))

    async def _forget_some(self, source: Source) -> int:
        def forget(taker: Taker) -> int:
            dids = known.of_source(taker.tx, source.url, FORGET_AT_ONCE)
            for did in dids:
                taker.account(did, known.GONE)
                known.forget(taker.tx, did)
            return len(dids)

        async with self.reader.turn:
            return await self.reader.index.take_in(forget)

    async def fetch_again(self, did: str) -> bool:
        """Have one account fetched whole; False if it is none of the outside."""

        def want(taker: Taker) -> bool:
            row = known.repo(taker.tx, did)
            if row is not None:
                known.want(taker.tx, row._replace(status=None), self.reader.clock())
            return row is not None

        async with self.reader.turn:
            found = await self.reader.index.take_in(want)
        self.reader.wants.set()
        return found

    def standing(self) -> list[Standing]:
        """How it is with each source. Counts rows: not for every moment."""
        sources = self.sources.all()
        with self.reader.reading() as tx:
            return [
                Standing(
                    source,
                    self.states.get(source.url, "not yet"),
                    known.cursor(tx, source.url),
                    known.listing(tx, source.url) is None,
                    known.count(tx, source.url),
                    self.reader.commits[source.url],
                    {why: count for (url, why), count in self.reader.dropped.items() if url == source.url},
                )
                for source in sources
            ]

    def figures(self) -> dict[str, float]:
        """For Prometheus, by name."""
        return {
            "outside_sources": sum(state == LISTENING for state in self.states.values()),
            "outside_commits": self.reader.commits.total(),
            "outside_dropped": self.reader.dropped.total(),
            "outside_repositories": self.fetcher.repositories,
            "outside_labelers": sum(state == LISTENING for state in self.labelers.states.values()),
            "outside_labels_dropped": self.labelers.dropped.total(),
        }
