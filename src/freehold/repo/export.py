"""A whole repository as a CAR stream, in an order in which a reader can check it as it comes.

First the commit, then each node before what hangs below it, and the records of a node in their places between its
subtrees: so records come in order of path. Nothing is held but the way down the tree and a piece of output.
Source: https://atproto.com/specs/repository#car-file-serialization
"""

from collections.abc import Callable, Iterator

from freehold.protocol.cid import Cid
from freehold.repo import car
from freehold.repo.mst import MissingBlock, Tree
from freehold.repo.node import Node

PIECE_BYTES = 64 * 1024

Records = Callable[[str, Cid], bytes]
"""The block of the record at a path; raises KeyError when it is not there. Asked in order of path, once for each."""


def stream_repo(commit_cid: Cid, commit_bytes: bytes, tree: Tree, record_bytes: Records) -> Iterator[bytes]:
    """The CAR file in pieces of about PIECE_BYTES. A record that stands at two paths is sent twice.

    Raises MissingBlock when a node or a record is not there.
    """
    held = [car.header([commit_cid]), car.block(commit_cid, commit_bytes)]
    size = 0
    for cid, data in _in_order(tree, record_bytes):
        held.append(car.block(cid, data))
        size += len(data)
        if size >= PIECE_BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _in_order(tree: Tree, record_bytes: Records) -> Iterator[tuple[Cid, bytes]]:
    waiting: list[Node | tuple[str, Cid]] = [tree.top]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Node):
            yield item.cid, item.encode()
            waiting.extend(_below(item))
        else:
            yield item[1], _record(record_bytes, *item)


def _below(node: Node) -> list[Node | tuple[str, Cid]]:
    """Records and subtrees of a node, the last first."""
    below: list[Node | tuple[str, Cid]] = []
    for path, value, right in reversed(node.entries):
        if right is not None:
            below.append(right)
        below.append((path, value))
    return below if node.left is None else [*below, node.left]


def _record(record_bytes: Records, path: str, cid: Cid) -> bytes:
    try:
        return record_bytes(path, cid)
    except KeyError:
        raise MissingBlock(path=path, cid=str(cid)) from None
