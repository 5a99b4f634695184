"""The machines of a drill: processes of this one machine, each with a directory and ports of its own.

In come a network's directory and a folder for the drill; out come a primary, a standby and a witness that run.
Everything here is the drill's own: the network's directory is read, and nothing but a copy of it is started.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from freehold import settings as all_settings
from freehold.cli.resting import copy_database
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.clock import now_micros
from freehold.store.connection import connect
from freehold.store.tx import Tx

COMMAND = (sys.executable, "-m", "freehold.cli")
START_SECONDS = 120
AT = re.compile(r" is at https?://(\S+)")
CODE = re.compile(r"--code (\S+)")
REACHING_OUT = {"archive", "edge", "job", "outside_subscription", "outside_labeler_named"}
QUIET_SETTINGS = 'plc = "own"\nwithout_standby = "wait"\n'
"""A copy tells nobody outside of itself: no directory, no relays, no letters."""


class DrillFailed(Refused):
    """A machine of the drill did not do what it must."""

    kind, name = "unavailable", "DrillFailed"


class Machine:
    """A process that runs `freehold WORDS`, and can be lost. prefix: words before it, such as those that run it on
    another host. more: of its environment."""

    def __init__(self, directory: Path, *words: str, prefix: Sequence[str] = (), **more: str) -> None:
        self.directory = directory
        self._log = directory.with_suffix(".log")
        with self._log.open("wb") as out:
            self._child = subprocess.Popen(  # noqa: S603 (our own program)
                [*prefix, *COMMAND, *words],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **more},
            )

    def said(self) -> str:
        """All that it has said."""
        return self._log.read_text()

    def wait_for(self, words: str) -> str:
        """Until it has said this; all that it said. Raises DrillFailed."""
        until = time.monotonic() + START_SECONDS
        while words not in (said := self.said()):
            if self._child.poll() is not None or time.monotonic() > until:
                raise DrillFailed(f"A machine of the drill did not come up: {said[-600:]}")
            time.sleep(0.05)
        return said

    def lose(self) -> None:
        """Without notice: killed, and its disk wiped."""
        self.kill()
        shutil.rmtree(self.directory)

    def kill(self) -> None:
        """Without notice; it is gone when this returns."""
        self._child.kill()
        self._child.wait()

    def stop(self) -> None:
        """At the end of the drill."""
        if self._child.poll() is None:
            self._child.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(10)
            self._child.kill()
            self._child.wait()


def copy_of(directory: Path, to: Path) -> None:
    """A copy of a network that may be running: its truth, keys and blobs. Raises InvalidRequest.

    What would reach beyond the copy is taken out of it: the network's archives, edges, jobs that wait, and whom of
    other hosts and labelers it listens to.
    """
    unlock = all_settings.load(directory).unlock
    if unlock != "file":
        raise InvalidRequest(
            f"A drill needs the unlock key in a file, for the copies' machines; here it is “{unlock}”."
        )
    to.mkdir(mode=0o700, parents=True)
    for name in ("network.key", "unlock.key"):
        shutil.copy(directory / name, to / name)
    copy_database(directory / "truth.db", to / "truth.db")
    cut_off(to / "truth.db")
    shutil.copytree(directory / "blobs", to / "blobs", copy_function=_linked)
    (to / "settings.toml").write_text(QUIET_SETTINGS)


def cut_off(truth: Path) -> None:
    """Take out of a copy what reaches beyond it."""
    link = connect(truth, "write", durable=False)
    try:
        found = {name for (name,) in link.cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in found & REACHING_OUT:
            link.cursor.execute(f"DELETE FROM {table}")
    finally:
        link.close()


@contextmanager
def opened_truth(directory: Path) -> Iterator[Callable[[], AbstractContextManager[Tx]]]:
    """What lies there, to read only, as a room wants it that reads."""
    link = connect(directory / "truth.db", "read-only", durable=False)
    try:
        yield lambda: nullcontext(Tx(link, now_micros()))
    finally:
        link.close()


def _linked(source: str, to: str) -> str:
    """Blobs never change, so that a second name is a copy; on another disk it is one really."""
    try:
        os.link(source, to)
    except OSError:
        shutil.copy2(source, to)
    return to


def command(*words: object, given: str = "") -> str:
    """A command to its end; what it said. Raises DrillFailed."""
    done = subprocess.run([*COMMAND, *map(str, words)], input=given, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise DrillFailed(f"freehold {' '.join(map(str, words[:3]))}: {done.stderr.strip()}")
    return done.stdout


def free_port() -> int:
    """A port of this machine that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Haven:
    """A primary with a standby and a witness, each a process. port: where the network answers, before and after.

    second: the standby's directory.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.port, self._folder = port, folder
        self.second = folder / "standby"
        self._machines: list[Machine] = []
        self.primary: Machine
        self.host = ""
        """The network's own name, with the port if it is not the usual one."""

    def start(self) -> None:
        """All three, introduced to each other; the primary's directory is there."""
        primary, standby, third = self._folder / "primary", self.second, self._folder / "witness"
        witness_port = free_port()
        witness = self._run(third, "witness", str(third), "--listen", f"127.0.0.1:{witness_port}")
        second_port = free_port()
        made = command("standby", standby, "make", "--listen", f"127.0.0.1:{second_port}")
        shutil.copy(primary / "unlock.key", standby)
        (standby / "settings.toml").write_text(QUIET_SETTINGS)
        self.primary = self._run(primary, "run", str(primary), "--port", str(self.port))
        second = self._run(standby, "run", str(standby), "--port", str(self.port))
        self.host = _host(self.primary.wait_for(" is at "))
        second.wait_for("is a standby")
        code = _code(witness.wait_for("is a witness"))
        command("standby", primary, "witness", f"tls://127.0.0.1:{witness_port}", "--code", code)
        command("standby", primary, "add", f"tls://127.0.0.1:{second_port}", "--code", _code(made), "--name", "standby")

    def in_step(self) -> bool:
        """Whether the standby has everything."""
        listed = command("standby", self._folder / "primary", "list")
        return "in step" in listed and "grants" in listed

    def stop(self) -> None:
        """All that still run."""
        for machine in self._machines:
            machine.stop()

    def _run(self, directory: Path, *words: str) -> Machine:
        machine = Machine(directory, *words)
        self._machines.append(machine)
        return machine


def _host(said: str) -> str:
    found = AT.search(said)
    if found is None:
        raise DrillFailed(f"The network did not say where it is: {said}")
    return found[1]


def _code(said: str) -> str:
    found = CODE.search(said)
    if found is None:
        raise DrillFailed(f"No code was printed: {said}")
    return found[1]
