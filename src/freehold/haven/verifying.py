"""Whether a standby's copy is the primary's, byte for byte: the file, the log, and every blob.

In come a link and the primary's own files, which nobody folds meanwhile; out comes a `Report`. The blobs are hashed
over there: their names say what they must be.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from freehold.haven.copy import BLOCK_BYTES, HASH_BYTES, hash_of, hashes_of
from freehold.haven.link import Link
from freehold.haven.wire import Check, Checked, Compare, Hashes, Hello, Show
from freehold.protocol.cid import Cid
from freehold.store.blobs import BlobStore
from freehold.store.wal import log_of

BLOCKS_AT_ONCE = 1_024


class Report(NamedTuple):
    """blocks, blobs: how many were compared. The lists say what is wrong: block numbers, and blobs by CID."""

    blocks: int
    blobs: int
    log_is_ours: bool
    other_blocks: list[int]
    missing: list[Cid]
    damaged: list[Cid]

    @property
    def sound(self) -> bool:
        """Nothing is wrong."""
        return self.log_is_ours and not (self.other_blocks or self.missing or self.damaged)


def verify(link: Link, path: Path, blobs: BlobStore, told: Callable[[str, int, int], object]) -> Report:
    """Compare all. Raises LinkLost."""
    blocks, others = _blocks(link, path, told)
    ours = sorted(blobs.cids())
    missing = sorted(set(ours) - link.blob_names())
    damaged = _damaged(link, len(ours), told)
    return Report(blocks, len(ours), _log_is_ours(link, path), others, missing, damaged)


def _blocks(link: Link, path: Path, told: Callable[[str, int, int], object]) -> tuple[int, list[int]]:
    """How many blocks the file has, and which of them differ."""
    others: list[int] = []
    file = os.open(path, os.O_RDONLY)
    try:
        count = -(-os.fstat(file).st_size // BLOCK_BYTES)
        for first in range(0, count, BLOCKS_AT_ONCE):
            told("blocks of the database", first, count)
            ours = hashes_of(file, first, BLOCKS_AT_ONCE)
            answer = link.exchange(Compare(first, BLOCKS_AT_ONCE, new=False))
            theirs = answer.hashes if isinstance(answer, Hashes) else b""
            longer = max(len(ours), len(theirs))
            others += [
                first + at // HASH_BYTES
                for at in range(0, longer, HASH_BYTES)
                if ours[at : at + HASH_BYTES] != theirs[at : at + HASH_BYTES]
            ]
    finally:
        os.close(file)
    told("blocks of the database", count, count)
    return count, others


def _log_is_ours(link: Link, path: Path) -> bool:
    """Whether the standby's log, as far as it went a moment ago, is what ours begins with."""
    shown = link.exchange(Show())
    if not isinstance(shown, Hello) or not shown.end:
        return isinstance(shown, Hello)
    file = os.open(log_of(path), os.O_RDONLY)
    try:
        return hash_of(file, shown.end) == shown.digest
    finally:
        os.close(file)


def _damaged(link: Link, count: int, told: Callable[[str, int, int], object]) -> list[Cid]:
    found: list[Cid] = []
    after, done = b"", 0
    while True:
        told("blobs", min(done, count), count)
        answer = link.exchange(Check(after))
        if not isinstance(answer, Checked) or not answer.last:
            return found
        found += map(Cid, answer.damaged)
        after, done = answer.last, done + answer.count
