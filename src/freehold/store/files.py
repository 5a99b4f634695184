"""Small files that must not be lost, or be half there."""

import os
import threading
from pathlib import Path

_turn = threading.Lock()
_replaced = 0


def replaced() -> int:
    """How many files `write_durably` has put in their places in this process: while the number stays the same, whoever
    watches over one of them need not look at it again."""
    return _replaced


def write_durably(path: Path, data: bytes) -> None:
    """A file, new or in place of another, on disk with its name when this returns; for the owner's eyes only.

    Where `path` is a symbolic link, what it points at is replaced.
    """
    global _replaced
    path = path.resolve()
    part = path.with_name(path.name + ".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    with _turn:
        _replaced += 1
    sync(path.parent)


def sync(path: Path | str) -> None:
    """A file's content, or a folder's names, are on disk when this returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
