"""The Merkle search tree: which record stands at which path, in a form that one hash names.

A `Tree` is a value: a change gives another tree that shares all but the nodes on the way to what changed. The same
records give the same root, whatever their history. A tree loaded from a root reads its nodes when somebody needs them.
Source: https://atproto.com/specs/repository#mst-structure
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Self

from freehold.protocol.cid import Cid
from freehold.repo import edit
from freehold.repo.node import BadPath, BadTree, CrowdedNode, Fetch, MissingBlock, Node, check_path, height

__all__ = ["BadPath", "BadTree", "CrowdedNode", "MissingBlock", "Tree", "check_path", "proof"]

_END = "\x7f"  # sorts after every character that a path may hold


class Tree:
    """Paths (`collection/rkey`) and the CIDs of their records, in order. Never changes.

    Any method may raise BadTree or MissingBlock on a loaded tree, when it comes to a node that is not well formed or
    that `fetch` does not have.
    """

    __slots__ = ("top",)

    def __init__(self, top: Node) -> None:
        self.top = top

    @classmethod
    def empty(cls) -> Self:
        """A tree without records."""
        return cls(edit.EMPTY)

    @classmethod
    def load(cls, root: Cid, fetch: Fetch) -> Self:
        """The tree of a root. `fetch` gives a block by its CID or raises KeyError; it is called once for each node."""
        return cls(Node.stub(root, fetch))

    @classmethod
    def build(cls, items: Iterable[tuple[str, Cid]]) -> Self:
        """The tree of these records, given in order of path. Raises BadTree when not in order, BadPath, CrowdedNode."""
        return cls(edit.build(items))

    @property
    def root(self) -> Cid:
        """The CID of the top node. New nodes are encoded and hashed now, not before."""
        return self.top.cid

    def get(self, path: str) -> Cid | None:
        """The record at `path`. Looks no lower than the layer of `path`, where some proofs of absence end."""
        node: Node | None = self.top
        layer = height(path)
        while node is not None and node.layer >= layer:
            at = bisect_left(node.entries, (path,))
            if at < len(node.entries) and node.entries[at][0] == path:
                return node.entries[at][1]
            node = node.child(at)
        return None

    def put(self, path: str, value: Cid) -> "Tree":
        """With `value` at `path`, whether or not a record was there. Raises BadPath, CrowdedNode."""
        top = edit.edit(self.top, {path: value}).top
        return self if top is self.top else Tree(top)

    def delete(self, path: str) -> "Tree":
        """Without the record at `path`. Raises KeyError when there is none, CrowdedNode."""
        edited = edit.edit(self.top, {path: None})
        if path not in edited.before:
            raise KeyError(path)
        return Tree(edited.top)

    def items(self, after: str = "", prefix: str = "", reverse: bool = False) -> Iterator[tuple[str, Cid]]:
        """Records whose path begins with `prefix`, in order of path or `reverse`, beginning past `after` if given.

        Only nodes on the way are read, and only as far as the caller goes on.
        """
        if reverse:
            return _backward(self.top, prefix, min(after, prefix + _END) if after else prefix + _END)
        return _forward(self.top, max(prefix, after + "\0" if after else ""), prefix + _END)

    def nodes(self) -> Iterator[tuple[Cid, bytes]]:
        """Every block, a node before its subtrees, these in order."""
        waiting = [self.top]
        while waiting:
            node = waiting.pop()
            yield node.cid, node.encode()
            waiting.extend(reversed(node.children()))


def _forward(top: Node, start: str, end: str) -> Iterator[tuple[str, Cid]]:
    """Records with start <= path < end."""
    way: list[tuple[Node, int]] = []
    node: Node | None = top
    while node is not None or way:
        while node is not None:
            at = bisect_left(node.entries, (start,))
            way.append((node, at))
            node = node.child(at)
        node, at = way.pop()
        if at == len(node.entries):
            node = None
            continue
        path, value, right = node.entries[at]
        if path >= end:
            return
        yield path, value
        way.append((node, at + 1))
        node = right


def _backward(top: Node, start: str, end: str) -> Iterator[tuple[str, Cid]]:
    """Records with start <= path < end, the last first."""
    way: list[tuple[Node, int]] = []
    node: Node | None = top
    while node is not None or way:
        while node is not None:
            at = bisect_left(node.entries, (end,))
            way.append((node, at))
            node = node.child(at)
        node, at = way.pop()
        if at == 0:
            node = None
            continue
        path, value, _ = node.entries[at - 1]
        if path < start:
            return
        yield path, value
        way.append((node, at - 1))
        node = node.child(at - 1)


def proof(tree: Tree, path: str) -> dict[Cid, bytes]:
    """The blocks from the root that show what stands at `path`, or that nothing does."""
    blocks: dict[Cid, bytes] = {}
    node: Node | None = tree.top
    while node is not None:
        blocks[node.cid] = node.encode()
        at = bisect_left(node.entries, (path,))
        if at < len(node.entries) and node.entries[at][0] == path:
            break
        node = node.child(at)
    return blocks
