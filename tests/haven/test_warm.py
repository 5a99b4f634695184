"""A standby's index is the primary's, table by table, whatever happens to the link, the files and the process."""

import asyncio
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from freehold.appview.index import Index
from freehold.haven.copy import Copy
from freehold.haven.following import Standby
from freehold.haven.warm import Warm
from freehold.haven.wire import Channel, LinkLost
from freehold.settings import Settings
from freehold.site import TRUTH_SCHEMA, Listening, Shared, Site
from freehold.store.blobs import BlobStore
from freehold.store.migrations import SchemaTooOld
from support.inside import CHEAP, calling, opened
from support.ledger import ledger
from support.network import Caller, Person
from support.patience import until


class Second:
    """A standby in this process, with a warm index; it may be ended and begun again."""

    def __init__(self, directory: Path, shared: Shared) -> None:
        self.directory, self._shared = directory, shared
        self._links: list[tuple[socket.socket, threading.Thread, threading.Thread]] = []
        self.begin()

    def begin(self) -> None:
        self.copy = Copy(self.directory)
        self.standby = Standby(self.copy, BlobStore(self.directory / "blobs"), 1, lambda epoch: None, id="second")
        self.warm = Warm(self.copy, TRUTH_SCHEMA, self._shared.catalog)
        self.warm.start()

    def link(self, site: Site) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(10)
        keep = partial(site.haven.carrier.keep, "second")
        keeping = threading.Thread(target=until_lost, args=(Channel(ours), keep))
        following = threading.Thread(target=until_lost, args=(Channel(theirs), self.standby.follow))
        for thread in (keeping, following):
            thread.start()
        self._links.append((ours, keeping, following))

    def cut(self) -> None:
        for end, keeping, following in self._links:
            end.shutdown(socket.SHUT_RDWR)
            keeping.join()
            following.join()
        self._links.clear()

    def end(self) -> None:
        """As a process ends: what it wrote is on the disk, what it knew is gone."""
        self.cut()
        self.warm.close()
        self.copy.close()


def until_lost(channel: Channel, work: Callable[[Channel], object]) -> None:
    with channel, suppress(LinkLost):
        work(channel)


