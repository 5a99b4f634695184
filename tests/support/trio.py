"""Three machines, each a network namespace with a disk and a process of its own: two hold a network, one is a witness.

What befalls machines befalls them here: their processes are killed or paused, their power is cut, packets between two
of them go nowhere, their wall clocks are set. `settle` then does what an operator does: starts what has ended, and lets
a primary that was succeeded be the standby of the new one.
"""

import re
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, redirect_stdout, suppress
from http.client import HTTPConnection, HTTPException
from io import StringIO
from itertools import count, permutations
from pathlib import Path

from freehold.cli import main, reach
from freehold.haven import machine as standing
from freehold.protocol.refused import Refused
from freehold.store.files import write_durably
from support.disk import Disk, disks_can_be_made
from support.hosts import Host, hosts
from support.jumping_child import OFF
from support.network import CHEAP
from support.nursery import Child, Nursery

PORT, LINK, VOTES = 8000, 7100, 7101
HOST = f"localhost:{PORT}"
SETTLE_SECONDS = 240.0
ANSWER_SECONDS = 60.0
ASKED_AGAIN = 5
CODE = re.compile(r"(tls://)\S+?(:\d+) --code (\S+)")


class Ears:
    """The terminal of an operator who only listens."""

    interactive = False

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    def progress(self, what: str, done: int, total: int | None) -> None:
        """Not looked at."""

    def rest(self) -> None:
        """Nothing is shown that would have to be ended."""


class Machine:
    """One of the three. life: the number of its process, among all of the trio. epochs: of each life that has ended."""

    def __init__(self, host: Host, folder: Path, nursery: Nursery, lives: "count[int]", settings: str) -> None:
        self._nursery = nursery
        self.host, self.name = host, host.space.rpartition("-")[2]
        self._folder = folder / self.name
        self.disk = Disk(folder / f"{self.name}.disk", self._folder) if disks_can_be_made() else None
        self.directory = self._folder / "net"
        self.directory.mkdir(parents=True)
        write_durably(self.directory / "settings.toml", settings.encode())
        self.log = folder / f"{self.name}.log"
        self.log.touch()
        self._clock = folder / f"{self.name}.clock"
        self._clock.write_bytes(OFF.pack(0))
        self._lives = lives
        self.life = 0
        self.epochs: dict[int, int] = {}
        self.words: Sequence[object] = ("run", self.directory, "--dev", "--port", PORT)
        self._child: Child | None = None

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive()

    def start(self) -> None:
        """Its process, unless it has one that lives."""
        if self.alive:
            return
        self._end()
        self.life = next(self._lives)
        self._child = self._nursery.begin(self.host, self._clock, self.log, self.words)

    def stop(self, by: int = signal.SIGTERM) -> None:
        """End its process."""
        self.send(by)
        self._end()

    def _end(self) -> None:
        if self._child is not None:
            self._child.wait()
            self._child.forget()
            self._child = None
            self.epochs[self.life] = self.standing().epoch

    def send(self, signal_: int) -> None:
        """A signal to its process, if it has one."""
        if self._child is not None:
            self._child.send(signal_)

    def cut_power(self) -> None:
        """All that is not on its disk is gone, the process first."""
        self.send(signal.SIGSTOP)
        if self.disk is not None:
            self.disk.cut()
        self.send(signal.SIGKILL)
        if self._child is not None:
            self._child.wait()
        if self.disk is not None:
            self.disk.restore()
        self._end()

    def set_clock(self, seconds: float) -> None:
        """So far off from now on."""
        self._clock.write_bytes(OFF.pack(int(seconds * 1e9)))

    def standing(self) -> standing.Machine:
        """What it is, as its disk says."""
        return standing.read(self.directory)

    def connection(self, seconds: float = ANSWER_SECONDS) -> HTTPConnection:
        """To its network's door. For a thread that is on its host: see `Host.there`."""
        return HTTPConnection("127.0.0.1", PORT, timeout=seconds)

    def socket(self) -> socket.socket:
        """The same, for whoever speaks otherwise."""
        return socket.create_connection(("127.0.0.1", PORT), timeout=ANSWER_SECONDS)

    def is_served(self) -> bool:
        """Whether the network answers there."""

        def ask() -> bool:
            with suppress(OSError, HTTPException), closing(self.connection(2)) as connection:
                connection.request("GET", "/xrpc/_health", headers={"host": HOST})
                return connection.getresponse().status == 200
            return False

        return bool(self.host.there(ask))

    def command(self, *words: object) -> list[str]:
        """What an act answers to these words, typed on it. Raises Refused."""
        there = reach.connect(self.directory)
        if there is None:
            raise reach.NetworkEnded
        there.settimeout(ANSWER_SECONDS)
        ears = Ears()
        try:
            reach.Far(there, ears, []).perform(["standby", str(self.directory), *map(str, words)])  # type: ignore[arg-type]
        except TimeoutError:
            raise reach.NetworkEnded from None
        return ears.said

    def compared_with(self, standby: "Machine") -> str:
        """What comparing everything says. Where the machines lost each other meanwhile, as with much else to do, it is
        asked again, as an operator would."""
        for _ in range(ASKED_AGAIN):
            with suppress(Refused):
                return "\n".join(self.command("verify", standby.name))
            time.sleep(1)
        return "\n".join(self.command("verify", standby.name))


