"""The stage of a live drill with what stands around a network: two edges to which the name leads, each on a machine
with systemd as it is; an archive in a bucket; and a user of its own for the network's process."""

import asyncio
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from freehold.cli.drill.live.away import IN_STEP, Stand, stands
from freehold.cli.drill.machines import Machine as Service
from freehold.cli.drill.wire import Host, standing_on
from freehold.cli.drill.world import PASSPHRASE, World
from support.bucket import bucket_server, make_bucket
from support.live import SSHD_CONFIG, Stage, staged
from support.machine import Machine, machine
from support.outside import ROOT

USER = 64_018
PYTHON = ("sh", "-c", 'exec /usr/bin/python3 "$@"')
"""In the place of the test's own, which may lie where another user does not come."""
BUCKET = "bucket"
CONFIG = "/etc/haproxy/haproxy.cfg"
PREPARE = """
set -e
mkdir -p /run/sshd
chmod 600 /etc/drill/host_key
cp /lib/systemd/system/haproxy.service /etc/systemd/system/
systemctl daemon-reload
systemctl enable --quiet --now haproxy
/usr/sbin/sshd -f /etc/drill/sshd_config
"""


class Around(World):
    """The first machine's service has a user of its own."""

    def run(self, host: Host, name: str, *words: str) -> Service:
        """See `World.run`."""
        if name != self.first.name:
            return super().run(host, name, *words)
        anyones_ports = ["sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start"]
        subprocess.run([*host.prefix(), *anyones_ports], check=True)
        for path in (self.folder / name, *self.archives.values(), *self.certificate):
            subprocess.run(["chown", "-R", f"{USER}:{USER}", str(path)], check=True)
        become = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", *PYTHON]
        more = {"SSL_CERT_FILE": str(self.authority.trust), "PYTHONPATH": f"{ROOT}/src:{sysconfig.get_path('purelib')}"}
        return Service(self.folder / name, *words, prefix=[*host.prefix(self.resolver), *become], **more)


class Edge:
    """An edge on a machine of its own."""

    def __init__(self, host: Host, its: Machine) -> None:
        self.host, self.its = host, its

    @property
    def word(self) -> str:
        """For --edge."""
        return f"{self.host.name}=ssh://root@{self.host.address}"

    @property
    def runs(self) -> bool:
        """Whether its HAProxy does."""
        return self.its.run("systemctl", "is-active", "haproxy").out.strip() == "active"


@contextmanager
def staged_around(town: Path) -> Iterator[tuple[Stage, list[Edge]]]:
    """All of it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="freehold-around-")))
        folder.chmod(0o755)  # the user must come through
        stage = stack.enter_context(staged(town, folder / "stage", Around))
        edges = [stack.enter_context(_edge(stage, folder, name)) for name in ("north", "south")]
        for name in stage.world.names:
            stage.world.zones[stage.world.outside.address].lead(name, *(edge.host.address for edge in edges))
        stack.enter_context(_bucket(stage.world, folder))
        yield stage, edges


@contextmanager
def _edge(stage: Stage, folder: Path, name: str) -> Iterator[Edge]:
    world, host = stage.world, stage.world.wire.plug_in(name)
    stage.knows(host)
    # What systemd finds set it leaves; else it gives machines that are copies of one the same.
    hardware = ":".join(f"{part:02x}" for part in (2, 0, *map(int, host.address.split("."))))
    subprocess.run(["ip", "-n", host.space, "link", "set", "eth0", "address", hardware], check=True)
    (folder / name).mkdir()
    with machine(folder / name, space=host.space) as its:
        origins = [word for at in (world.first, world.second) for word in ("--origin", f"{at.address}:443")]
        config = folder / f"{name}.cfg"
        world.order("edge", "make", name, "--address", host.address, *origins, "--to", config)
        shutil.copy(config, its.file(CONFIG))
        its.file("/etc/drill").mkdir()
        for each in ("host_key", "client_key.pub"):
            shutil.copy(stage.folder / each, its.file("/etc/drill"))
        its.file("/etc/drill/sshd_config").write_text(SSHD_CONFIG.format(folder="/etc/drill", path=os.defpath))
        done = its.run("sh", "-c", PREPARE)
        assert done.code == 0, done.err
        yield Edge(host, its)


@contextmanager
def _bucket(world: World, folder: Path) -> Iterator[None]:
    """Among the services outside, and the network's archive in it."""
    with ExitStack() as stack:
        with standing_on(world.outside):
            url = stack.enter_context(bucket_server(folder / "moto.log", world.outside.address))
            make_bucket(url, "town")
        address = f"s3://key:secret@town/archive?endpoint={url}"
        world.order("archive", "add", address, "--name", BUCKET, answers=(PASSPHRASE,))
        asyncio.run(world.until(lambda: bucket_stands(world).state == IN_STEP, "the archive is in the bucket"))
        yield


def bucket_stands(world: World) -> Stand:
    """How the network says that its archive in the bucket is."""
    return stands(world.order("archive", "list"), [BUCKET])[BUCKET]
