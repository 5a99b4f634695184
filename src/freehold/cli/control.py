"""The running network's side of the control socket, DIRECTORY/control.sock.

In come the words of a command from another process of this machine; the act of that name runs here, with a terminal
that is over there. Only root and the network's own user may: the directory is the user's alone, the socket has
mode 600, and where the system tells who calls it is asked.
"""

import asyncio
import logging
import os
import secrets
import socket
import struct
import time
from argparse import Namespace
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from freehold import __version__
from freehold.cli import wire
from freehold.cli.terminal import FileTrouble, Terminal
from freehold.protocol.refused import Refused

logger = logging.getLogger(__name__)

Act = Callable[[Any, Namespace, Terminal], Awaitable[int | None]]
"""What is commanded comes first: a `Site`, or a standby."""
Understand = Callable[[list[str]], tuple[Namespace, Act]]
"""The words read, and the act that they name. Raises Refused."""

AT_ONCE = 16
BEGIN_SECONDS = 10
PROGRESS_SECONDS = 0.1
MOST_WAITING = 16 * 1024 * 1024
"""Bytes that were said and that the command has not taken yet."""
STOPPED = "The network was stopped before this was done."


class Unheard(Refused):
    """The command has gone, or takes nothing of what it is told."""

    kind, name, say = "unavailable", "Unheard", "The command does not listen any more."


