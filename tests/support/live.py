"""A network on two machines of its own with a witness and an edge, and sshd on both: what a live drill is held on."""

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freehold.cli.drill.live.words import Mark
from freehold.cli.drill.wire import Host, Wire
from freehold.cli.drill.world import STANDBY_PORT, World
from freehold.haven import ssh, standby
from freehold.haven.machine import Peer
from support.children import environment
from support.command import COMMAND, QUIET

SSHD = "/usr/sbin/sshd"
SSHD_CONFIG = """\
PermitRootLogin prohibit-password
UsePAM no
PidFile none
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
StrictModes no
SetEnv PATH={path}
"""
SSH_CONFIG = """\
IdentityFile {folder}/client_key
UserKnownHostsFile {folder}/known_hosts
StrictHostKeyChecking yes
BatchMode yes
"""

MARK = Mark(
    id=secrets.token_hex(8),
    began=1,
    peer=Peer("second", "tls://127.0.0.1:7100"),
    home="tls://127.0.0.1:7101",
    home_listen="",
    far_listen="",
    own_key=False,
)
"""Of a drill at a network that nobody serves."""


class Stage:
    """world: the network, in step and verified. `hold` holds a drill from the members' machine."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.first, self.second = world.folder / "first", world.folder / "second"
        self.home = f"tls://{world.first.address}:{STANDBY_PORT}"

    def words(self, *more: object) -> list[str]:
        """Of a live drill over ssh."""
        first, second = self._by_ssh(self.world.first), self._by_ssh(self.world.second)
        return ["drill", first, "january-2021", "--live", second, "--home", self.home, *map(str, more)]

    def _by_ssh(self, host: Host) -> str:
        return f"ssh://root@{host.address}{self.world.folder / host.name}"

    def knows(self, host: Host) -> None:
        """Whoever holds a drill knows this machine's key, too."""
        with (self.folder / "known_hosts").open("a") as known:
            known.write(f"{host.address} {(self.folder / 'host_key.pub').read_text()}")

    def follow_by_ssh(self) -> None:
        """Let the standby be reached by ssh, and the first machine by it, as somebody has introduced them."""
        world, name = self.world, self.world.second.name
        world.order("standby", "remove", name)
        world.machines[name].stop()
        shutil.rmtree(self.second)
        standby.make(self.second, "")
        shutil.copy(self.first / "unlock.key", self.second)
        world.settle(self.second)
        world.machines[name] = world.run(world.second, name, "run", str(self.second))
        world.machines[name].wait_for("is a standby")
        with (self.folder / "client_key.pub").open("a") as keys:
            for here, there in ((self.first, self.second), (self.second, self.first)):
                keys.write(ssh.authorized_line(ssh.own_key(here), str(there)) + "\n")
        scan = [*world.second.prefix(), "ssh-keyscan", world.first.address]
        ssh.pin(self.second, subprocess.run(scan, capture_output=True, text=True, check=True).stdout)
        world.order("standby", "add", self._by_ssh(world.second), "--name", name, answers=("yes",))
        asyncio.run(world.until(world.in_step, "the standby is in step by ssh"))
        world.order("standby", "verify", name)
        self.home = self._by_ssh(world.first)

    def begin(self, *more: object) -> "subprocess.Popen[str]":
        """One that asks for the network's name on standard input, and says all on standard output."""
        return subprocess.Popen(
            [*self.world.members.prefix(self.world.resolver), *COMMAND, *self.words(*more)],
            env=environment(
                **QUIET,
                PATH=f"{self.folder / 'bin'}:{os.environ['PATH']}",
                SSL_CERT_FILE=str(self.world.authority.trust),
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@contextmanager
def staged(town: Path, folder: Path, kind: type[World] = World) -> Iterator[Stage]:
    """All of it, made from the network in `town`."""
    folder.mkdir()
    wire = Wire()
    world = kind(town, folder, wire)
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        asyncio.run(world.start(lambda what: None))
        for name in world.names:
            world.zones[world.outside.address].lead(name, world.edge.address)
        world.order("standby", "verify", "second")
        keys(folder, world.first, world.second)
        for host in (world.first, world.second):
            command = [*host.prefix(world.resolver), SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
            daemons.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        yield Stage(world, folder)
    finally:
        wire.close()
        world.close()
        for daemon in daemons:
            daemon.kill()
            daemon.wait()


def keys(folder: Path, *hosts: Host) -> None:
    """Of the machines and of who holds the drill; and an `ssh` that knows of them."""
    for name in ("host_key", "client_key"):
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(made, check=True)
    public = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text("".join(f"{host.address} {public}" for host in hosts))
    (folder / "bin").mkdir()
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
    (folder / "sshd_config").write_text(SSHD_CONFIG.format(folder=folder, path=path))
    (folder / "ssh_config").write_text(SSH_CONFIG.format(folder=folder))
    program = folder / "bin" / "ssh"
    program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {folder}/ssh_config "$@"\n')
    program.chmod(0o700)
    Path("/run/sshd").mkdir(exist_ok=True)
