"""Repositories taken in from files: real ones come out with the same tree, hostile ones change nothing.

Source: https://atproto.com/guides/account-migration, lexicon com.atproto.repo.importRepo
"""

import asyncio
import json
import os

import pytest

from freehold.pds import imports
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.keys import K256Key
from freehold.repo import car, commit
from freehold.repo.mst import Tree
from freehold.repo.verify import verify_repo
from support.movers import move_in
from support.network import PASSWORD, POST, Caller, Person, refused

IMPORT, CAR = "com.atproto.repo.importRepo", "application/vnd.ipld.car"
KEY = K256Key.from_raw(b"k" * 32)
STRANGER = K256Key.from_raw(b"s" * 32)
REV = "3kaaaaaaaaaa2"


@pytest.fixture
def moved_in(site, http):
    """Signs in somebody whose DID another host made."""

    async def moved_in(did, handle="moved.test"):
        await move_in(site, did, handle, KEY)
        session = await Caller(http).do("com.atproto.server.createSession", identifier=did, password=PASSWORD)
        return Person(http, session)

    return moved_in


async def exported(person, did_key=KEY.did_key):
    roots, blocks = car.read_car(await person.car("com.atproto.sync.getRepo", did=person.did))
    return verify_repo(blocks, roots[0], person.did, did_key), blocks


# --- real repositories


@pytest.mark.parametrize("number", [0, 1])
async def test_a_captured_repository_comes_out_with_the_same_tree_and_records(vectors, moved_in, site, number):
    account = json.loads((vectors / "capture/index.json").read_text())[number]
    given = (vectors / "capture" / account["car"]).read_bytes()
    roots, blocks = car.read_car(given)
    before = commit.read(blocks[roots[0]])
    person = await moved_in(account["did"])
    await person.send(IMPORT, given, CAR)
    after, again = await exported(person)
    assert after.commit.data == before.data
    assert {path: str(cid) for path, cid in after.records.items()} == account["records"]
    assert all(again[cid] == blocks[cid] for cid in after.records.values())
    assert after.commit.rev > before.rev
    assert (after.commit.prev, after.commit.version) == (None, 3)
    event = site.log.read(site.log.last - 1)[0]
    assert (event.kind, event.did) == ("sync", account["did"])


async def test_life_goes_on_in_a_repository_that_moved_in(vectors, moved_in, site):
    account = json.loads((vectors / "capture/index.json").read_text())[0]
    person = await moved_in(account["did"])
    await person.send(IMPORT, (vectors / "capture" / account["car"]).read_bytes(), CAR)
    post = await person.post("first words here")
    await person.do("com.atproto.repo.deleteRecord", repo=person.did, collection=POST, rkey=a_post(account))
    after, _ = await exported(person)
    assert set(after.records) == {*account["records"], post.path} - {f"{POST}/{a_post(account)}"}
    feed = (await person.get("app.bsky.feed.getAuthorFeed", actor=person.did))["feed"]
    assert feed[0]["post"]["uri"] == post.uri
    assert len(feed) == sum(path.startswith(POST) for path in account["records"])


def a_post(account):
    return next(path for path in account["records"] if path.startswith(POST)).split("/")[1]


async def test_a_repository_with_a_chain_of_commits_comes_out_without_the_chain(vectors, moved_in):
    given = (vectors / "repo-cars/greenground.repo.car").read_bytes()
    roots, blocks = car.read_car(given)
    before = commit.read(blocks[roots[0]])
    assert before.prev is not None
    person = await moved_in(before.did)
    await person.send(IMPORT, given, CAR)
    after, _ = await exported(person)
    assert (after.commit.data, after.commit.prev) == (before.data, None)


async def test_a_repository_of_the_old_format_is_refused_by_name(vectors, moved_in):
    given = (vectors / "repo-cars/repo_slice.car").read_bytes()
    roots, blocks = car.read_car(given)
    person = await moved_in(cbor.decode(blocks[roots[0]])["did"])
    stands = await person.get("com.atproto.sync.getLatestCommit", did=person.did)
    with refused("UnsupportedRepoVersion"):
        await person.send(IMPORT, given, CAR)
    assert await person.get("com.atproto.sync.getLatestCommit", did=person.did) == stands


