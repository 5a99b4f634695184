"""How a standby that was away, or is new, comes to hold what the primary holds.

If its log is a beginning of ours, or is the one that we folded last, it goes on from there. Otherwise the file is
compared block by block, which sends what differs, and the log follows from its start. Nothing folds the log meanwhile,
so that the file stands still while it is read. A standby that holds more than we do is never overwritten.
"""

import os
from pathlib import Path

from freehold.haven.copy import BLOCK_BYTES, HASH_BYTES, hash_of, hashes_of
from freehold.haven.link import Link
from freehold.haven.wire import Block, Compare, Hashes, Hello, Seed, Whole
from freehold.protocol.refused import Refused
from freehold.store.wal import NOWHERE, Position, log_of
from freehold.stream.log import newest_in

COMPARED_AT_ONCE = 1_024
"""Blocks."""


class StandbyAhead(Refused):
    """The standby holds commits that this machine lacks: it must not be overwritten."""

    kind, name = "conflict", "StandbyAhead"
    say = (
        "The standby holds writes that are not here. Nothing was changed on either side. One of the two must be chosen:"
        " promote the standby, or empty its directory and add it again."
    )


def resumes(link: Link, hello: Hello, path: Path, ours: Position, ended: Position) -> bool:
    """Whether the log can go on from where the standby is; its `position` is set then.

    ours: where the log of `path` ends now. ended: where the one before it ended. Raises StandbyAhead.
    """
    theirs = Position(hello.salt, hello.end)
    if not hello.whole or theirs == NOWHERE:
        return False
    if theirs != ended:
        if theirs.salt != ours.salt:
            return False
        if theirs.end > ours.end:
            raise StandbyAhead(theirs=theirs.end, ours=ours.end)
        if _digest(log_of(path), theirs.end) != hello.digest:
            return False
    link.position = theirs
    return True


def assure_not_ahead(hello: Hello, path: Path) -> None:
    """Before a copy is overwritten: it must not know more than `path`, into which an old copy may have been put back.

    Raises StandbyAhead.
    """
    ours = newest_in(path)
    if any(theirs > mine for theirs, mine in zip(hello.newest, ours, strict=True)):
        raise StandbyAhead(theirs=hello.newest, ours=ours)


def copy_file(link: Link, path: Path) -> None:
    """Make the standby's file as `path` is now; its log begins anew. Raises LinkLost."""
    link.exchange(Seed())
    file = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(file).st_size
        blocks = -(-size // BLOCK_BYTES)
        for first in range(0, blocks, COMPARED_AT_ONCE):
            link.state = f"copying, {100 * first // blocks} %"
            _copy_blocks(link, file, first)
    finally:
        os.close(file)
    link.exchange(Whole(size))
    link.position = NOWHERE


def _copy_blocks(link: Link, file: int, first: int) -> None:
    ours = hashes_of(file, first, COMPARED_AT_ONCE)
    answer = link.exchange(Compare(first, COMPARED_AT_ONCE))
    theirs = answer.hashes if isinstance(answer, Hashes) else b""
    for at in range(0, len(ours), HASH_BYTES):
        if ours[at : at + HASH_BYTES] != theirs[at : at + HASH_BYTES]:
            offset = (first + at // HASH_BYTES) * BLOCK_BYTES
            link.exchange(Block(offset, os.pread(file, BLOCK_BYTES, offset)))


def _digest(log: Path, size: int) -> bytes:
    file = os.open(log, os.O_RDONLY)
    try:
        return hash_of(file, size)
    finally:
        os.close(file)
