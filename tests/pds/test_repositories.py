"""Reading repositories record by record, and what their revisions and heads promise.

Source: https://atproto.com/specs/repository, lexicons com.atproto.repo.*
"""

from freehold.protocol import tid
from freehold.protocol.cid import Cid
from freehold.repo.car import read_car
from freehold.stream import frames
from support.inside import calling, opened
from support.network import POST, Person, now, refused

NOTE = "example.town.note"
GET, LIST, DESCRIBE = "com.atproto.repo.getRecord", "com.atproto.repo.listRecords", "com.atproto.repo.describeRepo"


async def test_a_record_is_had_by_its_key_and_by_its_version(alice):
    first = await alice.put(NOTE, "a", {"n": 1})
    asked = {"repo": "alice.test", "collection": NOTE, "rkey": "a"}
    read = await alice.get(GET, **asked)
    assert read == {"uri": first.uri, "cid": first.cid, "value": {"$type": NOTE, "n": 1}}
    assert await alice.get(GET, **asked, cid=first.cid) == read
    second = await alice.put(NOTE, "a", {"n": 2})
    assert (await alice.get(GET, **asked))["cid"] == second.cid
    with refused("RecordNotFound"):
        await alice.get(GET, **asked, cid=first.cid)
    with refused("RepoNotFound"):
        await alice.get(GET, **{**asked, "repo": "nobody.test"})


async def test_records_are_listed_page_by_page_in_both_directions(alice):
    await alice.apply(*({"do": "create", "collection": NOTE, "rkey": f"{n:02}", "value": {"n": n}} for n in range(25)))
    await alice.create("example.town.notes", {"n": -1}, rkey="not-this-one")
    await alice.create("example.town.not", {"n": -2}, rkey="nor-this")
    for asked, expected in (({}, list(reversed(range(25)))), ({"reverse": True}, list(range(25)))):
        found, cursor = [], None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = await alice.get(LIST, repo=alice.did, collection=NOTE, limit=10, **asked, **more)
            found += [record["value"]["n"] for record in page["records"]]
            cursor = page.get("cursor")
            if cursor is None:
                break
        assert found == expected
    empty = await alice.get(LIST, repo=alice.did, collection="example.town.nothing")
    assert empty == {"records": []}


async def test_a_repository_is_described_with_the_collections_that_it_has(alice):
    post = await alice.post("one")
    await alice.create(NOTE, {}, rkey="a")
    described = await alice.get(DESCRIBE, repo="alice.test")
    assert (described["handle"], described["did"], described["handleIsCorrect"]) == ("alice.test", alice.did, True)
    assert described["collections"] == [POST, NOTE]
    assert described["didDoc"]["id"] == alice.did
    await alice.delete(post)
    assert (await alice.get(DESCRIBE, repo=alice.did))["collections"] == [NOTE]


async def test_revisions_rise_also_when_the_clock_goes_back(alice, clock):
    revs = [(await alice.post("now")).rev]
    clock.pass_by(-3600 * 1_000_000)
    revs += [(await alice.post("an hour ago")).rev, (await alice.post("still")).rev]
    clock.pass_by(2 * 3600 * 1_000_000)
    revs.append((await alice.post("later")).rev)
    assert revs == sorted(set(revs))
    assert all(tid.tid_decode(rev) for rev in revs)


async def test_a_network_opened_again_goes_on_where_it_was(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        async with calling(site) as http:
            alice = await Person.join(http, "alice")
            before = [await alice.post(f"number {n}") for n in range(30)]
            seq = site.log.last
    with opened(tmp_path / "town", shared) as site:
        assert site.log.last == seq
        async with calling(site) as http:
            alice.http = http  # the session is still good
            after = await alice.post("and on")
            await alice.delete(before[3])
            listed = await alice.get(LIST, repo=alice.did, collection=POST, limit=100)
            assert len(listed["records"]) == 30
            assert after.rev > before[-1].rev
            feed = (await alice.get("app.bsky.feed.getTimeline", limit=100))["feed"]
            assert len(feed) == 30
            commit = site.log.read(site.log.last - 1)[0]
            assert commit.did == alice.did


async def test_a_tree_whose_blocks_are_lost_is_not_written_on(alice, site):
    posts = [await alice.post(f"number {n}") for n in range(5)]
    await site.truth.write(lambda tx: tx.run("DELETE FROM repo_node"))
    seq = site.log.last
    with refused("InternalServerError", 500):
        await alice.delete(posts[2])  # a new post could stand above the whole tree, and need none of it
    assert site.log.last == seq
    assert len((await alice.get(LIST, repo=alice.did, collection=POST))["records"]) == 5


async def test_a_write_that_is_answered_names_a_head_that_stands(alice):
    for n in range(5):
        done = await alice.create(POST, {"text": str(n), "createdAt": now()})
        latest = await alice.get("com.atproto.sync.getLatestCommit", did=alice.did)
        assert (done.commit, done.rev) == (latest["cid"], latest["rev"])
        assert Cid.parse(done.commit).codec == 0x71


async def test_a_commit_carries_the_record_that_comes_back_as_it_was(alice, site):
    made = await alice.put(NOTE, "a", {"n": 1})
    await alice.delete(made)
    for again in (
        lambda: alice.put(NOTE, "a", {"n": 1}),  # under its key
        lambda: alice.put(NOTE, "b", {"n": 1}),  # under another, while the first is there
        lambda: _moved(alice),  # from one key to another, in one commit
    ):
        seen = site.log.last
        await again()
        [event] = [event for event in site.log.read(seen, 100) if event.kind == "commit"]
        _, blocks = read_car(frames.decode(event.frame)[1]["blocks"])
        assert Cid.parse(made.cid) in blocks


async def _moved(alice):
    await alice.apply(
        {"do": "delete", "collection": NOTE, "rkey": "b"},
        {"do": "create", "collection": NOTE, "rkey": "c", "value": {"n": 1}},
    )
