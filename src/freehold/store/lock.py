"""One process for each network directory, held by a lock that the kernel drops when the process ends, however it ends.

Source: flock(2)
"""

import fcntl
import os
from pathlib import Path
from typing import Self

from freehold.protocol.refused import Refused


class AlreadyRunning(Refused):
    """Another process serves this network."""

    kind, name = "conflict", "AlreadyRunning"
    say = "This network is already running in another process. Stop that one first."


class DirectoryLock:
    """Holds DIRECTORY/lock, which names the holder's process id, until `release` or the end of the process.

    Raises AlreadyRunning when somebody else holds it; OSError when the directory cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        file = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 20, 0).decode("ascii", "replace").strip()
            os.close(file)
            raise AlreadyRunning(
                f"The network in {directory} is in use by process {holder or 'unknown'}. Stop that one first.",
                directory=str(directory),
                holder=holder,
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file: int | None = file

    def release(self) -> None:
        """Let go. The file stays: to remove it would let two processes lock two files of one name. Idempotent."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
