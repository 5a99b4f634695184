"""One wire with machines on it: network namespaces, made by a drill and gone with it. Needs root and iproute2.

A machine here has an address and processes of its own, and can be taken away whole: every process on it killed, its
plug pulled. Addresses look public, because a network speaks to no others of its own accord; nothing leaves the wire.
Source: ip-netns(8), network_namespaces(7)
"""

import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from freehold.protocol.refused import Refused

NETWORK, BITS = "45.64.0", 10
MARK = "fhdrill"
SPACES = Path("/run/netns")
CLONE_NEWNET = 0x40000000
END_SECONDS = 5.0


class NoWire(Refused):
    """Machines cannot be made here."""

    kind, name = "unavailable", "NoWire"


class Host(NamedTuple):
    """A machine on the wire. space: the name of its namespace."""

    name: str
    space: str
    address: str

    def prefix(self, nameserver_file: Path | None = None) -> list[str]:
        """What stands before a command that runs there. nameserver_file: its /etc/resolv.conf, for it alone."""
        there = ["ip", "netns", "exec", self.space]
        if nameserver_file is None:
            return there
        return [*there, "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(nameserver_file)]


class Wire:
    """The wire of one drill; close it at the end."""

    def __init__(self) -> None:
        assure_possible()
        sweep()
        self._hosts: dict[str, Host] = {}
        self._made = 0
        self._space = f"{MARK}-{os.getpid()}"
        _ip("netns", "add", self._space)
        try:
            _ip("-n", self._space, "link", "add", "wire", "type", "bridge")
            _ip("-n", self._space, "link", "set", "wire", "up")
        except NoWire:
            self.close()
            raise

    def plug_in(self, name: str, address: str = "") -> Host:
        """A new machine. address: one that a machine had before; else it gets its own."""
        self._made += 1
        plug, space = f"plug{self._made}", f"{self._space}-{self._made}"
        host = Host(name, space, address or f"{NETWORK}.{self._made}")
        _ip("netns", "add", space)
        self._hosts[space] = host
        _ip("-n", space, "link", "set", "lo", "up")
        _ip("-n", self._space, "link", "add", plug, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("-n", self._space, "link", "set", plug, "master", "wire", "up")
        _ip("-n", space, "address", "add", f"{host.address}/{BITS}", "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "up")
        return host

    def more_addresses(self, host: Host, addresses: Sequence[str]) -> None:
        """Let a machine have these too."""
        lines = "".join(f"address add {address}/{BITS} dev eth0\n" for address in addresses)
        _ip("-n", host.space, "-batch", "-", given=lines)

    def take_away(self, host: Host) -> None:
        """Kill every process on it, at once and without notice, and pull its plug."""
        del self._hosts[host.space]
        _ip("-n", host.space, "link", "delete", "eth0")
        _remove(host.space)

    def close(self) -> None:
        """All of it."""
        for space in [*self._hosts, self._space]:
            _remove(space)
        self._hosts.clear()


def assure_possible() -> None:
    """Raises NoWire."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        raise NoWire(
            "This drill makes machines of its own, and takes them away: run it as root, on Linux with iproute2"
            " (sudo freehold drill …). Without root there is the drill lost-machine."
        )


def sweep() -> None:
    """Remove what a drill left that was killed itself."""
    for space in sorted(SPACES.glob(f"{MARK}-*"), reverse=True):
        if not Path(f"/proc/{space.name.split('-')[1]}").exists():
            _remove(space.name)


@contextmanager
def standing_on(host: Host) -> Iterator[None]:
    """What this thread, and threads that it begins, open meanwhile is on that machine."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(SPACES / host.space, os.O_RDONLY)
    try:
        _go(there)
        try:
            yield
        finally:
            _go(own)
    finally:
        os.close(there)
        os.close(own)


def _go(space: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(space, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _remove(space: str) -> None:
    with suppress(NoWire):
        until = time.monotonic() + END_SECONDS
        while (found := _pids(space)) and time.monotonic() < until:
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        _ip("netns", "del", space)


def _pids(space: str) -> list[int]:
    """Processes there. Those that are dead and not yet taken note of by their parent are not among them."""
    return [pid for pid in map(int, _ip("netns", "pids", space).split()) if pid != os.getpid()]


def _ip(*words: str, given: str = "") -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, input=given, check=False)  # noqa: S603, S607
    if done.returncode:
        raise NoWire(f"A machine of the drill could not be made (ip {' '.join(words)}): {done.stderr.strip()}")
    return done.stdout
