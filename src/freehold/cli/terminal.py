"""The terminal at which a command was typed: where an act speaks, asks, and finds the files that the words named.

An act (see `acting`) may run in the command's own process or in that of the running network. Either way it sees a
`Terminal`, and what it reads, asks and writes is done by the hands of whoever typed the command, who may be another
user than the server's, in the folder where they stand. `Hands` are those of this process; `control` lends them out.
"""

import getpass
import os
import signal
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from tqdm import tqdm

from freehold.protocol.refused import InvalidRequest, Refused

CHUNK_BYTES = 256 * 1024


class FileTrouble(Refused):
    """A file that the words named cannot be read or written."""

    name = "FileTrouble"


class Terminal(Protocol):
    """What an act may do at the terminal. Call it from the event loop only.

    interactive: a person is there to be asked; else questions are answered by lines of standard input.
    """

    interactive: bool

    def say(self, line: str) -> None:
        """One line, or several, on standard output."""

    def progress(self, what: str, done: int, total: int | None = None) -> None:
        """How far a long work has come; a bar for each `what`. Call it as often as you like. total: None if unknown."""

    async def drain(self) -> None:
        """Wait until what was said has gone out: between the pages of an answer of any length."""

    async def ask(self, question: str) -> str:
        """What is typed, or the next line of standard input, without its end; empty at the end of the input."""

    async def ask_secret(self, question: str, *, twice: bool = False) -> str:
        """As `ask`, unseen. twice: a person types it a second time; raises InvalidRequest when the two differ."""

    def read_file(self, path: Path) -> AsyncIterator[bytes]:
        """A file that the words named, or in a folder that they named, piece by piece. Raises FileTrouble."""

    async def write_file(self, path: Path, chunks: AsyncIterable[bytes], *, replace: bool = False) -> int:
        """Write such a file, for its owner's eyes only; how many bytes. It appears when it is whole, and on disk.

        Raises FileTrouble; also when the file exists, unless `replace`.
        """


class Hands:
    """Reads, writes, asks and shows at the terminal of this process. Everything waits."""

    def __init__(self) -> None:
        self.interactive = sys.stdin.isatty()
        self._bar: tqdm[None] | None = None

    def say(self, line: str) -> None:
        """Control characters are left out: a line may hold what members wrote."""
        self.rest()
        print(plain(line))

    def progress(self, what: str, done: int, total: int | None = None) -> None:
        """A bar on standard error, where that is a terminal."""
        if self._bar is None or self._bar.desc != f"{plain(what)}: ":
            self.rest()
            self._bar = tqdm(desc=plain(what), total=total, disable=None)
            self._bar.desc = f"{plain(what)}: "
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def rest(self) -> None:
        """The bar stays as it stands."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def ask(self, question: str) -> str:
        """See `Terminal.ask`."""
        self.rest()
        sys.stdout.flush()
        if not self.interactive:
            return sys.stdin.readline().rstrip("\n")
        try:
            with interruptible():
                return input(plain(question))
        except EOFError:
            return ""

    def ask_secret(self, question: str, twice: bool = False) -> str:
        """See `Terminal.ask_secret`."""
        if not self.interactive:
            return self.ask(question)
        self.rest()
        sys.stdout.flush()
        try:
            with interruptible():
                typed = getpass.getpass(plain(question))
                if twice and getpass.getpass("Again: ") != typed:
                    raise InvalidRequest("The two were not the same. Nothing was changed.")
        except EOFError:
            return ""
        return typed

    def open(self, path: Path) -> BinaryIO:
        """A file to read. Raises FileTrouble."""
        if not path.is_file():
            raise FileTrouble(f"There is no file {path}.")
        with told():
            return path.open("rb")

    def create(self, path: Path, replace: bool = False) -> "Written":
        """A file to be written. Raises FileTrouble."""
        return Written(path, replace)


class Written:
    """A file on its way to disk. It is not there under its name before `keep`; `drop` leaves nothing."""

    def __init__(self, path: Path, replace: bool) -> None:
        self.bytes = 0
        self._path, self._replace = path, replace
        self._part = path.with_name(path.name + ".part")
        if path.exists() and not replace:
            raise FileTrouble(f"{path} exists already. Choose another name, or move it out of the way.")
        with told():
            self._file = open(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")  # noqa: SIM115

    def write(self, data: bytes) -> None:
        """Raises FileTrouble, when the disk is full for one."""
        with told(self._part):
            self._file.write(data)
        self.bytes += len(data)

    def keep(self) -> int:
        """Give it its name, once it is on disk; how many bytes it has."""
        with told(self._part):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._path)
        return self.bytes

    def drop(self) -> None:
        """Leave nothing. Idempotent."""
        self._file.close()
        self._part.unlink(missing_ok=True)


class LocalTerminal:
    """The terminal of this process, for an act that runs here."""

    def __init__(self) -> None:
        self._hands = Hands()
        self.interactive = self._hands.interactive
        self.say, self.progress = self._hands.say, self._hands.progress

    async def drain(self) -> None:
        """Nothing waits here."""

    async def ask(self, question: str) -> str:
        """See `Terminal`."""
        return self._hands.ask(question)

    async def ask_secret(self, question: str, *, twice: bool = False) -> str:
        """See `Terminal`."""
        return self._hands.ask_secret(question, twice)

    async def read_file(self, path: Path) -> AsyncIterator[bytes]:
        """See `Terminal`."""
        with self._hands.open(path) as file:
            for chunk in pieces(file):
                yield chunk

    async def write_file(self, path: Path, chunks: AsyncIterable[bytes], *, replace: bool = False) -> int:
        """See `Terminal`."""
        file = self._hands.create(path, replace)
        try:
            async for chunk in chunks:
                file.write(chunk)
            return file.keep()
        finally:
            file.drop()

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._hands.rest()


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """An open file, piece by piece. Raises FileTrouble."""
    read: Callable[[], bytes] = lambda: file.read(CHUNK_BYTES)  # noqa: E731
    with told():
        yield from iter(read, b"")


def plain(text: str) -> str:
    """Without control characters, with which a line could move what stands on the screen."""
    return "".join(c for c in text if c in "\n\t" or c.isprintable())


@contextmanager
def told(path: Path | None = None) -> Iterator[None]:
    """What the operating system says of a file becomes FileTrouble."""
    try:
        yield
    except OSError as wrong:
        raise FileTrouble(f"{wrong.filename or path or 'The file'}: {wrong.strerror}.") from None


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end the wait at once: an event loop's own handler would only take note of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