class FarTerminal:
    """The terminal of a command in another process. See `Terminal`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, interactive: bool) -> None:
        self.interactive = interactive
        self._reader, self._writer = reader, writer
        self._turn = asyncio.Lock()
        self._waiting: asyncio.Future[wire.FromCommand] | None = None
        self._files = 0
        self._shown: tuple[str, float] = ("", 0.0)

    async def listen(self) -> None:
        """Hand answers to whoever waits for them, until the command hangs up."""
        try:
            while True:
                said = await receive(self._reader)
                if self._waiting is None or self._waiting.done():
                    return
                self._waiting.set_result(said)
        except (asyncio.IncompleteReadError, ConnectionError, wire.BadFrame):
            return

    def say(self, line: str) -> None:
        """See `Terminal`. Raises Unheard."""
        if self._writer.transport.get_write_buffer_size() > MOST_WAITING:
            raise Unheard
        self._send(wire.Say(line))

    def progress(self, what: str, done: int, total: int | None = None) -> None:
        """See `Terminal`."""
        last, at = self._shown
        now = time.monotonic()
        if what == last and done != total and now - at < PROGRESS_SECONDS:
            return
        self._shown = what, now
        self._send(wire.Progress(what, done, total))

    async def drain(self) -> None:
        """See `Terminal`."""
        await self._call(wire.Sync())

    async def ask(self, question: str) -> str:
        """See `Terminal`."""
        return await self._text(wire.Ask(question))

    async def ask_secret(self, question: str, *, twice: bool = False) -> str:
        """See `Terminal`."""
        return await self._text(wire.Ask(question, secret=True, twice=twice))

    async def read_file(self, path: Path) -> AsyncIterator[bytes]:
        """See `Terminal`."""
        file = await self._open(path)
        try:
            while piece := await self._piece(file):
                yield piece
        finally:
            await self._call(wire.Close(file))

    async def write_file(self, path: Path, chunks: AsyncIterable[bytes], *, replace: bool = False) -> int:
        """See `Terminal`."""
        file, size, whole = await self._open(path, write=True, replace=replace), 0, False
        try:
            async for chunk in chunks:
                for at in range(0, len(chunk), wire.MAX_FRAME // 2):
                    await self._call(wire.Piece(chunk[at : at + wire.MAX_FRAME // 2], file))
                size += len(chunk)
            whole = True
        finally:
            await self._call(wire.Close(file, keep=whole))
        return size

    # --- within

    async def _open(self, path: Path, write: bool = False, replace: bool = False) -> int:
        self._files += 1
        file = self._files
        await self._call(wire.Open(file, str(path), write, replace))
        return file

    async def _piece(self, file: int) -> bytes:
        answer = await self._call(wire.Read(file))
        return answer.data if isinstance(answer, wire.Piece) else b""

    async def _text(self, message: wire.Ask) -> str:
        answer = await self._call(message)
        return answer.text if isinstance(answer, wire.Answer) else ""

    async def _call(self, message: wire.Message) -> wire.FromCommand:
        """Say it and wait for the answer. Raises FileTrouble when it could not be done there."""
        async with self._turn:
            if self._waiting is not None:
                raise Unheard  # the last wait was given up, so its answer would be taken for ours
            self._waiting = asyncio.get_running_loop().create_future()
            self._send(message)
            await self._writer.drain()
            answer = await self._waiting
            self._waiting = None
        if isinstance(answer, wire.Failed):
            raise FileTrouble(answer.say)
        return answer

    def _send(self, message: wire.Message) -> None:
        if self._writer.is_closing():
            raise Unheard
        self._writer.write(wire.pack(message))


class Commanded(Protocol):
    """What takes commands: it has a directory."""

    directory: Path


class Control:
    """Performs for one site, or standby, what commands ask for."""

    def __init__(self, site: Commanded, understand: Understand) -> None:
        self._site = site
        self._understand = understand
        self._running: dict[asyncio.Task[None], asyncio.Task[wire.End] | None] = {}
        self._stopped = False

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One command, from its words to the end of its act."""
        task = task_now()
        self._running[task] = None
        end = wire.End(1, STOPPED)
        try:
            self._assure_welcome(writer)
            end = await self._serve(reader, writer)
        except Refused as refused:
            end = wire.End(1, refused.say)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError, wire.BadFrame):
            end = wire.End(1, "That was not understood.")
        except asyncio.CancelledError:
            pass  # the network stops
        finally:
            del self._running[task]
            await _hang_up(writer, end)

    async def stop(self, sparing: asyncio.Task[Any] | None = None) -> None:
        """Cancel what runs, but for the act that is the task `sparing`; each command is told. No more is begun."""
        self._stopped = True
        running = [task for task, act in self._running.items() if sparing is None or act is not sparing]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def hear_out(self, act: asyncio.Task[Any] | None) -> None:
        """Wait a little until the command whose act this is has been told all."""
        last = [task for task, each in self._running.items() if act is not None and each is act]
        if last:
            await asyncio.wait(last, timeout=BEGIN_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> wire.End:
        async with asyncio.timeout(BEGIN_SECONDS):
            begin = await receive(reader)
        if not isinstance(begin, wire.Begin):
            raise wire.BadFrame("a command begins with its words")
        given, act = self._read(begin)
        terminal = FarTerminal(reader, writer, begin.interactive)
        doing = asyncio.create_task(self._perform(act, given, terminal))
        self._running[task_now()] = doing
        hearing = asyncio.create_task(terminal.listen())
        try:
            await asyncio.wait({doing, hearing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (doing, hearing):
                each.cancel()
            await asyncio.gather(doing, hearing, return_exceptions=True)
        return wire.End(1, STOPPED) if doing.cancelled() else doing.result()

    def _read(self, begin: wire.Begin) -> tuple[Namespace, Act]:
        try:
            return self._understand(begin.words)
        except Refused as refused:
            if begin.version == __version__:
                more = "Start it again if Freehold was changed since it began."
            else:
                more = f"It is of version {__version__}, the command of {begin.version}: start it again."
            raise Refused(f"The running network does not know what to do ({refused.say}). {more}") from None

    async def _perform(self, act: Act, given: Namespace, terminal: Terminal) -> wire.End:
        logger.info("the command “%s” runs", given.command, extra={"network": str(self._site.directory)})
        try:
            return wire.End(await act(self._site, given, terminal) or 0)
        except Refused as refused:
            return wire.End(1, refused.say)
        except Exception:
            reference = secrets.token_hex(4)
            logger.exception("the command “%s” failed", given.command, extra={"reference": reference})
            return wire.End(1, f"Something went wrong here. The network's log says what, under {reference}.")

    def _assure_welcome(self, writer: asyncio.StreamWriter) -> None:
        if self._stopped:
            raise Unheard(STOPPED)
        if len(self._running) > AT_ONCE:
            raise Unheard("Too many commands are at work. Wait for one of them to end.")
        if caller_of(writer) not in (None, 0, os.geteuid()):
            raise Unheard("Only the network's own user and root may give it commands.")


def task_now() -> asyncio.Task[Any]:
    """The one that runs."""
    task = asyncio.current_task()
    assert task is not None
    return task


async def receive(reader: asyncio.StreamReader) -> wire.FromCommand:
    """The next message. Raises IncompleteReadError, BadFrame."""
    size = wire.length(await reader.readexactly(wire.HEAD_BYTES))
    return wire.from_command(await reader.readexactly(size))


def caller_of(writer: asyncio.StreamWriter) -> int | None:
    """The user id of the process at the other end, where the system tells."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    form = struct.Struct("3i")
    found = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, form.size)
    return int(form.unpack(found)[1])


@asynccontextmanager
async def commanded(site: Commanded, understand: Understand) -> AsyncIterator[Control]:
    """Take commands for `site` meanwhile. Where no socket can be made that is logged, and commands need it stopped."""
    control = Control(site, understand)
    try:
        listener = _listen(site.directory)
    except OSError as wrong:
        logger.warning("no commands can be given while %s runs: %s", site.directory, wrong.strerror)
        yield control
        return
    server = await asyncio.start_unix_server(control.connected, sock=listener, limit=wire.MAX_FRAME)
    try:
        yield control
    finally:
        (site.directory / wire.NAME).unlink(missing_ok=True)
        server.close()
        await control.stop()


def _listen(directory: Path) -> socket.socket:
    """A listening socket in place of one that an ended process left: the directory's lock is ours."""
    (directory / wire.NAME).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with wire.address(directory) as name:
            listener.bind(name)
        (directory / wire.NAME).chmod(0o600)
        listener.listen(AT_ONCE)
    except OSError:
        listener.close()
        raise
    return listener


async def _hang_up(writer: asyncio.StreamWriter, end: wire.End) -> None:
    try:
        if not writer.is_closing():
            writer.write(wire.pack(end))
            async with asyncio.timeout(BEGIN_SECONDS):
                await writer.drain()
        writer.close()
    except (ConnectionError, TimeoutError):
        writer.transport.abort()
