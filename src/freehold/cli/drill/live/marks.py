"""What a live drill leaves on a machine to be known by, and what it may wipe: only what bears its own mark.

Owns DIRECTORY/live-drill.json (the mark: which drill, and the way home), live-drill.lock (held while one is at work)
and folders DIRECTORY/drill-ID, each with a file `mark` that holds the same random id.
"""

import fcntl
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from freehold.cli.drill.live.words import Mark
from freehold.protocol.refused import Refused
from freehold.store.files import write_durably

MARK, LOCK, OWN = "live-drill.json", "live-drill.lock", "mark"
ID = re.compile(r"[0-9a-f]{16}")


class DrillAtWork(Refused):
    """Another drill."""

    kind, name = "conflict", "DrillAtWork"


class NotMade(Refused):
    """Something that this drill did not make, and does not wipe."""

    kind, name = "conflict", "NotMade"


class Marks:
    """Of one machine."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._held = directory, -1

    def read(self) -> Mark | None:
        """Of a drill that was not ended."""
        try:
            return msgspec.json.decode((self._directory / MARK).read_bytes(), type=Mark)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def put(self, mark: Mark) -> None:
        """Raises DrillAtWork if another one is, or was broken off."""
        self._hold()
        there = self.read()
        if there is not None and there.id != mark.id:
            raise DrillAtWork(f"{self._directory} bears the mark of another drill: {there.id}.")
        write_durably(self._directory / MARK, msgspec.json.format(msgspec.json.encode(mark)))
        give(self._directory / MARK, self._directory)

    def drop(self, id: str) -> None:
        """And nothing that another one has put."""
        there = self.read()
        if there is not None and there.id == id:
            (self._directory / MARK).unlink()

    def folder(self, id: str) -> Path:
        """A new folder of this drill's. Raises NotMade."""
        path = self._path(id)
        path.mkdir(mode=0o700)
        (path / OWN).write_text(id)
        return path

    def wipe(self, id: str) -> None:
        """That folder, if it bears its mark. Raises NotMade."""
        path = self._path(id)
        with suppress(OSError):
            if not path.is_symlink() and (path / OWN).read_text() == id:
                shutil.rmtree(path)
                return
        raise NotMade(f"{path} does not bear the mark of this drill. Nothing was wiped.")

    def _path(self, id: str) -> Path:
        if not ID.fullmatch(id):
            raise NotMade(f"“{id}” is no drill's.")
        return self._directory / f"drill-{id}"

    def _hold(self) -> None:
        if self._held >= 0:
            return
        file = os.open(self._directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise DrillAtWork(f"Another drill is at work on {self._directory} just now.") from None
        give(self._directory / LOCK, self._directory)
        self._held = file


def give(path: Path, directory: Path) -> None:
    """What root made there is the network's own."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
