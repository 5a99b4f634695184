"""Waiting for what gives no sign: a file that another process removes, a figure that it counts."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 20


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until `holds()` is true. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)
