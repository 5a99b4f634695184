"""The `freehold` command, run as an operator runs it: in a child process, seen by what it prints and how it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apsw
import httpx

START_SECONDS = 30
END_SECONDS = 10
COMMAND = [sys.executable, "-m", "freehold.cli"]
QUIET = {"PYTHONWARNINGS": "error", "COLUMNS": "100"}


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def freehold(*words: object, given: str = "", **environment: str) -> Done:
    """Run a command to its end. given: its standard input."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)],
        input=given,
        env={**os.environ, **QUIET, **environment},
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Serving:
    """A `freehold run` that has begun."""

    def __init__(self, child: "subprocess.Popen[bytes]", log: Path) -> None:
        self._child, self._log = child, log

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def directory(self) -> Path:
        """Of the first network."""
        return self._log.with_suffix("")

    def log(self) -> str:
        """All that it has said."""
        return self._log.read_text()

    @property
    def urls(self) -> list[str]:
        """Where it says that its networks are."""
        return re.findall(r" is at (\S+)$", self.log(), re.M)

    @property
    def port(self) -> int:
        found = re.search(r" (?:is at http://\S+:|listens on \S+:|listens on port )(\d+)", self.log())
        assert found, self.log()
        return int(found[1])

    def get(self, path: str, *, host: str | None = None, **headers: str) -> httpx.Response:
        """Ask for a page of the first network, or of that whose name is `host`."""
        name = host or self.urls[0].partition("://")[2]
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers={"host": name, **named})

    def wait(self, networks: int) -> None:
        """Wait until it answers for all its networks."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._child.poll() is None:
            if len(self.urls) == networks and self._answers():
                return
            time.sleep(0.02)
        self.end(signal.SIGKILL)
        raise AssertionError(f"it did not start:\n{self.log()}")

    def _answers(self) -> bool:
        try:
            return self.get("/xrpc/_health").status_code == 200
        except httpx.TransportError:
            return False

    def end(self, by: int = signal.SIGTERM) -> int:
        """Send it a signal; the code with which it ends."""
        if self._child.poll() is None:
            self._child.send_signal(by)
        return self._child.wait(END_SECONDS)


@contextmanager
def serving(
    *directories: Path,
    words: tuple[str, ...] = (),
    given: str = "",
    networks: int = 0,
    program: Sequence[str] = COMMAND,
    **environment: str,
) -> Iterator[Serving]:
    """Run networks on a free port until the `with` ends. given: the first one's settings.toml. networks: how many, if
    not one for each directory. program: in place of the command."""
    directories[0].mkdir(exist_ok=True)
    if given:
        (directories[0] / "settings.toml").write_text(given)
    log = directories[0].with_name(f"{directories[0].name}.log")
    with log.open("wb") as out:
        child = subprocess.Popen(
            [*program, "run", *map(str, directories), "--port", "0", *words],
            env={**os.environ, **QUIET, **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    running = Serving(child, log)
    try:
        running.wait(networks or len(directories))
        yield running
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


@contextmanager
def tampering(file: Path) -> Iterator[apsw.Connection]:
    """A network's database, past all that guards it."""
    connection = apsw.Connection(str(file))
    yield connection
    connection.close()
