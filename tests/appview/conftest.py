"""A fresh parish for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.appview import names
from support.parish import Parish


@pytest.fixture
def parish(tmp_path: Path) -> Iterator[Parish]:
    parish = Parish(tmp_path)
    yield parish
    parish.close()


@pytest.fixture(scope="package", autouse=True)
def small_fame() -> Iterator[None]:
    """In so small a town two followers make somebody well-known."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names, "FAME", 2)
        yield
