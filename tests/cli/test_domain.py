"""`freehold domain`: a network moves to another name, while it runs or not, also after kill -9."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from bench.moved import member, opened

from freehold.identity import plc_directory
from freehold.settings import Settings
from support.command import QUIET, Serving, freehold, serving
from support.typist import Typing

OLD, NEW = "old.example", "new.example"
MEMBERS = 9
KILLED = Path(__file__).parent.parent / "support" / "killed_child.py"
WHOLE = "All repositories, blobs and databases are whole.\n"


@pytest.fixture
def named(network: Path) -> Path:
    """The town under a domain of its own, claimed in its settings."""
    settings = network / "settings.toml"
    settings.write_text(f'domain = "{OLD}"\n' + settings.read_text())
    with serving(network):
        pass
    return network


def aliases(running: Serving, handle: str) -> list[str]:
    """What the identity behind a handle is known as."""
    did = running.get("/.well-known/atproto-did", host=handle).text
    found: list[str] = running.get(f"/plc/{did}/log/last").json()["alsoKnownAs"]
    return found


def until_at(running: Serving, name: str) -> None:
    """Wait until it has been opened anew."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            if running.urls[-1] == f"https://{name}" and running.get("/xrpc/_health", host=name).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(running.log())


def test_a_running_network_moves_and_goes_on_in_the_same_process(named: Path) -> None:
    with serving(named) as running:
        moved = freehold("domain", named, "move", NEW, "--yes")
        assert (moved.code, moved.err) == (0, "")
        assert f"{MEMBERS} accounts are at {NEW} now." in moved.out
        until_at(running, NEW)
        assert aliases(running, f"amina.{NEW}") == [f"at://amina.{NEW}"]
        led = running.get("/about", host=OLD)
        assert (led.status_code, led.headers["location"]) == (308, f"https://{NEW}/about")
        shown = freehold("domain", named, "show").out
        assert f"before      {OLD}" in shown
        assert f"{MEMBERS} accounts moved from https://{OLD} to https://{NEW}" in shown
        assert freehold("doctor", named).out.endswith(WHOLE)
    assert f'domain = "{NEW}"' in (named / "settings.toml").read_text()


def test_a_network_that_stands_still_moves_too_and_an_old_setting_moves_nobody_back(named: Path) -> None:
    assert freehold("domain", named, "move", NEW, "--yes").code == 0
    settings = named / "settings.toml"
    settings.write_text(settings.read_text().replace(NEW, OLD))
    with serving(named) as running:
        assert running.urls == [f"https://{NEW}"]
        assert "the network has moved to new.example: change the setting" in running.log()
        assert aliases(running, f"amina.{NEW}") == [f"at://amina.{NEW}"]


@pytest.mark.parametrize("commits", [1, 2])
def test_a_move_that_was_killed_goes_on_by_the_command_or_by_the_next_start(named: Path, commits: int) -> None:
    words = [sys.executable, KILLED, str(commits), "domain", str(named), "move", NEW, "--yes"]
    killed = subprocess.run(words, env={**os.environ, **QUIET}, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert "unfinished" in freehold("domain", named, "show").out
    if commits == 1:
        assert freehold("domain", named, "move", NEW).code == 0
    with serving(named) as running:
        assert running.urls == [f"https://{NEW}"]
        for handle in ("amina", "appview"):
            assert aliases(running, f"{handle}.{NEW}") == [f"at://{handle}.{NEW}"]
    shown = freehold("domain", named, "show").out
    assert "unfinished" not in shown
    assert f"{MEMBERS} accounts moved" in shown


def test_some_hundred_members_are_moved_once_each_whatever_is_killed(tmp_path: Path) -> None:
    town, settings = tmp_path / "town", Settings(domain=OLD, password_memory_kib=64, password_rounds=1)
    with opened(town, settings) as site:
        dids = [site.truth.write_sync(lambda tx, n=n: member(site, tx, f"m{n}.{OLD}")) for n in range(450)]
        seq = site.log.last
    for commits in (2, 3, 2):
        words = [sys.executable, KILLED, str(commits), "domain", str(town), "move", NEW, "--yes"]
        killed = subprocess.run(words, env={**os.environ, **QUIET}, capture_output=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert freehold("domain", town, "move", NEW).code == 0
    with opened(town, Settings()) as site, site.truth.reading() as tx:
        told = Counter((event.did, event.kind) for event in site.log.read(seq, 5_000))
        for n, did in enumerate(dids):
            _, changed = plc_directory.entries(tx, did)
            assert changed.operation["alsoKnownAs"] == [f"at://m{n}.{NEW}"]
            assert changed.operation["services"]["atproto_pds"]["endpoint"] == f"https://{NEW}"
            assert (told[did, "identity"], told[did, "account"]) == (1, 1)


def test_the_new_name_is_typed_before_anything_is_moved(named: Path) -> None:
    with Typing("domain", named, "move", NEW) as person:
        assert "passkeys are made anew" in person.sees(f"Type {NEW} to go on: ")
        person.types("no")
        assert "Nothing was changed" in person.sees("Nothing was changed")
        assert person.ends() == 1
    assert "before" not in freehold("domain", named, "show").out


@pytest.mark.parametrize(
    ("new", "say"), [("not a name", "“not a name” is not a domain name."), (OLD, f"The network is at {OLD} already.")]
)
def test_what_cannot_be_is_said(named: Path, new: str, say: str) -> None:
    done = freehold("domain", named, "move", new, "--yes")
    assert (done.code, done.err) == (1, f"freehold: {say}\n")


def test_who_moves_is_told_which_edges_still_ask_under_the_old_name(named: Path) -> None:
    settings = named / "settings.toml"
    settings.write_text("https = true\n" + settings.read_text())
    made = freehold("edge", named, "make", "west", "--address", "198.51.100.4", "--origin", "192.0.2.1")
    assert made.code == 0, made.err
    assert f"hdr host {OLD}" in made.out
    moved = freehold("domain", named, "move", NEW, "--yes")
    assert f"freehold edge {named} push west ssh://" in moved.out, moved
    assert f"hdr host {NEW}" in freehold("edge", named, "show", "west").out
