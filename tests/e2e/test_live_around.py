"""A live drill takes what stands around a network, for real: edges, archive store, services outside, its machine; and
what it took comes back when the drill is killed."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.cli.drill import report
from freehold.cli.drill.findings import Findings
from freehold.cli.drill.live.away import IN_STEP
from freehold.cli.drill.live.cutting import PROTOCOL
from freehold.haven import machine
from support.live import Stage
from support.live_around import BUCKET, Edge, bucket_stands, staged_around
from support.network import running
from support.patience import until

pytestmark = [pytest.mark.long, pytest.mark.hosts, pytest.mark.edges, pytest.mark.machine, pytest.mark.timeout(500)]
Around = tuple[Stage, list[Edge]]


@pytest.fixture
def around(tmp_path: Path) -> Iterator[Around]:
    with running(tmp_path / "town"):
        pass
    with staged_around(tmp_path / "town") as made:
        yield made


def rules(stage: Stage) -> list[str]:
    """Of drills, on the first machine."""
    space = stage.world.first.space
    listed = subprocess.run(["ip", "-n", space, "rule", "list"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if f"proto {PROTOCOL}" in line]


def assure_all_is_back(stage: Stage, edges: list[Edge]) -> None:
    assert [edge.runs for edge in edges] == [True, True]
    assert rules(stage) == []
    assert (machine.read(stage.first).role, machine.read(stage.second).role) == ("primary", "standby")
    assert "drill" not in stage.world.order("account", "list")


def test_edges_store_services_and_machine_go_one_after_another_and_all_come_back(around: Around) -> None:
    stage, edges = around
    drill = stage.begin("--seconds", "2", *(word for edge in edges for word in ("--edge", edge.word)))
    said, _ = drill.communicate(f"{stage.world.name}\n", timeout=400)
    held = report.newest(stage.first, "january-2021", Findings)
    assert held is not None, said
    names = ["doors", "shield", "shield", "store", "services", "machine", "returned", "home"]
    assert [(taking.name, taking.wrong, taking.lost) for taking in held.takings] == [
        (name, "", []) for name in names
    ], said
    assert drill.returncode == (0 if held.held else 1), said  # how long it took is for a machine that is idle
    assert held.records > 10
    assert f"{BUCKET} is out of reach" in " ".join(held.takings[3].notes)
    assert "a new member joined without them" in held.takings[4].notes
    for each in ("mail.outside.example", "relay.outside.example", "plc.outside.example"):
        assert each in held.takings[4].notes[0]
    assert any("folder of this machine" in each for each in held.not_taken)
    assert any(each.startswith("the edge west: it was not named") for each in held.not_taken)
    assert bucket_stands(stage.world).state == IN_STEP
    assure_all_is_back(stage, edges)


def begun(stage: Stage, lost: str, *words: str) -> "subprocess.Popen[str]":
    """A drill that has just said that this is lost."""
    drill = stage.begin("--seconds", "1", *words)
    assert drill.stdin is not None
    assert drill.stdout is not None
    drill.stdin.write(f"{stage.world.name}\n")
    drill.stdin.flush()
    said: list[str] = []
    while not said or f"lost: {lost}" not in said[-1]:
        said.append(drill.stdout.readline())
        assert said[-1], "".join(said)  # it has ended
    return drill


def hand_of(stage: Stage) -> int:
    """The process of the drill's hand on the first machine."""
    space = stage.world.first.space
    listed = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True, check=True).stdout
    lines = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in listed.split()}
    return next(pid for pid, words in lines.items() if b"--hand" in words and b"-c" not in words)


async def test_what_a_killed_drill_took_comes_back_by_itself_and_the_next_one_leads_home(around: Around) -> None:
    stage, edges = around
    north = ("--edge", edges[0].word)
    with begun(stage, "the shield", *north, "--only", "shield") as drill:
        await until(lambda: not edges[0].runs)
        drill.kill()
    await until(lambda: edges[0].runs)
    led = stage.begin(*north)
    said, _ = led.communicate(f"{stage.world.name}\n", timeout=100)
    assert led.returncode == 0, said
    await until(stage.world.in_step)  # what was written last, too
    with begun(stage, "the archive store", "--only", "store") as drill:
        await until(lambda: bool(rules(stage)))
        os.kill(hand_of(stage), signal.SIGKILL)
        await until(lambda: not rules(stage))
        drill.kill()
    led = stage.begin()
    said, _ = led.communicate(f"{stage.world.name}\n", timeout=100)
    assert led.returncode == 0, said
    await until(lambda: bucket_stands(stage.world).state == IN_STEP)
    assure_all_is_back(stage, edges)
