"""What the write-ahead log beside a SQLite file holds, as bytes that can be carried elsewhere.

In come the log's path and how many frames SQLite says it has; out come stretches: whole commits, as they stand in the
file. A log begins anew, with another salt, after it was folded into its file. Only whoever writes the file knows where
its last commit ends, so `Log` is to be asked on the writer's thread, or while nobody writes.
Source: https://sqlite.org/fileformat2.html#walformat
"""

import os
from pathlib import Path
from typing import NamedTuple

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
FRAME_SALT = slice(8, 16)
MAGICS = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
LARGEST_PAGE = 65_536
MOST_BYTES = 16_777_216


class Position(NamedTuple):
    """How far a log is known. salt: the 8 bytes that tell this log from the one before. end: bytes from its start."""

    salt: bytes
    end: int


NOWHERE = Position(b"", 0)
"""Before the first byte of any log."""


class Stretch(NamedTuple):
    """Bytes of a log, from `start` on; with start 0 it begins with the header of a new log."""

    salt: bytes
    start: int
    data: bytes

    @property
    def position(self) -> Position:
        """Where it ends."""
        return Position(self.salt, self.start + len(self.data))


class Header(NamedTuple):
    """The first 32 bytes of a log. page_bytes: size of a page of the file."""

    salt: bytes
    page_bytes: int

    def end(self, frames: int) -> int:
        """Bytes of a log that has so many frames."""
        return HEADER_BYTES + frames * (FRAME_HEADER_BYTES + self.page_bytes)

    def frames(self, size: int) -> int:
        """Whole frames in so many bytes of a log."""
        return max(0, size - HEADER_BYTES) // (FRAME_HEADER_BYTES + self.page_bytes)


def read_header(data: bytes) -> Header | None:
    """The header, or None if these bytes do not begin a log."""
    if len(data) < HEADER_BYTES or data[:4] not in MAGICS:
        return None
    size = int.from_bytes(data[8:12], "big")
    return Header(data[16:24], LARGEST_PAGE if size == 1 else size)


def log_of(path: Path) -> Path:
    """Where the log of a SQLite file lies."""
    return path.with_name(path.name + "-wal")


class Log:
    """The log of the file at `path`, read beside SQLite.

    SQLite removes the file when the last connection goes and makes another for the next: whoever opens the database
    again lets go of it here (`close`).
    """

    def __init__(self, path: Path) -> None:
        self._path = log_of(path)
        self._file: int | None = None
        self._header: Header | None = None

    def since(self, known: Position, frames: int, most: int = MOST_BYTES) -> Stretch | None:
        """What came after `known`, of a log that has so many `frames`; None if nothing did.

        A log with another salt than that of `known` is given from its start. No more than `most` bytes at once.
        """
        if not frames:
            return None
        file = self._open()
        following = self._following(file, known, frames, most)
        if following is not None:
            return following
        header = self._header = read_header(os.pread(file, HEADER_BYTES, 0))
        if header is None:
            return None
        start = known.end if known.salt == header.salt else 0
        end = min(header.end(frames), start + most)
        return Stretch(header.salt, start, _read(file, start, end)) if end > start else None

    def _following(self, file: int, known: Position, frames: int, most: int) -> Stretch | None:
        """What came after `known`, if it is of the same log, as mostly: each frame names its log, so that the header
        need not be read for that. All frames are the log's that SQLite counts, so one of another log has another salt.
        """
        header = self._header
        if header is None or header.salt != known.salt:
            return None
        end = min(header.end(frames), known.end + most)
        data = _read(file, known.end, end) if end > known.end else b""
        return Stretch(known.salt, known.end, data) if data[FRAME_SALT] == known.salt else None

    def end(self, frames: int) -> Position:
        """Where a log of so many frames ends."""
        header = read_header(os.pread(self._open(), HEADER_BYTES, 0)) if frames else None
        return Position(header.salt, header.end(frames)) if header else NOWHERE

    def _open(self) -> int:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        return self._file

    def close(self) -> None:
        """Let the file go, until it is asked for again. Idempotent."""
        if self._file is not None:
            os.close(self._file)
            self._file = self._header = None


def _read(file: int, start: int, end: int) -> bytes:
    parts = []
    while start < end:
        part = os.pread(file, end - start, start)
        if not part:
            raise OSError(f"the write-ahead log ends at {start}, before {end}")
        parts.append(part)
        start += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
