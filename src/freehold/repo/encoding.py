"""The block of a tree node, in the one form that it can have: `{e: [{k, p, t, v}, ...], l}` in canonical DAG-CBOR.

Nodes are written and read more often than anything else, and one entry at a time, so this is done here and not by the
general codec: an entry is a pattern. `k` is the path less the first `p` characters, which it shares with the path
before; `v` the record; `t` the subtree after it; `l` the one before all. Links are CIDv1, DAG-CBOR, sha-256.
Source: https://atproto.com/specs/repository#mst-structure
"""

import re
from typing import Any

from freehold.protocol.cid import Cid

MAX_PATH = 1024
MAX_ENTRIES = 512
"""Of a node. By chance, one node in 4**106 would hold more: such keys were searched for, to make every change dear."""

Row = tuple[str, Cid, Cid | None]
"""Path, record, subtree after it."""


def _head(major: int, size: int) -> bytes:
    """The first bytes of a CBOR item: its kind, and its length or value up to 65,535."""
    if size < 24:
        return bytes((major << 5 | size,))
    return bytes((major << 5 | 24, size)) if size < 256 else bytes((major << 5 | 25, *size.to_bytes(2, "big")))


_NODE = [b"\xa2ae" + _head(4, size) for size in range(MAX_ENTRIES + 1)]
_SUFFIX = [b"\xa4ak" + _head(2, size) for size in range(MAX_PATH + 1)]
_SHARED = [b"ap" + _head(0, size) + b"at" for size in range(MAX_PATH + 1)]
_LINK = b"\xd8\x2aX\x25\0"
_VALUE = b"av" + _LINK
_NO_RIGHT = b"\xf6" + _VALUE
_EMPTY = len(_NODE[0])
_SHARED_SIZES = {middle: size for size, middle in enumerate(_SHARED)}
_LINK_PATTERN = re.escape(_LINK) + rb"(\x01\x71\x12\x20.{32})"
_ENTRY_PATTERN = re.compile(
    # What follows "ap" is not printable, so there is only one place where the printable part can end.
    rb"(\xa4ak(?:[\x41-\x57]|\x58.|\x59..))([ -~]{1,1024})(ap(?:[\0-\x17]|\x18.|\x19..)at)"
    rb"(?:\xf6|" + _LINK_PATTERN + rb")av" + _LINK_PATTERN,
    re.DOTALL,
)
_TAIL_PATTERN = re.compile(rb"al(?:\xf6|" + _LINK_PATTERN + rb")", re.DOTALL)
_LEFT = b"al" + _LINK
_find_links = re.compile(  # Only so much of the pattern as no path and no hash can hold.
    rb"at(?:\xf6|" + re.escape(_LINK) + rb"(.{36}))av" + re.escape(_LINK) + rb"(.{36})", re.DOTALL
).findall
_WITHOUT_RIGHT = len(_NO_RIGHT) + 36
_WITH_RIGHT = len(_LINK) + 36 + len(_VALUE) + 36


class Stem(bytes):
    """The beginning of an encoded entry, up to its subtree and value, which have changed."""

    __slots__ = ()


Code = bytes | Stem | None


def stem_of(code: Code, had_right: bool) -> Code:
    """What stays of an encoded entry, with or without a subtree until now, when that or its value becomes another."""
    if type(code) is not bytes:
        return code
    return Stem(code[: -_WITH_RIGHT if had_right else -_WITHOUT_RIGHT])


def encode_node(codes: list[bytes], left: Cid | None) -> bytes:
    """`{e: [...], l: link or null}`, canonical."""
    return _NODE[len(codes)] + b"".join(codes) + (b"al\xf6" if left is None else b"al" + _LINK + left)


def encode_stem(before: str, path: str) -> bytes:
    """`k` and `p` of an entry after the entry of path `before` ("" for none): `path` less what both share."""
    key, other = path.encode(), before.encode()
    size = min(len(key), len(other))
    differ = int.from_bytes(key[:size], "big") ^ int.from_bytes(other[:size], "big")
    shared = size - (differ.bit_length() + 7) // 8
    return _SUFFIX[len(key) - shared] + key[shared:] + _SHARED[shared]


def encode_entry(stem: bytes, value: bytes, right: bytes | None) -> bytes:
    """`{k, p, t, v}`, its beginning given."""
    return stem + _NO_RIGHT + value if right is None else stem + _LINK + right + _VALUE + value


def decode(data: bytes) -> tuple[Cid | None, list[Row], list[Code]]:
    """Read a block: `left`, entries, and these encoded. Raises ValueError or LookupError unless it is canonical."""
    left, pieces = _pieces(data)
    rows: list[Row] = []
    codes: list[Code] = []
    for at, path in enumerate(_paths(pieces)):
        beginning, suffix, middle, right, value = pieces[6 * at + 1 : 6 * at + 6]
        rows.append((path.decode("ascii"), Cid(value), None if right is None else Cid(right)))
        codes.append(encode_entry(beginning + suffix + middle, value, right))
    return None if left is None else Cid(left), rows, codes


def decode_columns(data: bytes) -> tuple[bytes | None, list[bytes], list[bytes], list[bytes | None]]:
    """Read a block that will not be written again: `left`; then of all entries path, record and subtree, each as a
    list. Raises ValueError or LookupError unless it is canonical."""
    left, pieces = _pieces(data)
    return left, _paths(pieces), pieces[5::6], pieces[4::6]


def _pieces(data: bytes) -> tuple[bytes | None, list[Any]]:
    """`left`, and the node cut at its entries: what stands before, five groups of the pattern, nothing, five groups,
    nothing, ..., what stands after."""
    pieces = _ENTRY_PATTERN.split(data)
    count = len(pieces) // 6
    first, last = (pieces[0], pieces[-1]) if count else (data[:_EMPTY], data[_EMPTY:])
    tail = _TAIL_PATTERN.fullmatch(last)
    if first != _NODE[count] or tail is None or any(pieces[6:-1:6]):
        raise ValueError("not a node")
    return tail[1], pieces


def _paths(pieces: list[Any]) -> list[bytes]:
    """The paths of a node's entries, which must be in order, each sharing with the one before what it can."""
    paths: list[bytes] = []
    before = b""
    for beginning, suffix, middle in zip(pieces[1::6], pieces[2::6], pieces[3::6], strict=True):
        shared = _SHARED_SIZES[middle]
        if beginning != _SUFFIX[len(suffix)] or shared > len(before) or before[shared : shared + 1] >= suffix[:1]:
            raise ValueError("not the canonical prefix, or not in order")
        before = before[:shared] + suffix
        paths.append(before)
    return paths


def links(data: bytes) -> list[tuple[bool, bytes]]:
    """What a block of ours leads to, the last first: (whether it is a subtree, CID)."""
    found = [(True, data[-36:])] if data.startswith(_LEFT, -36 - len(_LEFT)) else []
    for right, value in _find_links(data):
        found.append((False, value))
        if right:
            found.append((True, right))
    found.reverse()
    return found
