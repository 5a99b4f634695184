"""Calls that block, made on a worker thread, several at a time.

In come items one by one; those that come while a group is at work make the next group. So many callers share one hop
to the thread and back, and what the work can share: the files of a group are written before the first is synced.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

GROUP_MAX = 32

Item = TypeVar("Item")
Result = TypeVar("Result")


class Groups(Generic[Item, Result]):
    """work: takes the items of a group, gives for each its result, or what to raise. What it raises itself, all get."""

    def __init__(self, work: Callable[[list[Item]], list[Result | Exception]]) -> None:
        self._work = work
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._going: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Result:
        """Have it done with others. Who is cancelled stops waiting; the work goes on."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._going is None:
            self._going = asyncio.create_task(self._go_on())
        return await future

    async def _go_on(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:GROUP_MAX], self._waiting[GROUP_MAX:]
                items = [item for item, _ in group]
                try:
                    results = await asyncio.to_thread(self._work, items)
                except Exception as error:
                    results = [error] * len(group)
                for (_, future), result in zip(group, results, strict=True):
                    _answer(future, result)
        finally:
            self._going = None


def _answer(future: "asyncio.Future[Result]", result: Result | Exception) -> None:
    if future.done():  # its caller went away
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
