"""A backup of an account, read: a repository as a CAR file alone, or the archive that `archive` hands out.

In comes an open file; out come the repository, the blobs and the private settings that are in it, piece by piece.
"""

import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import IO, Any, BinaryIO
from zipfile import BadZipFile, ZipFile

import msgspec

from freehold.pds.imports import MAX_BYTES
from freehold.protocol.cid import Cid
from freehold.protocol.refused import InvalidRequest
from freehold.repo import commit
from freehold.repo.car import CarReader
from freehold.repo.commit import Commit

REPOSITORY, PRIVATE, BLOBS = "repository.car", "private.json", "blobs/"
"""What is what in an archive. A blob's file is named by its CID, and perhaps by what it is."""
PIECE_BYTES = 1 << 18
MAX_PRIVATE_BYTES = 20_000_000


class BadBackup(InvalidRequest):
    """A file that is no backup of an account."""

    name = "BadBackup"
    say = "That file is neither a repository (CAR) nor an archive of an account."


class Backup:
    """An account in a file that can be read from any place."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self._file, self._zip = file, None
        if file.read(4) == b"PK\3\4":
            try:
                self._zip = ZipFile(file)
            except BadZipFile:
                raise BadBackup from None
        names = self._zip.namelist() if self._zip is not None else []
        if self._zip is not None and REPOSITORY not in names:
            raise BadBackup("There is no repository in that archive.")
        self._blobs = {name.removeprefix(BLOBS).partition(".")[0]: name for name in names if name.startswith(BLOBS)}

    def commit(self) -> Commit:
        """The repository's newest commit: whose it is, and who signed. Raises BadBackup, BadCar."""
        reader = CarReader(max_bytes=MAX_BYTES)
        for piece in self._repository():
            blocks = reader.feed(piece)
            roots = reader.roots or []
            for cid, data in blocks:
                if [cid] == roots:
                    return commit.read(data)
        raise BadBackup

    async def repository(self) -> AsyncIterator[bytes]:
        """The CAR file."""
        for piece in self._repository():
            yield piece

    @asynccontextmanager
    async def blob(self, cid: Cid) -> AsyncIterator[AsyncIterator[bytes] | None]:
        """A blob's bytes, None if it is not in there; as `Arriving` fetches."""
        name = self._blobs.get(str(cid))
        if name is None or self._zip is None:
            yield None
            return
        with self._entry(name) as file:
            yield _each(file)

    def private(self) -> dict[str, Any]:
        """The private settings as `archive` wrote them; {} where there are none."""
        if self._zip is None or PRIVATE not in self._zip.namelist():
            return {}
        with self._entry(PRIVATE) as file:
            try:
                found = msgspec.json.decode(file.read(MAX_PRIVATE_BYTES), type=dict[str, Any])
            except msgspec.DecodeError:
                raise BadBackup("The private settings in that archive cannot be read.") from None
        if not all(isinstance(found.get(name, []), list) for name in ("preferences", "mutes")):
            raise BadBackup("The private settings in that archive cannot be read.")
        return found

    @contextmanager
    def _entry(self, name: str) -> Iterator[IO[bytes]]:
        """A file of the archive, read inside. Raises BadBackup where it is damaged, encrypted or packed strangely."""
        assert self._zip is not None
        try:
            with self._zip.open(name) as file:
                yield file
        except (BadZipFile, zlib.error, EOFError, RuntimeError):
            say = f"{name} in that archive is damaged, encrypted, or packed in a way that is not known here."
            raise BadBackup(say) from None

    def _repository(self) -> Iterator[bytes]:
        if self._zip is not None:
            with self._entry(REPOSITORY) as file:
                yield from _pieces(file)
        else:
            self._file.seek(0)
            yield from _pieces(self._file)


async def _each(file: IO[bytes]) -> AsyncIterator[bytes]:
    for piece in _pieces(file):
        yield piece


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
