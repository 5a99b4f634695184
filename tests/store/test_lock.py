"""One process for each network."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from freehold.store.lock import AlreadyRunning, DirectoryLock

HOLD = "import sys, pathlib; from freehold.store.lock import DirectoryLock as L; l = L(pathlib.Path(sys.argv[1]))"


def test_a_second_process_is_told_who_holds_the_network_until_that_one_is_killed(tmp_path: Path) -> None:
    program = f"{HOLD}; print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning) as told:
            DirectoryLock(tmp_path)
        assert told.value.facts["holder"] == str(child.pid)
        child.send_signal(signal.SIGKILL)
        child.wait()
    with DirectoryLock(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    with pytest.raises(AlreadyRunning):
        DirectoryLock(tmp_path)
    lock.release()
    lock.release()
    DirectoryLock(tmp_path).release()
