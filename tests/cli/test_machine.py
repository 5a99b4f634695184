"""`freehold install` and `upgrade` on a machine of their own, with systemd as it is: from nothing to served, from one
version to the next, and back from versions that are no good, with members writing meanwhile."""

import json
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

from freehold.cli.main import perform, understand
from freehold.cli.unit import unit
from freehold.settings import BadSetting
from support.command import Done
from support.hosts import Host
from support.machine import Machine, machine
from support.network import CHEAP
from support.outside import ROOT
from support.pictures import png

pytestmark = pytest.mark.machine
DOMAIN, DIRECTORY = "town.example", "/var/lib/freehold"
PASSWORD = "correct horse battery"
PATIENCE_SECONDS = 40

QUICK = '''
"""Places a version without downloading: the packages of this machine's own tests are there already."""
import shutil, subprocess, sys
from pathlib import Path
root, target = Path(__file__).resolve().parent.parent, Path(sys.argv[2])
subprocess.run([sys.executable, "-m", "venv", "--without-pip", target], check=True)
site = next(target.glob("lib/python3*/site-packages"))
shutil.copytree(root / "src" / "freehold", site / "freehold")
(site / "packages.pth").write_text("/srv/packages\\n")
command = target / "bin" / "freehold"
command.write_text(f"#!{target}/bin/python\\nimport sys\\nfrom freehold.cli.main import main\\nsys.exit(main())\\n")
command.chmod(0o755)
'''


