"""The hand of a live drill on one of its two machines: `freehold drill DIRECTORY january-2021 --hand`.

In come `words` on standard input, out go answers. When nothing more comes (the line was cut, the drill was killed), or
nothing is heard for `SILENCE_SECONDS`, the network's service is given back before this process ends: a drill that
disappears leaves the network served.
"""

import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from freehold import __version__
from freehold import settings as all_settings
from freehold.cli.drill import orders, report
from freehold.cli.drill.live.marks import Marks, give
from freehold.cli.drill.live.service import Service
from freehold.cli.drill.live.services import Services
from freehold.cli.drill.live.words import (
    AnyAnswer,
    AnyWord,
    Cut,
    DropMark,
    FindServices,
    Found,
    GiveBack,
    Keep,
    Kill,
    Listen,
    Look,
    MakeStandby,
    No,
    Order,
    PutMark,
    Reach,
    Reached,
    Rehearse,
    Said,
    Seen,
    StopListening,
    TryServices,
    Uncut,
)
from freehold.cli.drill.machines import opened_truth
from freehold.haven import machine, ssh, transport
from freehold.haven.edges.edges import Edge
from freehold.pds.network import Network
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.clock import now_micros

SILENCE_SECONDS, REACH_SECONDS, PIECE = 20.0, 10.0, 65_536


