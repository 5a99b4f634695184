"""Is this machine's clock right? Asked of nobody's time service, but of whoever the network speaks to anyway.

Every answer over https says when it was given, to the second (RFC 9110, 6.6.1); the middle one of several hosts' words
is believed, so that one clock that is wrong elsewhere says nothing. Beside that stands what the kernel knows: whether
anything keeps its clock at all. Out come seconds, positive when this clock is behind.
Sources: https://www.rfc-editor.org/rfc/rfc9110#field.date, adjtimex(2)
"""

import asyncio
import ctypes
import sys
import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from statistics import median
from typing import NamedTuple

from freehold.net.client import Client
from freehold.protocol.refused import Refused

HALF_A_SECOND = 0.5
"""A Date is cut to the second, so that it is half a second early on average."""
MOST_ASKED = 5
_TIMEX_BYTES = 512
"""More than any kernel's struct timex."""
_UNKEPT = 5
"""TIME_ERROR."""


class Compared(NamedTuple):
    """seconds: by how much this clock is behind the others; None if nobody answered. hosts: who was asked, and did."""

    seconds: float | None
    hosts: tuple[str, ...]


async def compare(client: Client, urls: Sequence[str], wall: Callable[[], float] = time.time) -> Compared:
    """Ask some hosts what time it is. urls: https. wall: this clock, in seconds since 1970 UTC."""
    asked = tuple(dict.fromkeys(urls))[:MOST_ASKED]
    heard = await asyncio.gather(*(_behind(client, url, wall) for url in asked))
    found = [(url, seconds) for url, seconds in zip(asked, heard, strict=True) if seconds is not None]
    if not found:
        return Compared(None, ())
    return Compared(median(seconds for _, seconds in found), tuple(url for url, _ in found))


async def _behind(client: Client, url: str, wall: Callable[[], float]) -> float | None:
    before = wall()
    try:
        answer = await client.request("HEAD", url)
        said = parsedate_to_datetime(answer.headers["date"]).timestamp() + HALF_A_SECOND
    except (Refused, KeyError, ValueError):
        return None
    return said - (before + wall()) / 2


def kept_by_kernel() -> bool | None:
    """Whether something (an NTP service, a hypervisor) keeps the kernel's clock; None where that cannot be known."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != _UNKEPT
