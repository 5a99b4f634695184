"""A whole repository as a CAR stream, in an order in which a reader can check it as it comes.

First the commit, then each node before what hangs below it, and the records of a node in their places between its
subtrees: so records come in order of path. Nothing is held but the way down the tree and a piece of output. Of a node
only its links are read: it was checked when it was stored.
Source: https://atproto.com/specs/repository#car-file-serialization
"""

from collections.abc import Callable, Iterable, Iterator

from freehold.protocol.cid import Cid
from freehold.repo import car
from freehold.repo.encoding import links
from freehold.repo.node import MissingBlock

PIECE_BYTES = 64 * 1024

Block = tuple[bytes, bytes]
"""CID and bytes."""


def stream_repo(
    commit: Block, root: Cid, node_bytes: Callable[[bytes], bytes], records: Iterable[Block]
) -> Iterator[bytes]:
    """The CAR file in pieces of about PIECE_BYTES. A record that stands at two paths is sent twice.

    node_bytes: the block of a tree node by its CID; raises KeyError when it is not there. records: in order of path.
    Raises MissingBlock when a node is not there or the records are not those of the tree.
    """
    held: list[bytes] = [car.header([Cid(commit[0])]), car.block(*commit)]
    size = 0
    for cid, data in _in_order(root, node_bytes, iter(records)):
        held += (car.length(len(cid) + len(data)), cid, data)
        size += len(data)
        if size >= PIECE_BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _in_order(root: bytes, node_bytes: Callable[[bytes], bytes], records: Iterator[Block]) -> Iterator[Block]:
    waiting: list[tuple[bool, bytes]] = [(True, root)]
    while waiting:
        is_node, cid = waiting.pop()
        if is_node:
            try:
                data = node_bytes(cid)
            except KeyError:
                raise MissingBlock(cid=str(Cid(cid))) from None
            yield cid, data
            waiting.extend(links(data))
        else:
            block = next(records, None)
            if block is None or block[0] != cid:
                raise MissingBlock(cid=str(Cid(cid)))
            yield block
