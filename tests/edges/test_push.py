"""An edge is installed over ssh on a machine of its own, with systemd, sshd and HAProxy as they are."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command import Done
from support.edges import DOMAIN
from support.machine import Machine, machine
from support.network import CHEAP
from support.outside import ROOT

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
def bare(tmp_path: Path) -> Iterator[Bare]:
    with machine(tmp_path) as its:
        done = its.run("sh", "-c", PREPARE)
        assert done.code == 0, done.err
        shutil.copytree(ROOT / "src", its.file("/srv/checkout/src"), ignore=shutil.ignore_patterns("__pycache__"))
        its.file(TOWN).mkdir()
        its.file(f"{TOWN}/settings.toml").write_text(f'{CHEAP}domain = "{DOMAIN}"\nhttps = true\n')
        assert its.run(*SSHD).code == 0
        made = Bare(its)
        done = made.python("-c", FOUND)
        assert done.code == 0, done.err
        yield made


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
