"""The objects of an archive, made and put: blobs, the chunks and head of a base, segments of the log, erasures."""

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from freehold.haven.archive.forms import Blob, Generation, Gone, Head, Papers, Piece, Segment, encode
from freehold.haven.archive.sealing import ArchiveKey
from freehold.haven.archive.stores import Store
from freehold.protocol.cid import Cid
from freehold.store.blobs import BlobStore
from freehold.stream import frames
from freehold.stream.log import Event, Log

CHUNK_BYTES = 8_388_608
EVENTS_AT_ONCE = 500


class Pace:
    """Spends no more than so many bytes a second, over any length of time; 0: as many as there are.

    wait: for so many seconds; it may end before when the work is to end.
    """

    def __init__(self, per_second: int, wait: Callable[[float], object]) -> None:
        self._per_second, self._wait, self._free_at = per_second, wait, 0.0

    def spend(self, count: int) -> None:
        """Wait until what was spent before is paid for."""
        if not self._per_second:
            return
        now = time.monotonic()
        if self._free_at > now:
            self._wait(self._free_at - now)
        self._free_at = max(now, self._free_at) + count / self._per_second


class Sender:
    """Everything blocks. Raises OutOfReach."""

    def __init__(
        self, store: Store, key: ArchiveKey, files: BlobStore, papers: Callable[[], Papers], pace: Pace
    ) -> None:
        self._store, self._key, self._files, self._papers, self._pace = store, key, files, papers, pace
        self._feeds: bytes | None = None
        """As they were sent last by this process."""

    def _put(self, name: str, plain: bytes, *, deflate: bool = True) -> None:
        box = self._key.enclose(name, plain, deflate=deflate)
        self._pace.spend(len(box))
        self._store.put(name, box)

    def blob(self, cid: Cid) -> None:
        """A blob, unless it is gone meanwhile. Most are compressed already."""
        try:
            data = self._files.path(cid).read_bytes()
        except FileNotFoundError:
            return
        self._put(self._key.blob_name(cid), encode(Blob(cid, data)), deflate=False)

    def base(self, generation: Generation, file: Path, go_on: Callable[[], object]) -> None:
        """The file in chunks, then the head; what is there from a time before is not sent again.

        go_on: called before each; raises to stop.
        """
        there = {name for name, _ in self._store.entries(f"base/{generation}")}
        digest, size, count = hashlib.sha256(), 0, 0
        with file.open("rb") as source:
            while part := source.read(CHUNK_BYTES):
                go_on()
                count += 1
                digest.update(hashlib.sha256(part).digest())
                size += len(part)
                if (name := generation.chunk(count)) not in there:
                    self._put(name, part)
        go_on()
        papers = self._papers()
        self._put(generation.head, encode(Head(generation.begins, size, count, digest.digest(), papers)))
        self._feeds = papers.feeds

    def segment(self, name: str, pieces: list[Piece]) -> None:
        """A part of the log, with the papers as they are now: no later than what was sealed by them."""
        papers = self._papers()
        told = papers if papers.feeds != self._feeds else msgspec.structs.replace(papers, feeds=None)
        self._put(name, encode(Segment(pieces, told)))
        self._feeds = papers.feeds

    def erasures(self, log: Log, after: int) -> int:
        """All that events after this one tell; the number of the last."""
        while events := log.read(after, EVENTS_AT_ONCE):
            gone = [each for event in events for each in self._erased(event)]
            after = events[-1].seq
            if gone:
                self._put(f"gone/{events[-1].at:017d}-{after:017d}", encode(gone))
        return after

    def _erased(self, event: Event) -> Sequence[Gone]:
        """What an event says to be no more."""
        if event.kind == "account" and b"deleted" in event.frame:
            if frames.decode(event.frame)[1].get("status") == "deleted":
                return [Gone(event.seq, self._key.erased(event.did))]
        elif event.kind == "commit" and b"delete" in event.frame:  # quickly told, of most
            ops = frames.decode(event.frame)[1]["ops"]
            return [Gone(event.seq, self._key.erased(event.did, op["path"])) for op in ops if op["action"] == "delete"]
        return []
