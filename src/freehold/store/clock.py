"""The wall clock, as every room is handed it: a function without arguments that answers microseconds since 1970 UTC."""

from collections.abc import Callable
from time import time_ns

Clock = Callable[[], int]
"""Microseconds since 1970 UTC. May step back when the machine's clock is set: never use it to order things."""


def now_micros() -> int:
    """The machine's clock."""
    return time_ns() // 1000
