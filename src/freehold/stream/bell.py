"""A bell that any thread can ring and any event loop can wait for, without a thread and without polling.

Take `bell.next` *before* looking for news, then wait for it: what came after the look has rung this very stroke.
"""

import asyncio
import threading


class Stroke:
    """The next ringing. Good for one ring; afterwards waiting returns at once."""

    __slots__ = ("_lock", "_rung", "_waiting")

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._rung = False
        self._waiting: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until it rings; False when it did not within `seconds`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._rung:
                return True
            self._waiting[future] = loop
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            return False
        finally:
            with self._lock:
                self._waiting.pop(future, None)
        return True

    def ring(self) -> None:
        """Wake all who wait: one call into each event loop."""
        with self._lock:
            self._rung = True
            waiting, self._waiting = self._waiting, {}
        by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        for future, loop in waiting.items():
            by_loop.setdefault(loop, []).append(future)
        for loop, futures in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake, futures)


class Bell:
    """Rings again and again; `next` is the stroke to come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.next = Stroke(self._lock)

    def ring(self) -> None:
        """Ring, from any thread."""
        with self._lock:
            stroke, self.next = self.next, Stroke(self._lock)
        stroke.ring()


def _wake(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
