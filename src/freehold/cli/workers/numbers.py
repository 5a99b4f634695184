"""Numbers in shared memory: written by the main process before it answers, read by the workers at each request.

Each network has a row of 64-bit numbers at an address divisible by eight, of which a processor never shows a half. Only
one process writes them. Nothing else stands in the memory, so no order among them has to be kept: a worker takes them
for what they say, and whatever they speak of comes to it by a socket or from a file.
Source: memfd_create(2), mmap(2)
"""

import mmap
import os
import weakref
from enum import IntEnum
from typing import Self

BYTES = 8


class Row(IntEnum):
    """What stands where. SEQ, PRIVATE_SEQ: the newest events. KNOWN: changes with anything that accounts and sessions
    are remembered by. SERVED: 1 while the network may be shown. OVER: 1 once it is no more as it was opened."""

    SEQ = 0
    PRIVATE_SEQ = 1
    KNOWN = 2
    SERVED = 3
    OVER = 4


class Numbers:
    """The rows of some networks."""

    def __init__(self, descriptor: int, networks: int, *, writable: bool) -> None:
        self.descriptor = descriptor
        access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
        self._view = memoryview(mmap.mmap(descriptor, size_for(networks), access=access)).cast("q")

    @classmethod
    def made(cls, networks: int) -> Self:
        """New ones, all zero."""
        descriptor = os.memfd_create("freehold", os.MFD_CLOEXEC)
        os.ftruncate(descriptor, size_for(networks))
        numbers = cls(descriptor, networks, writable=True)
        weakref.finalize(numbers, os.close, descriptor)  # rows that somebody has stay readable
        return numbers

    def of(self, network: int) -> memoryview:
        """The row of a network, by its place among them: an array of integers."""
        return self._view[network * len(Row) : (network + 1) * len(Row)]


def size_for(networks: int) -> int:
    """Bytes that so many rows take."""
    return max(1, networks) * len(Row) * BYTES
