"""Commands on a running network: the same acts, inside its process, by the hands of whoever typed them."""

import asyncio
import fcntl
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from freehold import __version__
from freehold.cli import control, wire
from freehold.cli.acting import PATIENCE_SECONDS
from freehold.cli.hosting import understood
from freehold.cli.reach import Far
from freehold.cli.terminal import FileTrouble, Hands
from support.command import COMMAND, QUIET, Serving, freehold, serving
from support.inside import opened
from support.network import CHEAP
from support.patience import until

PASSWORD = "three plain words"


def said(network: Path, *words: object, given: str = "") -> str:
    done = freehold(*words[:1], network, *words[1:], given=given)
    assert (done.code, done.err) == (0, "")
    return done.out


def test_an_account_is_made_and_changed_while_the_network_runs(network: Path) -> None:
    with serving(network) as running:
        assert said(network, "account", "create", "agnes", given=f"{PASSWORD}\n").startswith("agnes.test is a member: ")
        assert said(network, "account", "role", "agnes", "moderator") == "agnes.test is now moderator.\n"
        took = said(network, "account", "takedown", "agnes")
        assert f"freehold account {network} restore agnes.test" in took
        describe = "/xrpc/com.atproto.repo.describeRepo?repo=agnes.test"
        assert running.get(describe).json()["error"] == "RepoTakendown"
        said(network, "account", "restore", "agnes")
        assert running.get(describe).json()["handle"] == "agnes.test"
        assert said(network, "doctor").endswith("All repositories, blobs and databases are whole.\n")
        assert said(network, "account", "delete", "agnes") == "agnes.test is erased.\n"
        assert "agnes.test" not in said(network, "account", "list")
        assert running.end() == 0
    assert not (network / wire.NAME).exists()


