"""A network leaves for another operator's machine: how far it has come, so that a kill at any moment leaves it whole.

Owns DIRECTORY/leaving.json and what becomes of the directory. The other machine is given a copy as a standby is, and in
the end the keys, which it keeps under an unlock key of its own. The states:

    copying   it is given a copy; the network is served here
    handing   nobody is served here any more; the other machine may be the primary by now. This goes forward only
    gone      it said that it is the primary, and where
    left      and of the network nothing is here but this paper, which says where it is

All of this blocks.
"""

import base64
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from freehold.haven import machine, transport
from freehold.haven.carrier import Unsure
from freehold.haven.copy import hash_of
from freehold.haven.haven import Haven
from freehold.haven.link import Link
from freehold.haven.machine import Machine, Peer
from freehold.haven.verifying import Report
from freehold.haven.wire import Channel, Entrust, Hello, Here, LinkLost, LinkRefused, Show, Where
from freehold.pds import beacon
from freehold.protocol.refused import Refused
from freehold.store.blobs import BlobStore
from freehold.store.clock import now_micros
from freehold.store.files import sync, write_durably
from freehold.store.lock import DirectoryLock
from freehold.store.wal import log_of, read_header

FILE = "leaving.json"
NAME = "leaving"
"""What the other machine is called among the standbys."""
PAUSE_SECONDS = 0.2
KEPT = frozenset({"lock", machine.FILE, FILE, "settings.toml", "control.sock"})
FILES = ("truth.*", "index.*", "network.key*", "unlock.key*", "haven.*", "haven_*", "*.json", "*.sock", "*.part")
FOLDERS = ("blobs", "cache", "archives", "backups", "drills", "aside-*", "onion")

Keys = Callable[[], Entrust]
Told = Callable[[str, int, int | None], object]
"""What is done, how much of it, and of how much."""


class NotSame(Refused):
    """The copy over there is not what is here."""

    kind, name = "conflict", "NotSame"
    say = "The copy on the other machine is not the same as what is here. Nothing was handed over."


class Leaving(msgspec.Struct, frozen=True):
    """leaving.json. names: host names under which the network was reached here. key: that of its beacon.

    until: how long this place says where the network is, micros since 1970. keep_copy: what is here is not deleted.
    document: its beacon over there, base64; url: what that says.
    """

    state: Literal["copying", "handing", "gone", "left"]
    to: Peer
    names: tuple[str, ...]
    key: str
    until: int
    keep_copy: bool = False
    document: str = ""
    url: str = ""

    @property
    def published(self) -> bytes:
        """The document, as it is published."""
        return base64.b64decode(self.document)


def read(directory: Path) -> Leaving | None:
    """How far the network in `directory` has come; None if it does not leave."""
    try:
        return msgspec.json.decode((directory / FILE).read_bytes(), type=Leaving)
    except FileNotFoundError:
        return None


def gone_to(directory: Path) -> str:
    """Where the network that was here is now; empty for one that is here."""
    paper = read(directory)
    here = paper is None or machine.read(directory).role not in ("leaving", "left")
    return "" if here or paper is None else paper.url


def assured(directory: Path) -> Leaving:
    """The paper of a network that leaves."""
    paper = read(directory)
    assert paper is not None
    return paper


def note(directory: Path, paper: Leaving, **changes: object) -> Leaving:
    """Write it down, durably."""
    changed = msgspec.structs.replace(paper, **changes)
    write_durably(directory / FILE, msgspec.json.format(msgspec.json.encode(changed)) + b"\n")
    return changed


def forget(directory: Path) -> None:
    """The network stays."""
    (directory / FILE).unlink(missing_ok=True)
    sync(directory)


# --- from a machine that serves


def begin(haven: Haven, directory: Path, paper: Leaving) -> None:
    """Give the other machine a copy from now on. Done a second time, nothing."""
    note(directory, paper)
    if not any(peer.name == NAME for peer in haven.machine.standbys):
        haven.add(paper.to)


def await_copy(haven: Haven, told: Told, ended: Callable[[], bool] = lambda: False) -> None:
    """Until the other machine has everything. ended: nobody waits any more. Raises LinkLost then."""
    while not ended():
        state = next((state for peer, state in haven.states() if peer.name == NAME), "")
        if state.startswith("in step"):
            return
        told(f"the copy over there: {state}", 0, None)
        time.sleep(PAUSE_SECONDS)
    raise LinkLost(because="nobody waits for the copy any more")


