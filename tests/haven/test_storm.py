"""kill -9 of the primary, again and again, and of the standby: whatever was acknowledged is in the standby's copy."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from freehold.store.database import Database
from support import storm_child
from support.children import environment
from support.storm import storm

ROUNDS = [5, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]


@contextmanager
def standby(directory: Path, address: str) -> Iterator[None]:
    child = subprocess.Popen(
        [sys.executable, "-m", "support.following_child", str(directory), address],
        stdout=subprocess.PIPE,
        env=environment(),
    )
    assert child.stdout is not None
    with child.stdout as said:
        assert said.readline() == b"ready\n"
        yield
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL, "the standby ended by itself"


@pytest.mark.parametrize("rounds", ROUNDS)
def test_what_was_acknowledged_is_in_the_copy_after_kill_9_of_both(tmp_path: Path, rounds: int) -> None:
    random = Random()
    primary, copy, address = tmp_path / "primary", tmp_path / "copy", str(tmp_path / "s")
    primary.mkdir()
    acknowledged: set[str] = set()
    for n in range(rounds):
        with standby(copy, address):
            new = storm(["-m", "support.carried_child", str(primary), address, str(n)], random)
        assert new
        acknowledged.update(new)
        assert acknowledged <= posts_of(copy, tmp_path / "looked at")


def posts_of(copy: Path, aside: Path) -> set[str]:
    """What the copy would show as a primary. It is opened elsewhere: opening it here would fold its log."""
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(copy, aside)
    with Database(aside / "truth.db", storm_child.SCHEMA, durable=True) as db, db.reading() as tx:
        assert tx.one("PRAGMA integrity_check") == ("ok",)
        return {str(id) for (id,) in tx.each("SELECT id FROM post")}
