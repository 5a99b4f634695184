"""A parish whose network has feeds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.feeding import FeedingParish


@pytest.fixture
def parish(tmp_path: Path) -> Iterator[FeedingParish]:
    parish = FeedingParish(tmp_path)
    yield parish
    parish.close()
