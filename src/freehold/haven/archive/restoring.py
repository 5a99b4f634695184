"""An archive read: a network's truth, blobs and keys put into an empty directory as they were at a chosen moment.

In come the archive's address and its passphrase, nothing else; out come the files of a network, and what was erased
since, which whoever opens it has to erase again (see cli.restore). Every object is checked: sealed under its own name,
the file by its hash, the log by where each piece goes on, blobs by their CIDs.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from freehold.haven.archive import expiring
from freehold.haven.archive.forms import KEY, Blob, Generation, Gone, Head, Papers, Piece, Segment
from freehold.haven.archive.sealing import Altered, ArchiveKey
from freehold.haven.archive.sending import CHUNK_BYTES
from freehold.haven.archive.stores import NoObject, Store
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import format_datetime
from freehold.store.blobs import BlobStore
from freehold.store.sealed import Ring
from freehold.store.wal import NOWHERE

AT_ONCE = 8
BLOBS_KEPT_AT_ONCE = 32
BLOB_MAX_BYTES = 1 << 40
Told = Callable[[str, int, int | None], object]
T = TypeVar("T")


class NothingThere(Refused):
    """No archive is at the address, or none that holds the chosen moment."""

    kind, name = "missing", "NothingThere"


class Restored(NamedTuple):
    """What was put back. until: micros, the last moment of the log that is in it. tail: whether what the archive holds
    beyond that was left out by choice. epoch: the newest that wrote there. feeds: packed; None where none were kept.
    gone: hashes of what events tell to be erased, with their numbers. blobs: how many."""

    until: int
    tail: bool
    epoch: int
    ring: Ring
    settings: bytes
    feeds: bytes | None
    gone: list[Gone]
    blobs: int


def open_key(store: Store, passphrase: str) -> ArchiveKey:
    """Raises NothingThere, OutOfReach, WrongPassphrase."""
    try:
        return ArchiveKey.unwrapped(store.get(KEY), passphrase)
    except NoObject:
        raise NothingThere("There is no archive at that address.") from None


class Restorer:
    """Reads the archive at `store`. told: what is fetched, how much of it is done, of how much. Everything blocks."""

    def __init__(self, store: Store, key: ArchiveKey, told: Told = lambda what, done, total: None) -> None:
        self._store, self._key, self._told = store, key, told

    def restore(self, directory: Path, at: int | None = None) -> Restored:
        """Put truth and blobs as they were at `at` (micros; None: as late as possible) into a directory.

        Blobs that are there already are not fetched again. Raises NothingThere, Altered, OutOfReach.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = sorted(name for name, _ in self._store.entries(""))
        generation = self._chosen(names, at)
        for stale in ("truth.db", "truth.db-wal", "truth.db-shm", "truth.seed"):
            (directory / stale).unlink(missing_ok=True)
        with _File(directory / "truth.db") as file:
            head = self._base(file, generation)
            until, tail, papers = self._log(file, generation, names, head, at)
        gone = [each for _, found in self._all(_within(names, "gone/"), list[Gone]) for each in found]
        blobs = self._blobs(directory, _within(names, "blob/"))
        epoch = max((int(name.partition("/")[2]) for name in _within(names, "epoch/")), default=generation.epoch)
        feeds = next((each.feeds for each in reversed(papers) if each.feeds is not None), None)
        return Restored(until, tail, epoch, _merged(papers), papers[-1].settings, feeds, gone, blobs)

    def window(self) -> tuple[int, int]:
        """The first moment that can be restored, and the last base's, in micros. Raises NothingThere."""
        whole = expiring.generations(name for name, _ in self._store.entries("base"))
        if not whole:
            raise NothingThere("The archive holds no whole base yet.")
        return min(each.begins for each in whole), whole[-1].begins

    def _chosen(self, names: list[str], at: int | None) -> Generation:
        whole = expiring.generations(names)
        if not whole:
            raise NothingThere("The archive holds no whole base yet.")
        if at is None:
            return whole[-1]
        before = [each for each in whole if each.begins <= at]
        if not before:
            raise NothingThere("The archive does not reach back to that moment.")
        return max(before, key=lambda each: each.begins)

    def _base(self, file: "_File", generation: Generation) -> Head:
        head = self._read(generation.head, self._store.get(generation.head), Head)
        digest, done, size = hashlib.sha256(), 0, 0

        def place(name: str) -> tuple[bytes, int]:
            """Fetched, opened, written, on one of several threads; its hash and size."""
            chunk = self._key.open(name, self._store.get(name))
            file.write((int(name.rpartition("/")[2]) - 1) * CHUNK_BYTES, chunk)
            return hashlib.sha256(chunk).digest(), len(chunk)

        for hashed, count in self._ahead(place, map(generation.chunk, range(1, head.chunks + 1))):
            digest.update(hashed)
            done, size = done + 1, size + count
            self._told("database", done, head.chunks)
        if size != head.size or digest.digest() != head.digest:
            raise Altered(f"The base {generation} in the archive is not whole.")
        return head

    def _log(
        self, file: "_File", generation: Generation, names: list[str], head: Head, at: int | None
    ) -> tuple[int, bool, list[Papers]]:
        """Follow the log. Until when, whether more is there, and the papers that were seen."""
        segments = _within(names, f"log/{generation}/")
        papers, until, position = [head.papers], generation.begins, NOWHERE
        for done, (name, segment) in enumerate(self._all(segments, Segment), 1):
            if int(name.rpartition("/")[2]) != done:
                raise Altered(f"A part of the log is missing in the archive, before {name}. {_earlier(until)}")
            taken = [piece for piece in segment.pieces if at is None or piece.at <= at]
            later = len(taken) < len(segment.pieces)  # its feeds may be of later than `at`; more keys do no harm
            papers.append(msgspec.structs.replace(segment.papers, feeds=None) if later else segment.papers)
            for piece in taken:
                if position != NOWHERE and piece.before != position:
                    raise Altered(f"The log in the archive does not go on at {name}. {_earlier(until)}")
                file.put(piece)
                position, until = piece.position, max(until, piece.at)
            self._told("log", done, len(segments))
            if later:
                return until, True, papers
        return until, at is not None, papers

    def _blobs(self, directory: Path, names: list[str]) -> int:
        """Fetch what is not there yet; how many there are."""
        files = BlobStore(directory / "blobs")
        there = {self._key.blob_name(cid) for cid in files.cids()}
        lacking, done = [name for name in names if name not in there], 0
        fetched = self._all(lacking, Blob)
        while batch := list(islice(fetched, BLOBS_KEPT_AT_ONCE)):
            self._keep(files, batch)
            done += len(batch)
            self._told("pictures and other files", done, len(lacking))
        return len(names)

    def _keep(self, files: BlobStore, batch: list[tuple[str, Blob]]) -> None:
        uploads = []
        for name, blob in batch:
            upload = files.incoming(BLOB_MAX_BYTES)
            upload.write(blob.data)
            if upload.cid != blob.cid or self._key.blob_name(Cid(blob.cid)) != name:
                raise Altered(f"{name} in the archive is not what its name says.")
            uploads.append(upload)
        files.keep_all(uploads)

    def _read(self, name: str, data: bytes, kind: type[T]) -> T:
        try:
            return msgspec.msgpack.decode(self._key.open(name, data), type=kind)
        except msgspec.DecodeError:
            raise Altered(f"{name} in the archive was written by another version of Freehold.") from None

    def _all(self, names: list[str], kind: type[T]) -> Iterator[tuple[str, T]]:
        """Objects in this order. Raises NoObject, OutOfReach, Altered."""
        yield from zip(
            names, self._ahead(lambda name: self._read(name, self._store.get(name), kind), names), strict=True
        )

    def _ahead(self, do: Callable[[str], T], names: Iterable[str]) -> Iterator[T]:
        """What `do` makes of each, in this order; done ahead on several threads, for most of it is waiting, or work
        that the interpreter lets go of (opening, inflating, hashing, writing)."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            rest = iter(names)
            waiting = deque(pool.submit(do, name) for name in islice(rest, AT_ONCE))
            while waiting:
                future = waiting.popleft()
                for following in islice(rest, 1):
                    waiting.append(pool.submit(do, following))
                yield future.result()


class _File:
    """The database file that is being put together, from nothing if `anew`. On disk when its `with` has ended."""

    def __init__(self, path: Path, *, anew: bool = True) -> None:
        self._path, self._how = path, os.O_TRUNC if anew else 0

    def __enter__(self) -> "_File":
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | self._how, 0o600)
        return self

    def __exit__(self, *_: object) -> None:
        os.fsync(self._file)
        os.close(self._file)

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Any thread may."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, offset)
            offset, view = offset + written, view[written:]

    def put(self, piece: Piece) -> None:
        """What commits wrote, in the order in which they came."""
        images, step = memoryview(piece.images), piece.page_bytes
        for index, number in enumerate(piece.numbers):
            self.write((number - 1) * step, images[index * step : (index + 1) * step])
        os.ftruncate(self._file, piece.size * step)


def _within(names: Iterable[str], folder: str) -> list[str]:
    return [name for name in names if name.startswith(folder)]


def _merged(papers: list[Papers]) -> Ring:
    """All keys that any of them names, the newest first: what was sealed by one may have been sealed anew later."""
    rings = [Ring.unpacked(each.ring) for each in reversed(papers)]
    return Ring(tuple(dict.fromkeys(key for ring in rings for key in ring.keys)), rings[0].lookup)


def _earlier(until: int) -> str:
    return f'What was before is whole: restore it with --at "{format_datetime(until)}".'
