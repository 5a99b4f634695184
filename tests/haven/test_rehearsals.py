"""Drills by plan, and measurements over time."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.haven import measured, rehearsals
from freehold.haven.measured import HOUR, KEPT, Measures, Sample
from freehold.haven.rehearsals import DAY, SETTLE, Plan, Rehearsals, plans
from freehold.protocol.refused import InvalidRequest
from freehold.store.database import Database
from support.patience import until

MINUTE = 60_000_000
NOW = 20_000 * DAY


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def truth(tmp_path: Path, clock: Clock) -> Iterator[Database]:
    schema = (*measured.SCHEMA, *rehearsals.SCHEMA)
    with Database(tmp_path / "truth.db", schema, durable=True, clock=clock) as made:
        yield made


class Planned:
    """Rehearsals by a program of the test's, and the alarms that they gave."""

    def __init__(self, truth: Database, clock: Clock, folder: Path, source: str, *lines: str) -> None:
        self.alarms: list[tuple[str, str]] = []
        program = folder / "program.py"
        program.write_text(source)
        self.rehearsals = Rehearsals(
            folder,
            truth,
            plans(lines),
            (sys.executable, str(program)),
            clock,
            lambda tx, *what: self.alarms.append(what),
        )


HELD = "import os, sys; open('held', 'a').write(f'{os.nice(0)} {sys.argv[1:]}'); sys.exit(0)"


def test_a_plan_says_when() -> None:
    [daily, weekly] = plans(["lost-machine daily", "january-2021 weekly 03:00"])
    assert daily.due(NOW) == NOW + DAY
    at_three = NOW + 3 * HOUR
    assert weekly.due(at_three) == weekly.due(at_three + 20 * MINUTE) == at_three + 7 * DAY
    assert weekly.due(NOW + 9 * HOUR) == at_three + 8 * DAY
    for wrong in ("lost-machine", "lost-machine hourly", "x weekly 24:00", "x y weekly", "../x daily"):
        with pytest.raises(InvalidRequest):
            plans([wrong])


async def test_a_drill_is_held_with_what_the_machine_has_left_over(
    truth: Database, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planned = Planned(truth, clock, tmp_path, HELD, "lost-machine weekly")
    [plan] = planned.rehearsals.plans
    assert planned.rehearsals.next_at(plan) == NOW + SETTLE  # not in the first minutes of a start
    clock.now += 2 * HOUR
    assert (await planned.rehearsals.hold("lost-machine")).failure == ""
    assert (tmp_path / "held").read_text() == f"19 ['drill', '{tmp_path}', 'lost-machine']"
    assert planned.rehearsals.next_at(plan) == clock.now + 7 * DAY
    assert planned.alarms == []


async def test_a_drill_that_fails_is_said_once_with_its_reason(truth: Database, clock: Clock, tmp_path: Path) -> None:
    source = "import sys; sys.exit('freehold: What was lost stands in that file.')"
    planned = Planned(truth, clock, tmp_path, source, "lost-machine daily")
    await planned.rehearsals.hold("lost-machine")
    assert planned.alarms == [("lost-machine", "What was lost stands in that file.")]
    assert planned.rehearsals.held()["lost-machine"].failure == "What was lost stands in that file."


async def test_a_network_that_ends_ends_its_drill(truth: Database, clock: Clock, tmp_path: Path) -> None:
    source = (
        "import pathlib, time\n"
        f"at = pathlib.Path({str(tmp_path)!r})\n"
        "try:\n    (at / 'began').touch()\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    (at / 'cleared').touch()\n"
    )
    planned = Planned(truth, clock, tmp_path, source, "lost-machine daily")
    holding = asyncio.create_task(planned.rehearsals.hold("lost-machine"))
    await until((tmp_path / "began").exists)
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    assert (tmp_path / "cleared").exists()
    assert planned.rehearsals.held()["lost-machine"].ended_at == 0


def test_the_plan_of_the_settings_and_that_of_the_room_are_the_same() -> None:
    from freehold.settings import DRILL

    for line in ("a daily", "b weekly 00:00", "c monthly 23:59", "d yearly", "e daily 7:00", "E daily"):
        understood = True
        try:
            plans([line])
        except InvalidRequest:
            understood = False
        assert understood == (DRILL.fullmatch(line) is not None), line


async def test_of_each_hour_the_worst_is_kept_and_of_each_series_a_month(truth: Database, clock: Clock) -> None:
    measures = Measures(truth, clock)
    for value in (1.0, 7.0, 3.0):
        measures.note(Sample("standby", "lyon", value))
    await measures.flush()
    measures.note(Sample("standby", "lyon", 5.0))
    await measures.flush()
    assert measures.series("standby") == {"lyon": [(NOW, 7.0)]}
    for _ in range(KEPT + 5):
        clock.now += HOUR
        measures.note(Sample("standby", "lyon", 1.0))
        measures.note(Sample("clock", "", 0.5))
        await measures.flush()
    assert len(measures.series("standby")["lyon"]) == KEPT + 1
    assert list(measures.series("clock")) == [""]


def test_plans_are_plain_values() -> None:
    assert plans(["a weekly 03:30"]) == [Plan("a", 7 * DAY, 210)]
