"""What stands between a commit and its acknowledgement: nothing, unless somebody else must have it first.

The writer asks the gate on its own thread after every commit, and before it folds the write-ahead log into the file.
The haven puts a gate here that carries each commit to another machine, and blobs too; a network without one has `OPEN`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from freehold.protocol.cid import Cid


class Gate(Protocol):
    """Called by the writer, one call at a time."""

    def opened(self, frames: int) -> None:
        """The file was opened for writing, and its log has so many frames from before."""

    def committed(self, frames: int) -> None:
        """A group was committed here, and the log has so many frames now; returns when it may be acknowledged.

        If it raises, nobody hears of the commit, which stands here, and nothing more is written.
        """

    def folding(self) -> AbstractContextManager[bool]:
        """The log may be folded into the file and emptied within this; False: not now."""

    def folded(self) -> None:
        """It was done. Within `folding`."""


class Elsewhere(Protocol):
    """Where blobs are kept too. Called on the threads of those who keep and delete them."""

    def carry_blob(self, cid: Cid) -> None:
        """It is on disk here; returns when it may be named. Raises Refused: it may not."""

    def forget_blob(self, cid: Cid) -> None:
        """It is no more."""


class _Open:
    def opened(self, frames: int) -> None:
        """Fine."""

    def committed(self, frames: int) -> None:
        """At once."""

    @contextmanager
    def folding(self) -> Iterator[bool]:
        """At any time."""
        yield True

    def folded(self) -> None:
        """Fine."""


OPEN: Gate = _Open()
