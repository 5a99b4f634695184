"""An archive read: a network's truth, blobs and keys put into an empty directory as they were at a chosen moment.

In come the archive's address and its passphrase, nothing else; out come the files of a network, and what was erased
since, which whoever opens it has to erase again (see cli.restore). Every object is checked: sealed under its own name,
the file by its hash, the log by where each piece goes on, blobs by their CIDs.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from freehold.haven.archive import expiring
from freehold.haven.archive.forms import KEY, Blob, Generation, Gone, Head, Papers, Segment
from freehold.haven.archive.sealing import Altered, ArchiveKey
from freehold.haven.archive.stores import NoObject, Store
from freehold.haven.copy import Copy
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import format_datetime
from freehold.store.blobs import BlobStore
from freehold.store.sealed import Ring
from freehold.store.wal import NOWHERE, Position, Stretch

AT_ONCE = 12
BLOBS_KEPT_AT_ONCE = 32
BLOB_MAX_BYTES = 1 << 40
Told = Callable[[str, int, int | None], object]
T = TypeVar("T")


class NothingThere(Refused):
    """No archive is at the address, or none that holds the chosen moment."""

    kind, name = "missing", "NothingThere"


class Restored(NamedTuple):
    """What was put back. until: micros, the last moment of the log that is in it. tail: whether what the archive holds
    beyond that was left out by choice. epoch: the newest that wrote there. gone: hashes of what events tell to be
    erased, with their numbers. blobs: how many."""

    until: int
    tail: bool
    epoch: int
    ring: Ring
    settings: bytes
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
        copy = Copy(directory)
        try:
            head = self._base(copy, generation)
            until, tail, papers = self._log(copy, generation, names, head, at)
        finally:
            copy.close()
        gone = [
            each for name, data in self._all(_within(names, "gone/")) for each in self._read(name, data, list[Gone])
        ]
        blobs = self._blobs(directory, _within(names, "blob/"))
        epoch = max((int(name.partition("/")[2]) for name in _within(names, "epoch/")), default=generation.epoch)
        return Restored(until, tail, epoch, _merged(papers), papers[-1].settings, gone, blobs)

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

    def _base(self, copy: Copy, generation: Generation) -> Head:
        head = self._read(generation.head, self._store.get(generation.head), Head)
        copy.seed()
        digest, offset = hashlib.sha256(), 0
        names = [generation.chunk(number) for number in range(1, head.chunks + 1)]
        for done, (name, data) in enumerate(self._all(names), 1):
            chunk = self._key.open(name, data)
            copy.write(offset, chunk)
            digest.update(chunk)
            offset += len(chunk)
            self._told("database", done, head.chunks)
        if offset != head.size or digest.digest() != head.digest:
            raise Altered(f"The base {generation} in the archive is not whole.")
        copy.finish(head.size)
        return head

    def _log(
        self, copy: Copy, generation: Generation, names: list[str], head: Head, at: int | None
    ) -> tuple[int, bool, list[Papers]]:
        """Follow the log. Until when, whether more is there, and the papers that were seen."""
        segments = _within(names, f"log/{generation}/")
        papers, until, position = [head.papers], generation.begins, NOWHERE
        for done, (name, data) in enumerate(self._all(segments), 1):
            segment = self._read(name, data, Segment)
            if int(name.rpartition("/")[2]) != done:
                raise Altered(f"A part of the log is missing in the archive, before {name}. {_earlier(until)}")
            papers.append(segment.papers)
            taken = [piece for piece in segment.pieces if at is None or piece.at <= at]
            for before, stretch in _joined((piece.before, piece.stretch) for piece in taken):
                if position != NOWHERE and before != position:
                    raise Altered(f"The log in the archive does not go on at {name}. {_earlier(until)}")
                copy.take(copy.position, stretch)
                position = stretch.position
            until = max(until, *(piece.at for piece in taken)) if taken else until
            self._told("log", done, len(segments))
            if len(taken) < len(segment.pieces):
                return until, True, papers
        return until, at is not None, papers

    def _blobs(self, directory: Path, names: list[str]) -> int:
        """Fetch what is not there yet; how many there are."""
        files = BlobStore(directory / "blobs")
        there = {self._key.blob_name(cid) for cid in files.cids()}
        lacking, done = [name for name in names if name not in there], 0
        fetched = self._all(lacking)
        while batch := list(islice(fetched, BLOBS_KEPT_AT_ONCE)):
            self._keep(files, batch)
            done += len(batch)
            self._told("pictures and other files", done, len(lacking))
        return len(names)

    def _keep(self, files: BlobStore, batch: list[tuple[str, bytes]]) -> None:
        uploads = []
        for name, data in batch:
            blob = self._read(name, data, Blob)
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

    def _all(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Objects in this order, some of them fetched ahead. Raises NoObject, OutOfReach."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            waiting: deque[tuple[str, Future[bytes]]] = deque()
            rest = iter(names)
            for name in islice(rest, AT_ONCE):
                waiting.append((name, pool.submit(self._store.get, name)))
            while waiting:
                name, future = waiting.popleft()
                for following in islice(rest, 1):
                    waiting.append((following, pool.submit(self._store.get, following)))
                yield name, future.result()


def _within(names: Iterable[str], folder: str) -> list[str]:
    return [name for name in names if name.startswith(folder)]


def _joined(pieces: Iterable[tuple[Position, Stretch]]) -> Iterator[tuple[Position, Stretch]]:
    """Pieces that go on from each other as one: each is synced to disk alone. before: where the first goes on."""
    first: tuple[Position, Stretch] | None = None
    parts: list[bytes] = []
    end = NOWHERE
    for before, stretch in pieces:
        if first is not None and before == end and stretch.start:
            parts.append(stretch.data)
        else:
            if first is not None:
                yield first[0], Stretch(first[1].salt, first[1].start, b"".join(parts))
            first, parts = (before, stretch), [stretch.data]
        end = stretch.position
    if first is not None:
        yield first[0], Stretch(first[1].salt, first[1].start, b"".join(parts))


def _merged(papers: list[Papers]) -> Ring:
    """All keys that any of them names, the newest first: what was sealed by one may have been sealed anew later."""
    rings = [Ring.unpacked(each.ring) for each in reversed(papers)]
    return Ring(tuple(dict.fromkeys(key for ring in rings for key in ring.keys)), rings[0].lookup)


def _earlier(until: int) -> str:
    return f'What was before is whole: restore it with --at "{format_datetime(until)}".'
