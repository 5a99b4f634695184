"""What goes along with the log: papers, before what was sealed by them; and the note of how far it was acknowledged."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freehold.haven.acknowledged import Acknowledged
from freehold.haven.link import Link
from freehold.haven.wire import Channel, Deliver, Got, Message, Still
from freehold.store.blobs import BlobStore
from freehold.store.files import write_durably
from freehold.store.wal import NOWHERE, Position

LOG = Position(b"thissalt", 41_232)


class Heard(Channel):
    """A standby that says yes to everything."""

    def __init__(self) -> None:
        self.said: list[Message] = []

    def wait_at_most(self, seconds: float) -> None:
        assert seconds > 0

    def send(self, message: Message) -> None:
        self.said.append(message)

    def receive(self) -> Got:
        return Got()


def link_of(paper: Path) -> tuple[Link, Heard]:
    heard = Heard()
    return Link("second", heard, BlobStore(paper.parent / "blobs"), [paper]), heard


def test_a_paper_goes_again_whenever_another_took_its_place_however_soon(tmp_path: Path) -> None:
    paper = tmp_path / "network.key"
    link, heard = link_of(paper)
    link.deliver()
    assert heard.said == []
    now = time.time_ns()
    for text in (b"one", b"two", b"three"):
        write_durably(paper, text)
        os.utime(paper, ns=(now, now))  # as where the clock of files stands still for a second
        link.deliver()
        link.deliver()
    assert heard.said == [Deliver("network.key", text) for text in (b"one", b"two", b"three")]


def test_a_paper_that_somebody_edits_in_its_place_is_seen_at_the_next_still(tmp_path: Path) -> None:
    paper = tmp_path / "settings.toml"
    write_durably(paper, b"before")
    link, heard = link_of(paper)
    link.deliver()
    paper.write_bytes(b"edited in place")
    link.deliver()
    assert heard.said == [Deliver("settings.toml", b"before")]
    link.still()
    link.deliver()
    assert heard.said[1:] == [Still(), Deliver("settings.toml", b"edited in place")]


def test_a_note_outlives_a_kill_and_covers_no_more_than_it_says(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from freehold.haven.acknowledged import Acknowledged;"
        " from freehold.store.wal import Position; noted = Acknowledged(Path(sys.argv[1])); noted.begin();"
        f" noted.note(Position({LOG.salt!r}, {LOG.end})); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "truth.db")], check=False)
    assert done.returncode == -9
    noted = Acknowledged(tmp_path / "truth.db")
    assert noted.begun
    assert noted.covers(LOG)
    assert noted.covers(Position(LOG.salt, 32))
    assert not noted.covers(Position(LOG.salt, LOG.end + 4_120))
    assert not noted.covers(Position(b"another_", 32))
    assert not noted.covers(NOWHERE)
    noted.close()


@pytest.mark.parametrize("left", [b"", b"thissalt"])
def test_a_note_that_was_begun_and_not_written_covers_nothing(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "truth.db.acknowledged").write_bytes(left)
    noted = Acknowledged(tmp_path / "truth.db")
    assert not noted.covers(NOWHERE)
    assert not noted.covers(LOG)
    noted.note(NOWHERE)
    assert noted.covers(NOWHERE)
    noted.close()
