"""A network is handed over to its standby: that succeeds, or all is as it was; which of both is found out."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from freehold.haven import machine, transport
from freehold.haven.carrier import Unsure
from freehold.haven.haven import CalledOff
from freehold.haven.receiving import Receiver
from freehold.haven.wire import Channel, LinkLost, LinkRefused
from freehold.protocol.refused import InvalidRequest
from freehold.store.database import StoreFailed
from support.pair import Pair
from support.patience import until


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.close()


async def assert_goes_on(pair: Pair) -> None:
    assert pair.haven.is_served
    assert machine.read(pair.first).role == "primary"
    await pair.in_step()
    async with asyncio.timeout(5):
        await pair.add("afterwards")


async def assert_ended(pair: Pair) -> None:
    assert not pair.haven.is_served
    assert machine.read(pair.first).role == "fenced"
    with pytest.raises(StoreFailed):
        await pair.add("to nobody")


async def test_the_standby_answers_before_it_becomes_another(pair: Pair) -> None:
    ended = threading.Event()
    with ThreadPoolExecutor(1) as loop:
        pair.succeeded = lambda: loop.submit(lambda: (pair.announce(), ended.set()))
        await pair.hand_over()
        await until(ended.is_set)
    await assert_ended(pair)


async def test_a_standby_that_refuses_stays_one(pair: Pair) -> None:
    def refuse() -> None:
        raise InvalidRequest("Not here.")

    pair.ordered = refuse
    with pytest.raises(LinkRefused, match="Not here"):
        await pair.hand_over()
    await assert_goes_on(pair)


async def test_an_order_that_did_not_arrive_is_called_off_and_writes_that_waited_go_on(pair: Pair) -> None:
    loop, waiting = asyncio.get_running_loop(), []

    def lose() -> None:
        waiting.append(asyncio.run_coroutine_threadsafe(pair.add("meanwhile"), loop))
        raise LinkLost

    pair.ordered = lose
    with pytest.raises(CalledOff):
        await pair.hand_over()
    await asyncio.wrap_future(waiting[0])
    await assert_goes_on(pair)


async def test_an_answer_that_did_not_arrive_is_asked_for_again(pair: Pair) -> None:
    ended = threading.Event()
    with ThreadPoolExecutor(1) as loop:
        pair.ordered = lambda: pair.door._take_over(None)  # the line is cut: the order was heard, the answer is not
        pair.succeeded = lambda: loop.submit(lambda: (pair.announce(), ended.set()))
        await pair.hand_over()
        await until(ended.is_set)
    await assert_ended(pair)


async def test_a_standby_that_stays_away_is_asked_when_it_is_back(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.haven.haven.UNSURE_SECONDS", 0.2)
    away = threading.Event()

    def vanish() -> None:
        pair.door._listener.close()
        away.set()
        raise LinkLost

    pair.ordered = vanish
    with pytest.raises(Unsure):
        await pair.hand_over()
    assert machine.read(pair.first).role == "fenced", "a restart must not make two primaries of it"
    assert away.is_set()
    pair.door = Receiver(pair.second, pair.standby, lambda token, certificate: False)
    pair.door.open()
    await until(lambda: pair.haven.is_served)
    await assert_goes_on(pair)


async def test_who_heard_the_order_greets_nobody_as_a_standby(pair: Pair) -> None:
    """Else the old primary would take it for one that did not hear it."""
    await pair.hand_over()
    door = transport.connect(f"unix://{pair.second / transport.SOCKET}", pair.first, None)
    with Channel(door) as channel, pytest.raises(LinkLost):
        channel.receive()
