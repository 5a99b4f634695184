"""After writes were lost that others have seen: numbers leap, and every repository that moved on is asserted anew."""

import asyncio
from pathlib import Path

import pytest

from freehold.pds.resumption import LEAP, resume
from freehold.repo import car, commit
from freehold.site import Shared, Site
from freehold.stream import frames
from support.inside import HOUR, Clock, calling, opened
from support.network import Person


async def resumed(site: Site, *, everything: bool = False) -> tuple[int, int]:
    """The newest event before, and how many repositories were asserted."""
    newest = site.log.last
    return newest, await asyncio.to_thread(resume, site.truth, site.accounts, site.repositories, everything=everything)


async def test_repositories_of_the_last_hour_are_asserted_far_above_all_numbers(tmp_path: Path, shared: Shared) -> None:
    clock = Clock()
    with opened(tmp_path, shared, clock) as site:
        async with calling(site) as http:
            early = await Person.join(http, "early")
            clock.pass_by(2 * HOUR)
            mei = await Person.join(http, "mei")
            await mei.post("seen by others")
            before = site.snapshot.rev(site.accounts.one(mei.did))
            newest, count = await resumed(site)
            assert count >= 1
            events = site.log.read(newest)
            assert all(event.seq > newest + LEAP for event in events)
            told = {(event.did, event.kind): frames.decode(event.frame)[1] for event in events}
            assert (early.did, "commit") not in told
            moved, asserted = told[mei.did, "commit"], told[mei.did, "sync"]
            assert (moved["ops"], moved["since"], moved["rev"] > before) == ([], before, True)
            ((root,), blocks) = car.read_car(asserted["blocks"])
            signed = commit.read(dict(blocks)[root])
            commit.verify(signed, site.key_of(site.accounts.one(mei.did)).did_key)
            assert (signed.rev, asserted["rev"], root) == (moved["rev"], moved["rev"], moved["commit"])
            assert signed.data == moved["prevData"], "nothing in it has changed"
            ref = await mei.post("and on it goes")
            assert ref.rev > moved["rev"]
            assert site.log.last == events[-1].seq + 1


@pytest.mark.parametrize("quiet_hours", [0, 5])
async def test_everything_is_asserted_where_more_is_lost(tmp_path: Path, shared: Shared, quiet_hours: int) -> None:
    clock = Clock()
    with opened(tmp_path, shared, clock) as site:
        async with calling(site) as http:
            names = [await Person.join(http, f"member{n}") for n in range(3)]
            clock.pass_by(quiet_hours * HOUR)
            newest, _ = await resumed(site, everything=True)
            said = {event.did for event in site.log.read(newest) if event.kind == "sync"}
            assert {each.did for each in names} <= said
