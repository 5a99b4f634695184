"""What every test may ask for."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of official test data: FREEHOLD_VECTORS, else ../shared/vectors."""
    folder = Path(os.environ.get("FREEHOLD_VECTORS") or ROOT.parent / "shared" / "vectors")
    if not folder.is_dir():
        pytest.skip("official vectors are absent: set FREEHOLD_VECTORS to their folder")
    return folder