def hand_over(haven: Haven, directory: Path, paper: Leaving, keys: Keys, told: Told) -> Report:
    """Compare everything while writes go on; then say yes to nothing any more, and let the other machine succeed.

    keys: asked for in the pause, for they may be exchanged until then. Nobody folds the log from the comparison on, so
    what was compared is what is handed over. Raises NotSame, LinkLost, LinkRefused (with all as it was), Unsure (it may
    have succeeded).
    """

    def last(link: Link) -> None:
        assure_same_log(link, directory / "truth.db")
        link.exchange(keys())
        note(directory, paper, state="handing")
        haven.become("leaving")

    with haven.carrier.standing_still(NAME):
        report = haven.verify(NAME, told)
        if not report.sound:
            raise NotSame
        try:
            haven.carrier.hand_over(NAME, last)
        except LinkRefused:
            haven.become("primary")
            note(directory, paper, state="copying")
            raise
        except Unsure:
            haven.carrier.fence()  # who carries on asks over there
            raise
    return report


def assure_same_log(link: Link, path: Path) -> None:
    """Raises NotSame unless the other machine has the whole log, byte for byte."""
    shown = link.exchange(Show())
    if not isinstance(shown, Hello) or shown.end != link.position.end:
        raise NotSame
    if not shown.end:
        return
    file = os.open(log_of(path), os.O_RDONLY)
    try:
        if hash_of(file, shown.end) != shown.digest:
            raise NotSame
    finally:
        os.close(file)


# --- afterwards, or after a kill


def carry_on(directory: Path, keys: Keys, told: Told, ended: Callable[[], bool]) -> Leaving:
    """From `handing` on, until the other machine says that it is the primary, or refused to be, or somebody `ended` it.

    keys: for a machine that did not hear that it succeeds. What goes wrong is told and tried again: the other machine
    starts, the line is cut. Raises AlreadyRunning.
    """
    with DirectoryLock(directory):
        while (paper := assured(directory)).state == "handing" and not ended():
            told("waiting for the other machine", 0, None)
            try:
                _ask(directory, paper, keys, told, ended)
            except Refused as refused:
                told(f"waiting for the other machine: {refused.say}", 0, None)
            time.sleep(PAUSE_SECONDS)
        return paper


def _ask(directory: Path, paper: Leaving, keys: Keys, told: Told, ended: Callable[[], bool]) -> None:
    """How it is over there; and hand over once more where that was not heard. Raises LinkLost."""
    succeeded, document = where(directory, paper.to)
    if succeeded and document:
        url = beacon.read(document, paper.key, now_micros()).url
        note(directory, paper, state="gone", document=base64.b64encode(document).decode(), url=url)
    elif not succeeded:
        _hand_over_again(directory, paper, keys, told, ended)


def where(directory: Path, to: Peer) -> tuple[bool, bytes]:
    """Whether the machine there is the primary, and its beacon if so. Raises LinkLost."""
    ours = machine.read(directory)
    with Channel(transport.connect(to.address, directory, to.certificate or None)) as channel:
        hello = channel.receive()
        if not isinstance(hello, Hello) or hello.epoch <= ours.epoch:
            return False, b""
        channel.send(Where())
        answer = channel.receive()
    return True, answer.document if isinstance(answer, Here) else b""


def _hand_over_again(directory: Path, paper: Leaving, keys: Keys, told: Told, ended: Callable[[], bool]) -> None:
    """Without the database: nobody writes, so the files are what they were."""
    haven = Haven(directory, BlobStore(directory / "blobs"), leaves=True)
    try:
        haven.carrier.opened(_frames(directory / "truth.db"))
        haven.start()
        await_copy(haven, told, ended)
        hand_over(haven, directory, paper, keys, told)
    finally:
        haven.leave()
        haven.close()


def _frames(path: Path) -> int:
    """Of the log beside a database that nobody has open."""
    log = log_of(path)
    if not log.exists():
        return 0
    with log.open("rb") as file:
        header = read_header(file.read(32))
    return header.frames(log.stat().st_size) if header else 0


def strangers(directory: Path) -> list[str]:
    """The names of what is in the directory and is none of ours."""
    ours = [path.name for form in (*FILES, *FOLDERS) for path in directory.glob(form)]
    return sorted({path.name for path in directory.iterdir()} - {*KEPT, *ours})


def erase(directory: Path) -> None:
    """Delete what is the network's here. Done again after a kill, it ends.

    What a link points at is deleted too: an unlock key may lie on another disk.
    """
    with DirectoryLock(directory):
        paper = assured(directory)
        assert paper.state in ("gone", "left")
        for path in (path for form in FILES for path in directory.glob(form) if path.name not in KEPT):
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        for folder in (folder for form in FOLDERS for folder in directory.glob(form)):
            shutil.rmtree(folder)
        sync(directory)
        was = machine.read(directory)
        machine.write(directory, Machine(was.id, "left", was.epoch))
        note(directory, paper, state="left")