async def test_who_moved_in_signs_in_also_while_the_directory_of_their_did_is_silent(moved_in):
    person = await moved_in("did:plc:" + "c" * 24)
    session = await person.get("com.atproto.server.getSession")
    assert "didDoc" not in session
    described = await person.get("com.atproto.repo.describeRepo", repo=person.did)
    assert (described["didDoc"], described["handleIsCorrect"]) == ({}, False)


async def test_our_own_export_comes_back_the_same(alice, verified):
    for n in range(40):
        last = await alice.post(f"number {n}")
    export = await alice.car("com.atproto.sync.getRepo", did=alice.did)
    before = await verified(alice)
    await alice.delete(last)
    await alice.post("something else")
    await alice.send(IMPORT, export, CAR)
    after = await verified(alice)
    assert (after.commit.data, after.records) == (before.commit.data, before.records)
    assert after.commit.rev > before.commit.rev
    shown = (await alice.get("app.bsky.feed.getAuthorFeed", actor=alice.did))["feed"]
    assert [item["post"]["record"]["text"] for item in shown] == [f"number {n}" for n in reversed(range(40))]


async def test_two_records_alike_come_back_as_two(alice, verified):
    value = {"$type": "example.town.note", "same": True}
    for rkey in ("a", "b", "c"):
        await alice.create("example.town.note", value, rkey=rkey)
    before = await verified(alice)
    assert len(set(before.records.values())) == 1
    await alice.send(IMPORT, await alice.car("com.atproto.sync.getRepo", did=alice.did), CAR)
    assert (await verified(alice)).records == before.records


# --- hostile files


def repository(did, records, *, key=KEY, rev=REV, **changed):
    """(root, blocks) of a repository with these records: path to value, or to the bytes that stand for one."""
    data = {path: one if isinstance(one, bytes) else cbor.encode_json(one) for path, one in records.items()}
    tree = Tree.build(sorted((path, Cid.of_cbor(one)) for path, one in data.items()))
    blocks = {**dict(tree.nodes()), **{Cid.of_cbor(one): one for one in data.values()}}
    return over(did, tree.root, blocks, key=key, rev=rev, **changed)


def over(did, tree, blocks, *, key=KEY, rev=REV, **changed):
    """(root, blocks) with a commit over this tree. changed: fields of the commit that say otherwise."""
    _, block = commit.sign(key, did, rev, tree)
    block = cbor.encode({**cbor.decode(block), **changed})
    return Cid.of_cbor(block), {Cid.of_cbor(block): block, **blocks}


def over_node(did, node, blocks=None):
    """The same over a tree of one node, given as what it holds."""
    data = cbor.encode(node)
    return over(did, Cid.of_cbor(data), {Cid.of_cbor(data): data, **(blocks or {})})


def file(root, blocks):
    return car.write_car([root], blocks)


def post(text="a word"):
    return {"$type": POST, "text": text, "createdAt": "2026-11-21T20:02:11.123Z"}


PATH = f"{POST}/3kaaaaaaaaaa2"


