"""Passwords: argon2id, at most two at a time, never on the event loop.

An unknown account is checked against a hash of nobody's password, so that it costs the same time as a wrong password.
Source: RFC 9106; OWASP's second recommended setting (19 MiB, t=2, p=1) is the default.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from freehold.protocol.refused import Refused

T = TypeVar("T")

MIN_LENGTH = 8
MAX_LENGTH = 256
AT_ONCE = 2


class WeakPassword(Refused):
    """Too short to be of use, or too long to be a password."""

    name = "InvalidPassword"
    say = "Choose a password of 8 to 256 characters."


class Cost(NamedTuple):
    """What one hash costs. memory_kib: KiB; rounds: passes over it; lanes: parallelism."""

    memory_kib: int = 19 * 1024
    rounds: int = 2
    lanes: int = 1


class Passwords:
    """Hashes and checks. One for the whole process, so that `AT_ONCE` holds for all networks together."""

    def __init__(self, cost: Cost | None = None) -> None:
        cost = cost or Cost()
        self._hasher = PasswordHasher(cost.rounds, cost.memory_kib, cost.lanes, type=Type.ID)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The PHC string to store. Raises WeakPassword."""
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            raise WeakPassword
        return await self._run(self._hasher.hash, password)

    async def check(self, stored: str | None, password: str) -> bool:
        """Does `password` belong to `stored`? None is an account that does not exist; it takes as long."""
        if len(password) > MAX_LENGTH:
            return False
        if stored is None:
            self._nobody = self._nobody or await self._run(self._hasher.hash, "nobody's password")
        return await self._run(self._verify, stored or self._nobody or "", password) and stored is not None

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., T], *given: str) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)
