"""`freehold drill … --live`: what it refuses, what it wipes, what it leaves when it is lost; and all of it over ssh."""

import asyncio
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from bench.ports import free_port

from freehold.cli.drill import report
from freehold.cli.drill.findings import Findings
from freehold.cli.drill.live.assured import NotNow
from freehold.cli.drill.live.live import Wishes, prepared
from freehold.cli.drill.live.marks import DrillAtWork, Marks, NotMade
from freehold.cli.drill.live.station import Station, where
from freehold.cli.drill.live.words import Kill, Order
from freehold.cli.drill.orders import Typist
from freehold.cli.drill.world import PASSPHRASE
from freehold.haven import machine
from freehold.haven.standby import make
from freehold.protocol.refused import InvalidRequest
from freehold.store.lock import AlreadyRunning, DirectoryLock
from support.live import MARK, Stage, staged
from support.network import running
from support.patience import until
from support.standbys import standing_by

T = TypeVar("T")


async def test_it_asks_for_a_standby_that_was_verified_a_way_back_and_the_name_and_changes_nothing_before(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with running(first) as primary:
        make(second, "")
        shutil.copy(first / "unlock.key", second)
        with standing_by(second, primary.url.rpartition(":")[2]):
            stations = home, far = Station(where(str(first))), Station(where(str(second)))
            wishes = Wishes(2, 1, (), home=f"tls://127.0.0.1:{free_port()}", archive="", planned=False)

            async def in_step() -> bool:
                return (await home.look()).in_step("second")

            try:
                with pytest.raises(NotNow, match="not one of this network"):
                    await prepared(home, far, wishes)
                await home.ask(Order("standby", ("add", f"unix://{second}/standby.sock", "--name", "second")))
                await until(in_step)
                with pytest.raises(NotNow, match="not compared, byte for byte, within the hour"):
                    await prepared(home, far, wishes)
                await home.ask(Order("standby", ("verify", "second")))
                assert "the same when compared at" in (await home.look()).listed
                with pytest.raises(NotNow, match="no way home"):
                    await prepared(home, far, wishes._replace(home="tls://nowhere.invalid:7100"))
                with pytest.raises(InvalidRequest, match="is not in a live drill"):
                    await prepared(home, far, wishes._replace(only=["flood"]))
                with pytest.raises(NotNow, match="it is no standby"):
                    await prepared(home, home, wishes)
                drill = await prepared(home, far, wishes)
                with pytest.raises(InvalidRequest, match="not the network's name"):
                    drill.agreed(Typist(["another.example"]))
            finally:
                await asyncio.gather(*(asyncio.to_thread(each.close) for each in stations))
            assert [path for path in (*first.iterdir(), *second.iterdir()) if "live-drill" in path.name] == []
            assert (machine.read(first).role, machine.read(second).role) == ("primary", "standby")


@pytest.mark.timeout(120)
async def test_a_network_whose_drill_is_lost_is_served_again(tmp_path: Path) -> None:
    with running(tmp_path / "town") as town:
        station = Station(where(str(town.directory)))
        try:
            await station.ask(Kill())
            assert (await station.look()).runs is False
            with pytest.raises(AlreadyRunning):
                DirectoryLock(town.directory)
            os.kill(station.pid, signal.SIGTERM)
            await until(lambda: (town.directory / "control.sock").is_socket())
            await asyncio.to_thread(station.close)
            again = Station(where(str(town.directory)))
            try:
                assert (await again.look()).runs is True
                os.kill(int((town.directory / "lock").read_text()), signal.SIGTERM)
            finally:
                await asyncio.to_thread(again.close)
        finally:
            await asyncio.to_thread(station.close)


def test_only_what_bears_the_mark_of_this_drill_is_wiped(tmp_path: Path) -> None:
    marks, id = Marks(tmp_path), MARK.id
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "mark").write_text(id)
    theirs = tmp_path / f"drill-{id}"
    for change in (theirs.mkdir, lambda: (theirs / "mark").write_text("another"), lambda: linked(theirs, tmp_path)):
        change()
        with pytest.raises(NotMade):
            marks.wipe(id)
        assert theirs.exists()
    with pytest.raises(NotMade):
        marks.wipe("../precious")
    theirs.unlink()
    own = marks.folder(id)
    (own / "restored").mkdir()
    marks.wipe(id)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def linked(path: Path, folder: Path) -> None:
    """In place of the folder, a link to another one, which bears the mark."""
    shutil.rmtree(path)
    path.symlink_to(folder / "precious")


