"""The near end of the line to a `hand`: on this machine, or on another one by the ssh of whoever holds the drill.

In come words, out come answers. While nothing is said the line is kept alive, for a hand that hears nothing gives up.
"""

import asyncio
import shlex
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from freehold import __version__
from freehold.cli.drill.live.words import (
    AnyAnswer,
    AnyWord,
    FindServices,
    Found,
    Look,
    No,
    NotDoneThere,
    NotReached,
    Reached,
    Said,
    Seen,
    Service,
    Still,
    TryServices,
)
from freehold.haven import transport
from freehold.protocol.refused import InvalidRequest

CONNECT_SECONDS, END_SECONDS, STILL_SECONDS = 15, 90.0, 4.0
HAND = ("january-2021", "--hand")


class Where(NamedTuple):
    """A network's directory, and the machine that it is on. to: None for this one."""

    directory: Path
    to: transport.Address | None

    @property
    def said(self) -> str:
        """For people."""
        return str(self.directory) if self.to is None else f"{self.directory} on {self.to.host}"

    def command(self) -> list[str]:
        """What begins a hand there."""
        words = ("drill", str(self.directory), *HAND)
        if self.to is None:
            return [sys.executable, "-m", "freehold.cli", *words]
        return own_ssh(self.to.host, self.to.port, shlex.join(("freehold", *words)))


def own_ssh(host: str, port: int, script: str) -> list[str]:
    """How a machine is told to do that, by the ssh of whoever asks, whose line ends when it is cut."""
    alive = ("-o", f"ConnectTimeout={CONNECT_SECONDS}", "-o", "ServerAliveInterval=3", "-o", "ServerAliveCountMax=3")
    return ["ssh", "-T", *alive, "-p", str(port), "--", host, script]


def where(text: str) -> Where:
    """`ssh://USER@HOST[:PORT]/DIRECTORY`, or a directory here. Raises InvalidRequest."""
    if "://" not in text:
        return Where(Path(text), None)
    to = transport.parse(text)
    if to.kind != "ssh":
        raise InvalidRequest(f"“{text}” is neither ssh://USER@HOST/DIRECTORY nor a directory.")
    return Where(Path(to.path), to)


class Station:
    """A machine at whose hand we are, from `Station(where)` to `close`. Raises NotReached."""

    def __init__(self, at: Where) -> None:
        self.where = at
        self._turn = threading.Lock()
        try:
            self._child = subprocess.Popen(at.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 (a list, no shell)
        except FileNotFoundError:
            raise NotReached("ssh is not on this machine. Install OpenSSH's client.") from None
        self._read = msgspec.json.Decoder(AnyAnswer)
        self._closed = threading.Event()
        threading.Thread(target=self._keep_alive, daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the hand, or of the ssh that leads to it."""
        return self._child.pid

    async def look(self, *, weigh: bool = False) -> Seen:
        """How the machine stands. Raises NotReached, NotDoneThere."""
        seen = await self._answer(Look(weigh))
        assert isinstance(seen, Seen)
        if seen.version != __version__:
            raise NotReached(f"{self.where.said} has version {seen.version} of Freehold, and this is {__version__}.")
        return seen

    async def services(self) -> tuple[Service, ...]:
        """What the network there calls outside. Raises NotReached, NotDoneThere."""
        found = await self._answer(FindServices())
        assert isinstance(found, Found)
        return found.services

    async def reached(self, services: Sequence[Service]) -> tuple[bool, ...]:
        """Whether it would reach each of them now. Raises NotReached, NotDoneThere."""
        said = await self._answer(TryServices(tuple(services)))
        assert isinstance(said, Reached)
        return said.reached

    async def ask(self, word: AnyWord) -> str:
        """What is said to that. Raises NotReached, NotDoneThere."""
        answer = await self._answer(word)
        return answer.text if isinstance(answer, Said) else ""

    def _keep_alive(self) -> None:
        with suppress(NotReached):  # whoever asks for something hears of it
            while not self._closed.wait(STILL_SECONDS):
                self._exchange(Still())

    async def _answer(self, word: AnyWord) -> AnyAnswer:
        return await asyncio.to_thread(self._exchange, word)

    def _exchange(self, word: AnyWord) -> AnyAnswer:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with self._turn:
            try:
                self._child.stdin.write(msgspec.json.encode(word) + b"\n")
                self._child.stdin.flush()
                line = self._child.stdout.readline()
            except (OSError, ValueError):
                line = b""
        if not line:
            raise NotReached(f"{self.where.said} is out of reach: the line to it ended.")
        answer: AnyAnswer = self._read.decode(line)
        if isinstance(answer, No):
            raise NotDoneThere(f"{self.where.said}: {answer.say}")
        return answer

    def cut(self) -> None:
        """The line ends at once, also where an answer is waited for: the hand gives back what it has."""
        self._closed.set()
        self._child.terminate()

    def close(self) -> None:
        """Let it go; a hand on this machine has given back what it had then. Idempotent."""
        self._closed.set()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            self._child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
