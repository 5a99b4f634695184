"""A disk of its own for a machine of a test, whose power can be cut: ext4 in a file, mounted. Needs root.

`cut` shuts the file system down as it is, without writing its journal out: what no fsync has brought to the disk is
gone. What is mounted then is a copy of the file, for somebody else's mount namespace may hold on to the first. It does
not model a disk that lies about what it has flushed.
Source: linux/fs/ext4/ioctl.c, EXT4_IOC_SHUTDOWN
"""

import fcntl
import os
import struct
import subprocess
import tempfile
from functools import cache
from pathlib import Path

SHUTDOWN = 0x8004587D
WITHOUT_FLUSH = struct.pack("I", 2)
SIZE = 256 * 1024 * 1024


class Disk:
    """In `file`, which is made; seen at `folder` while it is mounted."""

    def __init__(self, file: Path, folder: Path) -> None:
        self._file, self.folder = file, folder
        with file.open("wb") as made:
            made.truncate(SIZE)
        _do("mkfs.ext4", "-q", "-F", str(file))
        folder.mkdir()
        self._mount()

    def _mount(self) -> None:
        _do("mount", "-o", "loop,commit=300", str(self._file), str(self.folder))

    def cut(self) -> None:
        """The power is gone."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, WITHOUT_FLUSH)
        finally:
            os.close(folder)

    def restore(self) -> None:
        """The power is back, and the file system mends itself by its journal. Nobody may have files open there."""
        _do("umount", str(self.folder))
        left = self._file
        self._file = left.with_name(left.name + "~")
        _do("cp", "--sparse=always", str(left), str(self._file))
        left.unlink()
        self._mount()

    def discard(self) -> None:
        """Take it out for good."""
        _do("umount", str(self.folder))
        self._file.unlink()


def _do(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr}")


@cache
def disks_can_be_made() -> bool:
    """Whether this machine lets us."""
    if os.geteuid() != 0:
        return False
    try:
        with tempfile.TemporaryDirectory() as folder:
            disk = Disk(Path(folder) / "file", Path(folder) / "mounted")
            try:
                disk.cut()
            finally:
                disk.discard()
    except OSError:
        return False
    return True
