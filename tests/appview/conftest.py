"""A fresh parish for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.parish import Parish


@pytest.fixture
def parish(tmp_path: Path) -> Iterator[Parish]:
    parish = Parish(tmp_path)
    yield parish
    parish.close()