class Hand:
    """At the network in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._service, self._marks, self._services = Service(directory), Marks(directory), Services(directory)
        self._listener: socket.socket | None = None

    def done(self, word: AnyWord) -> AnyAnswer:
        """What was asked. Raises Refused, OSError."""
        match word:
            case Look(weigh):
                return self._look(weigh)
            case Order(command, words, answers, fails):
                return Said(orders.order(command, self._directory, *words, answers=answers, fails=fails))
            case MakeStandby(listen, own_key):
                return Said(self._make(listen, own_key))
            case Listen(at):
                return Said(self._listen(at))
            case Rehearse():
                from freehold.cli.drill.live import rehearsed  # with it come all rooms

                return Said(rehearsed.rehearse(self._marks, word))
            case Keep(name, text):
                return Said(self._keep(name, text))
            case FindServices():
                return Found(tuple(self._services.found(self._served_by())))
            case TryServices(services):
                return Reached(self._services.reached(services, self._served_by()))
        self._do(word)
        return Said()

    def _do(self, word: AnyWord) -> None:
        match word:
            case PutMark(mark):
                self._marks.put(mark)
            case DropMark(id):
                self._marks.drop(id)
            case Kill():
                self._service.take(signal.SIGKILL)
            case GiveBack():
                self._services.give_back()
                self._service.give_back()
            case Cut(services):
                self._services.cut(services, self._served_by())
            case Uncut():
                self._services.give_back()
            case StopListening():
                self._stop_listening()
            case Reach(address, said):
                _reach(self._directory, address, said)

    def let_go(self) -> None:
        """The drill is gone: leave the network served."""
        self._stop_listening()
        with suppress(Refused, OSError, subprocess.SubprocessError):  # its remover sees to it
            self._services.give_back()
        self._service.give_back()

    def _served_by(self) -> int:
        """The process. Raises InvalidRequest."""
        pid = self._service.running()
        if not pid:
            raise InvalidRequest(f"Nobody serves {self._directory} just now.")
        return pid

    def _look(self, weigh: bool) -> Seen:
        here, told = machine.read(self._directory), all_settings.load(self._directory)
        runs = bool(self._service.running())
        listed, url, edges = self._served() if runs and here.role == "primary" else ("", "", ())
        truth = [self._directory / name for name in ("truth.db", "truth.db-wal")]
        return Seen(
            version=__version__,
            role=here.role,
            epoch=here.epoch,
            machine=here.id,
            listen=here.listen,
            standbys=here.standbys,
            witness=here.witness.address if here.witness else "",
            runs=runs,
            others=tuple(self._service.others()),
            listed=listed,
            url=url,
            plc=told.plc,
            edges=edges,
            mark=self._marks.read(),
            truth_bytes=sum(path.stat().st_size for path in truth if path.exists()),
            blob_bytes=_weight(self._directory / "blobs") if weigh else 0,
            free_bytes=os.statvfs(self._directory).f_bavail * os.statvfs(self._directory).f_frsize,
            now=now_micros(),
        )

    def _served(self) -> tuple[str, str, tuple[Edge, ...]]:
        """Its standbys as they are listed, where the network says that it is, and its edges."""
        with suppress(Refused):  # it may be ending
            return (orders.order("standby", self._directory, "list"), *_of_network(self._directory))
        return "", "", ()

    def _make(self, listen: str, own_key: bool) -> str:
        """A standby, which runs: fingerprint and code."""
        from freehold.haven import standby  # with it come many rooms

        self._service.take(signal.SIGTERM)
        _, fingerprint, code = standby.make(self._directory, listen, own_key=own_key)
        for path in (*self._directory.iterdir(), *self._directory.glob("aside-*/*")):
            if path.lstat().st_uid == 0:
                give(path, self._directory)
        self._service.give_back()
        if not self._service.running():
            raise InvalidRequest(f"{self._directory} is a standby, and nobody runs it: freehold run {self._directory}")
        return f"{fingerprint}.{code}"

    def _keep(self, name: str, text: str) -> str:
        if Path(name).name != name or not name.endswith((".json", ".html")):
            raise InvalidRequest(f"“{name}” is no file of a report.")
        path = report.folder(self._directory) / name
        report.put(path, text.encode())
        return str(path)

    # --- can one reach the other?

    def _listen(self, at: str) -> str:
        host, _, port = at.rpartition(":")
        try:
            listener = socket.create_server((host, int(port)))
        except OSError:
            return ""
        self._listener, word = listener, secrets.token_hex(8)
        threading.Thread(target=_answer, args=(listener, word.encode()), daemon=True).start()
        return word

    def _stop_listening(self) -> None:
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None


def _answer(listener: socket.socket, word: bytes) -> None:
    with suppress(OSError):
        while True:
            there, _ = listener.accept()
            with there:
                there.sendall(word)


def _reach(directory: Path, address: str, word: str) -> None:
    """Raises InvalidRequest."""
    to = transport.parse(address)
    if to.kind == "ssh":
        command, silent = transport.ssh_command(to, directory), subprocess.DEVNULL
        done = subprocess.run(command, stdin=silent, stdout=silent, stderr=silent, check=False)  # noqa: S603 (a list, no shell)
        sound = done.returncode != transport.SSH_FAILED and ssh.pinned(directory, ssh.host_keys(to))
    else:
        sound = _heard(to.host, to.port, len(word)) == word
    if not sound:
        raise InvalidRequest(f"This machine does not reach the other one at {address}.")


def _heard(host: str, port: int, size: int) -> str | None:
    """What is said there to who connects, up to so many bytes; None: nobody is there."""
    try:
        with socket.create_connection((host, port), timeout=REACH_SECONDS) as there:
            return there.recv(size, socket.MSG_WAITALL).decode() if size else ""
    except OSError:
        return None


def _of_network(directory: Path) -> tuple[str, tuple[Edge, ...]]:
    """Where the network says that it is, and its edges."""
    with opened_truth(directory) as reading:
        url = Network(reading).choices.base_url
        with reading() as tx:
            rows = tx.run("SELECT made FROM edge ORDER BY name")
    return url, tuple(msgspec.json.decode(made, type=Edge) for (made,) in rows)


def _weight(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# --- the line


def serve(directory: Path) -> None:
    """Until the drill is gone."""
    for each in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(each, lambda number, frame: sys.exit(128 + number))
    hand, read = Hand(directory), msgspec.json.Decoder(AnyWord)
    try:
        for line in _lines():
            _say(_answered(hand.done, read.decode(line)))
    finally:
        for each in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        hand.let_go()


def _answered(done: Callable[[AnyWord], AnyAnswer], word: AnyWord) -> AnyAnswer:
    try:
        return done(word)
    except Refused as refused:
        return No(refused.say)
    except OSError as wrong:
        return No(f"{wrong.filename or 'The system'}: {wrong.strerror}.")


def _lines() -> Iterator[bytes]:
    """What comes, until nothing does."""
    kept = b""
    while select.select([0], [], [], SILENCE_SECONDS)[0]:
        piece = os.read(0, PIECE)
        if not piece:
            return
        *lines, kept = (kept + piece).split(b"\n")
        yield from lines


def _say(answer: AnyAnswer) -> None:
    with suppress(BrokenPipeError):
        os.write(1, msgspec.json.encode(answer) + b"\n")
