"""`freehold drill DIRECTORY january-2021`, on machines of its own: they are lost, and what is lost is noticed."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec
import pytest

from freehold.cli.drill import page, report
from freehold.cli.drill.findings import Findings, Found
from freehold.cli.drill.takings import ALL
from freehold.cli.drill.wire import MARK, SPACES
from support.children import environment
from support.command import COMMAND, QUIET
from support.network import Person, running

T = TypeVar("T")
FEW = ("january-2021", "--members", "3", "--seconds", "1")
LYING = (sys.executable, "-m", "support.lying_child")


@pytest.fixture
async def town(tmp_path: Path) -> Path:
    """A small network in which two people know each other; it does not run."""
    with running(tmp_path / "town") as network:
        async with httpx.AsyncClient(base_url=network.url) as http:
            mei, joan = await Person.join(http, "mei"), await Person.join(http, "joan")
            await mei.post("before the drill")
            await joan.follow(mei)
    return tmp_path / "town"


def on_machines(test: T) -> T:
    """Marks a test that makes machines: it waits for many processes to start."""
    for mark in (pytest.mark.hosts, pytest.mark.edges, pytest.mark.timeout(240)):
        test = mark(test)
    return test


def hold(town: Path, *words: str, command: tuple[str, ...] = tuple(COMMAND)) -> tuple[int, Findings]:
    """Hold a drill to its end: its exit code, and what it found."""
    with (town.parent / "drill.log").open("wb") as out:
        done = subprocess.run(
            [*command, "drill", str(town), *words],
            env=environment(**QUIET),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    held = report.newest(town, "january-2021", Findings)
    assert held is not None, (town.parent / "drill.log").read_text()
    return done.returncode, held


def assure_sound(code: int, found: Findings, *names: str) -> None:
    """Nothing was lost, nothing broke. How long it took, and how a flood was felt, is for a machine that is idle."""
    assert [taking.name for taking in found.takings] == list(names)
    assert found.lost == []
    assert [taking.wrong for taking in found.takings if taking.wrong and taking.name != "flood"] == []
    assert all(taking.read is not None and taking.write is not None for taking in found.takings)
    assert code == (0 if found.held else 1)
    assert found.others >= 2
    assert min(found.records, found.blobs, found.follows, found.settings) > 0


@on_machines
async def test_a_network_comes_back_without_its_machine_and_without_its_name(town: Path) -> None:
    code, found = hold(town, *FEW, "--only", "machine", "--only", "name")
    assure_sound(code, found, "machine", "name")
    assert "second-door.example" in found.takings[1].notes[0]
    shown = next((town / "drills").glob("*.html")).read_text()
    assert shown.count("<svg") == 2
    assert "1 machine" in shown


@on_machines
async def test_a_standby_whose_disk_lied_is_found_out(town: Path) -> None:
    code, found = hold(town, *FEW, "--only", "machine", command=LYING)
    assert code == 1
    assert not found.held
    assert any(each.startswith("at://") for each in found.lost), found.lost


@on_machines
def test_a_drill_that_is_ended_leaves_nothing_behind(town: Path) -> None:
    own = town.parent / "own"
    own.mkdir()
    words = [*COMMAND, "drill", str(town), *FEW]
    child = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env={**os.environ, **QUIET, "TMPDIR": str(own)})
    assert child.stderr is not None
    with child.stderr as said:
        while "machines start" not in said.readline():
            assert child.poll() is None
        assert list(own.iterdir())
        child.send_signal(signal.SIGINT)
        said.read()
    assert child.wait(30) == 130
    assert not list(own.iterdir())
    assert not list(SPACES.glob(f"{MARK}-{child.pid}*"))
    assert not list((town / "drills").glob("*"))


@pytest.mark.long
@on_machines
async def test_a_network_comes_back_from_all_of_january_2021(town: Path) -> None:
    code, found = hold(town, *FEW)
    assure_sound(code, found, *(taking.name for taking in ALL))
    assert found.seconds < 300
    assert found.reports > 0


def test_what_was_lost_or_late_or_never_came_back_is_not_held() -> None:
    fine = Found(
        name="machine",
        what="the machine",
        at=1.0,
        read=2.0,
        write=3.0,
        promised_read=5,
        promised_write=5,
        longest_read=2.0,
        longest_write=3.0,
        notes=["a <note>"],
    )
    late, never = msgspec.structs.replace(fine, longest_write=5.1), msgspec.structs.replace(fine, read=None)
    lost, broken = msgspec.structs.replace(fine, lost=["at://x"]), msgspec.structs.replace(fine, wrong="no")
    assert [each.held for each in (fine, late, never, lost, broken)] == [True, False, False, False, False]
    assert [each.verdict for each in (late, never)] == ["too late", "broken"]
    shown = page.page(findings(late, never, lost))
    assert "a &lt;note&gt;" in shown
    assert shown.count("bar reads late") == 1


def findings(*takings: Found) -> Findings:
    return Findings(
        drill="january-2021",
        at=datetime(2026, 11, 22, tzinfo=UTC),
        members=1,
        records=1,
        blobs=1,
        lost=[],
        seconds_to_read=1.0,
        seconds_to_write=1.0,
        writes_a_second=[1],
        lost_at=1,
        seconds=9.0,
        follows=1,
        reports=0,
        settings=0,
        others=0,
        reads=[1, 2],
        writes=[1, 0],
        failures=[0, 1],
        takings=list(takings),
    )