class Trio:
    """one, two: the network's machines; at first `one` is the primary. third: the witness."""

    def __init__(self, made: list[Host], folder: Path, nursery: Nursery, settings: str) -> None:
        lives = count(1)
        self.one, self.two, self.third = (Machine(host, folder, nursery, lives, settings) for host in made)
        self.all = (self.one, self.two, self.third)
        self._lost: set[tuple[Machine, Machine]] = set()

    # --- as an operator

    def set_up(self) -> None:
        """Start all three and let them know each other."""
        one, third = self.one, self.third
        third.words = ("witness", third.directory, "--listen", f"{third.host.address}:{VOTES}")
        (third.directory / "settings.toml").unlink()
        third.start()
        one.start()
        wait_for(lambda: " is a witness" in third.log.read_text() and one.is_served(), self.logs)
        found = CODE.search(third.log.read_text())
        assert found
        one.command("witness", f"{found[1]}{third.host.address}{found[2]}", "--code", found[3])
        write_durably(self.two.directory / "unlock.key", (one.directory / "unlock.key").read_bytes())
        self._begin_to_follow(self.two, one)
        wait_for(self.is_settled, self.logs)

    def _begin_to_follow(self, new: Machine, primary: Machine) -> None:
        said = StringIO()
        with redirect_stdout(said):
            assert not main.main(["standby", str(new.directory), "make", "--listen", f"{new.host.address}:{LINK}"])
        new.start()
        found = CODE.search(said.getvalue())
        assert found
        words = (f"{found[1]}{new.host.address}{found[2]}", "--code", found[3], "--name", new.name)

        def added() -> bool:
            with suppress(Refused):
                if any(peer.name == new.name for peer in primary.standing().standbys):
                    primary.command("remove", new.name)
                primary.command("add", *words)
                return True
            return False

        wait_for(added, self.logs)

    def primary(self) -> Machine | None:
        """The one that reigns, if that is clear."""
        found = [each for each in (self.one, self.two) if each.standing().role == "primary"]
        return found[0] if len(found) == 1 else None

    def settle(self) -> None:
        """Mend everything, then do what an operator does until there are a primary and a standby in step."""
        for each in self.all:
            each.send(signal.SIGCONT)
        for a, b in tuple(self._lost):
            self.find(a, b)
        for each in self.all:
            each.start()
        wait_for(self._settled, self.logs)

    def _settled(self) -> bool:
        for each in self.all:
            each.start()
        primary = self.primary()
        fenced = next((each for each in (self.one, self.two) if each.standing().role == "fenced"), None)
        if fenced is not None and primary is not None and primary.is_served():
            fenced.stop()
            self._begin_to_follow(fenced, primary)
        return self.is_settled()

    def is_settled(self) -> bool:
        """Whether one is the primary, by grace of the witness, and the other in step."""
        primary = self.primary()
        if primary is None or not primary.is_served():
            return False
        with suppress(Refused):
            said = "\n".join(primary.command("list"))
            return "in step" in said and "grants" in said
        return False

    def epochs(self) -> dict[int, int]:
        """Of each life, the one under which it could say yes."""
        now = {each.life: each.standing().epoch for each in (self.one, self.two) if each.alive}
        return self.one.epochs | self.two.epochs | now

    # --- as fate

    def lose(self, a: Machine, b: Machine) -> None:
        """What a sends to b goes nowhere."""
        if (a, b) not in self._lost:
            self._lost.add((a, b))
            a.host.lose(b.host)

    def find(self, a: Machine, b: Machine) -> None:
        """It arrives again."""
        if (a, b) in self._lost:
            self._lost.remove((a, b))
            a.host.find(b.host)

    def ways(self) -> list[tuple[Machine, Machine]]:
        """From each machine to each other one."""
        return list(permutations(self.all, 2))

    def logs(self) -> str:
        """What all processes said last, and what they say now."""
        return "\n".join(
            f"--- {each.name}: {each.standing()}\n{each.log.read_text()[-3000:]}\n{self._asked(each)}"
            for each in self.all
        )

    def _asked(self, machine: Machine) -> str:
        try:
            return "\n".join(machine.command("list"))
        except (Refused, OSError) as refused:
            return repr(refused)

    def tear_down(self) -> None:
        """End everything."""
        for each in self.all:
            each.stop(signal.SIGKILL)
            if each.disk is not None:
                each.disk.discard()


def wait_for(holds: Callable[[], bool], logs: Callable[[], str]) -> None:
    """Until it is so."""
    patience = time.monotonic() + SETTLE_SECONDS
    while not holds():
        assert time.monotonic() < patience, f"it does not come about:\n{logs()}"
        time.sleep(0.1)


@contextmanager
def trio(folder: Path, settings: str = "") -> Iterator[Trio]:
    """Three machines that work together; gone at the end. settings: more lines of both networks' settings.toml."""
    with ExitStack() as stack:
        made = stack.enter_context(hosts("one", "two", "third"))
        nursery = Nursery()
        stack.callback(nursery.close)
        three = Trio(made, folder, nursery, CHEAP + settings)
        stack.callback(three.tear_down)
        three.set_up()
        yield three