class Town:
    """A machine with an installed network. `sources` are the next version's, to be spoilt."""

    def __init__(self, its: Machine) -> None:
        self.its = its
        self.host = Host(f"../../proc/{its.pid}/ns/net", "127.0.0.1")
        self.acknowledged: list[str] = []

    def freehold(self, *words: object, given: str = "") -> Done:
        """The command of the checkout, as its owner types it after `make install`."""
        path = "PYTHONPATH=/srv/checkout/src:/srv/packages"
        return self.its.run("env", path, "/usr/bin/python3", "-m", "freehold.cli", *words, given=given)

    def call(self, path: str, given: Any = None, token: str = "") -> Any:
        """Call the network: the JSON of its answer. Raises OSError, HTTPException when it does not serve."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = given if given is None or isinstance(given, bytes) else json.dumps(given)
        headers["content-type"] = "image/png" if isinstance(body, bytes) else "application/json"
        with closing(HTTPConnection(DOMAIN)) as line:
            line.sock = self.host.connect("127.0.0.1", 8000)
            line.request("GET" if body is None else "POST", path, body, headers)
            answer = line.getresponse()
            data = answer.read()
        if answer.status != 200:
            raise HTTPException(f"{answer.status}: {data[:200]!r}")
        return json.loads(data) if data.startswith(b"{") else data

    def sign_in(self) -> Any:
        given = {"identifier": f"mei.{DOMAIN}", "password": PASSWORD}
        return self.call("/xrpc/com.atproto.server.createSession", given)

    def version(self) -> str:
        return os.readlink(self.its.file("/opt/freehold/current")).rpartition("/")[2]

    def journal(self) -> dict[str, str]:
        path = self.its.file("/opt/freehold/upgrade.json")
        return dict(json.loads(path.read_text())) if path.exists() else {"state": ""}

    def assure_nothing_is_lost(self) -> None:
        """Every post that was acknowledged is there, and the databases are sound."""
        session = self.call(
            "/xrpc/com.atproto.server.createSession", {"identifier": f"mei.{DOMAIN}", "password": PASSWORD}
        )
        there: set[str] = set()
        cursor = ""
        while True:
            listed = self.call(
                f"/xrpc/com.atproto.repo.listRecords?repo={session['did']}&collection=app.bsky.feed.post&limit=100{cursor}"
            )
            there |= {record["uri"] for record in listed["records"]}
            if "cursor" not in listed:
                break
            cursor = f"&cursor={listed['cursor']}"
        assert not set(self.acknowledged) - there
        assert self.acknowledged

    def sources(self) -> Path:
        return self.its.file("/srv/checkout/src/freehold")


class Writer:
    """A member who posts without a pause, and notes what was acknowledged. Goes on through every break."""

    def __init__(self, town: Town) -> None:
        self.town, self.ended = town, threading.Event()
        self.thread = threading.Thread(target=self._write)

    def __enter__(self) -> "Writer":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        before = len(self.town.acknowledged)
        until = time.monotonic() + PATIENCE_SECONDS
        while len(self.town.acknowledged) < before + 3 and time.monotonic() < until:
            time.sleep(0.05)
        self.ended.set()
        self.thread.join()
        assert len(self.town.acknowledged) >= before + 3, "nobody can write any more"

    def _write(self) -> None:
        token = did = ""
        while not self.ended.is_set():
            try:
                if not token:
                    said = self.town.call(
                        "/xrpc/com.atproto.server.createSession", {"identifier": f"mei.{DOMAIN}", "password": PASSWORD}
                    )
                    token, did = said["accessJwt"], said["did"]
                record = {"$type": "app.bsky.feed.post", "text": "one more", "createdAt": "2026-11-21T20:02:11.123Z"}
                given = {"repo": did, "collection": "app.bsky.feed.post", "record": record}
                self.town.acknowledged.append(
                    self.town.call("/xrpc/com.atproto.repo.createRecord", given, token)["uri"]
                )
            except (OSError, HTTPException, json.JSONDecodeError):
                pass
            self.ended.wait(0.1)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """An installed network with one member."""
    with machine(tmp_path_factory.mktemp("machine")) as its:
        made = Town(its)
        checkout = its.file("/srv/checkout")
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, checkout)
        shutil.copytree(ROOT / "src", checkout / "src", ignore=shutil.ignore_patterns("__pycache__"))
        (checkout / "requirements").mkdir()
        (checkout / "requirements" / "install.py").write_text(QUICK)
        before = made.freehold("install", "--domain", DOMAIN, "--behind", "127.0.0.1", "--dry-run")
        assert before.code == 0, before.err
        assert "would: make the system user freehold" in before.out
        assert not its.file("/opt/freehold").exists()
        done = made.freehold("install", "--domain", DOMAIN, "--behind", "127.0.0.1")
        log = its.run("journalctl", "-u", "freehold", "--no-pager").out
        assert done.code == 0, done.err + done.out + log
        assert f"https://{DOMAIN} is served from {DIRECTORY}" in done.out
        settings = its.file(f"{DIRECTORY}/settings.toml")
        settings.write_text(settings.read_text() + CHEAP)
        assert its.run("systemctl", "restart", "freehold").code == 0
        assert its.run("freehold", "account", DIRECTORY, "create", "mei", given=f"{PASSWORD}\n").code == 0
        yield made


def test_a_bare_machine_serves_a_network_as_a_user_without_rights(town: Town) -> None:
    assert town.call("/xrpc/_health")["version"].startswith("Freehold ")
    status = town.its.file(f"/proc/{town.its.main_pid()}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert re.search(r"CapBnd:\t0*400\n", status), status
    assert town.its.file(DIRECTORY).stat().st_mode & 0o777 == 0o700


def test_the_unit_is_sound_and_rated_well(town: Town) -> None:
    verified = town.its.run("systemd-analyze", "verify", "--man=no", "freehold.service")
    assert verified.code == 0, verified.err
    rated = town.its.run("systemd-analyze", "security", "--no-pager", "freehold.service").out
    exposure = float(re.findall(r"Overall exposure level for freehold.service: ([\d.]+)", rated)[0])
    assert exposure <= 2.0, rated


def test_the_owner_is_told_the_code_of_a_network_that_nobody_has_claimed(town: Town) -> None:
    done = town.its.run("freehold", "claim", DIRECTORY)
    assert done.code == 0, done.err
    assert re.search(rf"Open https://{DOMAIN} and type this code:\n\n    \w+-\w+-\w+\n", done.out)


def test_a_second_run_changes_nothing_and_mends_what_is_amiss(town: Town) -> None:
    before = town.its.main_pid()
    again = town.freehold("install")
    assert again.code == 0, again.err
    assert again.out.startswith("start freehold.service\n")
    assert town.its.main_pid() == before
    town.its.file("/etc/systemd/system/freehold.service").unlink()
    town.its.file("/usr/local/bin/freehold").unlink()
    mended = town.freehold("install")
    assert mended.code == 0, mended.err
    assert "write /etc/systemd/system/freehold.service" in mended.out
    assert town.call("/xrpc/_health")


def test_an_upgrade_serves_the_next_version_and_keeps_every_write(town: Town) -> None:
    old = town.version()
    with Writer(town):
        done = town.freehold("upgrade")
    assert done.code == 0, done.err
    assert town.version() != old
    backup = town.its.file(town.journal()["backup"])
    assert (backup / "truth.db").exists()
    assert backup.stat().st_mode & 0o077 == 0
    town.assure_nothing_is_lost()


GOOD_MIGRATION = '\nSCHEMA += (Migration("tls-999-test", "CREATE TABLE of_tomorrow (it INTEGER);"),)\n'
BAD_MIGRATION = '\nSCHEMA += (Migration("tls-999-test", "CREATE TABLE acme_account (it INTEGER);"),)\n'
UNABLE = "\n\ndef main(given):\n    raise SystemExit('this version is no good')\n"
HANGS = "\nimport sys as _sys, time as _time\nif 'trial' in _sys.argv:\n    _time.sleep(600)\n"
TRIES = {
    "has a migration that fails": [("tls/kept.py", BAD_MIGRATION)],
    "cannot open the data after its migration": [
        ("tls/kept.py", GOOD_MIGRATION),
        ("server.py", "\n\nclass Networks:\n    def __init__(self, sites):\n        raise RuntimeError('no good')\n"),
    ],
    "does not start after its migration": [("tls/kept.py", GOOD_MIGRATION), ("cli/run.py", UNABLE)],
}
LONG_TRIES = {
    "is not importable": [("cli/run.py", "\nraise RuntimeError('no good')\n")],
    "does not start": [("cli/run.py", UNABLE)],
}


@pytest.mark.parametrize("what", [*TRIES, *(pytest.param(what, marks=pytest.mark.long) for what in LONG_TRIES)])
def test_a_version_that_is_no_good_leaves_the_old_one_serving_with_every_write(town: Town, what: str) -> None:
    old = town.version()
    with spoilt(town, (TRIES | LONG_TRIES)[what]), Writer(town):
        done = town.freehold("upgrade")
    assert done.code == 1, done.out
    assert "nothing was changed" in done.err or "nothing was lost" in done.err
    assert town.version() == old
    town.assure_nothing_is_lost()


def test_a_kill_in_the_middle_leaves_the_old_version_serving_with_every_write(town: Town) -> None:
    old = town.version()
    with spoilt(town, [("tls/kept.py", GOOD_MIGRATION), ("server.py", HANGS)]), Writer(town):
        typed = threading.Thread(target=lambda: town.freehold("upgrade"))
        typed.start()
        wait_for(lambda: town.journal()["state"] == "trial")
        wait_for(lambda: town.its.run("pgrep", "-f", "step trial").code == 0)
        for pattern in ("cli upgrade$", "step switch", "step trial"):
            town.its.run("pkill", "-KILL", "-f", pattern)
        wait_for(lambda: town.journal()["state"] == "returned")
        typed.join()
    assert "interrupted" in town.journal()["why"]
    assert town.version() == old
    town.assure_nothing_is_lost()


def test_pictures_are_made_within_the_few_rights(town: Town) -> None:
    session = town.sign_in()
    blob = town.call("/xrpc/com.atproto.repo.uploadBlob", png(300, 200), session["accessJwt"])["blob"]
    profile = {"$type": "app.bsky.actor.profile", "avatar": blob}
    given = {"repo": session["did"], "collection": "app.bsky.actor.profile", "rkey": "self", "record": profile}
    town.call("/xrpc/com.atproto.repo.putRecord", given, session["accessJwt"])
    assert town.call(f"/img/avatar/{session['did']}/{blob['ref']['$link']}").startswith(b"\xff\xd8")


def test_a_key_that_systemd_keeps_is_asked_for_in_the_unit(tmp_path: Path) -> None:
    assert "LoadCredentialEncrypted=freehold-unlock\n" in unit(tmp_path, "freehold", "freehold-unlock")
    assert "LoadCredential" not in unit(tmp_path, "freehold")


@pytest.mark.parametrize(
    ("words", "say"),
    [
        (("--domain", "bad domain"), "“bad domain” is not a domain name."),
        (("--domain", DOMAIN, "--behind", "nonsense"), "behind: “nonsense” is neither an address nor a network."),
        (("--domain", DOMAIN, "--acme-directory", "ftp://x"), "acme_directory"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], say: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    with pytest.raises(BadSetting, match=re.escape(say)):
        perform(understand(["install", str(tmp_path / "town"), "--dry-run", *words]), ())


def test_uninstalling_leaves_the_network_to_be_installed_again(town: Town) -> None:
    done = town.its.run("freehold", "uninstall")
    assert done.code == 0, done.err
    assert town.its.file(f"{DIRECTORY}/truth.db").exists()
    assert not town.its.file("/opt/freehold").exists()
    with pytest.raises(OSError, match="refused"):
        town.host.there(lambda: socket.create_connection(("127.0.0.1", 8000)))
    words = ("--https", "--acme-directory", "https://127.0.0.1:1/dir")
    again = town.freehold("install", *words)
    assert again.code == 0, again.err
    assert f"! The DNS has no address for {DOMAIN}." in again.out
    for port in (80, 443):
        town.host.connect("127.0.0.1", port).close()
    assert town.freehold("install", "--behind", "127.0.0.1").code == 0
    assert town.call("/xrpc/_health")


class spoilt:  # noqa: N801 - reads as a word
    """The next version's sources, with texts added at the end of files, until the `with` ends."""

    def __init__(self, town: Town, added: list[tuple[str, str]]) -> None:
        self.before = {town.sources() / name: (town.sources() / name).read_text() for name, _ in added}
        self.after = {town.sources() / name: (town.sources() / name).read_text() + text for name, text in added}

    def __enter__(self) -> None:
        for path, text in self.after.items():
            path.write_text(text)

    def __exit__(self, *_: object) -> None:
        for path, text in self.before.items():
            path.write_text(text)


def wait_for(what: Any) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.05)
