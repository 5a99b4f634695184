"""The result of cutting: which byte ranges of a file are kept, and the few new bytes between them.

Every format's walker fills one `Ranges`, so a file of any size is cleaned without holding it in memory.
"""

from collections.abc import Iterator
from mmap import mmap

from freehold.protocol.refused import Refused

Buffer = bytes | mmap
Piece = tuple[int, int] | bytes
MAX_STEPS = 1_000_000


class BadPicture(Refused):
    """A picture that cannot be read, or whose metadata cannot be told from its pixels."""

    name = "InvalidImage"
    say = "That picture was not added. The file is damaged. Save it again in another program, or choose another one."


class Ranges:
    """The kept parts of `data`, in order. Neighbouring ranges melt into one.

    `changed` becomes true with the first cut or new bytes. `step()` bounds the walk: MAX_STEPS, then BadPicture.
    """

    def __init__(self, data: Buffer) -> None:
        self.data = data
        self.pieces: list[Piece] = []
        self.changed = False
        self._steps = 0

    def step(self) -> None:
        """Count one turn of a walker's loop."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise BadPicture(reason="too many parts")

    def keep(self, start: int, stop: int) -> None:
        """Keep data[start:stop]."""
        last = self.pieces[-1] if self.pieces else None
        if isinstance(last, tuple) and last[1] == start:
            self.pieces[-1] = (last[0], stop)
        elif start < stop:
            self.pieces.append((start, stop))

    def put(self, new: bytes) -> None:
        """Write bytes that the file did not have at this place."""
        self.pieces.append(new)
        self.changed = True

    def cut(self) -> None:
        """Note that a part was left out."""
        self.changed = True

    def finished(self) -> list[Piece]:
        """The pieces of the clean file; one whole range when nothing was cut."""
        return self.pieces if self.changed else [(0, len(self.data))]


def length_of(pieces: list[Piece]) -> int:
    """How many bytes the pieces come to."""
    return sum(len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)


def read(data: Buffer, pieces: list[Piece], chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
    """The bytes of the clean file, in chunks of at most `chunk_bytes`."""
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        start, stop = piece
        for at in range(start, stop, chunk_bytes):
            yield data[at : min(at + chunk_bytes, stop)]
