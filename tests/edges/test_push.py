"""An edge is installed over ssh on a machine of its own, with systemd, sshd and HAProxy as they are."""

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.cli.drill.live.edge import TIMER, EdgeMachine
from freehold.cli.drill.live.words import NotDoneThere
from freehold.haven.edges.edges import Edge
from freehold.haven.edges.haproxy import configuration
from freehold.haven.edges.push import Far
from support.command import Done
from support.edges import DOMAIN
from support.machine import Machine, machine
from support.network import CHEAP
from support.outside import ROOT
from support.patience import until

pytestmark = [pytest.mark.edges, pytest.mark.machine]
FILE, TOWN = "/etc/haproxy/haproxy.cfg", "/srv/town"
SSHD = ("/usr/sbin/sshd", "-p", "2222", "-o", "UsePAM=no", "-o", "PidFile=none")
PREPARE = """
set -e
keys=~root/.ssh
mkdir -p /run/sshd $keys
cp /lib/systemd/system/haproxy.service /etc/systemd/system/
rm -f $keys/* && ssh-keygen -q -A
ssh-keygen -q -t ed25519 -N '' -f $keys/id_ed25519
cp $keys/id_ed25519.pub $keys/authorized_keys
for key in /etc/ssh/ssh_host_*_key.pub; do
    echo "[127.0.0.1]:2222 $(cut -d' ' -f1,2 $key)"
done > $keys/known_hosts
chmod -R go= $keys
"""
FOUND = f"""
from pathlib import Path
from freehold import settings
from freehold.cli.opening import open_site, shared_by
from freehold.site import Listening
town = Path("{TOWN}")
given = settings.load(town)
open_site(town, given, Listening(443), shared_by(given)).close()
"""

KILL_HOLDER = f"kill -9 $(grep -la {TIMER} /proc/[0-9]*/cmdline | cut -d/ -f3 | grep -vx $$); true"


class Bare:
    """A machine that may become an edge; its own network is what leads it."""

    def __init__(self, its: Machine) -> None:
        self.its = its

    def python(self, *words: object) -> Done:
        path = "PYTHONPATH=/srv/checkout/src:/srv/packages"
        return self.its.run("env", path, "/usr/bin/python3", *words)

    def edge(self, *words: object) -> Done:
        return self.python("-m", "freehold.cli", "edge", TOWN, *words)

    def make(self, *more: object) -> None:
        done = self.edge("make", "west", "--address", "198.51.100.4", "--origin", "192.0.2.1", *more, "--to", "/tmp/f")
        assert done.code == 0, done.err

    def push(self, port: int = 2222) -> Done:
        return self.edge("push", "west", f"ssh://root@127.0.0.1:{port}")

    def pid(self) -> int:
        return self.its.main_pid("haproxy.service")


@pytest.fixture
def its(tmp_path: Path) -> Iterator[Machine]:
    """A machine that is reached by ssh."""
    with machine(tmp_path) as made:
        done = made.run("sh", "-c", PREPARE)
        assert done.code == 0, done.err
        assert made.run(*SSHD).code == 0
        yield made


@pytest.fixture
def bare(its: Machine) -> Bare:
    shutil.copytree(ROOT / "src", its.file("/srv/checkout/src"), ignore=shutil.ignore_patterns("__pycache__"))
    its.file(TOWN).mkdir()
    its.file(f"{TOWN}/settings.toml").write_text(f'{CHEAP}domain = "{DOMAIN}"\nhttps = true\n')
    made = Bare(its)
    done = made.python("-c", FOUND)
    assert done.code == 0, done.err
    return made


def test_a_bare_machine_becomes_an_edge_and_pushing_again_changes_only_what_is_new(bare: Bare) -> None:
    bare.make()
    first = bare.push()
    assert first.code == 0, first.err
    assert first.out.splitlines() == ["Its configuration is new.", "It serves."]
    assert f"acl ours req.ssl_sni -i {DOMAIN}\n" in bare.its.file(FILE).read_text()
    assert "server origin1 192.0.2.1:443" in bare.its.file(FILE).read_text()
    began = bare.pid()
    assert began
    assert bare.its.run("systemctl", "is-enabled", "haproxy").out == "enabled\n"
    again = bare.push()
    assert again.out.splitlines() == ["Its configuration is up to date.", "It serves."]
    bare.make("--origin", "192.0.2.2")
    assert bare.push().out.splitlines() == ["Its configuration is new.", "It serves."]
    assert "server origin2 192.0.2.2:443 check backup" in bare.its.file(FILE).read_text()
    assert bare.pid() == began  # it was told, not ended: open connections go on
    nobody = bare.push(2223)
    assert nobody.code == 1
    assert "127.0.0.1 is no edge: " in nobody.err


