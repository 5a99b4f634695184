"""Those who wait until the index has come as far as they need, and are told on their own event loops.

Who waits says how far; the writer's thread says how far the index is after each of its commits. Nobody is woken before
their time, and all of one event loop are woken by one call.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple


class _Waiting(NamedTuple):
    seq: int
    private_seq: int
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[bool]


class Arrivals:
    """has_come: whether the index is at these numbers of the two logs."""

    def __init__(self, has_come: Callable[[int, int], bool]) -> None:
        self._has_come = has_come
        self._waiting: set[_Waiting] = set()

    @property
    def awaited(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    def wait(self, seq: int, private_seq: int, seconds: float, hurry: Callable[[], object]) -> "asyncio.Future[bool]":
        """Done when the index is there; False when it took longer. hurry: called when the wait has begun, and is seen
        by `arrived`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        one = _Waiting(seq, private_seq, loop, future)
        self._waiting.add(one)
        if self._has_come(seq, private_seq):  # looked at again: a commit before this line may not have seen us
            self._waiting.discard(one)
            future.set_result(True)
            return future
        patience = loop.call_later(seconds, _settle, [future], False)

        def over(_: object) -> None:
            patience.cancel()
            self._waiting.discard(one)

        future.add_done_callback(over)
        hurry()
        return future

    def arrived(self) -> None:
        """The index has moved on. From any thread."""
        if not self._waiting:
            return
        by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[bool]]] = {}
        for one in self._waiting.copy():
            if self._has_come(one.seq, one.private_seq):
                by_loop.setdefault(one.loop, []).append(one.future)
        for loop, futures in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, futures, True)


def _settle(futures: list[asyncio.Future[bool]], came: bool) -> None:
    for future in futures:
        if not future.done():
            future.set_result(came)
