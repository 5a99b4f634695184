"""A small town, made once for each worker by the real command; a test that changes it takes a copy."""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from support.command import freehold
from support.network import CHEAP


class Town(NamedTuple):
    """A network that is not running. password: of everybody. said: what `demo` printed."""

    directory: Path
    password: str
    said: str

    def copy(self, to: Path) -> Path:
        """The network a second time."""
        return Path(shutil.copytree(self.directory, to))


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    directory = tmp_path_factory.mktemp("networks") / "linden"
    directory.mkdir()
    (directory / "settings.toml").write_text(CHEAP)
    done = freehold("demo", directory, "--people", 6)
    assert done.code == 0, done.err
    return Town(directory, re.findall(r"password (\S+)", done.out)[0], done.out)


@pytest.fixture
def network(town: Town, tmp_path: Path) -> Path:
    """A copy of the town, to be changed."""
    return town.copy(tmp_path / "linden")
