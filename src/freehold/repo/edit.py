"""New nodes from old ones: put, delete, split, merge, build.

A change makes new nodes from the top down to where it happens and shares all others. Of those that it makes, only the
entries whose subtree, value or predecessor is another are encoded anew.
None stands for an absent subtree throughout. A tree is at most 128 layers high, so recursion is bounded.
Source: https://atproto.com/specs/repository#mst-structure
"""

from bisect import bisect_left
from collections.abc import Iterable

from freehold.protocol.cid import Cid
from freehold.repo.encoding import Code, stem_of
from freehold.repo.node import BadTree, Entry, Node, check_path, height


def put(root: Node, path: str, value: Cid) -> Node:
    """`root` with `value` at `path`; `root` itself when it is there already. Raises BadPath, CrowdedNode."""
    layer = height(path)
    if not root.entries:
        check_path(path)
        return Node.made(layer, None, [(path, value, None)], [None])
    if layer <= root.layer:
        return _put(root, layer, path, value)
    check_path(path)
    low, high = _split(root, path)
    return Node.made(layer, _raise(low, layer - 1), [(path, value, _raise(high, layer - 1))], [None])


def _raise(node: Node | None, layer: int) -> Node | None:
    """`node` under as many empty nodes as it takes to stand on `layer`."""
    while node is not None and node.layer < layer:
        node = Node.made(node.layer + 1, node, [], [])
    return node


def _put(node: Node, layer: int, path: str, value: Cid) -> Node:
    at = bisect_left(node.entries, (path,))
    if node.layer > layer:
        child = node.child(at)
        if child is None:
            check_path(path)
            new = _raise(Node.made(layer, None, [(path, value, None)], [None]), node.layer - 1)
        else:
            new = _put(child, layer, path, value)
        return node if new is child else with_child(node, at, new)
    if at < len(node.entries) and node.entries[at][0] == path:
        return _with_value(node, at, value)
    check_path(path)
    return _with_entry(node, at, path, value)


def with_child(node: Node, at: int, child: Node | None) -> Node:
    """`node` with another subtree before entry `at`."""
    if at == 0:
        return Node.made(node.layer, child, node.entries, node.codes)
    entries, codes = node.entries.copy(), node.codes.copy()
    path, value, old = entries[at - 1]
    entries[at - 1] = (path, value, child)
    codes[at - 1] = stem_of(codes[at - 1], old is not None)
    return Node.made(node.layer, node.left, entries, codes)


def _with_value(node: Node, at: int, value: Cid) -> Node:
    path, old, right = node.entries[at]
    if old == value:
        return node
    entries, codes = node.entries.copy(), node.codes.copy()
    entries[at] = (path, value, right)
    codes[at] = stem_of(codes[at], right is not None)
    return Node.made(node.layer, node.left, entries, codes)


def _with_entry(node: Node, at: int, path: str, value: Cid) -> Node:
    """`node` with a new entry at `at`; the subtree that spans `path` is split."""
    below = node.child(at)
    low, high = _split(below, path)
    entries, codes = node.entries.copy(), node.codes.copy()
    entries.insert(at, (path, value, high))
    codes.insert(at, None)
    if at + 1 < len(codes):
        codes[at + 1] = None
    left = node.left
    if low is not below:
        left = _hang(entries, codes, at, left, low)
    return Node.made(node.layer, left, entries, codes)


def _hang(entries: list[Entry], codes: list[Code], at: int, left: Node | None, child: Node | None) -> Node | None:
    """Hang `child` before entry `at` of lists in the making; returns what the node's `left` is then."""
    if at == 0:
        return child
    path, value, old = entries[at - 1]
    entries[at - 1] = (path, value, child)
    codes[at - 1] = stem_of(codes[at - 1], old is not None)
    return left


