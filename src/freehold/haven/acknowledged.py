"""How far a primary's log was acknowledged: what a kill leaves behind it in the log, nobody has been told of.

Owns DIRECTORY/truth.db.acknowledged: where the log ended when a group was acknowledged last. It is written after each
group, as memory that is the file's, and not synced: a kill loses none of it, and after a power cut it may say less than
is true, which errs on the safe side. Without the file (no standby was ever in step) everything counts as acknowledged.
"""

import mmap
import os
from pathlib import Path

from freehold.store.wal import NOWHERE, Position

SALT_BYTES, END_BYTES = 8, 8
NOTE_BYTES = SALT_BYTES + END_BYTES
NEVER = bytes(SALT_BYTES) + (1).to_bytes(END_BYTES, "big")
"""Before the first group: no log ends there, nor is it none."""


class Acknowledged:
    """Of the database at `path`. Used by one thread at a time. begun: whether a note is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".acknowledged")
        self._note: mmap.mmap | None = None
        self.begun = self._path.exists()

    def begin(self) -> None:
        """Keep a note from now on."""
        self.begun = True

    def note(self, position: Position) -> None:
        """The log is acknowledged up to there. Both values change at once, for whoever is killed meanwhile."""
        said = position.salt.ljust(SALT_BYTES, b"\0") + position.end.to_bytes(END_BYTES, "big")
        self._opened()[:NOTE_BYTES] = said

    def covers(self, position: Position) -> bool:
        """Whether a log that ends there was acknowledged to its end."""
        if not self.begun:
            return True
        kept = self._opened()[:NOTE_BYTES]
        salt, end = kept[:SALT_BYTES], int.from_bytes(kept[SALT_BYTES:], "big")
        if position == NOWHERE:
            return end == 0
        return salt == position.salt and end >= position.end

    def _opened(self) -> mmap.mmap:
        if self._note is None:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if os.fstat(file).st_size < NOTE_BYTES:  # written, not only made longer: a full disk is heard of here
                    os.pwrite(file, NEVER, 0)
                self._note = mmap.mmap(file, NOTE_BYTES)
            finally:
                os.close(file)
        return self._note

    def close(self) -> None:
        """Let the file go; the next note opens it again."""
        if self._note is not None:
            self._note.close()
            self._note = None
