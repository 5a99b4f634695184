"""A primary and a standby, not yet linked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.carried import Follower, Primary


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Primary]:
    made = Primary(tmp_path / "primary")
    yield made
    made.stop()


@pytest.fixture
def standby(tmp_path: Path) -> Follower:
    return Follower(tmp_path / "standby")
