"""The least that a durable, signed write can cost: one signature, the hashes of what is new, one sync of the disk.

In comes a directory on the disk in question; out come microseconds of CPU time, and of wall time for the sync.
"""

import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec

from bench.machine import sync_micros
from freehold.protocol.cid import Cid
from freehold.protocol.keys import K256Key
from freehold.repo import commit

HASHES, HASHED_BYTES = 10, 500
"""Blocks of an ordinary write: record, commit, the nodes on the way to it; and how large they are on average."""


class Floor(msgspec.Struct):
    """Microseconds. sign: with the commit's own hash. sync_wall: median time of a 4 kB append made durable."""

    sign: float
    hashes: float
    sync: float
    sync_wall: float


def floor(directory: Path, times: int) -> Floor:
    """Measure each `times` times."""
    key, root = K256Key.from_raw(bytes(31) + b"\1"), Cid.of_cbor(b"")
    block = bytes(HASHED_BYTES)
    wall, cpu = sync_micros(directory, times)
    return Floor(
        sign=_micros(lambda: commit.sign(key, "did:plc:" + "a" * 24, "2222222222222", root), times),
        hashes=_micros(lambda: [sha256(block).digest() for _ in range(HASHES)], times),
        sync=cpu,
        sync_wall=wall,
    )


def _micros(fn: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        fn()
    return (time.process_time() - began) / times * 1e6
