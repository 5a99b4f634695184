"""A standby's copy of a network's truth: the same bytes in the same files.

Owns DIRECTORY/truth.db and its write-ahead log while it follows. In come stretches of the primary's log, written where
they stand over there; when the primary begins a new log, the old one is folded into the file here too, by SQLite. What
`take` has answered is on disk. Nobody may open the copy for writing meanwhile: that would fold its log. Who reads it
through SQLite does so in `turn`, and closes what it has open when told to `let_go`.
Source: https://sqlite.org/wal.html
"""

import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from freehold.protocol.refused import Refused
from freehold.store.files import sync
from freehold.store.wal import NOWHERE, Position, Stretch, log_of, read_header
from freehold.stream.log import newest_in

logger = logging.getLogger(__name__)

BLOCK_BYTES = 65_536
HASH_BYTES = 16
SEED = "truth.seed"
PAGE_MIN_BYTES = 512


class NotNext(Refused):
    """A stretch that does not begin where this copy ends."""

    kind, name = "conflict", "NotNext"
    say = "The standby's copy is not where the primary takes it to be. It has to be compared anew."


class NoFile(Refused):
    """Less than a page. SQLite throws the log away that lies beside an empty file."""

    kind, name = "conflict", "NoFile"
    say = "The primary sent an empty database."


class Copy:
    """The copy in `directory`, which is made if absent."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self.path = directory / "truth.db"
        self._seed = directory / SEED
        self._log = _open(log_of(self.path))
        self.position = self._found()
        self.turn = threading.RLock()
        self.let_go: Callable[[], object] = lambda: None
        self.end_process: Callable[[int], object] = os._exit
        """Called with an exit code when SQLite does not see what was written here."""
        self.has_grown = False
        """Whether there is something new since `tell`."""
        self.grew = threading.Event()
        """Set when there is something new to look at."""

    def tell(self) -> None:
        """Let whoever waits for it look at what is new."""
        self.has_grown = False
        self.grew.set()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody reads it through SQLite meanwhile, and whoever does afterwards looks at the log anew.

        What SQLite remembers of the log, in a file of its own, would not be true any more after the next stretch.
        """
        with self.turn:
            self.let_go()
            try:
                yield
            finally:
                self.path.with_name(self.path.name + "-shm").unlink(missing_ok=True)

    @property
    def whole(self) -> bool:
        """Whether the file was ever copied to its end."""
        return self.path.exists()

    def newest(self) -> tuple[int, int]:
        """How far its streams have come; zeros without a whole copy. Not while a stretch is taken."""
        if not self.whole:
            return 0, 0
        with self.alone():
            return newest_in(self.path)

    def digest(self) -> bytes:
        """SHA-256 of the log as far as it is known; empty without a log."""
        if not self.position.end:
            return b""
        return hash_of(self._log, self.position.end)

    # -- the log

    def take(self, before: Position, stretch: Stretch) -> None:
        """Write a stretch; on disk when this returns. Raises NotNext, changing nothing."""
        if before != self.position or not self.whole:
            raise NotNext(here=self.position, there=before)
        if stretch.start == 0:
            self.fold(all_known=True)
        elif stretch.position.salt != self.position.salt or stretch.start != self.position.end:
            raise NotNext(here=self.position, start=stretch.start)
        _write_at(self._log, stretch.start, stretch.data)
        os.fdatasync(self._log)
        self.position = stretch.position
        self.has_grown = True

    def fold(self, *, all_known: bool) -> None:
        """Put the log into the file, by SQLite, which checks every frame of it, and empty it. all_known: the primary
        knows each frame of it, and has it committed: if SQLite sees fewer, the process ends before any is lost."""
        if not self.position.end:
            return
        with self.alone():
            self._fold(self._frames() if all_known else None)
            self._reopen()

    def _frames(self) -> int:
        header = read_header(os.pread(self._log, 32, 0))
        return header.frames(self.position.end) if header is not None else 0

    def _fold(self, frames: int | None) -> None:
        connection = apsw.Connection(str(self.path))
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            seen, folded = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
            if frames is not None and not seen == folded == frames:
                logger.critical("SQLite sees %d and folds %d of %d frames of the copy's log", seen, folded, frames)
                self.end_process(1)
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            connection.close()

    def _reopen(self) -> None:
        os.close(self._log)
        self._log = _open(log_of(self.path))
        os.ftruncate(self._log, 0)
        sync(self._directory)
        self.position = NOWHERE

    def _found(self) -> Position:
        """How far the log goes, by whole frames; the primary compares what is in them."""
        header = read_header(os.pread(self._log, 32, 0))
        if header is None:
            return NOWHERE
        frames = header.frames(os.fstat(self._log).st_size)
        return Position(header.salt, header.end(frames)) if frames else NOWHERE

    # -- the file

    def seed(self) -> None:
        """Begin a new file beside the old one, which stays a copy until `finish`; what is alike is not sent again."""
        self.fold(all_known=False)  # what a kill left at its end is nobody's
        if self.path.exists():
            shutil.copyfile(self.path, self._seed)
        else:
            self._seed.unlink(missing_ok=True)
            os.close(_open(self._seed))

    def hashes(self, first: int, count: int, *, new: bool) -> bytes:
        """Hashes of blocks of the new file, or of the copy's, `HASH_BYTES` each; fewer when it ends before."""
        file = _open(self._seed if new else self.path)
        try:
            return hashes_of(file, first, count)
        finally:
            os.close(file)

    def write(self, offset: int, data: bytes) -> None:
        """Bytes of the new file. Not on disk before `finish`."""
        file = _open(self._seed)
        try:
            _write_at(file, offset, data)
        finally:
            os.close(file)

    def finish(self, size: int) -> None:
        """The new file is complete and takes the place of the old. On disk when this returns. Raises NoFile."""
        if size < PAGE_MIN_BYTES:
            raise NoFile(size=size)
        file = _open(self._seed)
        try:
            os.ftruncate(file, size)
            os.fchmod(file, 0o600)
            os.fsync(file)
        finally:
            os.close(file)
        with self.alone():
            self._seed.replace(self.path)  # there is no log to lie over it: `seed` folded it, and none was taken since
        sync(self._directory)
        self.has_grown = True

    def close(self) -> None:
        """Let the files go."""
        os.close(self._log)


def hashes_of(file: int, first: int, count: int) -> bytes:
    """BLAKE2b of `count` blocks of an open file, from the `first` on."""
    made = []
    for index in range(first, first + count):
        block = os.pread(file, BLOCK_BYTES, index * BLOCK_BYTES)
        if not block:
            break
        made.append(hashlib.blake2b(block, digest_size=HASH_BYTES).digest())
    return b"".join(made)


def hash_of(file: int, size: int) -> bytes:
    """SHA-256 of the first `size` bytes of an open file."""
    hashing, at = hashlib.sha256(), 0
    while at < size and (part := os.pread(file, min(BLOCK_BYTES * 16, size - at), at)):
        hashing.update(part)
        at += len(part)
    return hashing.digest()


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _write_at(file: int, offset: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        offset, view = offset + written, view[written:]