@pytest.fixture
def rebuilt(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files of indexes that were made anew."""
    made: list[str] = []
    really = Index.rebuild

    def rebuild(self: Index) -> None:
        made.append(str(self.db.path.parent.name))
        really(self)

    monkeypatch.setattr(Index, "rebuild", rebuild)
    return made


@asynccontextmanager
async def network(tmp_path: Path, shared: Shared) -> AsyncIterator[tuple[Site, httpx.AsyncClient]]:
    with opened(tmp_path / "first", shared) as site:
        async with calling(site) as http:
            yield site, http


async def some_life(http: httpx.AsyncClient, name: str) -> Person:
    """Accounts, posts, answers, likes, follows, mutes and deletions: of everything that an index is made of."""
    mei, ole = await Person.join(http, name), await Person.join(http, f"{name}-friend")
    first = await mei.post("the first words")
    await asyncio.gather(*(mei.post(f"post {n}") for n in range(15)))
    await ole.follow(mei)
    await ole.like(first)
    gone = await ole.post("not for long")
    await ole.delete(gone)
    await ole.do("app.bsky.graph.muteActor", actor=mei.did)
    return mei


async def caught_up(site: Site, second: Second) -> None:
    """The standby's index comes to where the primary's is."""
    await site.index.reached(site.log.last, 5, site.log.last_private)
    await site.index.words_written()

    def is_it() -> bool:
        with suppress(SchemaTooOld):  # the copy has not all of the primary's first log yet
            second.warm.catch_up()
        index = second.warm._index
        return index is not None and (index.seq, index.private_seq) == (site.index.seq, site.index.private_seq)

    await until(is_it)


def records(index: Index | None) -> list[tuple[str, bytes, bytes]]:
    """Address, CID and content of every post."""
    assert index is not None
    return [(row[0], row[3], row[4]) for row in ledger(index.db)["post"]]


async def same(site: Site, second: Second) -> None:
    """It comes to be the primary's, table by table."""
    await caught_up(site, second)
    ours, theirs = ledger(site.index_db), ledger(second.warm._index.db)  # type: ignore[union-attr]
    for table, rows in ours.items():
        assert theirs[table] == rows, table


async def in_step(site: Site) -> None:
    await until(lambda: site.haven.carrier.states() == {"second": "in step"})


async def test_it_is_the_primarys_after_cuts_folds_and_restarts(
    tmp_path: Path, shared: Shared, rebuilt: list[str]
) -> None:
    async with network(tmp_path, shared) as (site, http):
        second = Second(tmp_path / "second", shared)
        second.link(site)
        await some_life(http, "mei")
        await same(site, second)
        second.cut()
        second.link(site)
        await some_life(http, "ann")
        await asyncio.to_thread(site.truth.fold)
        await some_life(http, "bob")
        await same(site, second)
        second.end()
        await some_life(http, "cyd")
        second.begin()
        second.link(site)
        await in_step(site)
        await same(site, second)
        second.end()
    assert rebuilt == [], "it was followed, never made anew"


async def test_it_goes_on_over_a_file_that_was_compared_and_sent_anew(
    tmp_path: Path, shared: Shared, rebuilt: list[str]
) -> None:
    async with network(tmp_path, shared) as (site, http):
        second = Second(tmp_path / "second", shared)
        second.link(site)
        await some_life(http, "mei")
        await same(site, second)
        second.cut()
        for name in ("ann", "bob"):
            await some_life(http, name)
            assert await asyncio.to_thread(site.truth.fold)
        second.link(site)
        await in_step(site)
        await same(site, second)
        second.end()
    assert rebuilt == []


async def test_it_is_made_anew_where_the_copy_has_another_history(
    tmp_path: Path, shared: Shared, rebuilt: list[str]
) -> None:
    """The standby had the last writes of a primary whose other standby became the next one, without them."""
    second = Second(tmp_path / "second", shared)
    async with network(tmp_path / "old", shared) as (site, http):
        second.link(site)
        await some_life(http, "mei")
        await same(site, second)
        second.end()
    for file in (tmp_path / "second").glob("truth.db*"):
        file.unlink()
    async with network(tmp_path / "new", shared) as (site, http):
        for name in ("ann", "bob"):
            await some_life(http, name)
        second.begin()
        second.link(site)
        await in_step(site)
        await caught_up(site, second)
        assert records(second.warm._index) == records(site.index)  # at which moment, only the log knows
        second.end()
    assert rebuilt == ["second"]


async def test_a_promotion_goes_on_with_the_index_as_it_is(tmp_path: Path, shared: Shared, rebuilt: list[str]) -> None:
    second = Second(tmp_path / "second", shared)
    async with network(tmp_path, shared) as (site, http):
        second.link(site)
        mei = await some_life(http, "mei")
        await same(site, second)
        second.cut()
        index = second.warm.hand_over()
        second.copy.close()
        assert index is not None
        ours = ledger(site.index_db)
    shutil.copy(tmp_path / "first" / "unlock.key", second.directory)
    promoted = Site(second.directory, Settings(**CHEAP), Listening(8000, dev=True), shared, index=index)
    try:
        assert promoted.index is index
        assert ledger(index.db) == ours
        async with calling(promoted) as http:
            feed = await Caller(http).get("app.bsky.feed.getAuthorFeed", actor=mei.did, limit=100)
            assert len(feed["feed"]) == 16
    finally:
        promoted.close()
    assert rebuilt == []


async def test_what_was_deleted_leaves_a_standbys_index_too(tmp_path: Path, shared: Shared) -> None:
    second = Second(tmp_path / "second", shared)
    async with network(tmp_path, shared) as (site, http):
        second.link(site)
        mei = await Person.join(http, "mei")
        post = await mei.post("zanzibarite")
        await same(site, second)
        await mei.delete(post)
        await same(site, second)
        index = second.warm._index
        assert index is not None
        index._words_kept_until = 0
        await asyncio.to_thread(second.warm.forget_words)
        second.end()
    assert not [file for file in second.directory.glob("index.db*") if b"zanzibarite" in file.read_bytes()]
