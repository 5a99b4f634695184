"""How machines of one network reach each other: by ssh, by TLS with pinned certificates, or by a socket of one machine.

In come addresses, `ssh://USER@HOST[:PORT]/DIRECTORY`, `tls://HOST:PORT` or `unix:///PATH`; out come streams that give
up when the other side has been silent for `SILENCE_SECONDS`. By ssh, `freehold standby bridge DIRECTORY` runs over
there, and its standard input and output lead to the standby's own socket: who may is decided by ssh, whose keys are
pinned.
"""

import os
import socket
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from freehold.haven import papers
from freehold.haven.wire import LinkLost, Stream
from freehold.protocol.refused import InvalidRequest

SILENCE_SECONDS = 10
CONNECT_SECONDS = 10
"""By ssh, with all that it asks."""
REACHED_SECONDS = 4
"""Until the other machine's kernel answers. Its first packets may have been lost in a cut that is over: try anew."""
SOCKET = "standby.sock"
SSH_KEY, SSH_HOSTS = "haven_ssh", "haven_known_hosts"
DEFAULT_PORT = 7_100


class Address(NamedTuple):
    """kind: ssh, tls or unix. host: for ssh with USER@. path: the directory for ssh, the socket for unix."""

    kind: str
    host: str
    port: int
    path: str


def parse(text: str) -> Address:
    """An address as people write it. Raises InvalidRequest."""
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = -1
    host, path = parts.hostname or "", parts.path
    sound = {
        "ssh": bool(host and path) and not host.startswith("-"),
        "tls": bool(host) and not path,
        "unix": bool(path) and not host,
    }.get(parts.scheme, False)
    if not sound or port == -1:
        raise InvalidRequest(f"“{text}” is not ssh://USER@HOST/DIRECTORY, tls://HOST:PORT or unix:///PATH.")
    user = f"{parts.username}@" if parts.username and parts.scheme == "ssh" else ""
    return Address(parts.scheme, user + host, port or (22 if parts.scheme == "ssh" else DEFAULT_PORT), path)


def connect(address: str, directory: Path, pin: bytes | None, silence: float = SILENCE_SECONDS) -> Stream:
    """A stream to the other machine. directory: of this one. pin: the other's certificate, for tls. silence: seconds
    after which tls gives up. Raises LinkLost."""
    to = parse(address)
    if to.kind == "tls" and pin is None:
        raise LinkLost(because="this standby was not introduced")
    try:
        match to.kind:
            case "unix":
                return _unix(to.path)
            case "tls":
                return _tls(to, papers.calling(directory, pin or b""), silence)
            case _:
                return Ssh(ssh_command(to, directory))
    except OSError as error:
        raise LinkLost(because=repr(error)) from None


def connect_nameless(address: str) -> ssl.SSLSocket:
    """A TLS connection to whoever answers, showing no certificate: for `Pair`. Raises LinkLost, InvalidRequest."""
    to = parse(address)
    if to.kind != "tls":
        raise InvalidRequest("Only standbys that are reached by tls:// are introduced by a code.")
    try:
        return _tls(to, papers.nameless(), SILENCE_SECONDS)
    except OSError as error:
        raise LinkLost(because=repr(error)) from None


def shown_by(address: str) -> str:
    """The fingerprint of whoever answers there. Raises LinkLost, InvalidRequest."""
    stream = connect_nameless(address)
    try:
        return papers.fingerprint(stream.getpeercert(binary_form=True) or b"")
    finally:
        stream.close()


def _unix(path: str) -> socket.socket:
    end = socket.socket(socket.AF_UNIX)
    try:
        end.settimeout(SILENCE_SECONDS)
        end.connect(path)
    except BaseException:
        end.close()
        raise
    return end


def _tls(to: Address, context: ssl.SSLContext, silence: float) -> ssl.SSLSocket:
    plain = socket.create_connection((to.host, to.port), timeout=REACHED_SECONDS)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.settimeout(silence)
        end = context.wrap_socket(plain)
    except BaseException:
        plain.close()
        raise
    return end


SSH_FAILED = 255
"""What ssh ends with where it did not come to the command."""


def ssh_command(to: Address, directory: Path) -> list[str]:
    """How the standby is reached: with the key made for it, no other, and only if its host key is the pinned one."""
    return [
        "ssh",
        "-T",
        *("-i", str(directory / SSH_KEY), "-p", str(to.port)),
        *("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"),
        *("-o", f"UserKnownHostsFile={directory / SSH_HOSTS}", "-o", f"ConnectTimeout={CONNECT_SECONDS}"),
        *("-o", "ServerAliveInterval=3", "-o", "ServerAliveCountMax=3"),
        "--",
        to.host,
        f"freehold standby bridge {to.path}",
    ]


class Ssh:
    """The standard input and output of an ssh process, as a stream."""

    def __init__(self, command: Sequence[str]) -> None:
        self._end, theirs = socket.socketpair()
        self._end.settimeout(SILENCE_SECONDS)
        with theirs:
            silent = subprocess.DEVNULL
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=silent)  # noqa: S603 (a list, no shell)
        self.settimeout = self._end.settimeout
        self.sendall = self._end.sendall
        self.recv_into = self._end.recv_into
        self.shutdown = self._end.shutdown

    def close(self) -> None:
        """End the process and the stream. Idempotent."""
        self._end.close()
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()


def bridge(directory: Path, to_socket: int = 0, from_socket: int = 1) -> None:
    """Carry bytes between two file descriptors and the standby's socket in `directory`, until either side ends."""
    import selectors  # for this process only

    with _unix(str(directory / SOCKET)) as end, selectors.DefaultSelector() as ready:
        end.settimeout(None)
        ready.register(to_socket, selectors.EVENT_READ)
        ready.register(end, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is end:
                    data = end.recv(1 << 16)
                    _write_all(from_socket, data)
                else:
                    data = os.read(to_socket, 1 << 16)
                    end.sendall(data)
                if not data:
                    return


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
