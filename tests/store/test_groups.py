"""Calls that block go to a worker thread together, and each hears of its own."""

import asyncio
import threading

import pytest

from freehold.store.groups import GROUP_MAX, Groups


async def test_what_comes_while_a_group_is_at_work_makes_the_next() -> None:
    worked: list[list[int]] = []
    begun, go_on = threading.Event(), threading.Event()

    def work(items: list[int]) -> list[int | Exception]:
        worked.append(items)
        begun.set()
        assert go_on.wait(5)
        return [item * 2 for item in items]

    groups = Groups(work)
    first = asyncio.create_task(groups.do(1))
    assert await asyncio.to_thread(begun.wait, 5)
    rest = [asyncio.create_task(groups.do(item)) for item in range(2, GROUP_MAX + 4)]
    await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.gather(first, *rest) == [item * 2 for item in range(1, GROUP_MAX + 4)]
    assert [len(group) for group in worked] == [1, GROUP_MAX, 2]
    assert await groups.do(5) == 10  # it begins again after a rest


async def test_one_that_fails_fails_alone_and_a_group_that_fails_fails_whole() -> None:
    def work(items: list[int]) -> list[int | Exception]:
        if 0 in items:
            raise OSError("the disk is full")
        return [ValueError(item) if item < 0 else item for item in items]

    groups = Groups(work)
    good, bad = await asyncio.gather(groups.do(1), groups.do(-1), return_exceptions=True)
    assert good == 1
    assert isinstance(bad, ValueError)
    both = await asyncio.gather(groups.do(0), groups.do(1), return_exceptions=True)
    assert [type(one) for one in both] == [OSError, OSError]


async def test_a_caller_who_goes_away_holds_up_nobody() -> None:
    groups: Groups[int, int] = Groups(lambda items: list(items))
    gone, here = asyncio.create_task(groups.do(1)), asyncio.create_task(groups.do(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await here == 2
    with pytest.raises(asyncio.CancelledError):
        await gone
