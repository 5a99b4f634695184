"""The tree and its proofs against the official and the community's vectors."""

import json
from collections import UserDict
from itertools import pairwise
from pathlib import Path

import pytest

from freehold.protocol.cid import Cid
from freehold.repo.car import read_car
from freehold.repo.diff import Op, change, invert
from freehold.repo.mst import Tree, proof
from freehold.repo.node import height
from support.plain_diff import changed, covering, ops


def test_the_layer_of_a_path(vectors):
    for case in json.loads((vectors / "interop/mst/key_heights.json").read_text()):
        assert height(case["key"]) == case["height"], case["key"]


def test_example_keys_stand_on_the_layer_that_they_name(vectors):
    keys = (vectors / "interop/mst/example_keys.txt").read_text().split()
    assert len(keys) > 100
    assert all(height(key) == int(key[1]) for key in keys)
    value = Cid.of_cbor(b"")
    tree = Tree.build((key, value) for key in sorted(keys))
    grown = Tree.empty()
    for key in keys:
        grown = grown.put(key, value)
    assert grown.root == tree.root


def test_commit_proofs(vectors):
    for case in json.loads((vectors / "interop/firehose/commit-proof-fixtures.json").read_text()):
        value = Cid.parse(case["leafValue"])
        old = Tree.build((key, value) for key in sorted(case["keys"]))
        assert str(old.root) == case["rootBeforeCommit"]
        new = old
        for key in case["adds"]:
            new = new.put(key, value)
        for key in case["dels"]:
            new = new.delete(key)
        assert str(new.root) == case["rootAfterCommit"]
        done = ops(old, new)
        blocks = covering(old, new, done)
        named = {Cid.parse(text) for text in case["blocksInProof"]}
        assert named <= blocks.keys(), case["comment"]
        assert invert(new.root, {cid: blocks[cid] for cid in named}, done) == old.root


@pytest.fixture(scope="module")
def trees(vectors) -> dict[str, tuple[Cid, dict[Cid, bytes]]]:
    """The 128 trees of the difference vectors: root and blocks by file name."""
    cars = sorted((vectors / "mst-diff/cars/exhaustive").glob("*.car"))
    read = {path.name: read_car(path.read_bytes()) for path in cars}
    return {name: (roots[0], blocks) for name, (roots, blocks) in read.items()}


def test_every_tree_is_what_its_records_make(trees):
    assert len(trees) == 128
    for root, blocks in trees.values():
        tree = Tree.load(root, blocks.__getitem__)
        rebuilt = Tree.build(tree.items())
        assert rebuilt.root == root
        assert dict(rebuilt.nodes()) == dict(tree.nodes()) == blocks


class Noting(UserDict):
    """Blocks that note which of them were read."""

    def __init__(self, blocks: dict[Cid, bytes], read: dict[Cid, bytes]) -> None:
        super().__init__(blocks)
        self.read = read

    def __getitem__(self, cid: Cid) -> bytes:
        self.read[cid] = self.data[cid]
        return self.data[cid]


def check_difference(case: dict, trees: dict) -> None:
    (old_root, olds), (new_root, news) = (trees[Path(case["inputs"][side]).name] for side in ("mst_a", "mst_b"))
    old, new = Tree.load(old_root, olds.__getitem__), Tree.load(new_root, news.__getitem__)
    expected = {name: {Cid.parse(text) for text in value} for name, value in case["results"].items() if "nodes" in name}
    change = changed(old, new)
    assert change.new.keys() == expected["created_nodes"]
    assert change.gone == expected["deleted_nodes"]
    done = ops(old, new)
    assert done == [read_op(op) for op in sorted(case["results"]["record_ops"], key=lambda op: op["rpath"])]
    assert expected["proof_nodes"] <= {cid for op in done for cid in proof(new, op.path)} | {new_root}
    proven = Tree.load(new_root, {cid: news[cid] for cid in expected["proof_nodes"]}.__getitem__)
    assert [proven.get(op.path) for op in done] == [op.cid for op in done]
    blocks = covering(old, new, done)
    assert expected["inductive_proof_nodes"] <= blocks.keys()
    assert invert(new_root, blocks, done) == old_root
    read: dict[Cid, bytes] = {}
    assert invert(new_root, Noting(news, read), done) == old_root
    assert read.keys() == expected["inductive_proof_nodes"]


def read_op(op: dict) -> Op:
    prev, cid = (op[name] and Cid.parse(op[name]) for name in ("old_value", "new_value"))
    return Op("delete" if cid is None else "update" if prev else "create", op["rpath"], cid, prev)


def test_differences_between_trees(vectors, trees):
    cases = sorted((vectors / "mst-diff/tests").glob("*.json"))
    assert len(cases) == 400
    for path in cases:
        check_difference(json.loads(path.read_text()), trees)


def test_every_tree_leads_to_the_next_and_back(trees):
    loaded = [Tree.load(root, blocks.__getitem__) for root, blocks in trees.values()]
    for old, new in pairwise(loaded):
        done = ops(old, new)
        tree = old
        for op in done:
            tree = tree.delete(op.path) if op.cid is None else tree.put(op.path, op.cid)
        assert tree.root == new.root
        assert invert(new.root, covering(old, new, done), done) == old.root
        at_once = change(old, {op.path: op.cid for op in done})
        assert at_once.tree.root == new.root
        assert at_once.ops == done
        assert (at_once.new, at_once.gone) == changed(old, new)
        assert at_once.covering == covering(old, new, done)
