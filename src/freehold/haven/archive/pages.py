"""The log as an archive keeps it: of each page that commits wrote, what the last of them wrote.

In come stretches of the write-ahead log, one after the other; out come the pages of whole commits. The same few pages
(the roots of trees, the ends of tables) are written by nearly every commit, so that some seconds of work shrink to a
small part. The log's checksums are not kept: an archive's objects are sealed, and so cannot be altered.
Source: https://sqlite.org/fileformat2.html#walformat
"""

from struct import Struct
from typing import NamedTuple

from freehold.store.wal import FRAME_HEADER_BYTES, HEADER_BYTES, Position, Stretch, read_header

_PAGE_AND_SIZE = Struct(">II").unpack_from


class Pages(NamedTuple):
    """What commits wrote. before, position: where the log stood, and stands. page_bytes: of one page. size: pages of
    the file then. numbers: from 1, ascending; images: their contents, one after the other."""

    before: Position
    position: Position
    page_bytes: int
    size: int
    numbers: list[int]
    images: bytes


class Gathering:
    """Takes the log that goes on from `before`. Not for several threads at once."""

    def __init__(self, before: Position, page_bytes: int = 0) -> None:
        self.before = before
        """Where the last commit ended that was given out."""
        self._page_bytes = page_bytes
        self._rest = b""
        self._begun: dict[int, bytes] = {}

    def take(self, stretch: Stretch) -> Pages | None:
        """The pages of all commits that end in it; None if none does. A stretch may break off anywhere."""
        data = self._rest + stretch.data
        at = 0
        if stretch.start == 0:
            header = read_header(stretch.data)
            assert header is not None, "a log begins with its header"
            self._page_bytes, self._begun = header.page_bytes, {}
            data, at = stretch.data, HEADER_BYTES
        step = FRAME_HEADER_BYTES + self._page_bytes
        latest: dict[int, bytes] = {}
        committed, size = -1, 0
        while at + step <= len(data):
            number, size_then = _PAGE_AND_SIZE(data, at)
            self._begun[number] = data[at + FRAME_HEADER_BYTES : at + step]
            at += step
            if size_then:
                latest.update(self._begun)
                self._begun = {}
                committed, size = at, size_then
        self._rest = data[at:]
        if committed < 0:
            return None
        position = Position(stretch.salt, stretch.position.end - (len(data) - committed))
        numbers = sorted(number for number in latest if number <= size)
        pages = Pages(
            self.before, position, self._page_bytes, size, numbers, b"".join(map(latest.__getitem__, numbers))
        )
        self.before = position
        return pages
