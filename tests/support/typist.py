"""A command at a terminal of its own, with somebody who reads what it asks and types."""

import os
import subprocess
import sys
import time
from types import TracebackType
from typing import Self

from support.command import COMMAND, QUIET

PATIENCE_SECONDS = 20
AT_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


class Typing:
    """`freehold` with these words at a terminal."""

    def __init__(self, *words: object, **environment: str) -> None:
        self._seen = ""
        self._child = subprocess.Popen(
            [sys.executable, "-c", AT_A_TERMINAL, *COMMAND, *map(str, words)],
            env={**os.environ, **QUIET, "PYTHONWARNINGS": "", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdout.fileno(), False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, at: TracebackType | None) -> None:
        if self._child.poll() is None:
            self._child.kill()
        self._child.communicate()

    def sees(self, text: str) -> str:
        """Wait until it shows this; all that it has shown since the last time."""
        end = time.monotonic() + PATIENCE_SECONDS
        while text not in self._seen:
            assert time.monotonic() < end, self._seen
            assert self._child.stdout is not None
            self._seen += (self._child.stdout.read() or b"").decode()
            time.sleep(0.02)
        shown, self._seen = self._seen, ""
        return shown

    def types(self, text: str) -> None:
        """A line."""
        assert self._child.stdin is not None
        self._child.stdin.write(text.encode() + b"\n")
        self._child.stdin.flush()

    def ends(self) -> int:
        """Wait for its exit code."""
        return self._child.wait(PATIENCE_SECONDS)
