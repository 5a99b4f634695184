"""Addresses that the network's own process is kept from reaching on this machine, for a while and no longer.

In come addresses with ports, and the user that the process runs as; meanwhile there is a rule of routing for each
("unreachable", for TCP of that user to that port), connections that are open are shut down, and nothing else of the
machine is touched. It ends however this process ends: a remover of its own session waits at a pipe whose other end only
this process holds, and deletes the rules at the end of file, or after `LIMIT_SECONDS`. Rules of a drill bear a number
of their own, so that what is left of one is found; a restart of the machine forgets them. Linux 4.17, iproute2, root.
Source: ip-rule(8), pidfd_getfd(2), socket(7); https://docs.kernel.org/networking/policy-routing.html
"""

import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Collection, Iterator
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

from freehold.protocol.refused import Refused

PREFERENCE, PROTOCOL = 1, 202
"""Before all but the machine's own addresses; and whose rules they are, a number that no routing daemon has."""
LIMIT_SECONDS, END_SECONDS, TRY_SECONDS = 180, 10.0, 3.0
PIDFD_GETFD = 438
"""The same number on every kind of machine."""
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

SWEEP = (
    "while {ip} -4 rule del pref {pref} protocol {protocol} 2>/dev/null; do :; done;"
    " while {ip} -6 rule del pref {pref} protocol {protocol} 2>/dev/null; do :; done"
)
REMOVER = "trap '' HUP INT TERM PIPE; timeout -s KILL {limit} cat >/dev/null; " + SWEEP


class NotCut(Refused):
    """The rules could not be made."""

    kind, name = "unavailable", "NotCut"


class Target(NamedTuple):
    """address: without a zone. port: of TCP."""

    address: str
    port: int


class Cutting:
    """On this machine. Nothing is cut until `take`."""

    def __init__(self, limit_seconds: int = LIMIT_SECONDS) -> None:
        self._limit = limit_seconds
        self._remover: subprocess.Popen[bytes] | None = None
        self._cut: set[Target] = set()

    def take(self, targets: Collection[Target], user: int) -> None:
        """From now on that user reaches none of them; more may be added. Raises NotCut."""
        if self._remover is None:
            sweep()
            script = REMOVER.format(limit=self._limit, **_names())
            self._remover = subprocess.Popen(  # noqa: S603 (our own words and numbers)
                ["/bin/sh", "-c", script],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        for each in set(targets) - self._cut:
            _ip(_family(each), "rule", "add", *_words(each, user))
            self._cut.add(each)
        _hang_up(set(targets), user)

    def give_back(self) -> None:
        """The rules are gone when this returns. Idempotent. Raises NotCut."""
        remover, self._remover = self._remover, None
        self._cut.clear()
        if remover is not None:
            assert remover.stdin is not None
            with suppress(OSError):
                remover.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                remover.wait(END_SECONDS)
        sweep()
        if remover is not None and (rules := left()):
            raise NotCut(f"A rule of routing could not be deleted: {rules[0]}")


def sweep() -> None:
    """Delete every rule of a drill, also what one that was lost has left. Nothing without root."""
    if os.geteuid() == 0 and shutil.which("ip", path=PATH):
        subprocess.run(["/bin/sh", "-c", SWEEP.format(**_names())], check=False, timeout=END_SECONDS)  # noqa: S603


def left() -> list[str]:
    """The rules of drills that stand now."""
    lines = [line for family in ("-4", "-6") for line in _ip(family, "rule", "list").splitlines()]
    return [line for line in lines if f"proto {PROTOCOL}" in line]


def reaches(target: Target, user: int) -> bool:
    """Whether a process of that user would come through to there now."""
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as line:
        os.fchown(line.fileno(), user, -1)  # the kernel takes it for that user's
        line.settimeout(TRY_SECONDS)
        with suppress(OSError):
            line.connect(tuple(target))
            return True
    return False


def is_here(address: str) -> bool:
    """Whether it is one of this machine's own, to which rules do not count."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as line, suppress(OSError):
        line.bind((address, 0))
        return True
    return False


# --- whose it is


def why_not(pid: int) -> str:
    """Why nothing can be taken from that process alone; empty: it can."""
    if os.geteuid() != 0 or shutil.which("ip", path=PATH) is None:
        return "it takes root and iproute2 on the network's own machine"
    if not _has_rules():
        return "that machine's kernel has no rules of routing"
    user = user_of(pid)
    if user == 0:
        return "its process runs as root, and everything else of root's would be cut off with it"
    if os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net"):
        return "its process is in a network of its own (a container), whose rules are not this machine's"
    if others := sorted({_name(each) for each in _of_user(user) if pid not in _line(each)}):
        return f"its user runs other things there too: {', '.join(others)}"
    return ""


def _has_rules() -> bool:
    with suppress(NotCut):
        return bool(_ip("rule", "list"))
    return False


def user_of(pid: int) -> int:
    """Whose process it is. Raises FileNotFoundError where it has ended."""
    return Path(f"/proc/{pid}").stat().st_uid


def _of_user(user: int) -> list[int]:
    found = []
    for each in Path("/proc").iterdir():
        with suppress(FileNotFoundError):
            if each.name.isdigit() and each.stat().st_uid == user:
                found.append(int(each.name))
    return found


def _line(pid: int) -> Iterator[int]:
    """It, whose child it is, whose that is …"""
    with suppress(FileNotFoundError, ProcessLookupError):
        while pid:
            yield pid
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _name(pid: int) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


# --- what is open


def _hang_up(targets: set[Target], user: int) -> None:
    """Shut down the connections to there that processes of that user hold; they would only fall silent."""
    for pid in _of_user(user):
        with suppress(OSError):
            at = os.pidfd_open(pid)
            try:
                for file in _sockets(pid):
                    _shut_down(at, file, targets)
            finally:
                os.close(at)


def _sockets(pid: int) -> list[int]:
    found = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if os.readlink(each).startswith("socket:"):
                found.append(int(each.name))
    return found


def _shut_down(process: int, file: int, targets: set[Target]) -> None:
    """That file of a process, if it is a connection to one of them."""
    ours = ctypes.CDLL(None).syscall(PIDFD_GETFD, process, file, 0)
    if ours < 0:  # closed meanwhile
        return
    with socket.socket(fileno=ours) as line, suppress(OSError):
        if line.family in (socket.AF_INET, socket.AF_INET6) and _target(line.getpeername()) in targets:
            line.shutdown(socket.SHUT_RDWR)


def _target(peer: tuple[str, int]) -> Target:
    address = ip_address(peer[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return Target(str(mapped or address), peer[1])


# --- the rules


def _names() -> dict[str, object]:
    return {"ip": shutil.which("ip", path=PATH), "pref": PREFERENCE, "protocol": PROTOCOL}


def _family(target: Target) -> str:
    return "-6" if ":" in target.address else "-4"


def _words(target: Target, user: int) -> list[str]:
    to, whose = ("to", target.address, "ipproto", "tcp", "dport", str(target.port)), f"{user}-{user}"
    return ["pref", str(PREFERENCE), *to, "uidrange", whose, "protocol", str(PROTOCOL), "unreachable"]


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False, env={"PATH": PATH})  # noqa: S603, S607
    if done.returncode:
        raise NotCut(f"The rule of routing could not be made (ip {' '.join(words)}): {done.stderr.strip()}")
    return done.stdout
