"""What a commit did to a repository: its operations, the blocks that cover them, and undoing them again.

A reader who knows only the root of the tree before a commit checks it by undoing the operations on the tree after it,
from the blocks that came along, and comparing roots. These hold every new node, and old ones that a change leaned on.
Source: https://atproto.com/specs/sync#commit-validation-mst-operation-inversion
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.repo.edit import edit
from freehold.repo.mst import BadPath, BadTree, CrowdedNode, MissingBlock, Tree
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
    """A changed tree, and all that a commit needs to know of it.

    before: what stood at the paths that were asked for. ops: one for each path that changed, in order of path.
    new, gone: nodes to store and to drop. covering: the tree's blocks that the commit has to carry, its root first.
    """

    tree: Tree
    before: dict[str, Cid]
    ops: list[Op]
    new: dict[Cid, bytes]
    gone: set[Cid]
    covering: dict[Cid, bytes]


def change(old: Tree, values: Mapping[str, Cid | None]) -> Difference:
    """`old` with a record at each path, or none where the value is None. Raises BadPath, CrowdedNode.

    What covers a change are all new nodes, and those with which its operations can be undone in any order. These
    include the nodes on both sides that face each changed path, which some readers walk without need.
    """
    top, before, born, gone, around = edit(old.top, values)
    new: dict[Cid, bytes] = {}
    for node in born:
        data = node.encode()
        node.cid = Cid.of_cbor(data)
        new[node.cid] = data
    covering = dict(reversed(new.items())) or {top.cid: top.encode()}
    for node, path in around:
        for beside in _facing(node, path):
            if beside.layer <= top.layer and beside.cid not in covering:
                covering[beside.cid] = beside.encode()
    ops = [_op(path, before.get(path), values[path]) for path in sorted(values) if before.get(path) != values[path]]
    return Difference(Tree(top), before, ops, new, {node.cid for node in gone}, covering)


def _facing(node: Node, path: str) -> Iterator[Node]:
    """The nodes below `node` that touch `path`, a path of its layer: the last subtrees before it, the first ones after.

    Where nothing stands any more, these are one.
    """
    at = bisect_left(node.entries, (path,))
    low = node.child(at)
    if at == len(node.entries) or node.entries[at][0] != path:
        while low is not None:
            yield low
            low = low.child(bisect_left(low.entries, (path,)))
        return
    high = node.entries[at][2]
    while low is not None:
        yield low
        low = low.child(len(low.entries))
    while high is not None:
        yield high
        high = high.left


def _op(path: str, prev: Cid | None, cid: Cid | None) -> Op:
    if cid is None:
        return Op("delete", path, None, prev)
    return Op("create" if prev is None else "update", path, cid, prev)


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