def test_one_drill_at_a_time_and_another_ones_mark_stays(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.put(MARK)
    with pytest.raises(DrillAtWork, match="just now"):
        Marks(tmp_path).put(MARK)
    other = msgspec.structs.replace(MARK, id=secrets.token_hex(8))
    with pytest.raises(DrillAtWork, match=MARK.id):
        marks.put(other)
    marks.drop(other.id)
    assert marks.read() == MARK
    marks.drop(MARK.id)
    assert marks.read() is None


# --- all of it, on machines of its own


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with running(tmp_path / "town"):
        pass
    with staged(tmp_path / "town", tmp_path / "stage") as made:
        yield made


def on_machines(test: T) -> T:
    """Marks a test that makes machines, each with an sshd."""
    for mark in (pytest.mark.long, pytest.mark.hosts, pytest.mark.edges, pytest.mark.timeout(400)):
        test = mark(test)
    return test


def assure_home(stage: Stage) -> None:
    """Both machines are what they were, and nothing of the drill is left but its report."""
    assert (machine.read(stage.first).role, machine.read(stage.second).role) == ("primary", "standby")
    assert "in step" in stage.world.order("standby", "list")
    assert "drill" not in stage.world.order("account", "list")
    left = [path.name for each in (stage.first, stage.second) for path in each.glob("*drill*")]
    assert sorted(left) == ["drills", "live-drill.lock", "live-drill.lock"] or left == ["live-drill.lock"] * 2


@on_machines
def test_two_machines_that_reach_each_other_by_ssh_alone_come_home_too(stage: Stage) -> None:
    stage.follow_by_ssh()
    drill = stage.begin("--seconds", "1", "--only", "machine", "--planned")
    said, _ = drill.communicate(f"{stage.world.name}\n", timeout=300)
    held = report.newest(stage.first, "january-2021", Findings)
    assert held is not None, said
    assert [(taking.name, taking.wrong, taking.lost) for taking in held.takings] == [
        (name, "", []) for name in ("machine", "returned", "home")
    ]
    assure_home(stage)
    assert machine.read(stage.first).standbys[0].address.startswith("ssh://")


@on_machines
@pytest.mark.parametrize("planned", [False, True])
def test_a_network_goes_over_to_its_standby_by_ssh_and_comes_home(stage: Stage, planned: bool) -> None:
    archive = f"file://{stage.world.archives['far']}"
    drill = stage.begin("--seconds", "1", "--archive", archive, *(["--planned"] if planned else []))
    said, _ = drill.communicate(f"{stage.world.name}\n{PASSPHRASE}\n", timeout=300)
    held = report.newest(stage.first, "january-2021", Findings)
    assert held is not None, said
    assert [taking.name for taking in held.takings] == ["doors", "archive", "machine", "returned", "home"]
    assert [taking.wrong for taking in held.takings if taking.wrong] == []
    assert (held.lost, held.live) == ([], stage.world.name)
    assert drill.returncode == (0 if held.held else 1), said  # how long it took is for a machine that is idle
    assert held.records > 10
    assert "records of members were there; wiped" in held.takings[1].notes[0]
    assure_home(stage)
    assert (machine.read(stage.first).epoch, machine.read(stage.second).epoch) == (3, 3)
    assert "What was not taken away" in next((stage.first / "drills").glob("*.html")).read_text()


@on_machines
def test_a_live_drill_that_is_broken_off_says_how_to_go_on_and_the_next_one_leads_home(stage: Stage) -> None:
    drill = stage.begin("--seconds", "1")
    assert drill.stdin is not None
    assert drill.stdout is not None
    with drill.stdin, drill.stdout:
        drill.stdin.write(f"{stage.world.name}\n")
        drill.stdin.flush()
        while "lost: the hosting machine" not in drill.stdout.readline():
            assert drill.poll() is None
        drill.send_signal(signal.SIGTERM)
        said = drill.stdout.read()
    assert drill.wait(60) == 1
    assert "The drill was broken off" in said
    assert "serves the network" in said
    assert "give the same command again" in said
    again = stage.begin()
    said, _ = again.communicate(f"{stage.world.name}\n", timeout=200)
    assert again.returncode == 0, said
    assert "both machines are what they were" in said
    assure_home(stage)
