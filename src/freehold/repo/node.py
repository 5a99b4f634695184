"""One node of a Merkle search tree: its bytes, its checks, and reading it only when it is needed.

A node never changes once made. It keeps the encoded bytes of each entry, so that a node which differs from another in
one entry encodes that one alone. A node known by its CID only is fetched and checked when somebody first looks inside,
and believed if it hashes to its CID, is what we would write ourselves, and fits under its parent.
Source: https://atproto.com/specs/repository#mst-structure
"""

import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Optional, cast

from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.repo.encoding import MAX_ENTRIES, MAX_PATH, Code, Row, decode, encode_entry, encode_node, encode_stem

Entry = tuple[str, Cid, Optional["Node"]]
"""Path, record, and the subtree between this path and the next one."""
Fetch = Callable[[Cid], bytes]
"""The bytes of a block; raises KeyError when they are not to be had."""

_PATH = re.compile(r"[A-Za-z0-9._:~-]+/[A-Za-z0-9._:~-]+")
_paths_fit = re.compile(rf"(?:{_PATH.pattern}\n)+").fullmatch


class BadTree(Refused):
    """The blocks do not form the one tree that the protocol allows for these records."""

    name, say = "InvalidTree", "The repository's tree is not well formed."


class BadPath(Refused):
    """Not `collection/rkey` in the characters and length allowed."""

    name, say = "InvalidPath", "That is not a valid record path."


class MissingBlock(Refused):
    """A block that is needed was not sent."""

    name, say = "MissingBlock", "A block of the repository is missing."


class CrowdedNode(Refused):
    """The record keys were chosen so that one node of the tree grows without bound."""

    name, say = "CrowdedNode", "These record keys overload the repository. Choose other record keys."


def check_path(path: str) -> None:
    """Raises BadPath unless `path` may stand in a repository."""
    if len(path) > MAX_PATH or not _PATH.fullmatch(path):
        raise BadPath(path=path[:200])


def height(path: str) -> int:
    """The layer on which `path` lives: leading zeros of its hash, in pairs of bits."""
    return (256 - int.from_bytes(sha256(path.encode()).digest(), "big").bit_length()) // 2


def check_layer(paths: Iterable[bytes], layer: int) -> None:
    """Raises ValueError unless all paths live on this layer."""
    least, above = _HASHES[layer]
    for path in paths:
        if not least <= sha256(path).digest() < above:
            raise ValueError("a path on the wrong layer")


def _hashes(layer: int) -> tuple[bytes, bytes]:
    """The least hash of a path that lives on a layer, and the first hash above."""
    least, above = 1 << 256 >> 2 * layer >> 2, 1 << 256 >> 2 * layer
    return least.to_bytes(32, "big"), above.to_bytes(32, "big") if layer else b"\xff" * 33


_HASHES = [_hashes(layer) for layer in range(129)]


class Node:
    """Entries in order, and `left`, the subtree before the first. Made by `Node.made` and `Node.stub`.

    `layer` 0 is the lowest. `codes` are the encoded entries, a Stem or None where not yet known. `source` tells where
    an unread node comes from: fetch, its layer (None: a root), and the paths between which its own must lie.
    Nodes share their lists: nobody may change them, but for `encode`, which fills in `codes`.
    A slot not set yet is filled in when first read, always with the same value, so threads may share nodes.
    """

    __slots__ = ("cid", "codes", "entries", "layer", "left", "source")
    cid: Cid
    layer: int
    left: Optional["Node"]
    entries: list[Entry]
    codes: list[Code]
    source: tuple[Fetch, int | None, str, str]

    @staticmethod
    def made(layer: int, left: Optional["Node"], entries: list[Entry], codes: list[Code]) -> "Node":
        """A new node. Raises CrowdedNode."""
        if len(entries) > MAX_ENTRIES:
            raise CrowdedNode(near=entries[0][0])
        node = Node()
        node.layer = layer
        node.left = left
        node.entries = entries
        node.codes = codes
        return node

    @staticmethod
    def stub(cid: Cid, fetch: Fetch, layer: int | None = None, low: str = "", high: str = "\x7f") -> "Node":
        """A node known by its CID. Its paths must lie between `low` and `high`; `layer` is None for a root."""
        node = Node()
        node.cid = cid
        if layer is not None:
            node.layer = layer
        node.source = (fetch, layer, low, high)
        return node

    if not TYPE_CHECKING:  # so that a misspelt attribute is still found by the type checker

        def __getattr__(self, name: str) -> Any:
            """Reached only while a slot is unset: encode, or fetch, then answer."""
            if name == "cid":
                self.cid = Cid.of_cbor(self.encode())
            elif name in ("entries", "left", "codes", "layer"):
                _read(self)
            else:
                raise AttributeError(name)
            return getattr(self, name)

    def child(self, at: int) -> Optional["Node"]:
        """The subtree before entry `at`; `at` may be the number of entries."""
        return self.entries[at - 1][2] if at else self.left

    def children(self) -> list["Node"]:
        """All subtrees, in order."""
        inner = [right for _, _, right in self.entries if right is not None]
        return inner if self.left is None else [self.left, *inner]

    def encode(self) -> bytes:
        """The block of this node."""
        codes = self.codes
        for at, code in enumerate(codes):
            if type(code) is not bytes:
                path, value, right = self.entries[at]
                stem = encode_stem(self.entries[at - 1][0] if at else "", path) if code is None else code
                codes[at] = encode_entry(stem, value, None if right is None else right.cid)
        return encode_node(cast("list[bytes]", codes), None if self.left is None else self.left.cid)


def _read(node: Node) -> None:
    """Fetch, check and fill in a node known by its CID. Raises MissingBlock or BadTree."""
    fetch, layer, low, high = node.source
    try:
        data = fetch(node.cid)
    except KeyError:
        raise MissingBlock(cid=str(node.cid)) from None
    if Cid.of_cbor(data) != node.cid:
        raise BadTree("A block does not have the hash by which it was asked for.", cid=str(node.cid))
    try:
        left, rows, codes = decode(data)
        layer = _check(layer, low, high, left, rows)
    except (ValueError, LookupError) as error:
        raise BadTree(cid=str(node.cid)) from error
    _fill(node, layer, left, rows, codes)


def _check(layer: int | None, low: str, high: str, left: Cid | None, rows: list[Row]) -> int:
    """The layer, once all paths, which are in order, are valid, within bounds and at home on it. Raises ValueError."""
    if layer is None:
        layer = height(rows[0][0]) if rows else 0
    elif not rows and not left:
        raise ValueError("an empty node at the bottom")
    if rows:
        paths = [path for path, _, _ in rows]
        lines = "\n".join(paths) + "\n"
        if not _paths_fit(lines) or max(map(len, paths)) > MAX_PATH or paths[0] <= low or paths[-1] >= high:
            raise ValueError("not a path, or out of its place")
        check_layer(lines.encode().split(), layer)
    if layer == 0 and (left or any(right for _, _, right in rows)):
        raise ValueError("a subtree below the lowest layer")
    return layer


def _fill(node: Node, layer: int, left: Cid | None, rows: list[Row], codes: list[Code]) -> None:
    """Set the slots of a node that was read; its subtrees stay unread."""
    fetch, _, low, high = node.source
    bounds = [row[0] for row in rows]
    node.left = None if left is None else Node.stub(left, fetch, layer - 1, low, bounds[0] if rows else high)
    node.entries = [
        (path, value, None if right is None else Node.stub(right, fetch, layer - 1, path, above))
        for (path, value, right), above in zip(rows, [*bounds[1:], high], strict=False)
    ]
    node.codes = codes
    node.layer = layer
