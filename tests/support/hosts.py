"""Several hosts on one machine: network namespaces that hang on one wire. Needs root and iproute2.

A socket that is made on a host stays there, whoever uses it: `connect` and `udp` make them in a thread that goes over
to the host for a moment, so that a test speaks from any of them without a process there.
"""

import ctypes
import os
import secrets
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")

NETWORK = "203.0.113"
CLONE_NEWNET = 0x40000000
CONNECT_SECONDS = 5
NOBODY = "02:00:00:00:00:ff"


class Host(NamedTuple):
    """One of them. space: the namespace's name."""

    space: str
    address: str

    @property
    def prefix(self) -> list[str]:
        """What stands before a command that runs there."""
        return ["ip", "netns", "exec", self.space]

    def there(self, make: Callable[[], T]) -> T:
        """Call `make` on this host."""
        with ThreadPoolExecutor(1) as away:
            return away.submit(self.go, make).result()

    def go(self, make: Callable[[], T]) -> T:
        """Let this thread go over to the host for good, and call `make` there."""
        libc = ctypes.CDLL(None, use_errno=True)
        space = os.open(f"/run/netns/{self.space}", os.O_RDONLY)
        try:
            if libc.setns(space, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(space)
        return make()

    def connect(self, address: str, port: int) -> socket.socket:
        """A TCP connection from here."""
        return self.there(lambda: socket.create_connection((address, port), timeout=CONNECT_SECONDS))

    def lose(self, other: "Host") -> None:
        """From now on what is sent from here to there arrives nowhere, and nobody is told."""
        _ip("-n", self.space, "neigh", "replace", other.address, "lladdr", NOBODY, "dev", "eth0", "nud", "permanent")

    def find(self, other: "Host") -> None:
        """After `lose`: it arrives again."""
        _ip("-n", self.space, "neigh", "del", other.address, "dev", "eth0")

    def udp(self, port: int) -> socket.socket:
        """A UDP socket that is bound here."""

        def make() -> socket.socket:
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((self.address, port))
            return made

        return self.there(make)


@contextmanager
def hosts(*names: str) -> Iterator[list[Host]]:
    """As many hosts, each with an address of its own, on one wire; all gone at the end."""
    mark = secrets.token_hex(3)
    wire = f"fh{mark}-wire"
    with ExitStack() as stack:
        _space(stack, wire)
        _ip("-n", wire, "link", "add", "wire", "type", "bridge")
        _ip("-n", wire, "link", "set", "wire", "up")
        made = []
        for number, name in enumerate(names, 1):
            host = Host(f"fh{mark}-{name}", f"{NETWORK}.{number}")
            _space(stack, host.space)
            _plug_in(host, wire, f"p{number}")
            made.append(host)
        yield made


def _space(stack: ExitStack, name: str) -> None:
    _ip("netns", "add", name)
    stack.callback(_ip, "netns", "del", name)
    _ip("-n", name, "link", "set", "lo", "up")


def _plug_in(host: Host, wire: str, plug: str) -> None:
    _ip("-n", wire, "link", "add", plug, "type", "veth", "peer", "name", "eth0", "netns", host.space)
    _ip("-n", wire, "link", "set", plug, "master", "wire", "up")
    _ip("-n", host.space, "address", "add", f"{host.address}/24", "dev", "eth0")
    _ip("-n", host.space, "link", "set", "eth0", "up")


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


@cache
def find_hosts() -> Path | None:
    """The `ip` program, if namespaces can be made with it here."""
    if os.geteuid() != 0:
        return None
    try:
        with hosts("probe"):
            return Path("/run/netns")
    except (OSError, AssertionError):
        return None