# --- an edge that a live drill takes


@pytest.fixture
def edge(its: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edge:
    """It serves there, and `ssh` leads there."""
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec nsenter -t {its.pid} -m -n -r -w ssh "$@"\n')
    ssh.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    made = Edge(name="west", addresses=("198.51.100.4",), origins=("192.0.2.1:443",))
    its.file(FILE).write_text(configuration([DOMAIN], made))
    often = its.file("/etc/systemd/system/haproxy.service.d/often.conf")
    often.parent.mkdir()
    often.write_text("[Unit]\nStartLimitIntervalSec=0\n")
    assert its.run("systemctl", "daemon-reload").code == 0
    assert its.run("systemctl", "restart", "haproxy").code == 0
    return made


def runs(its: Machine) -> bool:
    return its.main_pid("haproxy.service") > 0


def lost_line(edge: EdgeMachine, sign: signal.Signals) -> None:
    """From now on nobody speaks by it, or nobody is there."""
    assert edge._child is not None
    edge._child.send_signal(sign)


def until_it_is_let_go(its: Machine) -> None:
    """HAProxy runs again, and the timer is gone."""
    asyncio.run(until(lambda: runs(its)))
    asyncio.run(until(lambda: TIMER not in its.run("systemctl", "list-timers", "--all").out))


def test_an_edge_is_taken_for_a_while_and_comes_back_when_the_line_is_killed(its: Machine, edge: Edge) -> None:
    there, config = EdgeMachine("west", Far("root@127.0.0.1", 2222)), configuration([DOMAIN], edge)
    seen = there.look(config)
    assert (seen.ours, seen.runs, seen.holds, seen.held) == (True, True, True, False)
    there.stop()
    assert not runs(its)
    seen = there.look(config)
    assert (seen.ours, seen.runs, seen.held) == (True, False, True)
    there.give_back()
    assert runs(its)
    there.stop()
    assert not runs(its)
    lost_line(there, signal.SIGKILL)
    until_it_is_let_go(its)
    there.close()


@pytest.mark.long
def test_an_edge_comes_back_when_nothing_is_said_any_more_or_who_holds_it_over_there_is_killed(
    its: Machine, edge: Edge
) -> None:
    there = EdgeMachine("west", Far("root@127.0.0.1", 2222), silence_seconds=4)
    there.stop()
    lost_line(there, signal.SIGSTOP)
    until_it_is_let_go(its)
    lost_line(there, signal.SIGKILL)
    there.close()
    quick = EdgeMachine("west", there.to, limit_seconds=2)
    quick.stop()
    assert its.run("sh", "-c", KILL_HOLDER).code == 0
    asyncio.run(until(lambda: runs(its)))  # by the timer
    with pytest.raises(NotDoneThere, match="did not say that HAProxy runs again"):
        quick.give_back()


def test_a_haproxy_that_is_not_this_networks_edge_is_neither_stopped_nor_started(its: Machine, edge: Edge) -> None:
    there, config = EdgeMachine("west", Far("root@127.0.0.1", 2222)), configuration([DOMAIN], edge)
    assert not there.look(config.replace("192.0.2.1", "192.0.2.3")).ours  # from before, or of another edge
    dropped_in = its.file("/etc/systemd/system/haproxy.service.d/more.conf")
    dropped_in.write_text("[Service]\nEnvironment=EXTRAOPTS='-f /etc/haproxy/more.cfg'\n")
    its.file("/etc/haproxy/more.cfg").write_text("# and more\n")
    assert its.run("sh", "-c", "systemctl daemon-reload && systemctl restart haproxy").code == 0
    seen = there.look(config)
    assert (seen.ours, seen.runs) == (False, True)
    its.file(FILE).write_text("# The edge “east” of another.example, written by somebody\n")
    its.run("systemctl", "stop", "haproxy")
    assert not there.start()
    assert not runs(its)
