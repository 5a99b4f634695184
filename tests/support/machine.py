"""A machine of one's own: Debian's systemd as process 1 over a throw-away copy of this one's files. Needs root.

Mount, process and network namespaces, with an overlay whose lower layer is this machine, so that the machine has its
programs and nothing that is done there stays. Only the units that a test brings are there, beside a few empty targets.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from support.command import Done

BOOT_SECONDS = 20
TARGETS = ("sysinit", "basic", "multi-user", "network-online", "shutdown", "sockets", "timers", "final", "umount")
BOOT = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs {folder}
mkdir {folder}/up {folder}/work {folder}/root
mount -t overlay overlay -o lowerdir=/,upperdir={folder}/up,workdir={folder}/work {folder}/root
cd {folder}/root
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs sys/fs/cgroup
mkdir sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd || mount -t cgroup2 cgroup sys/fs/cgroup
rm -rf opt/freehold etc/systemd/system/freehold.service usr/local/bin/freehold var/lib/freehold
mkdir -p etc/test-units srv/packages srv/checkout
mount --bind {packages} srv/packages
for name in {targets}; do printf '[Unit]\\nDefaultDependencies=no\\n' > etc/test-units/$name.target; done
ip link set lo up
export container=test SYSTEMD_UNIT_PATH=/etc/test-units:/etc/systemd/system:
exec chroot . /lib/systemd/systemd --system --unit=basic.target --log-target=journal-or-kmsg --log-level=warning
"""


class Machine:
    """It runs. pid: of its process 1, as seen from here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.root = Path(f"/proc/{pid}/root")

    def run(self, *words: object, given: str = "", seconds: float = 120) -> Done:
        """Run a command there, as root."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.pid), "-m", "-p", "-n", "-r", "-w", *map(str, words)],
            input=given,
            env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def file(self, path: str) -> Path:
        """One of its files, as seen from here."""
        return self.root / path.lstrip("/")

    def main_pid(self, unit: str = "freehold.service") -> int:
        """The service's process, by the machine's own count."""
        return int(self.run("systemctl", "show", "-P", "MainPID", unit).out)


@contextmanager
def machine(folder: Path, space: str = "") -> Iterator[Machine]:
    """Boot one; it is gone at the end. space: a network namespace to be in; else it has one of its own."""
    script = BOOT.format(folder=folder, packages=sysconfig.get_path("purelib"), targets=" ".join(TARGETS))
    log = (folder / "boot.log").open("wb")
    on = ["ip", "netns", "exec", space, "unshare"] if space else ["unshare", "--net"]
    command = [*on, "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "sh", "-c", script]
    outer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield Machine(_wait(outer.pid))
    finally:
        outer.kill()
        outer.wait()
        log.close()


def _wait(outer: int) -> int:
    until = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < until:
        children = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        if children:
            made = Machine(int(children[0]))
            if made.run("systemctl", "is-system-running", seconds=10).out.strip() in ("running", "degraded"):
                return made.pid
        time.sleep(0.1)
    raise AssertionError("the machine did not boot")


@cache
def find_machine() -> Path | None:
    """systemd, if a machine can be made here."""
    programs = [shutil.which(name) for name in ("systemctl", "unshare", "nsenter", "ip")]
    system = Path("/lib/systemd/systemd")
    same = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    if os.geteuid() != 0 or not all(programs) or not system.exists() or not same.exists():
        return None
    try:
        with tempfile.TemporaryDirectory() as folder, machine(Path(folder)):
            return system
    except AssertionError:
        return None
