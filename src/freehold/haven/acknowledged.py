"""How far a primary's log was acknowledged: what a kill leaves behind it in the log, nobody has been told of.

Owns DIRECTORY/truth.db.acknowledged: where the log ended when a group was acknowledged last. It is written after each
group and not synced: a kill loses none of it, and after a power cut it may say less than is true, which errs on the
safe side. Without the file (no standby was ever in step) everything counts as acknowledged.
"""

import os
from pathlib import Path

from freehold.store.wal import NOWHERE, Position

SALT_BYTES, END_BYTES = 8, 8


class Acknowledged:
    """Of the database at `path`. Used by one thread at a time. begun: whether a note is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".acknowledged")
        self._file: int | None = None
        self.begun = self._path.exists()

    def begin(self) -> None:
        """Keep a note from now on."""
        self.begun = True

    def note(self, position: Position) -> None:
        """The log is acknowledged up to there."""
        os.pwrite(self._opened(), position.salt.ljust(SALT_BYTES, b"\0") + position.end.to_bytes(END_BYTES, "big"), 0)

    def covers(self, position: Position) -> bool:
        """Whether a log that ends there was acknowledged to its end."""
        if not self.begun:
            return True
        kept = os.pread(self._opened(), SALT_BYTES + END_BYTES, 0)
        salt, end = kept[:SALT_BYTES], int.from_bytes(kept[SALT_BYTES:], "big")
        if len(kept) < SALT_BYTES + END_BYTES:
            return False
        if position == NOWHERE:
            return end == 0
        return salt == position.salt and end >= position.end

    def _opened(self) -> int:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._file

    def close(self) -> None:
        """Let the file go; the next note opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
