"""The command's side of the control socket: is the network running, and if so, our hands for its act.

In come the words; the act runs in the network's process and sees this terminal. What it may touch here is what the
words named: a network that was broken into must not write into the files of an administrator who asks for its accounts.
"""

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from freehold import __version__
from freehold.cli import wire
from freehold.cli.terminal import CHUNK_BYTES, FileTrouble, Hands, Written, told
from freehold.protocol.refused import Refused

GONE = "The network ended before this was done. What it says about it is in its log."


class NoNetwork(Refused):
    """A command was pointed at a directory that holds no network."""

    name = "NoNetwork"


class NetworkEnded(Refused):
    """The process in which the act ran is no more."""

    kind, name, say = "unavailable", "NetworkEnded", GONE


class RefusedThere(Refused):
    """What the act was refused with, in its own words."""

    name = "RefusedThere"


def assure_network(directory: Path) -> None:
    """Raises NoNetwork unless there is one in `directory`."""
    if not any((directory / name).exists() for name in ("truth.db", "haven.json")):
        raise NoNetwork(f"There is no network in {directory}. Start one with: freehold run {directory}")


def connect(directory: Path) -> socket.socket | None:
    """The running network; None if it does not run, or runs where it cannot be reached."""
    there = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with wire.address(directory) as name:
            there.connect(name)
    except (FileNotFoundError, ConnectionRefusedError):
        there.close()
        return None
    except OSError as wrong:
        there.close()
        raise FileTrouble(f"{directory / wire.NAME}: {wrong.strerror}.") from None
    return there


class Far:
    """An act that runs over there. named: the paths that the words named."""

    def __init__(self, there: socket.socket, hands: Hands, named: Sequence[Path]) -> None:
        self._there, self._hands = there, hands
        self._stream = there.makefile("rb")
        self._named = [Path(os.path.abspath(path)) for path in named]
        self._reading: dict[int, BinaryIO] = {}
        self._writing: dict[int, Written] = {}

    def perform(self, words: Sequence[str]) -> int:
        """Lend our hands until the act has ended; its exit code. Raises NetworkEnded, RefusedThere."""
        try:
            self._send(wire.Begin(__version__, list(words), self._hands.interactive))
            while not isinstance(said := self._receive(), wire.End):
                self._do(said)
        except (EOFError, wire.BadFrame):
            raise NetworkEnded from None
        finally:
            self._close()
        if said.say:
            raise RefusedThere(said.say)
        return said.code

    def _do(self, said: wire.FromNetwork) -> None:
        match said:
            case wire.Say():
                self._hands.say(said.line)
            case wire.Progress():
                self._hands.progress(said.what, said.done, said.total)
            case _:
                try:
                    answer = self._answer(said)
                except Refused as refused:
                    answer = wire.Failed(refused.say)
                self._send(answer)

    def _answer(self, said: wire.FromNetwork) -> wire.FromCommand:
        match said:
            case wire.Ask():
                ask = (
                    self._hands.ask_secret(said.question, said.twice) if said.secret else self._hands.ask(said.question)
                )
                return wire.Answer(ask)
            case wire.Open():
                self._open(said)
            case wire.Read():
                with told():
                    return wire.Piece(self._reading[said.file].read(CHUNK_BYTES))
            case wire.Piece():
                self._writing[said.file].write(said.data)
            case wire.Close():
                self._close_one(said)
        return wire.Answer()

    def _open(self, said: wire.Open) -> None:
        path = self._allowed(Path(said.path))
        if said.write:
            self._writing[said.file] = self._hands.create(path, said.replace)
        else:
            self._reading[said.file] = self._hands.open(path)

    def _allowed(self, path: Path) -> Path:
        """The path, if the words named it or a folder that it is in. Raises FileTrouble."""
        whole = Path(os.path.abspath(path))
        if not any(whole.is_relative_to(named) for named in self._named):
            raise FileTrouble(f"The network asked for {path}, which you did not name.")
        return path

    def _close_one(self, said: wire.Close) -> None:
        if said.file in self._reading:
            self._reading.pop(said.file).close()
            return
        written = self._writing.pop(said.file)
        try:
            if said.keep:
                written.keep()
        finally:
            written.drop()

    def _send(self, message: wire.FromCommand) -> None:
        with suppress(ConnectionError):  # then what was said last is still to be read
            self._there.sendall(wire.pack(message))

    def _receive(self) -> wire.FromNetwork:
        return wire.from_network(self._exactly(wire.length(self._exactly(wire.HEAD_BYTES))))

    def _exactly(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except ConnectionError:
            raise EOFError from None
        if len(data) < size:
            raise EOFError
        return data

    def _close(self) -> None:
        """Hang up; what was half written is dropped."""
        self._stream.close()
        self._there.close()
        self._hands.rest()
        for file in self._reading.values():
            file.close()
        for written in self._writing.values():
            written.drop()
