"""Posts that a lost machine had alone are offered to those who wrote them, proven, and to nobody else."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import pytest

from freehold.cli import dev
from freehold.haven import aside
from freehold.pds import lost_posts
from freehold.pds.lost_posts import KEEP_DAYS, Lost, NoSuchOffer, Parcel, Taken, read_parcel
from freehold.protocol.refused import InvalidRequest
from freehold.site import TRUTH_SCHEMA, Shared, Site
from freehold.stream import frames
from support.inside import HOUR, Clock, calling, opened
from support.markup import faults
from support.network import POST, Person, Ref
from support.pages import sign_in, submit
from support.pictures import png

DAY = 24 * HOUR


class Lived(NamedTuple):
    """What happened on a machine that was lost. kept: a post that its standby had too."""

    parcel: Parcel
    mei: Person
    kept: Ref
    alone: Ref
    pictured: Ref


async def lived(directory: Path, shared: Shared, clock: Clock) -> Lived:
    """A network whose last writes are in its own truth alone; as its standby has it, it is left at `directory`."""
    first, standby = directory.with_name("first"), directory
    with opened(first, shared, clock) as site:
        async with calling(site) as http:
            mei = await Person.join(http, "mei")
            kept = await mei.post("on both machines")
        fork = aside.forks.Fork(2, site.log.last, site.log.last_private)
    shutil.copytree(first, standby)
    with opened(first, shared, clock) as site:
        async with calling(site) as http:
            mei.http = http
            alone = await mei.post("on this machine alone")
            pictured = await mei.post_picture(await mei.upload(png(3, 2)), "look")
            await mei.delete(await mei.post("thought better of it"))
            await mei.delete(kept)
    aside.put(first, 1)
    aside.forks.write_durably(first / aside.forks.FILE, msgspec.json.encode([fork]))
    (folder,) = aside.found(first)
    found = aside.tail(folder, TRUTH_SCHEMA)
    assert [(line.handle, line.what) for line in found.lines() if alone.rkey in line.what] == [
        ("mei.test", f"create {alone.path}")
    ]
    parcel = read_parcel(msgspec.msgpack.encode(aside.parcel(folder, found)))
    return Lived(parcel, mei, kept, alone, pictured)


@asynccontextmanager
async def going_on(
    tmp_path: Path, shared: Shared, clock: Clock
) -> AsyncIterator[tuple[Site, httpx.AsyncClient, Lived]]:
    """The standby, which is the primary now."""
    was = await lived(tmp_path / "second", shared, clock)
    with opened(tmp_path / "second", shared, clock) as site:
        async with calling(site) as http:
            was.mei.http = http
            yield site, http, was


def offered(site: Site, person: Person) -> list[Lost]:
    return site.lost_posts.of(site.accounts.one(person.did))


async def test_posts_of_the_tail_are_offered_and_posted_again_where_they_were(
    tmp_path: Path, shared: Shared, clock: Clock
) -> None:
    async with going_on(tmp_path, shared, clock) as (site, http, was):
        mei, lost = site.accounts.one(was.mei.did), was.parcel
        assert await site.lost_posts.take_in(lost) == Taken(offered=2, unproven=0, known=0)
        assert [one.record["text"] for one in offered(site, was.mei)] == ["on this machine alone", "look"]
        await site.lost_posts.take_in(lost)
        assert len(offered(site, was.mei)) == 2, "twice is the same as once"
        assert offered(site, await Person.join(http, "nosy")) == []
        for ref in (was.alone, was.pictured):
            assert await site.lost_posts.post_again(mei, ref.rkey) == ref.uri
        found = await was.mei.get("com.atproto.repo.listRecords", repo=was.mei.did, collection=POST)
        there = {record["uri"]: record["cid"] for record in found["records"]}
        assert there == {ref.uri: ref.cid for ref in (was.kept, was.alone, was.pictured)}
        assert offered(site, was.mei) == []
        with pytest.raises(NoSuchOffer):
            await site.lost_posts.post_again(mei, was.alone.rkey)
        assert await site.lost_posts.take_in(lost) == Taken(offered=0, unproven=0, known=2)


async def test_a_post_whose_picture_is_lost_is_offered_without_it(tmp_path: Path, shared: Shared, clock: Clock) -> None:
    async with going_on(tmp_path, shared, clock) as (site, _, was):
        await site.lost_posts.take_in(Parcel(was.parcel.commits, dict.fromkeys(was.parcel.blobs, b"other")))
        assert [one.lacks for one in offered(site, was.mei)] == [0, 1]
        await site.lost_posts.post_again(site.accounts.one(was.mei.did), was.pictured.rkey)
        there = await was.mei.get(
            "com.atproto.repo.getRecord", repo=was.mei.did, collection=POST, rkey=was.pictured.rkey
        )
        assert (there["value"]["text"], "embed" in there["value"]) == ("look", False)


async def test_nobody_can_put_words_into_a_members_mouth(tmp_path: Path, shared: Shared, clock: Clock) -> None:
    async with going_on(tmp_path, shared, clock) as (site, http, was):
        nosy = await Person.join(http, "nosy")
        said = await nosy.post("she said it, not I")
        event = next(one for one in site.log.read(0) if said.rkey.encode() in one.frame)
        _, payload = frames.decode(event.frame)
        forged = frames.encode("commit", payload | {"repo": was.mei.did})
        taken = await site.lost_posts.take_in(Parcel([forged, b"noise", was.parcel.commits[0][:-1]], {}))
        assert taken == Taken(offered=0, unproven=3, known=0)
        assert offered(site, was.mei) == []


async def test_an_offer_ends_when_it_is_discarded_runs_out_or_its_author_leaves(
    tmp_path: Path, shared: Shared, clock: Clock
) -> None:
    async with going_on(tmp_path, shared, clock) as (site, _, was):
        mei = site.accounts.one(was.mei.did)
        await site.lost_posts.take_in(was.parcel)
        await site.lost_posts.discard(mei, was.alone.rkey)
        assert [one.rkey for one in offered(site, was.mei)] == [was.pictured.rkey]
        clock.pass_by((KEEP_DAYS - 1) * DAY)
        await site.truth.write(lost_posts.sweep)
        assert offered(site, was.mei)
        clock.pass_by(2 * DAY)
        await site.truth.write(lost_posts.sweep)
        assert offered(site, was.mei) == []
        await site.lost_posts.take_in(was.parcel)
        await site.members.delete(mei)
        with site.truth.reading() as tx:
            assert tx.run("SELECT 1 FROM lost_post UNION ALL SELECT 1 FROM lost_picture") == []


async def test_the_page_shows_an_author_what_is_lost_and_does_what_they_say(
    tmp_path: Path, shared: Shared, clock: Clock
) -> None:
    async with going_on(tmp_path, shared, clock) as (site, http, was):
        await dev.prepare(site)
        await site.lost_posts.take_in(was.parcel)
        await sign_in(http, "mei.test")
        for front in ("/", "/settings"):
            assert "/settings/lost-posts" in (await http.get(front)).text
        page = await http.get("/settings/lost-posts")
        assert faults(page.text) == []
        assert "on this machine alone" in page.text
        await submit(http, page, "/settings/lost-posts", rkey=was.alone.rkey, answer="again")
        await submit(http, page, "/settings/lost-posts", rkey=was.pictured.rkey, answer="discard")
        assert "Nothing is lost" in (await http.get("/settings/lost-posts")).text
        assert "/settings/lost-posts" not in (await http.get("/settings")).text
        found = await was.mei.get("com.atproto.repo.listRecords", repo=was.mei.did, collection=POST)
        assert {record["uri"] for record in found["records"]} == {was.kept.uri, was.alone.uri}


def test_what_is_no_parcel_is_refused() -> None:
    for data in (b"", b"noise", msgspec.msgpack.encode(Parcel([], {}, version=9))):
        with pytest.raises(InvalidRequest):
            read_parcel(data)
