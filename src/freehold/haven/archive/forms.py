"""What stands in an archive's objects, and what they are called. MessagePack arrays, sealed by `sealing`."""

from typing import NamedTuple

import msgspec

from freehold.haven.archive.pages import Pages
from freehold.store.wal import Position

KEY = "key"


class Papers(msgspec.Struct, frozen=True, array_like=True):
    """What goes along with the truth. ring: the network's keys. settings: settings.toml. feeds: the owner's, packed as
    `delivered` does it; None: as they were in the object before."""

    ring: bytes
    settings: bytes
    feeds: bytes | None = None


class Head(msgspec.Struct, frozen=True, array_like=True):
    """The end of a base. begins: micros; from then on it can be restored. digest: SHA-256 of those of its chunks."""

    begins: int
    size: int
    chunks: int
    digest: bytes
    papers: Papers


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """What some commits wrote. at: micros by when all of them were committed. before_salt, before_end: where it goes on
    in the log; salt, end: where it ends. size: pages of the file then. numbers: of pages, each once; images: theirs.
    """

    at: int
    before_salt: bytes
    before_end: int
    salt: bytes
    end: int
    page_bytes: int
    size: int
    numbers: list[int]
    images: bytes

    @classmethod
    def of(cls, at: int, pages: Pages) -> "Piece":
        """What is gathered, dated."""
        before, position, page_bytes, size, numbers, images = pages
        return cls(at, before.salt, before.end, position.salt, position.end, page_bytes, size, numbers, images)

    @property
    def before(self) -> Position:
        """Where the log was."""
        return Position(self.before_salt, self.before_end)

    @property
    def position(self) -> Position:
        """Where it is then."""
        return Position(self.salt, self.end)


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """A part of the log. papers: as they are now, in each: keys may have been added since the base."""

    pieces: list[Piece]
    papers: Papers


class Gone(msgspec.Struct, frozen=True, array_like=True):
    """An erasure. seq: of the event that told of it."""

    seq: int
    hash: bytes


class Blob(msgspec.Struct, frozen=True, array_like=True):
    """A blob with its CID."""

    cid: bytes
    data: bytes


class Generation(NamedTuple):
    """A base and its log. begins: micros."""

    epoch: int
    begins: int

    def __str__(self) -> str:
        return f"{self.epoch:010d}-{self.begins:017d}"

    @classmethod
    def parse(cls, text: str) -> "Generation":
        """Raises ValueError."""
        epoch, _, begins = text.partition("-")
        return cls(int(epoch), int(begins))

    def chunk(self, number: int) -> str:
        """A part of its file, from 1."""
        return f"base/{self}/{number:08d}"

    @property
    def head(self) -> str:
        """The object without which it is none."""
        return f"base/{self}/head"

    def segment(self, number: int) -> str:
        """A part of its log, from 1."""
        return f"log/{self}/{number:010d}"


def epoch_name(epoch: int) -> str:
    """Who writes under this epoch."""
    return f"epoch/{epoch:010d}"


encode = msgspec.msgpack.Encoder(enc_hook=bytes).encode
