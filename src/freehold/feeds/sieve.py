"""The owner's feeds asked in a process of their own: started when needed, killed when slow, ended when idle.

Nothing that a feed does, be it a fault, an endless loop or all the memory there is, touches the network's own process.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from freehold.feeds.questions import Answer, Question
from freehold.store.children import Child

_CHILD = Path(__file__).with_name("child.py")
IDLE_SECONDS = 30.0
SECONDS = 2.0
"""For one question, a process that has to be started first not counted."""
START_SECONDS = 20.0
MOST_BYTES = 16 * 2**20


class Sieve:
    """Asks one question at a time. seconds: what each may take."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def ask(self, question: Question) -> Answer:
        """The answer, or one that says what went wrong."""
        async with self._turn:
            if self._idle is not None:
                self._idle.cancel()
            try:
                return await self._ask(question)
            except asyncio.CancelledError:  # its answer would be taken for that to the next question
                await self.stop()
                raise
            except TimeoutError:
                await self.stop()
                return Answer(fault=f"it took longer than {self._seconds:g} seconds")
            except (OSError, EOFError, RuntimeError, ValueError, msgspec.MsgspecError):  # uvloop: a closed pipe
                await self.stop()
                return Answer(fault="its process ended in the middle")
            finally:
                self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._end)

    async def _ask(self, question: Question) -> Answer:
        if self._process is None or self._process.returncode is not None:
            self._process = await self._start()
            async with asyncio.timeout(START_SECONDS):
                await self._exchange(Question(""))
        async with asyncio.timeout(self._seconds):
            return await self._exchange(question)

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-B", str(_CHILD)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )

    async def _exchange(self, question: Question) -> Answer:
        assert self._process is not None
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None
        assert answers is not None
        body = msgspec.msgpack.encode(question)
        questions.write(len(body).to_bytes(4) + body)
        await questions.drain()
        length = int.from_bytes(await answers.readexactly(4))
        if length > MOST_BYTES:
            raise ValueError
        return msgspec.msgpack.decode(await answers.readexactly(length), type=Answer)

    def _end(self) -> None:
        """Let the process go; it ends when nobody can ask it any more."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def stop(self) -> None:
        """End the process now, and what it has begun."""
        if self._idle is not None:
            self._idle.cancel()
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            await Child(process).end(now=True)
