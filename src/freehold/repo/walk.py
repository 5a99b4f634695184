"""A whole tree that somebody sent, read once from the first path to the last, with every check of every node.

For who wants all of it and changes nothing: no node is kept, so this takes a third of the time that a `Tree` takes.
Source: https://atproto.com/specs/repository#mst-structure
"""

import re
from collections.abc import Callable, Iterator

from freehold.protocol.cid import Cid
from freehold.repo.encoding import MAX_PATH, decode_columns
from freehold.repo.node import BadTree, MissingBlock, check_layer, height

Run = list[tuple[str, bytes]]
"""Paths and the CIDs of their records, in order."""
_Below = tuple[bytes, int | None, bytes, bytes]
"""A subtree to come: its CID, its layer (None: it is the root), and between which paths its own must lie."""

_paths_fit = re.compile(rb"(?:[A-Za-z0-9._:~-]+/[A-Za-z0-9._:~-]+\n)+").fullmatch


def walk(root: bytes, fetch: Callable[[bytes], bytes]) -> Iterator[Run]:
    """All records of a tree, some at a time. fetch: the block of a CID, whose hash it has; or raises KeyError.

    Raises BadTree or MissingBlock when it comes upon what is not well formed or not there.
    """
    waiting: list[_Below | Run] = [(root, None, b"", b"\x7f")]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            yield item
            continue
        cid, layer, low, high = item
        try:
            data = fetch(cid)
        except KeyError:
            raise MissingBlock(cid=str(Cid(cid))) from None
        try:
            waiting += _open(data, layer, low, high)
        except (ValueError, LookupError) as error:
            raise BadTree(cid=str(Cid(cid))) from error


def _open(data: bytes, layer: int | None, low: bytes, high: bytes) -> list[_Below | Run]:
    """What a node holds, the last first: its subtrees, and the records between them."""
    left, paths, values, rights = decode_columns(data)
    names = _names(paths, low, high) if paths else []
    if layer is None:
        layer = height(names[0]) if names else 0
    elif not names and left is None:
        raise ValueError("an empty node at the bottom")
    check_layer(paths, layer)
    run = list(zip(names, values, strict=True))
    held: list[_Below | Run] = []
    below = [(at, cid) for at, cid in enumerate([left, *rights]) if cid is not None]
    if below and layer == 0:
        raise ValueError("a subtree below the lowest layer")
    bounds = [low, *paths, high]
    for at, cid in reversed(below):
        held += run[at:], (cid, layer - 1, bounds[at], bounds[at + 1])
        del run[at:]
    held.append(run)
    return held


def _names(paths: list[bytes], low: bytes, high: bytes) -> list[str]:
    """Paths, which are in order, as text. Raises ValueError for what is no path, too long, or beyond the bounds."""
    lines = b"\n".join(paths) + b"\n"
    if not _paths_fit(lines) or max(map(len, paths)) > MAX_PATH or paths[0] <= low or paths[-1] >= high:
        raise ValueError("not a path, or out of its place")
    return lines.decode("ascii").splitlines()
