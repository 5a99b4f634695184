"""What an archive's machine remembers of it from one run to the next. Owns the file `state` in its folder."""

import os
from pathlib import Path

import msgspec

from freehold.store.files import write_durably

FILE = "state"
FORM = 2
"""Of what is sent. A generation that was begun in another one is not gone on with."""


class Memory(msgspec.Struct):
    """All times in micros, 0: never.

    writer: who this machine is to the archive, random hex. generation: the current one, empty: none. salt, end: how far
    its log was sent. number: of its next segment. base_sent: whether its base is there. gone_after: the event up to
    which erasures were sent, -1: none yet. sent_at: by when everything was there. size: bytes that are there.
    rehearsal: what was wrong with the last one, empty: nothing. form: of the generation, see FORM.
    page_bytes: of the pages that its log is made of.
    """

    writer: str
    generation: str = ""
    salt: bytes = b""
    end: int = 0
    number: int = 1
    base_sent: bool = False
    gone_after: int = -1
    sent_at: int = 0
    size: int = 0
    counted_at: int = 0
    rehearsed_at: int = 0
    rehearsed_to: int = 0
    rehearsal: str = ""
    form: int = 1
    page_bytes: int = 0


def recalled(folder: Path) -> Memory:
    """What is written; a machine that is new to the archive, if that is nothing or damaged."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Memory)
    except (FileNotFoundError, msgspec.DecodeError):
        return Memory(os.urandom(16).hex())


def remember(folder: Path, memory: Memory) -> None:
    """On disk when this returns."""
    write_durably(folder / FILE, msgspec.json.encode(memory))
