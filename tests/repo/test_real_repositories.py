"""Repositories, streams and proofs that other software made."""

import base64
import json
from pathlib import Path

import pytest

from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.keys import did_key_of_multikey
from freehold.repo import commit
from freehold.repo.car import read_car
from freehold.repo.commit import UnsupportedRepoVersion
from freehold.repo.diff import Op, invert
from freehold.repo.export import stream_repo
from freehold.repo.mst import Tree, proof
from freehold.repo.verify import WrongAccount, verify_commit, verify_record, verify_repo
from support.plain_diff import covering, ops


def did_key_in(path: Path) -> tuple[str, str]:
    """DID and signing key of a DID document."""
    document = json.loads(path.read_text())
    method = document["verificationMethod"][0]
    return document["id"], did_key_of_multikey(method["publicKeyMultibase"], method["type"])


@pytest.fixture(scope="module")
def accounts(vectors) -> list[dict]:
    return json.loads((vectors / "capture/index.json").read_text())


@pytest.fixture(scope="module")
def commits(vectors) -> list[dict]:
    """The payload of each #commit frame of the captured stream."""
    frames = [json.loads(line) for line in (vectors / "capture/frames.jsonl").read_text().splitlines()]
    pairs = [cbor.decode_pair(base64.b64decode(frame["frame_base64"])) for frame in frames]
    return [payload for header, payload in pairs if header["t"] == "#commit"]


def stem(account: dict) -> str:
    return account["car"].removesuffix(".car")


def test_a_captured_repository_verifies_and_exports_the_same(vectors, accounts):
    for account in accounts:
        roots, blocks = read_car((vectors / "capture" / account["car"]).read_bytes())
        did, did_key = did_key_in(vectors / "capture" / f"{stem(account)}.diddoc.json")
        verified = verify_repo(blocks, roots[0], did, did_key)
        assert str(roots[0]) == account["head"]
        assert verified.commit.rev == account["rev"]
        assert {path: str(cid) for path, cid in verified.records.items()} == account["records"]
        assert Tree.build(verified.records.items()).root == verified.commit.data
        records = [(cid, blocks[cid]) for cid in verified.records.values()]
        signed = (roots[0], blocks[roots[0]])
        again = b"".join(stream_repo(signed, verified.tree.root, blocks.__getitem__, records))
        assert read_car(again) == (roots, blocks)


def test_a_captured_record_proof_proves(vectors, accounts):
    for account in accounts:
        roots, blocks = read_car((vectors / "capture" / f"{stem(account)}.recordproof.car").read_bytes())
        did, did_key = did_key_in(vectors / "capture" / f"{stem(account)}.diddoc.json")
        [path] = [path for path, cid in account["records"].items() if Cid.parse(cid) in blocks]
        record = verify_record(blocks, roots[0], did, did_key, path)
        assert Cid.of_cbor(record) == Cid.parse(account["records"][path])
        signed = commit.read(blocks[roots[0]])
        tree = Tree.load(signed.data, blocks.__getitem__)
        assert proof(tree, path).keys() | {roots[0], Cid.parse(account["records"][path])} == blocks.keys()


def test_every_captured_commit_verifies_and_is_undone(vectors, accounts, commits):
    keys = dict(did_key_in(vectors / "capture" / f"{stem(account)}.diddoc.json") for account in accounts)
    undone = 0
    for payload in commits:
        if payload["repo"] not in keys:
            continue
        roots, blocks = read_car(payload["blocks"])
        assert roots == [payload["commit"]]
        signed = verify_commit(blocks, roots[0], payload["repo"], keys[payload["repo"]])
        assert signed.rev == payload["rev"]
        done = [Op(op["action"], op["path"], op["cid"], op.get("prev")) for op in payload["ops"]]
        if payload.get("prevData"):
            assert invert(signed.data, blocks, done) == payload["prevData"]
            undone += bool(done)
    assert undone > 60


def test_our_tree_repeats_a_captured_history_with_no_fewer_blocks(accounts, commits):
    """From the first commit on: the same roots, the same operations, and every block that the official server sent."""
    for account in accounts:
        tree = Tree.empty()
        for payload in (payload for payload in commits if payload["repo"] == account["did"]):
            _, blocks = read_car(payload["blocks"])
            after = tree
            for op in payload["ops"]:
                after = after.put(op["path"], op["cid"]) if op["cid"] else after.delete(op["path"])
            assert after.root == commit.read(blocks[payload["commit"]]).data
            done = ops(tree, after)
            sent = [Op(op["action"], op["path"], op["cid"], op.get("prev")) for op in payload["ops"]]
            assert done == sorted(sent, key=lambda op: op.path)
            records = {op.cid for op in done}
            assert blocks.keys() - records - {payload["commit"]} <= covering(tree, after, done).keys()
            tree = after
        assert {path: str(cid) for path, cid in tree.items()} == account["records"]


def test_commits_seen_on_the_network_hold_what_their_operations_say(vectors):
    """Of February 2025, before inversion: their blocks show every record created."""
    files = sorted((vectors / "firehose-commits").glob("*.json"))
    assert len(files) == 3
    for path in files:
        message = json.loads(path.read_text())
        text = message["blocks"]["$bytes"]
        roots, blocks = read_car(base64.b64decode(text + "=" * (-len(text) % 4)))
        signed = commit.read(blocks[roots[0]])
        assert str(roots[0]) == message["commit"]["$link"]
        assert (signed.did, signed.rev) == (message["repo"], message["rev"])
        tree = Tree.load(signed.data, blocks.__getitem__)
        for op in message["ops"]:
            cid = Cid.parse(op["cid"]["$link"])
            assert tree.get(op["path"]) == cid
            assert cid in blocks


def test_a_repository_with_history_behind_its_commit_verifies_and_rebuilds(vectors):
    """Of 2023: its commit still names the one before."""
    roots, blocks = read_car((vectors / "repo-cars/greenground.repo.car").read_bytes())
    _, did_key = did_key_in(vectors / "repo-cars/greenground.didDoc.json")
    signed = commit.read(blocks[roots[0]])
    assert signed.prev is not None
    verified = verify_repo(blocks, roots[0], signed.did, did_key)
    assert len(verified.records) == 2
    assert Tree.build(verified.records.items()).root == signed.data


def test_a_right_signature_under_the_name_of_another_account_is_refused(vectors):
    """Hosts of 2023 signed for many accounts with one key, so the key alone says little."""
    roots, blocks = read_car((vectors / "repo-cars/greenground.repo.car").read_bytes())
    did, did_key = did_key_in(vectors / "repo-cars/greenground.didDoc.json")
    with pytest.raises(WrongAccount):
        verify_repo(blocks, roots[0], did, did_key)


def test_a_repository_of_format_2_is_refused_by_name(vectors):
    roots, blocks = read_car((vectors / "repo-cars/repo_slice.car").read_bytes())
    with pytest.raises(UnsupportedRepoVersion):
        commit.read(blocks[roots[0]])


def test_a_slice_of_a_tree_proves_its_record(vectors):
    roots, blocks = read_car((vectors / "repo-cars/repo_slice.car").read_bytes())
    expected = json.loads((vectors / "repo-cars/repo_slice_record.json").read_text())
    tree = Tree.load(cbor.decode(blocks[roots[0]])["data"], blocks.__getitem__)
    cid = tree.get(expected["uri"].split("/", 3)[3])
    assert str(cid) == expected["cid"]
    assert cbor.decode_json(blocks[cid])["text"] == expected["value"]["text"]
