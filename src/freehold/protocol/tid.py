"""Timestamp identifiers: 13 characters that sort by time, for record keys and revisions.

A TID holds 53 bits of microseconds since 1970 and 10 bits of clock id, below a highest bit of 0. The time and the clock
id are passed in.
Source: https://atproto.com/specs/tid
"""

from freehold.protocol.syntax import InvalidSyntax, is_tid

_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_MAX_MICROS = 2**53 - 1


def tid_encode(micros: int, clock_id: int) -> str:
    """The TID of a moment. micros: microseconds since 1970 UTC, 0 <= micros < 2**53; 0 <= clock_id < 1024."""
    if not (0 <= micros <= _MAX_MICROS and 0 <= clock_id < 1024):
        raise ValueError(f"no TID for {micros} microseconds, clock {clock_id}")
    pairs, low = _PAIRS, _PAIRS[clock_id]
    high = pairs[micros >> 40 & 1023] + pairs[micros >> 30 & 1023] + pairs[micros >> 20 & 1023]
    return _ALPHABET[micros >> 50] + high + pairs[micros >> 10 & 1023] + pairs[micros & 1023] + low


def tid_decode(tid: str) -> tuple[int, int]:
    """(micros, clock_id) of a TID. Raises InvalidSyntax."""
    if not is_tid(tid):
        raise InvalidSyntax("That is not a valid TID.", given=tid[:80])
    number = int(tid.translate(_DIGITS), 32)
    return number >> 10, number & 1023


class TidClock:
    """Gives TIDs that rise strictly, also within a microsecond and when the clock steps back. For one thread."""

    def __init__(self, clock_id: int) -> None:
        if not 0 <= clock_id < 1024:
            raise ValueError(f"clock id {clock_id} is not within 0 and 1023")
        self.clock_id = clock_id
        self._last = -1

    def next(self, micros: int, after: str | None = None) -> str:
        """A TID at `micros`, or as little later as makes it greater than all given before and than `after`."""
        self._last = max(micros, self._last + 1)
        tid = tid_encode(self._last, self.clock_id)
        if after is not None and tid <= after:  # they sort as text, so that `after` need not be read as a rule
            self._last = tid_decode(after)[0] + 1
            tid = tid_encode(self._last, self.clock_id)
        return tid