def test_a_repository_goes_out_and_in_by_the_callers_own_hands(network: Path, tmp_path: Path) -> None:
    file = tmp_path / "amina.car"
    with serving(network):
        done = subprocess.run(
            [*COMMAND, "export", "linden", "amina", "amina.car"],
            cwd=tmp_path,  # not where the network was started
            env={**os.environ, **QUIET},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert file.stat().st_mode & 0o777 == 0o600
        before = file.read_bytes()
        again = freehold("export", network, "amina", file)
        assert again.err == f"freehold: {file} exists already. Choose another name, or move it out of the way.\n"
        assert file.read_bytes() == before
        assert "amina.test has " in said(network, "import", "amina", file)
        absent = freehold("import", network, "amina", tmp_path / "absent.car")
        assert (absent.code, absent.err) == (1, f"freehold: There is no file {tmp_path / 'absent.car'}.\n")
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_what_cannot_be_done_is_said_in_one_line(network: Path) -> None:
    with serving(network) as running:
        done = freehold("account", network, "takedown", "nobody")
        assert (done.code, done.out) == (1, "")
        assert re.fullmatch(r"freehold: There is no account nobody.test here.*\n", done.err)
        done = freehold("rebuild", network)
        assert done.err == (
            f"freehold: The network in {network} is in use by process {running.pid}. Stop that one first.\n"
        )


@pytest.mark.parametrize("depth", [1, 3])
def test_a_network_may_lie_deep(tmp_path: Path, depth: int) -> None:
    town = tmp_path.joinpath(*["a-folder-with-a-name-of-more-than-forty-letters"] * depth) / "town"
    town.parent.mkdir(parents=True)
    with serving(town, given=CHEAP):
        assert (town / wire.NAME).stat().st_mode & 0o777 == 0o600
        assert "labeler.test" in said(town, "account", "list")


def test_each_network_of_a_process_has_its_own(tmp_path: Path) -> None:
    with serving(tmp_path / "one", tmp_path / "two"):
        assert "labeler.one.test" in said(tmp_path / "one", "account", "list")
        assert "labeler.two.test" in said(tmp_path / "two", "account", "list")


def test_a_socket_that_a_killed_network_left_is_no_hindrance(network: Path) -> None:
    with serving(network) as running:
        running.end(signal.SIGKILL)
    assert (network / wire.NAME).exists()
    assert "amina.test" in said(network, "account", "list")
    with serving(network):
        assert "amina.test" in said(network, "account", "list")


class Calling:
    """A command that speaks the protocol of the socket by hand."""

    def __init__(self, network: Path) -> None:
        self.there = socket.socket(socket.AF_UNIX)
        self.there.settimeout(20)
        with wire.address(network) as name:
            self.there.connect(name)

    def say(self, message: wire.Message) -> None:
        self.there.sendall(wire.pack(message))

    def hear(self) -> wire.FromNetwork:
        return wire.from_network(self._exactly(wire.length(self._exactly(wire.HEAD_BYTES))))

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.there.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def close(self) -> None:
        self.there.close()


def test_a_command_of_another_version_is_told_so(network: Path) -> None:
    with serving(network):
        for version, words, say in (
            ("9.9.9", ["frobnicate", "x"], f"It is of version {__version__}, the command of 9.9.9: start it again."),
            (__version__, ["account", "x", "frobnicate"], "Start it again if Freehold was changed since it began."),
            (__version__, ["run", "x"], "“run” is not for a running network"),
            (__version__, ["--help"], "that is answered where it was typed"),
        ):
            calling = Calling(network)
            calling.say(wire.Begin(version, words, False))
            end = calling.hear()
            assert isinstance(end, wire.End)
            assert (end.code, say in end.say) == (1, True), end.say
            calling.close()


def test_nonsense_is_hung_up_on(network: Path) -> None:
    with serving(network) as running:
        for data in (b"GET / HTTP/1.1\r\n\r\n", (4).to_bytes(4, "big") + b"\xc1\xc1\xc1\xc1", wire.pack(wire.Answer())):
            calling = Calling(network)
            calling.there.sendall(data)
            assert calling.hear() == wire.End(1, "That was not understood.")
            with pytest.raises(EOFError):
                calling.hear()
            calling.close()
        assert "Traceback" not in running.log()
        assert said(network, "account", "list")


def test_who_hangs_up_cancels_the_act(network: Path) -> None:
    with serving(network):
        for _ in range(control.AT_ONCE + 2):  # who is gone holds no place either
            calling = Calling(network)
            calling.say(wire.Begin(__version__, ["account", str(network), "create", "agnes"], True))
            assert calling.hear() == wire.Ask("Password: ", secret=True, twice=True)
            calling.close()
        assert "agnes" not in said(network, "account", "list")


def test_ctrl_c_ends_the_command_and_leaves_no_half_file(network: Path, tmp_path: Path) -> None:
    with serving(network):
        child = subprocess.Popen(
            [*COMMAND, "account", str(network), "create", "agnes"],
            env={**os.environ, **QUIET},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        wait_for_log(network, "the command “account” runs")
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 130
        child.communicate()
        assert "agnes" not in said(network, "account", "list")


def wait_for_log(network: Path, text: str) -> None:
    log, end = network.with_name(f"{network.name}.log"), time.monotonic() + 20
    while text not in log.read_text():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("by", "say"),
    [
        (signal.SIGTERM, "freehold: The network was stopped before this was done.\n"),
        (signal.SIGKILL, "freehold: The network ended before this was done. What it says about it is in its log.\n"),
    ],
    ids=lambda by: by.name if isinstance(by, signal.Signals) else "",
)
def test_the_end_of_the_network_is_told_to_its_commands(network: Path, by: signal.Signals, say: str) -> None:
    with serving(network) as running, waiting_command(network) as child:
        running.end(by)
        assert child.stdin is not None
        child.stdin.write(b"three plain words\n")
        _, err = child.communicate(timeout=10)
        assert (child.returncode, err.decode()) == (1, say)


def waiting_command(network: Path) -> "subprocess.Popen[bytes]":
    """A command that waits for a password."""
    child = subprocess.Popen(
        [*COMMAND, "account", str(network), "create", "agnes"],
        env={**os.environ, **QUIET},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_for_log(network, "the command “account” runs")
    return child


def test_a_command_waits_for_a_network_that_is_just_starting(network: Path) -> None:
    child = subprocess.Popen(
        [*COMMAND, "account", str(network), "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with serving(network):
        out, err = child.communicate(timeout=PATIENCE_SECONDS + 10)
    assert (child.returncode, err, b"amina.test" in out) == (0, b"", True)


def test_a_lock_without_a_network_behind_it_is_named(
    network: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("freehold.cli.acting.PATIENCE_SECONDS", 0.0)
    from freehold.cli.main import main

    with (network / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["account", str(network), "list"]) == 1
    assert "is in use by process" in capsys.readouterr().err


def test_other_users_are_turned_away(tmp_path: Path, shared, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use() -> wire.FromNetwork:
        with opened(tmp_path / "town", shared) as site:
            async with control.commanded(site, understood):
                monkeypatch.setattr(control, "caller_of", lambda writer: os.geteuid() + 1)
                calling = Calling(site.directory)
                try:
                    return await asyncio.to_thread(calling.hear)
                finally:
                    calling.close()

    end = asyncio.run(use())
    assert end == wire.End(1, "Only the network's own user and root may give it commands.")


def test_the_caller_is_known_to_the_system(tmp_path: Path, shared) -> None:
    async def use() -> list[int | None]:
        seen: list[int | None] = []
        caller_of = control.caller_of
        with opened(tmp_path / "town", shared) as site, pytest.MonkeyPatch.context() as patch:
            patch.setattr(control, "caller_of", lambda writer: seen.append(caller_of(writer)) or seen[-1])
            async with control.commanded(site, understood):
                calling = Calling(site.directory)
                await until(lambda: bool(seen))
                calling.close()
        return seen

    if hasattr(socket, "SO_PEERCRED"):
        assert asyncio.run(use()) == [os.geteuid()]


# --- what the far side may touch


class Network:
    """The network's end, played by hand: it asks for what it should not."""

    def __init__(self, named: list[Path]) -> None:
        self.here, there = socket.socketpair()
        self.far = Far(there, Hands(), named)

    def close(self) -> None:
        self.far._close()
        self.here.close()


@pytest.mark.parametrize("path", ["../other", "/etc/passwd", "in/../../other", "in-other"])
def test_a_network_gets_at_no_file_that_was_not_named(tmp_path: Path, path: str) -> None:
    network = Network([tmp_path / "in"])
    for write in (False, True):
        with pytest.raises(FileTrouble, match="which you did not name"):
            network.far._answer(wire.Open(1, str(tmp_path / path), write=write, replace=True))
    network.close()


def test_what_members_wrote_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    Hands().say("a name\x1b[2J\x07\r of\tmine\nand more")
    assert capsys.readouterr().out == "a name[2J of\tmine\nand more\n"


def test_a_file_that_was_only_half_sent_is_not_there(tmp_path: Path) -> None:
    network = Network([tmp_path])
    network.far._answer(wire.Open(1, str(tmp_path / "a.car"), write=True))
    network.far._answer(wire.Piece(b"half", 1))
    assert [path.name for path in tmp_path.iterdir()] == ["a.car.part"]
    network.far._answer(wire.Close(1, keep=False))
    network.close()
    assert list(tmp_path.iterdir()) == []


def test_several_directories_may_stand_between_options(tmp_path: Path) -> None:
    with serving(tmp_path / "one", words=("--dev", str(tmp_path / "two")), networks=2) as running:
        assert isinstance(running, Serving)
        assert [url.split(".")[0] for url in running.urls] == ["http://one", "http://two"]
    done = freehold("account", tmp_path / "one", "list", "more")
    assert (done.code, done.err.endswith("error: unrecognized arguments: more\n")) == (2, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_commands_a_network_that_runs_and_leaves_no_files_in_one_that_does_not(network: Path) -> None:
    os.chown(network, 65_534, 65_534)
    done = freehold("account", network, "list")
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(rf"freehold: The network in {network} does not run, and its files are \w+'s\. .*\n", done.err)
    with serving(network):  # by root here; what counts is who is let in
        assert "amina.test" in said(network, "account", "list")
