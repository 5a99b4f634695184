"""New trees from old ones: any number of changes in one pass, and building from nothing.

A pass goes down from the top to where something changes. It puts each node there together once, from the *parts* that
it is made of: one old node as a rule, a piece of one where a new path cuts it in two, several where a path between
them is gone. All else is shared. Of the nodes that it makes, only the entries whose subtree, value or predecessor is
another are encoded anew. What it leaves behind is all that a commit has to know.
None stands for an absent subtree throughout. A tree is at most 128 layers high, so recursion is bounded.
Source: https://atproto.com/specs/repository#mst-structure
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from freehold.protocol.cid import Cid
from freehold.repo.encoding import Code, stem_of
from freehold.repo.node import BadTree, Entry, Node, check_path, height

_LOW, _HIGH = "", "\x7f"  # sort before and after every path

Change = tuple[str, int, Cid | None]
"""A path, its layer, and what shall stand there; None for nothing."""
Part = tuple[Node, str, str]
"""What a node holds between two paths."""


class Edited(NamedTuple):
    """A changed tree.

    before: what stood at the paths that were asked for. born: nodes that only the new tree has, each after those below
    it. gone: nodes that only the old tree has, some of them twice. around: where something changed and there may be
    subtrees beside it: a node of the new tree, and the path.
    """

    top: Node
    before: dict[str, Cid]
    born: list[Node]
    gone: list[Node]
    around: list[tuple[Node, str]]


def edit(root: Node, values: Mapping[str, Cid | None]) -> Edited:
    """`root` with each path at its value, or without it where that is None. Raises BadPath, CrowdedNode.

    A tree in which nothing changes is `root` itself.
    """
    if len(values) == 1:
        ((path, value),) = values.items()
        edited = _put(root, path, value) if value is not None else None
        if edited is not None:
            return edited
    changes: list[Change] = sorted((path, height(path), value) for path, value in values.items())
    layer = max([root.layer, *(high for _, high, value in changes if value is not None)])
    going = _Pass()
    top = going.subtree(layer, [(root, _LOW, _HIGH)], [change for change in changes if change[1] <= layer])
    while top is not None and not top.entries and top.left is not None:
        going.drop(top)
        top = top.left
    if top is None and root.cid == EMPTY.cid:
        return Edited(root, going.before, [], [], [])
    if top is None:
        top = EMPTY
        going.born.append(top)
    gone = [node for node in going.opened if node not in going.kept]
    return Edited(top, going.before, going.born, gone, going.around)


def _put(root: Node, path: str, value: Cid) -> Edited | None:
    """`edit` of one record where that takes no more than its way down: no old node is cut in two, and the tree grows no
    higher. So it is with most records that are written. None: it takes a pass."""
    layer = height(path)
    way: list[tuple[Node, int]] = []
    node: Node | None = root
    while node is not None and node.layer > layer:
        way.append((node, bisect_left(node.entries, (path,))))
        node = node.child(way[-1][1])
    if node is None:
        born = _stem(path, value, layer, way[-1][0].layer)
        return _along(way, born, [], {}, path)
    at = bisect_left(node.entries, (path,))
    there = node.entries[at] if at < len(node.entries) and node.entries[at][0] == path else None
    if node.layer < layer or (there is None and node.child(at) is not None):
        return None
    if there is None:
        return _along(way, [_with_entry(node, at, path, value)], [node], {}, path)
    if there[1] == value:
        return Edited(root, {path: value}, [], [], [])
    return _along(way, [_with_value(node, at, value)], [node], {path: there[1]}, path)


def _along(
    way: list[tuple[Node, int]], born: list[Node], gone: list[Node], before: dict[str, Cid], path: str
) -> Edited:
    """The last of `born` hung at the end of a way down, whose nodes are all made anew."""
    changed = next(node for node in born if node.entries)
    for node, at in reversed(way):
        born.append(_with_child(node, at, born[-1]))
        gone.append(node)
    return Edited(born[-1], before, born, gone, [(changed, path)] if changed.layer else [])


def _stem(path: str, value: Cid, layer: int, below: int) -> list[Node]:
    """A node for a record where none was, and those that lead to it from the layer under `below`."""
    check_path(path)
    born = [Node.made(layer, None, [(path, value, None)], [None])]
    for above in range(layer + 1, below):
        born.append(Node.made(above, born[-1], [], []))
    return born


def _with_entry(node: Node, at: int, path: str, value: Cid) -> Node:
    """`node` with a record more, where it has no subtree."""
    check_path(path)
    entries, codes = node.entries.copy(), node.codes.copy()
    entries.insert(at, (path, value, None))
    codes[at : at + 1] = [None, None] if at < len(codes) else [None]
    return Node.made(node.layer, node.left, entries, codes)


def _with_value(node: Node, at: int, value: Cid) -> Node:
    """`node` with another record at its entry `at`."""
    entries, codes = node.entries.copy(), node.codes.copy()
    path, _, right = entries[at]
    entries[at] = (path, value, right)
    codes[at] = stem_of(codes[at], right is not None)
    return Node.made(node.layer, node.left, entries, codes)


class _Pass:
    """What a pass has come by so far. opened: old nodes that it took apart; kept: those of them that came out equal."""

    __slots__ = ("around", "before", "born", "kept", "opened")

    def __init__(self) -> None:
        self.before: dict[str, Cid] = {}
        self.born: list[Node] = []
        self.opened: list[Node] = []
        self.kept: set[Node] = set()
        self.around: list[tuple[Node, str]] = []

    def subtree(self, layer: int, parts: list[Part], changes: list[Change]) -> Node | None:
        """The node on `layer` that holds what is in `parts`, in order, with `changes`, of this layer or lower ones."""
        if len(parts) == 1 and parts[0][1:] == (_LOW, _HIGH):
            whole = parts[0][0]
            if not changes:
                return whole
            at = _gap(whole, changes) if whole.layer == layer else None
            if at is not None:
                return self._below(whole, at, changes)
        making = _Making(self, layer, changes)
        opened = [node for node, _, _ in parts if node.layer == layer]
        self.opened += opened
        for part in parts:
            making.add(part)
        node = making.finished(opened)
        if layer and node is not None:
            self.around += [(node, path) for path in making.changed]
        return node

    def _below(self, node: Node, at: int, changes: list[Change]) -> Node | None:
        """`node` with `changes` that all lie before its entry `at`, on lower layers: one subtree is another then."""
        child = node.child(at)
        new = self.subtree(node.layer - 1, [] if child is None else [(child, _LOW, _HIGH)], changes)
        if new is child:
            return node
        self.opened.append(node)
        if new is None and not node.entries:
            return None
        made = _with_child(node, at, new)
        self.born.append(made)
        return made

    def drop(self, top: Node) -> None:
        """Take back a node at the top that holds nothing but its left subtree."""
        if self.born and self.born[-1] is top:
            self.born.pop()
        else:
            self.kept.discard(top)
            self.opened.append(top)


def _gap(node: Node, changes: list[Change]) -> int | None:
    """Before which entry of `node` all changes lie, if they lie between the same two entries and on lower layers."""
    for _, layer, _ in changes:
        if layer >= node.layer:
            return None
    at = bisect_left(node.entries, (changes[0][0],))
    return at if len(changes) == 1 or at == bisect_left(node.entries, (changes[-1][0],)) else None


def _with_child(node: Node, at: int, child: Node | None) -> Node:
    """`node` with another subtree before entry `at`."""
    if at == 0:
        return Node.made(node.layer, child, node.entries, node.codes)
    entries, codes = node.entries.copy(), node.codes.copy()
    path, value, old = entries[at - 1]
    entries[at - 1] = (path, value, child)
    codes[at - 1] = stem_of(codes[at - 1], old is not None)
    return Node.made(node.layer, node.left, entries, codes)


class _Making:
    """A node in the making: its entries so far, and the parts and changes of the subtree after the last of them.

    changes: those to come, the next one last. changed: the paths on this layer where another value stands now, or none.
    """

    __slots__ = ("_below", "_changes", "_codes", "_entries", "_layer", "_left", "_open", "_pass", "changed")

    def __init__(self, going: _Pass, layer: int, changes: list[Change]) -> None:
        self._pass = going
        self._layer = layer
        self._changes = changes[::-1]
        self._left: Node | None = None
        self._entries: list[Entry] = []
        self._codes: list[Code] = []
        self._open: list[Part] = []
        self._below: list[Change] = []
        self.changed: list[str] = []

    def add(self, part: Part) -> None:
        """Go on with a part, making the changes that lie before its last entry."""
        node, low, high = part
        if node.layer < self._layer:
            self._open.append(part)
            return
        entries, changes = node.entries, self._changes
        at = bisect_left(entries, (low,)) if low else 0
        end = len(entries) if high == _HIGH else bisect_left(entries, (high,))
        self._hang(node.child(at), low, high if at == end else _HIGH)
        while changes:
            path, layer, value = changes[-1]
            place = bisect_left(entries, (path,), at, end)
            if place == end:
                break
            self._copy(node, at, place)
            at = place
            changes.pop()
            if entries[place][0] != path:
                self._change(path, layer, value)
                continue
            at += 1
            self._pass.before[path] = entries[place][1]
            self._replace(node, place, value)
            self._hang(node.child(at), _LOW, high if at == end else _HIGH)
        self._copy(node, at, end, high)

    def finished(self, opened: list[Node]) -> Node | None:
        """The node, after the changes that are left; one of `opened`, where it is equal to one. Raises CrowdedNode."""
        while self._changes:
            self._change(*self._changes.pop())
        self._close()
        entries, left = self._entries, self._left
        if left is None and not entries:
            return None
        for node in opened:
            if left is node.left and entries == node.entries:
                self._pass.kept.add(node)
                return node
        made = Node.made(self._layer, left, entries, self._codes)
        self._pass.born.append(made)
        return made

    def _hang(self, child: Node | None, low: str, high: str) -> None:
        if child is not None:
            self._open.append((child, low, high))

    def _copy(self, node: Node, start: int, end: int, high: str = _HIGH) -> None:
        """Take over entries of an old node with their subtrees. high: where the last of these ends."""
        if start == end:
            return
        self._close()
        codes = node.codes[start:end]
        if not self._follows(node, start):
            codes[0] = None
        self._entries += node.entries[start:end]
        self._codes += codes
        self._hang(node.entries[end - 1][2], _LOW, high)

    def _follows(self, node: Node, at: int) -> bool:
        """Whether the last entry so far is that before `at` in an old node."""
        if self._entries:
            return at > 0 and self._entries[-1][0] == node.entries[at - 1][0]
        return at == 0

    def _replace(self, node: Node, at: int, value: Cid | None) -> None:
        """Take over an entry of an old node, without its subtree, with another value; or leave it out."""
        path, old, right = node.entries[at]
        if value != old:
            self.changed.append(path)
        if value is None:
            return
        self._close()
        code = node.codes[at] if self._follows(node, at) else None
        self._entries.append((path, value, right))
        self._codes.append(code if value == old else stem_of(code, right is not None))

    def _change(self, path: str, layer: int, value: Cid | None) -> None:
        """Make a change where no old entry stands."""
        if layer < self._layer:
            self._below.append((path, layer, value))
        elif value is not None:
            check_path(path)
            before = [(node, low, path) for node, low, _ in self._open]
            after = [(node, path, high) for node, _, high in self._open]
            self._open = before
            self._close()
            self._open = after
            self._entries.append((path, value, None))
            self._codes.append(None)
            self.changed.append(path)

    def _close(self) -> None:
        """Put the subtree after the last entry together."""
        child = None
        if self._open or self._below:
            child = self._pass.subtree(self._layer - 1, self._open, self._below)
            self._open, self._below = [], []
        if not self._entries:
            self._left = child
            return
        path, value, old = self._entries[-1]
        if child is not old:
            self._entries[-1] = (path, value, child)
            self._codes[-1] = stem_of(self._codes[-1], old is not None)


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
        node = None
        if self.entries or self.left is not None:
            node = Node.made(layer, self.left, self.entries, [None] * len(self.entries))
        self.left, self.entries = None, []
        return node


def _close(layers: list[_Open], layer: int) -> None:
    """Finish all nodes below `layer` and hang each under the one above it."""
    for low in range(layer):
        node = layers[low].shut(low)
        if node is not None:
            layers[low + 1].hang(node)


EMPTY = Node.made(0, None, [], [])
