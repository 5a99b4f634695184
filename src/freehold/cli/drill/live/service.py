"""The process that serves a network on this machine: found, taken away, and started again.

In comes the network's directory. While the process is away its directory's lock is held here, so that nothing starts
another one, whatever keeps services running. The kernel drops that lock when this process ends, however it ends: then
whoever starts services may. Linux only.
Source: proc(5), unix(7) "SO_PEERCRED", flock(2), systemctl(1)
"""

import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from freehold.cli import reach
from freehold.haven import machine
from freehold.protocol.refused import Refused
from freehold.store.lock import AlreadyRunning, DirectoryLock

END_SECONDS, START_SECONDS, OTHERS_SECONDS, LOOK_SECONDS = 30.0, 60.0, 2.0, 0.02
STARTED = ("primary", "standby")
"""In these roles a machine can be served. One that was fenced starts no more."""
OUTPUT = "run.log"


class NotOurs(Refused):
    """A process that cannot be taken away from here."""

    kind, name = "forbidden", "NotOurs"
    say = (
        "The process that serves the network belongs to somebody else: log in there as root, or as the network's user."
    )


class NotStopped(Refused):
    """It goes on."""

    kind, name = "unavailable", "NotStopped"


class NotStarted(Refused):
    """It does not come up again."""

    kind, name = "unavailable", "NotStarted"


class Process(NamedTuple):
    """All that it takes to start it again. unit: of systemd's, if it is one's main process. output: where it wrote."""

    pid: int
    words: list[str]
    environment: dict[str, str]
    folder: str
    owner: int
    group: int
    unit: str
    output: str


class Service:
    """Of the network in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: Process | None = None
        self._lock: DirectoryLock | None = None

    def running(self) -> int:
        """The process id of whoever listens at the control socket; 0: nobody does."""
        there = reach.connect(self._directory)
        if there is None:
            return 0
        with there:
            form = struct.Struct("3i")
            found = form.unpack(there.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, form.size))
        return int(found[0])

    def others(self) -> list[str]:
        """The directories of the other networks of that process. Raises NotOurs."""
        pid, found = self.running(), []
        with _asked():
            for each in Path(f"/proc/{pid}/fd").iterdir() if pid else ():
                with suppress(FileNotFoundError):
                    held = Path(os.readlink(each))
                    if held.name == "lock" and held.parent != self._directory.resolve():
                        found.append(str(held.parent))
        return sorted(found)

    def take(self, sign: signal.Signals) -> None:
        """End it by this signal, and hold its place. Raises NotOurs, NotStopped."""
        pid = self.running()
        if pid:
            with _asked():
                self._process = _process(pid)
                os.kill(pid, sign)
        if self._lock is None:
            self._lock = self._locked()

    def give_back(self) -> None:
        """Let it be started again, and see that it is. Idempotent. Raises NotStarted."""
        if self._lock is None:
            return
        self._lock.release()
        self._lock = None
        was = self._process
        if was is None or machine.read(self._directory).role not in STARTED:
            return
        if was.unit:
            _systemctl("reset-failed", was.unit)
            _systemctl("start", "--no-block", was.unit)
        elif not self._runs_within(OTHERS_SECONDS):  # whatever kept it running may do so again
            self._start(was)
        if not self._runs_within(START_SECONDS):
            raise NotStarted(f"{self._directory} was not served again within {START_SECONDS:.0f} seconds: start it.")

    def _locked(self) -> DirectoryLock:
        until = time.monotonic() + END_SECONDS
        while True:
            try:
                return DirectoryLock(self._directory)
            except AlreadyRunning:
                if time.monotonic() > until:
                    raise NotStopped(f"{self._directory} is still served; nobody could end it.") from None
            time.sleep(LOOK_SECONDS)

    def _runs_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self.running():
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _start(self, was: Process) -> None:
        root = os.geteuid() == 0
        with open(was.output or self._directory / OUTPUT, "ab") as out:
            subprocess.Popen(  # noqa: S603 (the words that it was started by)
                was.words,
                env=was.environment,
                cwd=was.folder,
                user=was.owner if root else None,
                group=was.group if root else None,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )


@contextmanager
def _asked() -> Iterator[None]:
    """What the system does not let us have of another's process becomes NotOurs; one that ended is gone."""
    try:
        yield
    except PermissionError:
        raise NotOurs from None
    except ProcessLookupError:
        pass


def _process(pid: int) -> Process:
    at = Path(f"/proc/{pid}")
    words = (at / "cmdline").read_bytes().decode(errors="surrogateescape").split("\0")[:-1]
    pairs = (at / "environ").read_bytes().decode(errors="surrogateescape").split("\0")
    environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    owner = at.stat()
    output = Path(os.readlink(at / "fd" / "2"))
    return Process(
        pid,
        words,
        environment,
        os.readlink(at / "cwd"),
        owner.st_uid,
        owner.st_gid,
        _unit(pid),
        str(output) if output.is_file() else "",
    )


def _unit(pid: int) -> str:
    """The service of systemd's whose main process it is."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        unit = line.rpartition("/")[2]
        if unit.endswith(".service") and _systemctl("show", "-p", "MainPID", "--value", unit).strip() == str(pid):
            return unit
    return ""


def _systemctl(*words: str) -> str:
    try:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False, timeout=START_SECONDS)  # noqa: S603, S607
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
