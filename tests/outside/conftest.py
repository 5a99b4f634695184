"""Another host, and an index here that listens to it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from bench.elsewhere import Elsewhere, Intake, host, opened

from freehold.outside.outside import Limits


@pytest.fixture
async def other() -> AsyncIterator[Elsewhere]:
    elsewhere = Elsewhere()
    async with host(elsewhere):
        yield elsewhere


@pytest.fixture
def intake(tmp_path: Path, other: Elsewhere) -> Iterator[Intake]:
    with opened(tmp_path / "here", other.url, limits=Limits(per_second=1_000)) as made:
        yield made
