"""The ends of repositories that wait for their turn share a transaction, and none takes another along."""

import asyncio

import pytest
from bench.elsewhere import Intake

from freehold.outside.ends import TOGETHER_BYTES, Ended, Ends
from freehold.outside.index import Taker


class Spoilt(Exception):  # noqa: N818 - what a strange record might raise
    pass


def ended(name: str, size: int = 1, *, wanted: bool = True, spoilt: bool = False) -> Ended:
    def change(taker: Taker) -> bool:
        if wanted:
            taker.identity(f"did:plc:{name}", f"{name}.test")
        if spoilt:
            raise Spoilt(name)
        return wanted

    return Ended(f"did:plc:{name}", "3lpzq2a5xvc2x", change, size)


async def written(intake: Intake, *given: Ended) -> tuple[list[object], int, list[str]]:
    """All wait for a turn that is taken: what each hears, in how many transactions, and whom the index knows then."""
    turn, followed = asyncio.Lock(), []

    async def follow_up(one: Ended) -> None:
        followed.append(one.did)

    ends = Ends(intake.index, turn, follow_up)
    await turn.acquire()
    waiting = [asyncio.ensure_future(ends.write(one)) for one in given]
    await asyncio.sleep(0)
    before = intake.db.counts[0]
    turn.release()
    heard = await asyncio.gather(*waiting, return_exceptions=True)
    with intake.db.reading() as tx:
        handles = [handle for (handle,) in tx.run("SELECT handle FROM actor ORDER BY handle")]
    assert sorted(followed) == [one.did for one in given if one.error is None]
    return heard, intake.db.counts[0] - before, handles


async def test_those_that_wait_share_a_transaction(intake: Intake):
    heard, writes, handles = await written(intake, ended("a"), ended("b", wanted=False), ended("c"))
    assert (heard, writes, handles) == ([True, False, True], 1, ["a.test", "c.test"])


async def test_no_more_share_one_than_it_may_hold(intake: Intake):
    most = TOGETHER_BYTES
    heard, writes, _ = await written(intake, ended("a", most - 1), ended("b", 2), ended("c", 1), ended("d", 2 * most))
    assert (heard, writes) == ([True] * 4, 3)


async def test_one_that_fails_takes_no_other_along(intake: Intake):
    heard, _, handles = await written(intake, ended("a"), ended("b", spoilt=True), ended("c"))
    assert heard[0] is heard[2] is True
    assert isinstance(heard[1], Spoilt)
    assert handles == ["a.test", "c.test"]


async def test_who_does_not_wait_any_more_is_not_written(intake: Intake):
    turn = asyncio.Lock()

    async def follow_up(one: Ended) -> None:
        raise AssertionError(one.did)

    ends = Ends(intake.index, turn, follow_up)
    await turn.acquire()
    waiting = asyncio.ensure_future(ends.write(ended("a")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ends._waiting == []
