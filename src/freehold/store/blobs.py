"""Blobs as files, each under its CID, written so that a name is on disk before anyone hears of it.

Owns one folder: `incoming/` holds uploads on their way, the others are named by two characters of the CIDs in them.
In come chunks, out come open files. A kept file never changes. Everything here blocks: call it from a worker thread.
Source: https://atproto.com/specs/blob
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

from freehold.protocol.cid import BadCid, Cid
from freehold.protocol.refused import Refused


class BlobTooLarge(Refused):
    """An upload went beyond its limit."""

    kind, name = "too_large", "BlobTooLarge"
    say = "The file is too large."


class BlobMissing(Refused):
    """No file under this CID. (The protocol answers 400 with this name.)"""

    name = "BlobNotFound"
    say = "There is no such file."


class Incoming:
    """An upload on its way: written, counted and hashed chunk by chunk. Gone at the end of its `with` unless kept.

    path: where the bytes are now. size: bytes so far.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.size = 0
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self._file = open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b")  # noqa: SIM115 (closed at exit)

    def write(self, chunk: bytes) -> None:
        """Take the next chunk. Raises BlobTooLarge."""
        self.size += len(chunk)
        if self.size > self._max_bytes:
            raise BlobTooLarge(max_bytes=self._max_bytes)
        self._hash.update(chunk)
        self._file.write(chunk)

    @property
    def cid(self) -> Cid:
        """The CID of what was written so far."""
        return Cid.of_raw_digest(self._hash.digest())

    def flush(self) -> None:
        """Let others who open `path` see all of it."""
        self._file.flush()

    def sync(self) -> None:
        """On disk when this returns."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


class BlobStore:
    """The blobs of one network, in `folder` (made if absent)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._opened_at = time.time()
        self._synced: set[Path] = set()  # folders whose own names are on disk for certain

    def incoming(self, max_bytes: int) -> Incoming:
        """`with blobs.incoming(limit) as upload:` write the chunks, look at the file, then `keep(upload)`."""
        return Incoming(self._incoming / os.urandom(16).hex(), max_bytes)

    def keep(self, upload: Incoming) -> Cid:
        """Put an upload under its CID, durably: file, then name. The same content twice is one file."""
        cid = upload.cid
        path = self.path(cid)
        upload.sync()
        if path.parent not in self._synced:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(self._folder)
            self._synced.add(path.parent)
        os.replace(upload.path, path)
        _sync_folder(path.parent)
        return cid

    def path(self, cid: Cid) -> Path:
        """Where the blob lies if it is here."""
        text = str(cid)
        return self._folder / text[-3:-1] / text

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
        return self.path(cid).exists()

    def delete(self, cid: Cid) -> bool:
        """Remove the file; whether there was one."""
        try:
            self.path(cid).unlink()
        except FileNotFoundError:
            return False
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
                    file.unlink()
                    removed += 1
        return removed


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
