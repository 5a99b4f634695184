"""What a live drill takes from a network that is outside: on hosts of their own, with a process that is killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from freehold.cli.drill.live.cutting import PREFERENCE, PROTOCOL, why_not
from support.children import environment
from support.hosts import Host, hosts
from support.patience import until

pytestmark = pytest.mark.hosts
USER, ALONE = 64_017, 64_019
CHILD = (sys.executable, "-m", "support.cutting_child")


class Child:
    """One of `support.cutting_child`, on a host."""

    def __init__(self, host: Host, *words: object) -> None:
        command = ["ip", "netns", "exec", host.space, *CHILD, *map(str, words)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )

    def hears(self) -> str:
        """The next line that it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def asked(self) -> str:
        """What it says when it is asked to go on."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.hears()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


class Place:
    """near: where the network's process calls from. Two ports of far, the first of which will be cut."""

    def __init__(self, near: Host, far: Host, ports: list[int], stack: ExitStack) -> None:
        self.near, self.far, self.ports, self._stack = near, far, ports, stack

    def network(self) -> Child:
        """It has a connection to each port."""
        made = self._child("calls", USER, self.far.address, *self.ports)
        assert made.hears() == "calls"
        assert (made.asked(), made.hears()) == ("open True", "open True")
        return made

    def hand(self, limit: int = 60) -> tuple[Child, int]:
        """It has cut the first port, which it reaches itself; its remover's process, too."""
        made = self._child("cuts", limit, USER, self.far.address, self.ports[0])
        by_user, by_root, remover = made.hears().split()
        assert (by_user, by_root) == ("False", "True")
        return made, int(remover)

    def rules(self) -> list[str]:
        """Of drills, that stand there."""
        return [line for line in self.ip("rule", "list").splitlines() if f"proto {PROTOCOL}" in line]

    def ip(self, *words: str) -> str:
        """A command to the network's host."""
        command = ["ip", "-n", self.near.space, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def _child(self, *words: object) -> Child:
        made = Child(self.near, *words)
        self._stack.callback(made.close)
        return made


@pytest.fixture
def place() -> Iterator[Place]:
    with hosts("near", "far") as (near, far), ExitStack() as stack:
        ports = [stack.enter_context(echoing(far)) for _ in range(2)]
        yield Place(near, far, ports, stack)


@contextmanager
def echoing(host: Host) -> Iterator[int]:
    """Somebody on a host who says what is said to them; at which port."""
    listener = host.there(lambda: socket.create_server((host.address, 0)))

    def echo(line: socket.socket) -> None:
        with line, suppress(OSError):
            while data := line.recv(100):
                line.sendall(data)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


async def test_one_port_is_out_of_the_reach_of_one_user_and_comes_back_when_the_hand_is_killed(place: Place) -> None:
    network = place.network()
    hand, _ = place.hand()
    assert (network.asked(), network.hears()) == ("ended False", "open True")
    assert len(place.rules()) == 1
    hand.process.send_signal(signal.SIGKILL)
    await until(lambda: not place.rules())
    assert (network.asked(), network.hears()) == ("ended True", "open True")


async def test_what_was_cut_is_given_back_and_comes_back_after_its_time_if_nobody_gives_it_back(place: Place) -> None:
    hand, _ = place.hand()
    assert hand.asked() == "False"
    assert hand.hears() == "True []"
    late, _ = place.hand(limit=1)
    await until(lambda: not place.rules())
    assert late.asked() == "True"


async def test_what_a_lost_remover_left_is_swept_and_nothing_else(place: Place) -> None:
    other = ["pref", str(PREFERENCE), "to", "192.0.2.9", "unreachable"]
    place.ip("rule", "add", *other)
    hand, remover = place.hand()
    os.kill(remover, signal.SIGKILL)
    hand.process.send_signal(signal.SIGKILL)
    hand.process.wait()
    assert len(place.rules()) == 1
    again, _ = place.hand()
    assert len(place.rules()) == 1  # its own
    assert again.asked() == "False"
    assert again.hears() == "True []"
    assert "192.0.2.9" in place.ip("rule", "list")


def test_only_a_process_with_a_user_and_the_machines_own_network_is_cut_off(place: Place) -> None:
    with subprocess.Popen(["sleep", "60"], user=ALONE) as alone:
        assert why_not(alone.pid) == ""
        with subprocess.Popen(["sleep", "60"], user=ALONE) as other:
            assert "its user runs other things there too: sleep" in why_not(alone.pid)
            other.kill()
        alone.kill()
    assert "runs as root" in why_not(1)
    assert "in a network of its own" in why_not(place.network().process.pid)
