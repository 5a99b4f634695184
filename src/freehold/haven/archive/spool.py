"""What is on its way to an archive, on local disk, so that nobody waits for a bucket.

Owns a folder: for each generation one that holds the copy of the database file until it is sent (`base`) and the log
since, in numbered files of records (length, CRC-32, a `Piece`). The log is not synced: what a power cut tears is found
by the checksum or by a piece that does not go on from the one before, and a new base heals it.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from isal import isal_zlib

from freehold.haven.archive.forms import Generation, Piece, encode
from freehold.store.files import sync

HEAD_BYTES = 8
BASE, PART = "base", "copying"
_decode = msgspec.msgpack.Decoder(Piece).decode


class Spool:
    """The spool in `folder`, made if absent. Not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        (folder / PART).unlink(missing_ok=True)
        self._file: BinaryIO | None = None
        self._open: Path | None = None
        self.bytes = sum(path.stat().st_size for path in self.logs())
        """Of log that waits."""

    # -- generations

    def generations(self) -> list[Generation]:
        """Those of which something waits, oldest first."""
        found = [path.name for path in self.folder.iterdir() if path.is_dir()]
        return sorted(map(Generation.parse, found), key=lambda generation: (generation.epoch, generation.begins))

    def begin(self, generation: Generation) -> None:
        """The file that was copied to `part` is its base; what is added from now on is its log. Raises OSError.

        The base is on disk when this returns: it is sent in parts, perhaps by several processes.
        """
        self.end_file()
        sync(self.part)
        folder = self.folder / str(generation)
        folder.mkdir(mode=0o700)
        self.part.replace(folder / BASE)
        sync(folder)
        sync(self.folder)

    @property
    def part(self) -> Path:
        """Where the database file is copied to."""
        return self.folder / PART

    def base(self, generation: Generation) -> Path | None:
        """The copy, if it was not sent yet."""
        path = self.folder / str(generation) / BASE
        return path if path.exists() else None

    # -- the log

    def add(self, generation: Generation, number: int, piece: Piece) -> None:
        """Append to the open file, which is `number` if there is none. Raises OSError."""
        if self._file is None:
            self._open = self.folder / str(generation) / f"{number:010d}"
            self._open.parent.mkdir(mode=0o700, exist_ok=True)
            self._file = open(os.open(self._open, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")  # noqa: SIM115
        body = encode(piece)
        self._file.write(len(body).to_bytes(4, "big") + isal_zlib.crc32(body).to_bytes(4, "big") + body)
        self._file.flush()
        self.bytes += HEAD_BYTES + len(body)

    def end_file(self) -> None:
        """The open file may be sent; the next piece begins another one."""
        if self._file is not None:
            self._file.close()
            self._file = self._open = None

    def logs(self) -> list[Path]:
        """The files of all generations that nobody writes to any more, in order."""
        return sorted(path for path in self.folder.glob("*/[0-9]*") if path != self._open)

    def of(self, generation: Generation) -> list[Path]:
        """Those of one."""
        return sorted((self.folder / str(generation)).glob("[0-9]*"))

    def read(self, path: Path) -> Iterator[Piece]:
        """The pieces of a file, as far as it is whole."""
        with path.open("rb") as file:
            while len(head := file.read(HEAD_BYTES)) == HEAD_BYTES:
                body = file.read(int.from_bytes(head[:4], "big"))
                if isal_zlib.crc32(body).to_bytes(4, "big") != head[4:]:
                    return
                try:
                    yield _decode(body)
                except msgspec.DecodeError:
                    return

    # -- letting go

    def sent(self, path: Path) -> None:
        """A file of the log is in the archive."""
        self.bytes -= path.stat().st_size
        path.unlink()

    def tidy(self, current: Generation | None) -> None:
        """Remove the empty folders of generations that have ended."""
        for generation in self.generations():
            folder = self.folder / str(generation)
            if generation != current and not any(folder.iterdir()):
                folder.rmdir()

    def drop(self, generation: Generation) -> None:
        """Forget all that waits of a generation."""
        shutil.rmtree(self.folder / str(generation), ignore_errors=True)
        self.bytes = sum(path.stat().st_size for path in self.logs())

    def drop_all(self) -> None:
        """Forget all that waits."""
        self.end_file()
        for generation in self.generations():
            self.drop(generation)
