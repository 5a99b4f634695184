"""A Tor of one's own: an authority, relays and a client as processes of this machine, which speak to nobody else.

In come a folder and how many relays; out come the lines that let another tor live in that network, and a client that
reaches onion addresses through it. Source: tor(1), "TESTING NETWORK OPTIONS".
"""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.ports import free_ports

START_SECONDS = 50
SOCKS_GRANTED = 0
COMMON = """\
TestingTorNetwork 1
AssumeReachable 1
PathsNeededToBuildCircuits 0.67
TestingDirAuthVoteExit *
TestingDirAuthVoteHSDir *
TestingDirAuthVoteGuard *
VanguardsLiteEnabled 0
ClientUseIPv6 0
AddressDisableIPv6 1
SafeLogging 0
Log notice stdout
"""
AUTHORITY = """\
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
ContactInfo nobody@authority.test
TestingV3AuthInitialVotingInterval 5
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
V3AuthVotingInterval 10
V3AuthVoteDelay 2
V3AuthDistDelay 2
TestingMinExitFlagThreshold 0
MinUptimeHidServDirectoryV2 0
"""
RELAY = "ExitPolicy accept *:*\nSocksPort 0\nAddress 127.0.0.1\n"


class TorNetwork:
    """lines: what another tor needs to be in it."""

    def __init__(self, folder: Path, relays: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._relays = folder, relays
        self._children: list[subprocess.Popen[bytes]] = []
        self.lines = ""
        [self.socks_port, self._or_port, self._dir_port, *self._ports] = free_ports(3 + relays)

    def start(self) -> None:
        """Everything; whoever comes now finds its way within seconds."""
        home = self._home("authority")
        at = f"127.0.0.1:{self._dir_port}"
        self._run_once(
            *("tor-gencert", "--create-identity-key", "-m", "12", "-a", at, "--passphrase-fd", "0"),
            cwd=home / "keys",
        )
        v3 = re.search(r"^fingerprint ([0-9A-F]{40})$", (home / "keys" / "authority_certificate").read_text(), re.M)
        assert v3 is not None
        own = f"Nickname authority\nOrPort {self._or_port}\nDirPort {self._dir_port}\n{AUTHORITY}{RELAY}"
        here = f"DirAuthority authority orport={self._or_port} no-v2 v3ident={v3[1]} {at} "
        listed = self._run_once(
            *(
                "tor",
                "--quiet",
                "--defaults-torrc",
                "/dev/null",
                "-f",
                str(self._write("authority", own, "0" * 40, here)),
            ),
            "--list-fingerprint",
        )
        fingerprint = listed.strip().splitlines()[-1].partition(" ")[2].replace(" ", "")
        self.lines = f"{COMMON}{here}{fingerprint}\n"
        self._begin("authority", own)
        for n, port in enumerate(self._ports):
            self._begin(f"relay{n}", f"Nickname relay{n}\nOrPort {port}\n{RELAY}")
        self._begin("client", f"SocksPort {self.socks_port}\n")

    def stop(self) -> None:
        for child in self._children:
            child.kill()
        for child in self._children:
            child.wait()

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text()

    def connect(self, host: str, port: int = 80) -> socket.socket:
        """By the client's SOCKS port, asked again until somebody answers. Source: RFC 1928."""
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                made = socket.create_connection(("127.0.0.1", self.socks_port), timeout=20)
            except OSError:
                made = None
            if made is not None:
                name = host.encode()
                made.sendall(b"\5\1\0")
                made.recv(2)
                made.sendall(b"\5\1\0\3" + bytes([len(name)]) + name + port.to_bytes(2))
                answer = made.recv(10)
                if len(answer) == 10 and answer[1] == SOCKS_GRANTED:
                    return made
                made.close()
            assert time.monotonic() < until, self.log("client")[-2000:]
            time.sleep(0.2)

    def _home(self, name: str) -> Path:
        home = self._folder / name
        (home / "keys").mkdir(parents=True, mode=0o700, exist_ok=True)
        home.chmod(0o700)
        return home

    def _write(self, name: str, own: str, fingerprint: str = "", here: str = "") -> Path:
        torrc = self._folder / f"{name}.torrc"
        lines = self.lines or f"{COMMON}{here}{fingerprint}\n"
        torrc.write_text(f"DataDirectory {self._home(name)}\n{lines}{own}")
        return torrc

    def _begin(self, name: str, own: str) -> None:
        torrc = self._write(name, own)
        with (self._folder / f"{name}.log").open("wb") as out:
            command = ["tor", "--defaults-torrc", "/dev/null", "-f", str(torrc)]
            self._children.append(subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL))

    def _run_once(self, *command: str, cwd: Path | None = None) -> str:
        done = subprocess.run(command, input="nobody's\n", capture_output=True, text=True, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextmanager
def tor_network(folder: Path, relays: int = 4) -> Iterator[TorNetwork]:
    """It has ended when the `with` ends."""
    made = TorNetwork(folder, relays)
    try:
        made.start()
        yield made
    finally:
        made.stop()
