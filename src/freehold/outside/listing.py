"""Every repository of a source, by its own list: what the index does not hold is wanted.

Page by page; where it goes on is kept, so that a kill costs one page. A host's list is its own; a relay's is of all. A
page is asked for when there is room for all on it (see `newcomers`).
Source: lexicon com.atproto.sync.listRepos
"""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

from freehold.net.client import Client
from freehold.net.errors import UpstreamFailed
from freehold.net.xrpc import Remote, RemoteRefused
from freehold.outside import known
from freehold.outside.index import Taker
from freehold.outside.known import Entry
from freehold.outside.messages import LONGEST_DID
from freehold.outside.pace import Pace
from freehold.outside.reader import Reader
from freehold.outside.sources import Source
from freehold.protocol.syntax import is_did, is_tid

METHOD = "com.atproto.sync.listRepos"
PAGE = 1_000
PAGE_MAX_BYTES = 4_000_000
LONGEST_CURSOR = 2_000
MOVED_MAX = 50
LOOK_SECONDS = 1.0
"""How often it is looked whether there is room."""


async def go_on(reader: Reader, client: Client, pace: Pace, source: Source) -> None:
    """Read the list of a source from where it was left, to its end. Nothing if that was reached before.

    Raises RemoteRefused, upstream refusals, and what `Index.take_in` raises.
    """
    with reader.reading() as tx:
        at = known.listing(tx, source.url)
    remote, size = Remote(client, source.url), min(PAGE, *reader.newcomers.bounds[:2])
    while at is not None:
        await _room(reader, source, size)
        reader.newcomers.came(source.url, size)
        async with pace.asking(source.url):
            cursor = {"cursor": at} if at else {}
            try:
                answer = await remote.query(METHOD, {"limit": size, **cursor}, max_bytes=PAGE_MAX_BYTES)
            except RemoteRefused as refused:
                pace.heed(source.url, refused)
                raise
        found, after = _page(answer)
        found = await _its_own(reader, source, found[:size])
        async with reader.turn:
            await reader.index.take_in(partial(_note, source, at, found, after, reader.clock()))
        reader.newcomers.count_anew(source.url)
        reader.wants.set()
        if after == at:
            raise UpstreamFailed(url=source.url, cursor="does not move")
        at = after


async def _its_own(reader: Reader, source: Source, found: list[Entry]) -> list[Entry]:
    """Without those who live elsewhere, as far as they are known: what a host says of others makes nobody fetch them.
    Whether they have moved here is asked, of MOVED_MAX on a page."""

    def known_elsewhere() -> list[str]:
        with reader.reading() as tx:
            rows = known.repos(tx, [did for did, _ in found])
        return [row.did for row in rows.values() if row.pds not in (None, source.url)]

    elsewhere = [] if source.relay else await asyncio.to_thread(known_elsewhere)
    answers = await reader.asking.ask_for(elsewhere[:MOVED_MAX])
    moved = {did for did, (person, _) in answers.items() if person is not None and person.pds == source.url}
    others = set(elsewhere) - moved
    return [entry for entry in found if entry[0] not in others]


async def _room(reader: Reader, source: Source, size: int) -> None:
    """Wait until a page of newcomers may come."""
    while await asyncio.to_thread(reader.newcomers.room, source.url) < size:  # noqa: ASYNC110 - it is counted, not told
        await asyncio.sleep(LOOK_SECONDS)


def _note(source: Source, at: str, found: list[Entry], after: str | None, now: int, taker: Taker) -> None:
    """What a page says, which began at `at`; and after the last one, whom the host has not named."""
    run = known.listing_run(taker.tx, source.url, first=not at)
    known.listed(taker.tx, source.url, source.relay, found, now, run)
    known.keep_listing(taker.tx, source.url, after)
    if after is None and not source.relay:
        known.want_unnamed(taker.tx, source.url, now, run)


def _page(answer: Any) -> tuple[list[Entry], str | None]:
    """The repositories of a page, and where the next one begins. Raises UpstreamFailed."""
    repos = answer.get("repos") if isinstance(answer, dict) else None
    if not isinstance(repos, list):
        raise UpstreamFailed(answer="not a list of repositories")
    cursor = answer.get("cursor")
    fine = isinstance(cursor, str) and 0 < len(cursor) <= LONGEST_CURSOR
    return list(_entries(repos)), cursor if fine and repos else None


def _entries(repos: list[Any]) -> Iterator[Entry]:
    for repo in repos:
        if not isinstance(repo, dict):
            continue
        did, rev, active = repo.get("did"), repo.get("rev"), repo.get("active") is not False
        if isinstance(did, str) and len(did) <= LONGEST_DID and is_did(did) and isinstance(rev, str) and is_tid(rev):
            yield did, rev if active else None
