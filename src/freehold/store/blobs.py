"""Blobs as files, each under its CID, written so that a name is on disk before anyone hears of it.

Owns one folder: `incoming/` holds uploads on their way, the others are named by two characters of the CIDs in them.
In come chunks, out come open files. A kept file never changes. Everything here blocks: call it from a worker thread.
Source: https://atproto.com/specs/blob
"""

import hashlib
import mmap
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Self

from freehold.protocol.cid import BadCid, Cid
from freehold.protocol.refused import Refused
from freehold.store.files import sync
from freehold.store.gate import Elsewhere

WIPED_AT_ONCE = 1 << 20
SMALL_BYTES = 256 * 1024
"""Up to which size an upload waits in memory until it is whole."""


class BlobTooLarge(Refused):
    """An upload went beyond its limit."""

    kind, name = "too_large", "BlobTooLarge"
    say = "The file is too large."


class BlobMissing(Refused):
    """No file under this CID. (The protocol answers 400 with this name.)"""

    name = "BlobNotFound"
    say = "There is no such file."


class Incoming:
    """An upload on its way, counted and hashed chunk by chunk: in memory while it is small, then in a file.

    size: bytes so far. Gone at the end of its `with` unless kept.
    """

    def __init__(self, path: str, max_bytes: int) -> None:
        self.size = 0
        self._path = path
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._file: FileIO | None = None

    def write(self, chunk: bytes) -> None:
        """Take the next chunk. Raises BlobTooLarge."""
        self.size += len(chunk)
        if self.size > self._max_bytes:
            raise BlobTooLarge(max_bytes=self._max_bytes)
        self._hash.update(chunk)
        self._pieces.append(chunk)
        if not self.small:
            self.write_out()

    @property
    def small(self) -> bool:
        """Whether it may stay in memory."""
        return self.size <= SMALL_BYTES

    @property
    def cid(self) -> Cid:
        """The CID of what was written so far."""
        return Cid.of_raw_digest(self._hash.digest())

    @contextmanager
    def reading(self) -> Iterator[bytes | mmap.mmap]:
        """All of it as one buffer."""
        if self._file is None:
            self._pieces = [b"".join(self._pieces)]
            yield self._pieces[0]
        else:
            with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield data

    def write_out(self) -> None:
        """Into the file with what is in memory."""
        if self._file is None:
            self._file = FileIO(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+")
        rest = memoryview(b"".join(self._pieces))
        while rest:
            rest = rest[self._file.write(rest) :]
        self._pieces = []

    def sync(self) -> None:
        """What was written out is on disk when this returns."""
        assert self._file is not None
        os.fsync(self._file.fileno())
        self._file.close()

    def rename(self, path: str) -> None:
        """Give the file, which is synced, the name that it keeps."""
        os.replace(self._path, path)
        self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            with suppress(FileNotFoundError):
                wipe(self._path)


class BlobStore:
    """The blobs of one network, in `folder` (made if absent). elsewhere: where they are kept too, or nowhere."""

    elsewhere: Elsewhere | None = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._opened_at = time.time()
        self._synced: set[str] = set()  # folders whose own names are on disk for certain

    def incoming(self, max_bytes: int) -> Incoming:
        """`with blobs.incoming(limit) as upload:` write the chunks, look at the whole, then `keep(upload)`."""
        return Incoming(f"{self._incoming}/{os.urandom(16).hex()}", max_bytes)

    def keep(self, upload: Incoming) -> Cid:
        """Put an upload under its CID, durably. The same content twice is one file."""
        self.keep_all([upload])
        return upload.cid

    def keep_all(self, uploads: Sequence[Incoming]) -> None:
        """The same for several: the files first, then their names."""
        for upload in uploads:
            upload.write_out()
        for upload in uploads:
            upload.sync()
        folders = set()
        for upload in uploads:
            folder, path = self._place(upload.cid)
            self._assure(folder)
            upload.rename(path)
            folders.add(folder)
        for folder in folders:
            sync(folder)
        if self.elsewhere is not None:
            for upload in uploads:
                self.elsewhere.carry_blob(upload.cid)

    def _place(self, cid: Cid) -> tuple[str, str]:
        """The folder and the file of a blob."""
        text = str(cid)
        folder = f"{self._folder}/{text[-3:-1]}"
        return folder, f"{folder}/{text}"

    def _assure(self, folder: str) -> None:
        """Make a folder if need be; its own name is on disk when this returns."""
        if folder not in self._synced:
            with suppress(FileExistsError):
                os.mkdir(folder, mode=0o700)
            sync(self._folder)
            self._synced.add(folder)

    def path(self, cid: Cid) -> Path:
        """Where the blob lies if it is here."""
        return Path(self._place(cid)[1])

    def open(self, cid: Cid) -> BinaryIO:
        """The bytes, to be closed by the caller. Raises BlobMissing."""
        try:
            return self.path(cid).open("rb")
        except FileNotFoundError:
            raise BlobMissing(cid=str(cid)) from None

    def size(self, cid: Cid) -> int:
        """Bytes. Raises BlobMissing."""
        try:
            return self.path(cid).stat().st_size
        except FileNotFoundError:
            raise BlobMissing(cid=str(cid)) from None

    def has(self, cid: Cid) -> bool:
        """Whether the blob is here."""
        return os.path.exists(self._place(cid)[1])

    def delete(self, cid: Cid) -> bool:
        """Remove the file; whether there was one."""
        try:
            self.path(cid).unlink()
        except FileNotFoundError:
            return False
        if self.elsewhere is not None:
            self.elsewhere.forget_blob(cid)
        return True

    def cids(self) -> Iterator[Cid]:
        """Every blob that is here, in no order."""
        for folder in self._folder.iterdir():
            if folder != self._incoming and folder.is_dir():
                for file in folder.iterdir():
                    with suppress(BadCid):
                        yield Cid.parse(file.name)

    def before_start(self) -> Iterator[Cid]:
        """Every blob that was kept before this store was opened."""
        for cid in self.cids():
            with suppress(FileNotFoundError):
                if self.path(cid).stat().st_mtime < self._opened_at:
                    yield cid

    def sweep_temporary(self, older_than: float) -> int:
        """Remove uploads that a killed process left behind, untouched for so many seconds; how many."""
        limit = time.time() - older_than
        removed = 0
        for file in self._incoming.iterdir():
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < limit:
                    wipe(str(file))
                    removed += 1
        return removed


def wipe(path: str) -> None:
    """Remove an upload that is not kept, and write over it before: a picture's first form says where it was taken.

    Some disks write elsewhere than where they are told to; a disk that is encrypted as a whole does not care.
    """
    with FileIO(path, "r+") as file:
        left = os.fstat(file.fileno()).st_size
        while left:
            left -= file.write(bytes(min(left, WIPED_AT_ONCE)))
        os.fdatasync(file.fileno())
    os.unlink(path)
