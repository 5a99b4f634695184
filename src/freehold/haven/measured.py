"""Measurements of how the network stands, kept for a month, so that its owner sees more than this moment.

Table: measure. In come samples as often as one likes; of each hour the worst (largest) is kept, of each series 750 at
most. Out come series for a plot. Samples wait in memory and are written with the next `flush`: losing some is no harm.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.tx import Tx

logger = logging.getLogger(__name__)

SCHEMA: tuple[Migration, ...] = (
    Migration(
        "measured-1",
        """
        CREATE TABLE measure (
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            at BIGINT NOT NULL,
            value DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (kind, name, at)
        );
        """,
    ),
)

HOUR = 3600 * 1_000_000
KEPT = 750
"""Of each series: a month of hours."""
MOST_SERIES = 64
SAMPLE_SECONDS, FLUSH_SECONDS = 20.0, 600.0


class Sample(NamedTuple):
    """One measurement. kind: standby, archive (seconds behind), certificate (days left), clock (seconds off)."""

    kind: str
    name: str
    value: float


Point = tuple[int, float]
"""When (micros, of the hour's beginning), and the worst of that hour."""


class Measures:
    """Of one network."""

    def __init__(self, truth: Database, clock: Callable[[], int]) -> None:
        self._truth, self._clock = truth, clock
        self._waiting: dict[tuple[str, str, int], float] = {}

    def note(self, sample: Sample) -> None:
        """Remember it, if it is the worst of its hour."""
        key = (sample.kind, sample.name, self._clock() // HOUR * HOUR)
        if len(self._waiting) < MOST_SERIES * 2 or key in self._waiting:
            self._waiting[key] = max(sample.value, self._waiting.get(key, sample.value))

    async def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, {}
        if waiting:
            await self._truth.write(lambda tx: _write(tx, waiting))

    def series(self, kind: str) -> dict[str, list[Point]]:
        """By name, in order of time."""
        found: dict[str, list[Point]] = {}
        with self._truth.reading() as tx:
            for name, at, value in tx.run(
                "SELECT name, at, value FROM measure WHERE kind = :kind ORDER BY name, at", kind=kind
            ):
                found.setdefault(name, []).append((at, value))
        return found

    async def run(self, sample: Callable[[], Iterable[Sample]]) -> None:
        """Sample every twenty seconds, write every ten minutes, until cancelled."""
        loop = asyncio.get_running_loop()
        written = loop.time()
        while True:
            for each in sample():
                self.note(each)
            if loop.time() - written >= FLUSH_SECONDS:
                await self.flush()
                written = loop.time()
            await asyncio.sleep(SAMPLE_SECONDS)


def _write(tx: Tx, waiting: dict[tuple[str, str, int], float]) -> None:
    for (kind, name, at), value in waiting.items():
        tx.run(
            "INSERT INTO measure (kind, name, at, value) VALUES (:kind, :name, :at, :value)"
            " ON CONFLICT (kind, name, at) DO UPDATE SET value ="
            " CASE WHEN excluded.value > measure.value THEN excluded.value ELSE measure.value END",
            kind=kind,
            name=name,
            at=at,
            value=value,
        )
    tx.run("DELETE FROM measure WHERE at < :at", at=tx.now // HOUR * HOUR - KEPT * HOUR)
