"""Where the history forked: after which events each reign began.

Owns DIRECTORY/forks.json, which is delivered to the standbys like a paper. What a machine of an older epoch told
beyond these numbers is known to nobody else: it is its tail.
Source: KIP-101, "Use leader epoch rather than high watermark for truncation", cwiki.apache.org
"""

from pathlib import Path

import msgspec

from freehold.store.files import write_durably
from freehold.stream.log import newest_in

FILE = "forks.json"


class Fork(msgspec.Struct, frozen=True):
    """The reign of `epoch` began when the newest numbers, public and private, were these."""

    epoch: int
    public: int
    private: int


def read(directory: Path) -> list[Fork]:
    """All that are known here, in order; none on a machine that has heard of no promotion."""
    try:
        return msgspec.json.decode((directory / FILE).read_bytes(), type=list[Fork])
    except FileNotFoundError:
        return []


def begin(directory: Path, epoch: int) -> None:
    """Before the truth is opened under an epoch that is not the first: note where it begins, once."""
    known = read(directory)
    if epoch == 1 or any(fork.epoch == epoch for fork in known) or not (directory / "truth.db").exists():
        return
    write(directory, [*known, Fork(epoch, *newest_in(directory / "truth.db"))])


def write(directory: Path, known: list[Fork]) -> None:
    """On disk when this returns."""
    write_durably(directory / FILE, msgspec.json.encode(known))


def after(directory: Path, epoch: int) -> Fork | None:
    """Where the history left a reign: the fork of the next one. None: not known here."""
    return next((fork for fork in read(directory) if fork.epoch > epoch), None)
