"""Child processes that work for this one: kept between two pieces of work, ended when there was none for a while.

Who asks them what, and with which limits, is the business of the room that starts them.
"""

import asyncio
from contextlib import suppress
from typing import Generic, TypeVar


class Child:
    """One process and the pipes to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def end(self, *, now: bool) -> None:
        """Let it end by itself, when nobody can ask it any more, or kill it `now`; wait until it is gone."""
        if now:
            with suppress(ProcessLookupError):
                self.process.kill()
        if self.process.stdin is not None:
            self.process.stdin.close()
            with suppress(OSError, RuntimeError):  # uvloop: RuntimeError for a closed pipe
                await self.process.stdin.wait_closed()
        await self.process.wait()


C = TypeVar("C", bound=Child)


class Idle(Generic[C]):
    """Those without work. Who takes one gives it back by `rest`, or has it ended."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._children: list[C] = []
        self._timer: asyncio.TimerHandle | None = None
        self._endings: set[asyncio.Task[None]] = set()

    def take(self) -> C | None:
        """The one that rested last; None: one must be started."""
        return self._children.pop() if self._children else None

    def rest(self, child: C) -> None:
        """Keep it for the next work; the last one to rest starts the idle clock anew."""
        self._children.append(child)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._retire)

    def end(self, child: C, *, now: bool) -> None:
        """End it, beside the work."""
        ending = asyncio.get_running_loop().create_task(child.end(now=now))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def close(self) -> None:
        """End all that rest, and wait for every end."""
        if self._timer is not None:
            self._timer.cancel()
        self._retire()
        while self._endings:
            await asyncio.gather(*self._endings)

    def _retire(self) -> None:
        while self._children:
            self.end(self._children.pop(), now=False)
