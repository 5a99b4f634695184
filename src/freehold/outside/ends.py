"""The ends of whole repositories, written together: those that wait for their turn share a transaction.

Each repository touches pages of the index that the next one touches too; so three in one transaction cost a fifth less
than one by one. Whoever has the turn writes for those who wait, up to TOGETHER_BYTES. One that fails takes no other
along.
"""

import asyncio
from collections.abc import Awaitable, Callable

from freehold.outside.index import Index, Taker

TOGETHER_BYTES = 600_000
"""Packed, of all that share a transaction: some 1,500 records, which take about a tenth of a second. Whatever else the
index is to write waits so long for its turn, as it does for the largest piece of a repository."""


class Ended:
    """The end of a whole repository of revision `rev`. change: writes it, and says whether it was still wanted. size:
    what it brings, in bytes. done, error: how it went."""

    def __init__(self, did: str, rev: str, change: Callable[[Taker], bool], size: int) -> None:
        self.did, self.rev, self.change, self.size = did, rev, change, size
        self.done = False
        self.error: Exception | None = None


class Ends:
    """Those that wait. turn: held while something is written. follow_up: called for each that is written, within the
    same turn."""

    def __init__(self, index: Index, turn: asyncio.Lock, follow_up: Callable[[Ended], Awaitable[None]]) -> None:
        self._index, self._turn, self._follow_up = index, turn, follow_up
        self._waiting: list[Ended] = []

    async def write(self, ended: Ended) -> bool:
        """Write it, or wait until somebody else has. False if it was not wanted any more; raises what it raised."""
        self._waiting.append(ended)
        try:
            async with self._turn:
                if ended in self._waiting:
                    await self._write(self._group(ended))
        finally:
            if ended in self._waiting:
                self._waiting.remove(ended)
        if ended.error is not None:
            raise ended.error
        return ended.done

    def _group(self, first: Ended) -> list[Ended]:
        """Those that are written now."""
        group, room = [first], TOGETHER_BYTES - first.size
        for one in self._waiting:
            if one is not first and one.size <= room:
                group.append(one)
                room -= one.size
        self._waiting = [one for one in self._waiting if one not in group]
        return group

    async def _write(self, group: list[Ended]) -> None:
        """In one transaction; each in its own, if one of them spoils it."""
        try:
            done = await self._index.take_in(lambda taker: [one.change(taker) for one in group])
        except Exception as error:
            if len(group) == 1:
                group[0].error = error
            else:
                for one in group:
                    await self._write([one])
            return
        for one, was_wanted in zip(group, done, strict=True):
            one.done = was_wanted
            try:
                await self._follow_up(one)
            except Exception as error:
                one.error = error
