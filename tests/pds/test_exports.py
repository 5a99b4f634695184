"""Repositories and parts of them as files: whole, in order, with proofs, and only what came after a revision.

Source: https://atproto.com/specs/sync#repo-export, lexicons com.atproto.sync.*
"""

import asyncio

import pytest

from freehold.protocol.cid import Cid
from freehold.protocol.diddoc import read as read_document
from freehold.repo import car, commit
from freehold.repo.mst import Tree
from freehold.repo.verify import verify_record
from support.network import POST, Caller, refused

REPO, RECORD, BLOCKS = "com.atproto.sync.getRepo", "com.atproto.sync.getRecord", "com.atproto.sync.getBlocks"


async def signing_key(person):
    return read_document(person.did, (await person.http.get(f"/plc/{person.did}")).json()).signing_key


async def write_some(person, count=60):
    refs = [await person.post(f"number {n}") for n in range(count)]
    for ref in refs[: count // 3]:
        await person.like(ref)
    for ref in refs[count // 2 :]:
        await person.delete(ref)
    return refs


async def test_an_empty_repository_is_a_file_too(alice, verified):
    found = await verified(alice)
    assert (found.records, found.commit.prev, found.commit.version) == ({}, None, 3)


async def test_a_file_begins_with_the_commit_and_each_block_comes_after_what_names_it(alice, verified):
    await write_some(alice)
    answer = await alice.ask(REPO, did=alice.did)
    assert answer.headers["content-type"] == "application/vnd.ipld.car"
    reader = car.CarReader()
    order = [cid for cid, _ in reader.feed(answer.content)]
    reader.finish()
    found = await verified(alice)
    assert [reader.roots[0], found.commit.data] == order[:2]
    nodes = [cid for cid, _ in found.tree.nodes()]
    assert [cid for cid in order if cid in set(nodes)] == nodes
    assert [cid for cid in order if cid in set(found.records.values())] == list(found.records.values())
    assert len(order) == 1 + len(nodes) + len(found.records)


async def test_a_file_is_of_one_moment_however_much_is_written_meanwhile(alice, verified):
    async def write():
        for n in range(30):
            await alice.post(f"number {n}")

    writing = asyncio.create_task(write())
    counts = [len((await verified(alice)).records) for _ in range(10)]
    await writing
    assert counts == sorted(counts)
    assert len((await verified(alice)).records) == 30


async def test_only_what_came_after_a_revision(alice):
    await write_some(alice, 20)
    before = car.read_car(await alice.car(REPO, did=alice.did))[1]
    since = (await alice.get("com.atproto.sync.getLatestCommit", did=alice.did))["rev"]
    assert len(car.read_car(await alice.car(REPO, did=alice.did, since=since))[1]) == 1
    new = await alice.post("after it")
    roots, later = car.read_car(await alice.car(REPO, did=alice.did, since=since))
    assert roots == [Cid.parse(new.commit)]
    assert Cid.parse(new.cid) in later
    whole = car.read_car(await alice.car(REPO, did=alice.did))[1]
    assert set(later) == set(whole) - set(before)
    tree = Tree.load(commit.read(later[roots[0]]).data, {**before, **later}.__getitem__)
    assert sum(1 for _ in tree.items()) == 10 + 6 + 1


async def test_every_record_is_proven_and_so_is_every_absence(alice, verified):
    refs = await write_some(alice)
    key = await signing_key(alice)
    found = await verified(alice)
    for path in [*found.records, *(ref.path for ref in refs[30:]), "aaa.aaa.aaa/a", "zzz.zzz.zzz/z"]:
        collection, rkey = path.split("/")
        proof = await alice.car(RECORD, did=alice.did, collection=collection, rkey=rkey)
        roots, blocks = car.read_car(proof)
        data = verify_record(blocks, roots[0], alice.did, key, path)
        assert (Cid.of_cbor(data) if data else None) == found.records.get(path)
        assert len(proof) < 20_000


async def test_blocks_are_had_one_by_one_while_they_are_part_of_the_repository(alice, bob):
    post = await alice.post("a block")
    cids = [post.cid, post.commit]
    _, blocks = car.read_car(await alice.car(BLOCKS, did=alice.did, cids=cids))
    assert {str(cid) for cid in blocks} == set(cids)
    await alice.delete(post)
    for cid in cids:
        with refused("BlockNotFound"):
            await alice.car(BLOCKS, did=alice.did, cids=cid)
    with refused("BlockNotFound"):
        await bob.car(BLOCKS, did=bob.did, cids=(await alice.post("hers alone")).cid)


async def test_what_is_not_here_is_refused_by_name(alice, http):
    nobody = "did:plc:" + "n" * 24
    for nsid, more in (
        (REPO, {}),
        (RECORD, {"collection": POST, "rkey": "a"}),
        (BLOCKS, {"cids": str(Cid.of_cbor(b"x"))}),
        ("com.atproto.sync.getLatestCommit", {}),
        ("com.atproto.sync.getRepoStatus", {}),
        ("com.atproto.sync.listBlobs", {}),
        ("com.atproto.sync.getBlob", {"cid": str(Cid.of_raw(b"x"))}),
    ):
        with refused("RepoNotFound"):
            await Caller(http).car(nsid, did=nobody, **more)
    with refused("BlobNotFound"):
        await alice.car("com.atproto.sync.getBlob", did=alice.did, cid=str(Cid.of_raw(b"x")))
    for nsid, more in ((REPO, {"did": "alice.test"}), (BLOCKS, {"did": alice.did, "cids": "x"}), (REPO, {})):
        with refused("InvalidRequest"):
            await alice.car(nsid, **more)


async def test_all_repositories_are_listed_page_by_page(alice, bob, site):
    pages, cursor = [], None
    while True:
        asked = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await alice.get("com.atproto.sync.listRepos", **asked)
        pages += page["repos"]
        cursor = page.get("cursor")
        if cursor is None:
            break
    assert [one["did"] for one in pages] == [*site.services, alice.did, bob.did]
    stands = await alice.get("com.atproto.sync.getLatestCommit", did=alice.did)
    assert pages[3] == {"did": alice.did, "active": True, "head": stands["cid"], "rev": stands["rev"]}
    await bob.deactivate()
    last = (await alice.get("com.atproto.sync.listRepos"))["repos"][-1]
    assert (last["did"], last["active"], last["status"]) == (bob.did, False, "deactivated")


@pytest.mark.parametrize("cursor", ["x", "-1", "1e9", "9" * 30, "'; DROP TABLE account"])
async def test_a_cursor_that_is_not_ours_is_refused(alice, cursor):
    with refused("InvalidRequest"):
        await alice.get("com.atproto.sync.listRepos", cursor=cursor)
