"""The children that prove whole repositories: started when there is something to prove, ended when there is not.

A child that dies, or takes too long, costs the repository that it was asked about, no more.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from freehold.outside.index import Pack
from freehold.protocol.refused import Refused
from freehold.store.children import Child, Idle

IDLE_SECONDS = 30.0
ANSWER_SECONDS = 120.0
"""The longest that one packet may take: the first is said when all is proven."""
DIED = "checker-died"
PROGRAM = (sys.executable, "-m", "freehold.outside.checker")


class NotProven(Refused):
    """A repository is not what it should be. reason: a short word."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(None, name=None, reason=reason)


class Head(NamedTuple):
    """A proven repository. data: the root of its tree. paths: those of the records that are wanted."""

    rev: str
    data: bytes
    paths: list[str]


class _Child(Child):
    """One that proves."""

    async def ask(self, question: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(question) + b"\n")
        await self.process.stdin.drain()

    async def packet(self) -> bytes:
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                size = int.from_bytes(await self.process.stdout.readexactly(4), "big")
                return await self.process.stdout.readexactly(size)
        except (EOFError, OSError, TimeoutError):
            raise NotProven(DIED) from None


class Checkers:
    """Some of them. wanted: the collections whose records are to be told. pack: a function of a module, which they find
    by its name. max_bytes: of a repository's file."""

    def __init__(self, count: int, wanted: frozenset[str], pack: Pack, max_bytes: int) -> None:
        name = f"{pack.__module__}:{pack.__qualname__}"
        self._start = {"wanted": sorted(wanted), "max_bytes": max_bytes, "pack": name}
        self._free = asyncio.Semaphore(count)
        self._idle: Idle[_Child] = Idle(IDLE_SECONDS)

    async def check(self, path: Path, did: str, key: str, now: int) -> AsyncGenerator[Head | bytes, None]:
        """What a repository's file holds: its head, then its records by and by, packed. now: micros. Raises NotProven,
        at any time."""
        async with self._free:
            child = self._idle.take() or await self._begin()
            done = False
            try:
                await child.ask({"path": str(path), "did": did, "key": key, "now": now})
                async for answer in _answers(child):
                    yield answer
                done = True
            except NotProven as not_proven:
                done = not_proven.reason != DIED
                raise
            except (OSError, RuntimeError):  # uvloop: RuntimeError for a closed pipe
                raise NotProven(DIED) from None
            finally:
                if done:
                    self._idle.rest(child)
                else:
                    self._idle.end(child, now=True)

    async def _begin(self) -> _Child:
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True
        )
        child = _Child(process)
        await child.ask(self._start)
        return child

    async def close(self) -> None:
        """End all and wait for them."""
        await self._idle.close()


async def _answers(child: _Child) -> AsyncIterator[Head | bytes]:
    head = msgspec.msgpack.decode(await child.packet())
    if "refused" in head:
        raise NotProven(str(head["refused"]))
    yield Head(head["rev"], head["data"], head["paths"])
    while packet := await child.packet():
        yield packet
