"""What a killed primary had committed and no standby had is not shown before a standby has it."""

import asyncio
import shutil
from pathlib import Path

import pytest

from freehold.haven.witness import now_ms
from support.carried import Follower, Primary
from support.patience import until


def killed(primary: Primary, to: Path) -> Path:
    """What is on the disk of a machine whose process was killed just now."""
    shutil.copytree(primary.path.parent, to)
    return to


async def in_step(primary: Primary) -> None:
    await until(lambda: "in step" in primary.carrier.states().values())


@pytest.fixture
async def tailed(primary: Primary, standby: Follower, tmp_path: Path) -> Path:
    """A primary was killed with a commit that its standby had not."""
    end = primary.link(standby)
    await primary.add("both")
    end.shutdown(2)
    standby.left()
    writing = asyncio.create_task(primary.add("here alone"))
    await until(lambda: len(rows_of(primary)) == 2)
    image = killed(primary, tmp_path / "image")
    primary.stop()
    await asyncio.gather(writing, return_exceptions=True)
    return image


def rows_of(primary: Primary) -> set[str]:
    with primary.db.reading() as tx:
        return {str(id) for (id,) in tx.each("SELECT id FROM line")}


async def test_the_tail_is_shown_when_the_standby_has_it(tailed: Path, standby: Follower) -> None:
    again = Primary(tailed)
    assert not again.carrier.is_confirmed
    again.link(standby)
    assert await again.carrier.confirmed.wait(10)
    assert again.carrier.is_confirmed
    again.stop()
    standby.left()
    assert standby.rows() == {"both", "here alone"}


async def test_it_is_shown_where_the_operator_wants_no_confirmation(tailed: Path) -> None:
    again = Primary(tailed)
    again.carrier.go_on_alone(alone=True)
    assert again.carrier.is_confirmed
    again.stop()


async def test_with_a_witness_it_is_shown_only_to_who_may_say_yes_alone(tailed: Path) -> None:
    """Else the standby might have succeeded, which has it not, and use its numbers for something else."""
    again = Primary(tailed, wait=False, witnessed=True)
    again.carrier.begin()
    again.carrier.reign(frozenset({"standby"}))
    assert not again.carrier.is_confirmed
    again.carrier.go_on_alone(alone=True)
    again.carrier.reign_until(now_ms() + 9_000, frozenset({"standby"}))
    again.carrier.reign_until(now_ms() - 1, frozenset())
    assert not again.carrier.is_confirmed
    again.carrier.reign_until(now_ms() + 9_000, frozenset())
    assert again.carrier.is_confirmed
    again.stop()


async def test_without_a_witness_any_more_it_is_shown_where_writes_go_on(tailed: Path) -> None:
    again = Primary(tailed, wait=False, witnessed=True)
    assert not again.carrier.is_confirmed
    again.carrier.end_reign()
    assert again.carrier.is_confirmed
    again.stop()


async def test_a_fold_does_not_hide_it(tailed: Path) -> None:
    """A command that works on the network while it does not run folds its log."""
    alone = Primary(tailed, begun=False)
    await alone.add("by a command")
    alone.stop()
    again = Primary(tailed)
    assert not again.carrier.is_confirmed
    again.stop()


@pytest.mark.parametrize("folded", [False, True])
async def test_without_a_tail_nothing_is_held_back(
    primary: Primary, standby: Follower, tmp_path: Path, folded: bool
) -> None:
    primary.link(standby)
    await in_step(primary)
    await primary.add("both")
    if folded:
        primary.db._the_writer()._checkpoint()
    again = Primary(killed(primary, tmp_path / "image"))
    assert again.carrier.is_confirmed
    again.stop()
    primary.stop()
    standby.left()


async def test_a_network_that_never_had_a_standby_holds_nothing_back(tmp_path: Path) -> None:
    alone = Primary(tmp_path / "alone", wait=False)
    await alone.add("shown")
    again = Primary(killed(alone, tmp_path / "image"))
    assert again.carrier.is_confirmed
    again.stop()
    alone.stop()
