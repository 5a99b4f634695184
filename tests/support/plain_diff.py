"""What a change did to a tree, found out by comparing the trees before and after: plain, and slower than need be."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

from freehold.protocol.cid import Cid
from freehold.repo.diff import Op
from freehold.repo.mst import Tree
from freehold.repo.node import Node


class Change(NamedTuple):
    """What a store has to do to hold another tree: nodes born, by CID, and nodes superseded."""

    new: dict[Cid, bytes]
    gone: set[Cid]


def changed(old: Tree, new: Tree) -> Change:
    """Compare two trees, walking only what differs."""
    gone, born = differing(old, new)
    return Change({node.cid: node.encode() for node in born}, {node.cid for node in gone})


def differing(old: Tree, new: Tree) -> tuple[list[Node], list[Node]]:
    """The nodes that only `old` has, and those that only `new` has, upper layers first.

    A node stands on one layer and, paths being unique, under one parent; so equal nodes meet when both trees are opened
    layer by layer, and what hangs below them need not be looked at.
    """
    gone: list[Node] = []
    born: list[Node] = []
    olds, news = {old.top}, {new.top}
    for layer in range(max(old.top.layer, new.top.layer), -1, -1):
        _drop_common(olds, news)
        if layer <= old.top.layer:
            gone += olds
            olds = _children(olds)
        if layer <= new.top.layer:
            born += news
            news = _children(news)
    return gone, born


def _drop_common(olds: set[Node], news: set[Node]) -> None:
    """Take out what is in both, by identity first, since that needs no hash."""
    shared = olds & news
    olds -= shared
    news -= shared
    common = {node.cid for node in olds} & {node.cid for node in news} if olds and news else None
    if common:
        olds -= {node for node in olds if node.cid in common}
        news -= {node for node in news if node.cid in common}


def _children(level: set[Node]) -> set[Node]:
    below = {right for node in level for _, _, right in node.entries}
    below.update([node.left for node in level])
    below.discard(None)
    return cast("set[Node]", below)


def facing(tree: Tree, path: str) -> Iterator[Node]:
    """All nodes that touch `path`: from the root to where it stands or would stand. Where a record stands, these go on
    down the last subtrees before it and the first ones after it.
    """
    node: Node | None = tree.top
    while node is not None:
        yield node
        at = bisect_left(node.entries, (path,))
        if at < len(node.entries) and node.entries[at][0] == path:
            break
        node = node.child(at)
    else:
        return
    low, high = node.child(at), node.entries[at][2]
    while low is not None:
        yield low
        low = low.child(len(low.entries))
    while high is not None:
        yield high
        high = high.left


def ops(old: Tree, new: Tree) -> list[Op]:
    """What turns `old` into `new`, one operation for each path, in order of path."""
    gone, born = differing(old, new)
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


def covering(old: Tree, new: Tree, done: Sequence[Op]) -> dict[Cid, bytes]:
    """New nodes, and those that touch a changed path."""
    blocks = dict(changed(old, new).new)
    if not done:
        blocks[new.root] = new.top.encode()
    for op in done:
        for node in facing(new, op.path):
            blocks[node.cid] = node.encode()
    return blocks
