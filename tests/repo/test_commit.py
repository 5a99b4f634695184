"""Commits and whole repositories: signed, exported, and believed by nobody without a check."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.keys import signing_key
from freehold.repo import commit
from freehold.repo.car import read_car
from freehold.repo.commit import BadCommit, BadSignature, UnsupportedRepoVersion
from freehold.repo.export import PIECE_BYTES, stream_repo
from freehold.repo.mst import BadTree, MissingBlock, Tree, proof
from freehold.repo.verify import WrongAccount, verify_record, verify_repo
from support.trees import PATHS, VALUES

DID, REV = "did:plc:ewvi7nxzyoun6zhxrhs64oiz", "3jzfcijpj2z2a"
KEY, OTHER_KEY = signing_key("secp256k1", b"\1" * 32), signing_key("p256", b"\2" * 32)


def repository(content: dict[str, bytes], key=KEY) -> tuple[Cid, bytes, Tree]:
    tree = Tree.build((path, Cid.of_cbor(data)) for path, data in sorted(content.items()))
    cid, data = commit.sign(key, DID, REV, tree.root)
    return cid, data, tree


CONTENT = {path: cbor.encode({"text": path}) for path in PATHS}


def export(content: dict[str, bytes], key=KEY) -> tuple[Cid, list[bytes]]:
    cid, data, tree = repository(content, key)
    records = [(value, content[path]) for path, value in tree.items()]
    return cid, list(stream_repo((cid, data), tree.root, dict(tree.nodes()).__getitem__, records))


@pytest.mark.parametrize("key", [KEY, OTHER_KEY], ids=["k256", "p256"])
def test_a_commit_is_read_and_verified_as_signed(key):
    cid, data = commit.sign(key, DID, REV, VALUES[0])
    read = commit.read(data)
    assert Cid.of_cbor(data) == cid
    assert (read.did, read.version, read.rev, read.data, read.prev) == (DID, 3, REV, VALUES[0], None)
    assert cbor.decode(data)["prev"] is None
    commit.verify(read, key.did_key)


def test_a_commit_of_another_key_or_changed_afterwards_is_refused():
    read = commit.read(commit.sign(KEY, DID, REV, VALUES[0])[1])
    with pytest.raises(BadSignature):
        commit.verify(read, OTHER_KEY.did_key)
    for change in ({"rev": "3jzfcijpj2z2b"}, {"data": VALUES[1]}, {"did": DID[:-1] + "a"}, {"prev": VALUES[1]}):
        with pytest.raises(BadSignature):
            commit.verify(read._replace(**change), KEY.did_key)


FIELDS = {"did": DID, "version": 3, "data": VALUES[0], "rev": REV, "prev": None, "sig": bytes(64)}


@pytest.mark.parametrize(
    "change",
    [
        {"did": "plc"},
        {"did": 7},
        {"rev": "yesterday"},
        {"rev": None},
        {"data": None},
        {"data": bytes(VALUES[0])},
        {"data": Cid.of_raw(b"")},
        {"prev": "none"},
        {"sig": bytes(63)},
        {"sig": "0" * 64},
        {"sig": VALUES[0]},
        {"version": True},
        {"version": "3"},
        {"more": 1},
    ],
    ids=lambda change: " ".join(f"{name} {str(value)[:9]}" for name, value in change.items()),
)
def test_a_malformed_commit_is_refused(change):
    commit.read(cbor.encode(FIELDS))
    with pytest.raises(BadCommit):
        commit.read(cbor.encode(FIELDS | change))


@pytest.mark.parametrize("field", FIELDS)
def test_a_commit_without_a_field_is_refused(field):
    with pytest.raises(BadCommit):
        commit.read(cbor.encode({name: value for name, value in FIELDS.items() if name != field}))


@pytest.mark.parametrize("version", [1, 2, 4])
def test_other_formats_are_refused_by_name(version):
    with pytest.raises(UnsupportedRepoVersion) as refusal:
        commit.read(cbor.encode(FIELDS | {"version": version}))
    assert refusal.value.name == "UnsupportedRepoVersion"


@given(st.binary(max_size=100))
def test_any_bytes_are_no_commit(data):
    with pytest.raises(BadCommit):
        commit.read(data)


@pytest.mark.parametrize("content", [CONTENT, {}, dict(list(CONTENT.items())[:1])], ids=["many", "none", "one"])
def test_an_exported_repository_verifies(content):
    root, pieces = export(content)
    roots, blocks = read_car(b"".join(pieces))
    verified = verify_repo(blocks, root, DID, KEY.did_key)
    assert roots == [root]
    assert list(verified.records) == sorted(content)
    assert {path: blocks[cid] for path, cid in verified.records.items()} == content
    assert verified.commit.rev == REV
    assert verified.tree.root == verified.commit.data


def test_an_export_comes_in_the_order_of_the_tree():
    root, pieces = export(CONTENT)
    _, blocks = read_car(b"".join(pieces))
    records = [data for data in blocks.values() if data in CONTENT.values()]
    assert next(iter(blocks)) == root
    assert records == [CONTENT[path] for path in sorted(CONTENT)]
    expected = {root}
    for cid, data in blocks.items():
        assert cid in expected
        raw = cbor.decode(data)
        expected |= {raw["data"]} if "data" in raw else set()
        expected |= {link for entry in raw.get("e", ()) for link in (entry["v"], entry["t"])} | {raw.get("l")}


def test_a_large_export_comes_in_pieces():
    content = {path: cbor.encode({"text": path * 500}) for path in PATHS}
    _, pieces = export(content)
    assert len(pieces) > 5
    assert all(len(piece) < 2 * PIECE_BYTES for piece in pieces)


def test_an_export_without_a_record_or_a_node_or_with_another_record_is_refused():
    cid, data, tree = repository(CONTENT)
    nodes = dict(tree.nodes())
    records = [(value, CONTENT[path]) for path, value in tree.items()]
    swapped = [records[1], records[0], *records[2:]]
    for kept, told in ((nodes, records[:-1]), (nodes, swapped), ({tree.root: nodes[tree.root]}, records)):
        with pytest.raises(MissingBlock):
            list(stream_repo((cid, data), tree.root, kept.__getitem__, told))


def test_a_repository_with_any_block_missing_or_changed_is_refused():
    root, pieces = export(CONTENT)
    _, blocks = read_car(b"".join(pieces))
    for cid in blocks:
        with pytest.raises(MissingBlock):
            verify_repo({other: data for other, data in blocks.items() if other != cid}, root, DID, KEY.did_key)
        with pytest.raises(BadTree):
            verify_repo(blocks | {cid: blocks[cid] + b"\0"}, root, DID, KEY.did_key)


def test_a_repository_of_another_account_or_key_is_refused():
    root, pieces = export(CONTENT)
    _, blocks = read_car(b"".join(pieces))
    with pytest.raises(WrongAccount):
        verify_repo(blocks, root, DID[:-1] + "a", KEY.did_key)
    with pytest.raises(BadSignature):
        verify_repo(blocks, root, DID, OTHER_KEY.did_key)


def test_a_record_and_its_absence_are_proven_by_few_blocks():
    content = {path: CONTENT[path] for path in PATHS[::2]}
    cid, data, tree = repository(content)
    for path in PATHS:
        blocks = {cid: data} | proof(tree, path)
        if path in content:
            blocks[Cid.of_cbor(content[path])] = content[path]
        assert verify_record(blocks, cid, DID, KEY.did_key, path) == content.get(path)
        assert len(blocks) < 10
