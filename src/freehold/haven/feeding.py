"""What a carrier feeds without ever waiting for it: an archive. It takes everything at once, to local disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from freehold.protocol.cid import Cid
from freehold.store.wal import Position, Stretch


class Fed(Protocol):
    """Called on the writer's thread, on its own, and on those of who upload. None of it may fail but `copying`."""

    position: Position

    @property
    def done(self) -> bool:
        """It wants nothing any more."""

    def wants_file(self, ours: Position, ended: Position) -> bool:
        """Whether it is to begin anew. ours: where the log ends. ended: where the one before it ended."""

    def prepare(self) -> None:
        """It is about to copy the file: what was overwritten should be in the log no more."""

    def copying(self, path: Path) -> Iterator[None]:
        """Copy the file, which stands still meanwhile, piece by piece. Raises OSError."""

    def turn_over(self, start: Position) -> None:
        """What was copied is the beginning of all that comes now: the log from `start` on."""

    def carry(self, stretch: Stretch) -> None:
        """Take a stretch, perhaps for the second time."""

    def has_all(self) -> None:
        """What was committed until now was carried."""

    def owe(self, cid: Cid, *, kept: bool) -> None:
        """A blob that was kept, or is no more."""

    def close(self) -> None:
        """Take nothing any more."""
