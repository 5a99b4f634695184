"""Answers of other hosts, kept for a while: bounded in number and in age, one question at a time for each key."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from freehold.protocol.refused import Refused
from freehold.store.clock import Clock

T = TypeVar("T")


class Kept(NamedTuple, Generic[T]):
    """What we know of a key. learnt: when its host said so. asked: when we last tried. until: when to ask again."""

    value: T | Refused
    learnt: int
    asked: int
    until: int


class Cache(Generic[T]):
    """Values by key. fresh: micros in which a value is not asked for again. stale: micros in which an older value still
    serves when its host does not answer. failed: micros for which a refusal or a silence counts.
    """

    def __init__(self, clock: Clock, *, most: int, fresh: int, stale: int, failed: int) -> None:
        self._clock = clock
        self._most = most
        self._fresh, self._stale, self._failed = fresh, stale, failed
        self._known: OrderedDict[str, Kept[T]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[T]] = {}

    async def get(self, key: str, ask: Callable[[], Awaitable[T]], *, newer_than: int = 0) -> T:
        """The value of `key`, from memory or by `ask`; a Refused that `ask` raises is raised here and remembered.

        newer_than: micros since 1970; what was asked before then is asked again.
        """
        known = self._known.get(key)
        if known is not None and known.asked >= newer_than and self._clock() < known.until:
            self._known.move_to_end(key)
            if isinstance(known.value, Refused):
                raise known.value.with_traceback(None)
            return known.value
        task = self._asking.get(key)
        if task is None:
            task = asyncio.ensure_future(self._ask(key, ask))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._asked(key, done))
        return await asyncio.shield(task)

    def asked_at(self, key: str) -> int | None:
        """When its host was asked last, in micros; None for what is not known."""
        known = self._known.get(key)
        return known.asked if known is not None else None

    def forget(self, key: str) -> None:
        """Ask again next time."""
        self._known.pop(key, None)

    def __len__(self) -> int:
        return len(self._known)

    async def _ask(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            answer = await ask()
        except Refused as refused:
            now, known = self._clock(), self._known.get(key)
            if known is not None and refused.kind.startswith("upstream") and now - known.learnt < self._stale:
                value = known.value
                if not isinstance(value, Refused):
                    self._keep(key, known._replace(asked=now, until=now + self._failed))
                    return value
            self._keep(key, Kept(refused.with_traceback(None), now, now, now + self._failed))
            raise
        now = self._clock()
        self._keep(key, Kept(answer, now, now, now + self._fresh))
        return answer

    def _asked(self, key: str, done: asyncio.Task[T]) -> None:
        self._asking.pop(key, None)
        if not done.cancelled():
            done.exception()  # whoever asked may be gone by now

    def _keep(self, key: str, known: Kept[T]) -> None:
        self._known[key] = known
        self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