def hostile(did):
    """Files that must be refused, each with the name of the refusal."""
    root, blocks = repository(did, {PATH: post()})
    record, tree = Cid.of_cbor(cbor.encode_json(post())), commit.read(blocks[root]).data
    whole = file(root, blocks)
    entry = {"p": 0, "k": b"no-slash", "v": record, "t": None}
    return {
        "of another account": (file(*repository("did:plc:" + "b" * 24, {PATH: post()})), "WrongAccount"),
        "of format 2": (file(*repository(did, {PATH: post()}, version=2)), "UnsupportedRepoVersion"),
        "cut off": (whole[:-10], "InvalidCar"),
        "empty": (b"", "InvalidCar"),
        "noise": (b"\x00" + os.urandom(300), "InvalidCar"),
        "a page": (b"<html>" * 100, "InvalidCar"),
        "with a length without end": (whole[:59] + b"\xff" * 20, "InvalidCar"),
        "with a block of another hash": (whole[:-1] + bytes([whole[-1] ^ 1]), "InvalidCar"),
        "with two roots": (car.write_car([root, root], blocks), "InvalidRequest"),
        "with no root": (car.write_car([], blocks), "InvalidRequest"),
        "whose root is not there": (file(Cid.of_cbor(b"x"), blocks), "MissingBlock"),
        "whose root is no commit": (file(tree, blocks), "InvalidCommit"),
        "whose revision is none": (file(*repository(did, {PATH: post()}, rev="tomorrow")), "InvalidCommit"),
        "without a record": (file(root, without(blocks, record)), "MissingBlock"),
        "without a node": (file(root, without(blocks, tree)), "MissingBlock"),
        "with a record that is no CBOR": (file(*repository(did, {PATH: b"\xff\xff"})), "InvalidRequest"),
        "with a record with a float": (
            file(*repository(did, {PATH: b"\xa1aa\xfb?\xf8\0\0\0\0\0\0"})),
            "InvalidRequest",
        ),
        "with a record that is no object": (file(*repository(did, {PATH: b"\x01"})), "InvalidRequest"),
        "with a tree that is none": (file(*over_node(did, {})), "InvalidTree"),
        "with an empty layer on top": (file(*over_node(did, {"l": tree, "e": []}, blocks)), "InvalidTree"),
        "with a path that is none": (file(*over_node(did, {"l": None, "e": [entry]}, blocks)), "InvalidTree"),
    }


def without(blocks, gone):
    return {cid: data for cid, data in blocks.items() if cid != gone}


NAMES = list(hostile("did:plc:" + "a" * 24))


@pytest.mark.parametrize("why", NAMES)
async def test_a_hostile_file_is_refused_and_changes_nothing(alice, site, why, verified):
    await alice.post("what was there")
    before, seq = await verified(alice), site.log.last
    data, name = hostile(alice.did)[why]
    with refused(name):
        await alice.send(IMPORT, data, CAR)
    after = await verified(alice)
    assert (after.commit, after.records, site.log.last) == (before.commit, before.records, seq)


async def test_a_file_signed_by_another_key_is_taken_and_signed_anew(alice, verified):
    """Its owner brings it, and the old host's key may be gone: here it is checked for wholeness, not for its maker."""
    await alice.send(IMPORT, file(*repository(alice.did, {PATH: post()}, key=STRANGER)), CAR)
    assert set((await verified(alice)).records) == {PATH}


async def test_blocks_that_belong_to_nothing_are_left_behind(alice, verified):
    root, blocks = repository(alice.did, {PATH: post()})
    stray = cbor.encode({"stray": True})
    await alice.send(IMPORT, file(root, {Cid.of_cbor(stray): stray, **blocks}), CAR)
    assert set((await verified(alice)).records) == {PATH}
    with refused("BlockNotFound"):
        await alice.car("com.atproto.sync.getBlocks", did=alice.did, cids=str(Cid.of_cbor(stray)))


async def test_only_the_member_imports_into_their_account(http, alice, bob):
    with refused("WrongAccount"):
        await bob.send(IMPORT, file(*repository(alice.did, {PATH: post()})), CAR)
    with refused("AuthMissing", 401):
        await Caller(http).send(IMPORT, b"", CAR)
    with refused("InvalidRequest", say="Content-Type"):
        await alice.send(IMPORT, b"", "application/json")


async def test_files_that_come_in_at_once_hold_so_much_memory_and_no_more(alice, bob, site, monkeypatch):
    await alice.post("one")
    given = await alice.car("com.atproto.sync.getRepo", did=alice.did)
    monkeypatch.setattr(imports, "MAX_BYTES_AT_ONCE", 2 * len(given) - 1)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly():
        yield given
        begun.set()
        await go_on.wait()

    account = site.accounts.one(alice.did)
    first = asyncio.create_task(site.imports.take_in(account, slowly()))
    await begun.wait()
    with refused("TryAgain", status=503):
        await alice.send(IMPORT, given, CAR)
    go_on.set()
    await first
    await alice.send(IMPORT, given, CAR)
