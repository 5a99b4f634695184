"""A member sees at once what they wrote, and every answer says up to which revision it shows them.

Source: https://atproto.com/specs/repository#repo-revisions
"""

import asyncio
import time

import httpx

from freehold.server import Networks
from support.inside import opened
from support.network import POST, Person, now


async def test_every_write_is_seen_by_its_writer_in_the_very_next_read(network, alice):
    for n in range(20):
        post = await alice.post(f"number {n}")
        answer = await alice.ask("app.bsky.feed.getAuthorFeed", actor=alice.did)
        assert answer.headers["atproto-repo-rev"] == post.rev
        assert answer.json()["feed"][0]["post"]["uri"] == post.uri
        home = await alice.ask("app.bsky.feed.getTimeline")
        assert home.headers["atproto-repo-rev"] == post.rev
        assert home.json()["feed"][0]["post"]["uri"] == post.uri


async def test_several_writers_each_read_their_own(network, http):
    async def write_and_read(person):
        for n in range(10):
            post = await person.post(f"number {n}")
            await person.like(post)
            shown = (await person.get("app.bsky.feed.getPosts", uris=post.uri))["posts"][0]
            assert (shown["cid"], shown["likeCount"]) == (post.cid, 1)
            await person.put(POST, post.rkey, {"text": "put", "createdAt": now()})
            shown = (await person.get("app.bsky.feed.getPosts", uris=post.uri))["posts"][0]
            assert shown["record"]["text"] == "put"

    await asyncio.gather(*[write_and_read(await Person.join(http)) for _ in range(6)])


async def test_a_new_member_sees_themselves_at_once(network, http):
    for _ in range(10):
        person = await Person.join(http)
        assert (await person.get("app.bsky.actor.getProfile", actor=person.did))["handle"] == person.handle


async def test_a_stranger_is_told_no_revision(network, http, alice):
    await alice.post("for all")
    answer = await http.get("/xrpc/app.bsky.feed.getAuthorFeed", params={"actor": alice.did})
    assert answer.status_code == 200
    assert "atproto-repo-rev" not in answer.headers


async def test_an_index_that_stands_still_is_waited_for_half_a_second_and_no_revision_is_claimed(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:  # nobody runs its index
        transport = httpx.ASGITransport(Networks([site], check_answers=True))
        async with httpx.AsyncClient(transport=transport, base_url=site.place.base_url) as http:
            alice = await Person.join(http)
            began = time.monotonic()
            answer = await alice.ask("app.bsky.feed.getTimeline")
            assert 0.4 < time.monotonic() - began < 5
            assert "atproto-repo-rev" not in answer.headers
