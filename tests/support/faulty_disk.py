"""A disk that fails on order and whose power can be cut, as a layer under SQLite's own file access.

Everything passes through to real files. Beside that each file's durable state is kept: what the last fsync made
safe, and the writes since, of which a power cut may keep any, in part, in any order.
Source: https://sqlite.org/vfs.html, https://sqlite.org/atomiccommit.html
"""

import itertools
import threading
from pathlib import Path
from random import Random
from typing import Any

import apsw

SECTOR = 512
_names = itertools.count()


class Pages:
    """One file: its bytes as of the last fsync, and what was done to it since. A write is (offset, data)."""

    def __init__(self, durable: bytes) -> None:
        self.durable = bytearray(durable)
        self.pending: list[tuple[int, bytes] | int] = []

    def sync(self) -> None:
        for change in self.pending:
            self._apply(self.durable, change)
        self.pending.clear()

    def after_a_cut(self, random: Random) -> bytes:
        """The durable bytes, with some sectors of some of the later writes."""
        image = bytearray(self.durable)
        for change in self.pending:
            if isinstance(change, int):
                if random.random() < 0.5:
                    self._apply(image, change)
                continue
            offset, data = change
            for start in range(0, len(data), SECTOR):
                if random.random() < 0.5:
                    self._apply(image, (offset + start, data[start : start + SECTOR]))
        return bytes(image)

    @staticmethod
    def _apply(image: bytearray, change: tuple[int, bytes] | int) -> None:
        if isinstance(change, int):
            del image[change:]
            return
        offset, data = change
        if len(image) < offset:
            image.extend(bytes(offset - len(image)))
        image[offset : offset + len(data)] = data


class FaultyFile(apsw.VFSFile):
    def __init__(self, disk: "FaultyDisk", name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        self.disk = disk
        self.is_wal = path.name.endswith("-wal")
        self.pages = disk.files.setdefault(path.name, Pages(path.read_bytes()))

    def xWrite(self, data: Any, offset: int) -> None:
        self.disk.check("write", self.is_wal)
        with self.disk.moment:
            super().xWrite(data, offset)
            self.pages.pending.append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        with self.disk.moment:
            super().xTruncate(newsize)
            self.pages.pending.append(newsize)

    def xSync(self, flags: int) -> None:
        self.disk.check("sync", self.is_wal)
        with self.disk.moment:
            super().xSync(flags)
            self.pages.sync()


class FaultyDisk(apsw.VFS):
    """Give its `name` as `vfs`. `fail(operation, error)` makes every such operation fail until `mend()`."""

    def __init__(self) -> None:
        self.name = f"faulty-{next(_names)}"
        self.files: dict[str, Pages] = {}
        self.moment = threading.Lock()  # the power goes at one moment for all files
        self._fault: tuple[str, bool | None, type[apsw.Error], int] | None = None
        super().__init__(self.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        if name is None:
            return apsw.VFSFile("", name, flags)
        return FaultyFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        with self.moment:
            super().xDelete(filename, syncdir)
            self.files.pop(Path(filename).name, None)

    def fail(self, operation: str, *, wal: bool | None = None, full: bool = False) -> None:
        """operation: `write` or `sync`. wal: only there (True) or only in the main file. full: as for want of space."""
        code = {"write": apsw.SQLITE_IOERR_WRITE, "sync": apsw.SQLITE_IOERR_FSYNC}[operation]
        self._fault = (
            (operation, wal, apsw.FullError, apsw.SQLITE_FULL) if full else (operation, wal, apsw.IOError, code)
        )

    def mend(self) -> None:
        self._fault = None

    def check(self, operation: str, is_wal: bool) -> None:
        if self._fault is None or self._fault[0] != operation or self._fault[1] not in (None, is_wal):
            return
        error = self._fault[2]("ordered by the test")
        error.extendedresult = self._fault[3]
        raise error

    def cut_power(self, into: Path, random: Random) -> None:
        """Write what a machine would find after a power cut into another folder. The shared memory file is gone."""
        into.mkdir()
        with self.moment:
            for name, pages in self.files.items():
                (into / name).write_bytes(pages.after_a_cut(random))
