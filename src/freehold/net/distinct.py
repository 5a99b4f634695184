"""How many different things somebody has asked for within an hour: counted in a few kilobytes, however many they are.

The first few are kept as they are; beyond them a HyperLogLog with 1,024 registers stands for them, which is right to
about three per cent. Four of those, one for each quarter of an hour, make the hour slide. Things are kept as salted
hashes only, so that the memory does not say what anybody read.
Source: https://algo.inria.fr/flajolet/Publications/FlFuGaMe07.pdf
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from math import log

QUARTER_MICROS = 900 * 1_000_000
QUARTERS = 4
FEW = 48
REGISTERS = 1_024
EVERY = 32
"""The estimate is made anew when so many registers have changed, or so small a part of it."""
_ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)
_POWERS = [2.0**-rank for rank in range(64)]
_MASK = (1 << 54) - 1


class Distinct:
    """The different things of one reader. count: of the last hour, or a little less."""

    __slots__ = ("_changed", "_few", "_quarter", "_rows", "count", "told", "told_at")

    def __init__(self) -> None:
        self.count = self.told = self.told_at = 0
        self._few: dict[int, int] | None = {}
        self._rows: list[bytearray] = []
        self._quarter = self._changed = 0

    def add(self, thing: int, quarter: int) -> None:
        """One more thing, by its 64-bit hash, in this quarter of an hour (counted since 1970)."""
        few = self._few
        if few is not None:
            few[thing] = quarter
            if len(few) > FEW:
                self._few = few = {one: at for one, at in few.items() if at > quarter - QUARTERS}
            self.count = len(few)
            if len(few) > FEW:
                self._sketch(few, quarter)
            return
        self._turn(quarter)
        self._put(self._rows[quarter % QUARTERS], thing)
        if self._changed >= EVERY or self._changed * EVERY >= self.count:
            self._estimate()

    def _sketch(self, few: dict[int, int], quarter: int) -> None:
        self._rows = [bytearray(REGISTERS) for _ in range(QUARTERS)]
        self._few, self._quarter = None, quarter
        for thing, at in few.items():
            self._put(self._rows[at % QUARTERS], thing)

    def _put(self, row: bytearray, thing: int) -> None:
        index, rest = thing & (REGISTERS - 1), (thing >> 10) & _MASK
        rank = (rest & -rest).bit_length() or 55
        if rank > row[index]:
            row[index] = rank
            self._changed += 1

    def _turn(self, quarter: int) -> None:
        """Forget the quarters that are over."""
        passed = quarter - self._quarter
        if passed == 0:
            return
        for gone in range(max(self._quarter + 1, quarter - QUARTERS + 1), quarter + 1):
            self._rows[gone % QUARTERS] = bytearray(REGISTERS)
        self._quarter = quarter
        self._estimate()

    def _estimate(self) -> None:
        self._changed = 0
        merged = list(map(max, *self._rows))
        rough = _ALPHA * REGISTERS * REGISTERS / sum(map(_POWERS.__getitem__, merged))
        empty = merged.count(0)
        self.count = round(REGISTERS * log(REGISTERS / empty) if empty and rough <= 2.5 * REGISTERS else rough)


class Readers:
    """The readers of one network, each by a key; those longest silent are forgotten when there are too many."""

    def __init__(self, clock: Callable[[], int], most: int = 4_000) -> None:
        """clock: microseconds since 1970 UTC. most: readers; full, they take about 20 MB."""
        self._clock, self._most = clock, most
        self._of: OrderedDict[Hashable, Distinct] = OrderedDict()

    def __len__(self) -> int:
        return len(self._of)

    def note(self, key: Hashable, *things: str) -> Distinct:
        """Somebody asks for these."""
        distinct = self._of.get(key)
        if distinct is None:
            distinct = self._of[key] = Distinct()
            if len(self._of) > self._most:
                self._of.popitem(last=False)
        else:
            self._of.move_to_end(key)
        quarter = self._clock() // QUARTER_MICROS
        for thing in things:
            distinct.add(hash(thing), quarter)
        return distinct
