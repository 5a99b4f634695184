"""What a commit did to a repository: its operations, the blocks that cover them, and undoing them again.

A reader who knows only the root of the tree before a commit checks it by undoing the operations on the tree after it,
from the blocks that came along, and comparing roots. These hold every new node, and old ones that a change leaned on.
Source: https://atproto.com/specs/sync#commit-validation-mst-operation-inversion
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.repo.mst import BadPath, BadTree, Change, CrowdedNode, MissingBlock, Tree, changed, differing, facing
from freehold.repo.node import Node

MAX_OPS = 200
"""In one commit."""


class BadProof(Refused):
    """The blocks and operations of a commit do not lead back to a tree."""

    name, say = "InvalidProof", "The commit's operations cannot be undone on its blocks."


class Op(NamedTuple):
    """One path that a commit changed: `cid` is the record now (None: deleted), `prev` the one before (None: none)."""

    action: Literal["create", "update", "delete"]
    path: str
    cid: Cid | None
    prev: Cid | None


class Difference(NamedTuple):
    """All that a commit needs to know of what it changes: operations, nodes to store and drop, blocks to send."""

    ops: list[Op]
    change: Change
    covering: dict[Cid, bytes]


def compare(old: Tree, new: Tree) -> Difference:
    """`ops`, `changed` and `covering` at once, walking the trees once."""
    gone, born = differing(old, new)
    done = _ops(gone, born)
    change = Change({node.cid: node.encode() for node in born}, {node.cid for node in gone})
    return Difference(done, change, covering(old, new, done, change))


def ops(old: Tree, new: Tree) -> list[Op]:
    """What turns `old` into `new`, one operation for each path, in order of path."""
    return _ops(*differing(old, new))


def _ops(gone: list[Node], born: list[Node]) -> list[Op]:
    before = {path: value for node in gone for path, value, _ in node.entries}
    after = {path: value for node in born for path, value, _ in node.entries}
    return [
        _op(path, before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def _op(path: str, prev: Cid | None, cid: Cid | None) -> Op:
    if cid is None:
        return Op("delete", path, None, prev)
    return Op("create" if prev is None else "update", path, cid, prev)


def covering(old: Tree, new: Tree, done: Sequence[Op], change: Change | None = None) -> dict[Cid, bytes]:
    """The tree's blocks that a commit has to carry: new nodes, and those with which `done` can be undone in any order.

    These include the nodes on both sides that face each changed path, which some readers walk without need.
    `change` saves comparing the trees again.
    """
    blocks = dict((change or changed(old, new)).new)
    if not done:
        blocks[new.root] = new.top.encode()
    for op in done:
        for node in facing(new, op.path):
            if node.cid not in blocks:
                blocks[node.cid] = node.encode()
    return blocks


def invert(new_root: Cid, blocks: Mapping[Cid, bytes], done: Sequence[Op]) -> Cid:
    """The root of the tree before `done`, from the root after it. Blocks that are not nodes may be among `blocks`.

    Raises BadProof when blocks are missing or malformed, or an operation says what the tree contradicts.
    """
    if len(done) > MAX_OPS or len({op.path for op in done}) != len(done):
        raise BadProof("A commit has too many operations, or two on one record.")
    tree = Tree.load(new_root, blocks.__getitem__)
    try:
        for op in reversed(done):
            tree = _undo(tree, op)
        return tree.root
    except (MissingBlock, BadTree, BadPath, CrowdedNode) as error:
        raise BadProof(why=error.name, at=error.facts) from error


def _undo(tree: Tree, op: Op) -> Tree:
    expected = {"create": (True, False), "update": (True, True), "delete": (False, True)}.get(op.action)
    if expected != (op.cid is not None, op.prev is not None) or tree.get(op.path) != op.cid:
        raise BadProof(path=op.path, action=op.action)
    return tree.delete(op.path) if op.prev is None else tree.put(op.path, op.prev)