def _split(node: Node | None, path: str) -> tuple[Node | None, Node | None]:
    """What lies before `path`, and what lies after it."""
    if node is None:
        return None, None
    at = bisect_left(node.entries, (path,))
    child = node.child(at)
    low, high = _split(child, path)
    if at == 0 and low is None:
        return None, node
    if at == len(node.entries) and high is None:
        return node, None
    entries, codes = node.entries[:at], node.codes[:at]
    left = node.left
    if low is not child:
        left = _hang(entries, codes, at, left, low)
    return _unless_empty(node.layer, left, entries, codes), _after(node, at, high)


def _after(node: Node, at: int, left: Node | None) -> Node | None:
    """The entries of `node` from `at` on."""
    codes = node.codes[at:]
    codes[:1] = [None] * len(codes[:1])
    return _unless_empty(node.layer, left, node.entries[at:], codes)


def _unless_empty(layer: int, left: Node | None, entries: list[Entry], codes: list[Code]) -> Node | None:
    return Node.made(layer, left, entries, codes) if entries or left is not None else None


def delete(root: Node, path: str) -> Node:
    """`root` without `path`. Raises KeyError, changing nothing, when it is not there."""
    node = _delete(root, path)
    while node is not None and not node.entries:
        node = node.left
    return node or EMPTY


def _delete(node: Node, path: str) -> Node | None:
    at = bisect_left(node.entries, (path,))
    child = node.child(at)
    if at == len(node.entries) or node.entries[at][0] != path:
        if child is None:
            raise KeyError(path)
        new = _delete(child, path)
        return None if new is None and not node.entries else with_child(node, at, new)
    entries, codes = node.entries.copy(), node.codes.copy()
    _, _, right = entries.pop(at)
    codes.pop(at)
    if at < len(codes):
        codes[at] = None
    left = node.left
    merged = _merge(child, right)
    if merged is not child:
        left = _hang(entries, codes, at, left, merged)
    return _unless_empty(node.layer, left, entries, codes)


def _merge(low: Node | None, high: Node | None) -> Node | None:
    """One subtree of two on the same layer, all paths of `low` before those of `high`."""
    if low is None or high is None:
        return low or high
    middle = _merge(low.child(len(low.entries)), high.left)
    entries, codes = low.entries.copy(), low.codes.copy()
    left = _hang(entries, codes, len(entries), low.left, middle)
    return Node.made(low.layer, left, entries + high.entries, codes + [None] * bool(high.codes) + high.codes[1:])


def build(items: Iterable[tuple[str, Cid]]) -> Node:
    """A tree of records in order of path, in one pass. Raises BadTree when they are not in order, and BadPath."""
    layers: list[_Open] = []
    before = ""
    for path, value in items:
        check_path(path)
        if path <= before:
            raise BadTree("The records are not in order.", path=path)
        before = path
        layer = height(path)
        while len(layers) <= layer:
            layers.append(_Open())
        _close(layers, layer)
        layers[layer].entries.append((path, value, None))
    top = len(layers) - 1
    _close(layers, top)
    return (layers[top].shut(top) if layers else None) or EMPTY


class _Open:
    """A node in the making on one layer of `build`."""

    __slots__ = ("entries", "left")

    def __init__(self) -> None:
        self.left: Node | None = None
        self.entries: list[Entry] = []

    def hang(self, child: Node) -> None:
        """`child` is the subtree after the last entry so far."""
        if self.entries:
            path, value, _ = self.entries[-1]
            self.entries[-1] = (path, value, child)
        else:
            self.left = child

    def shut(self, layer: int) -> Node | None:
        """The finished node, and begin the next one."""
        node = _unless_empty(layer, self.left, self.entries, [None] * len(self.entries))
        self.left, self.entries = None, []
        return node


def _close(layers: list[_Open], layer: int) -> None:
    """Finish all nodes below `layer` and hang each under the one above it."""
    for low in range(layer):
        node = layers[low].shut(low)
        if node is not None:
            layers[low + 1].hang(node)


EMPTY = Node.made(0, None, [], [])
