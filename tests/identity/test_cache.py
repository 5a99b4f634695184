"""What is kept of other hosts' answers, and for how long."""

import asyncio

import pytest

from freehold.identity.cache import Cache
from freehold.net.errors import UpstreamFailed
from freehold.protocol.refused import InvalidRequest
from support.plc import Clock


class Host:
    """Answers in turn what it was given; counts."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self):
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock):
    return Cache(clock, most=3, fresh=100, stale=1000, failed=10)


async def test_a_fresh_answer_is_not_asked_for_again(cache, clock):
    host = Host("one", "two")
    assert await cache.get("a", host) == "one"
    clock.pass_by(99)
    assert await cache.get("a", host) == "one"
    clock.pass_by(1)
    assert await cache.get("a", host) == "two"


async def test_a_host_that_is_away_is_spoken_for_by_its_last_answer(cache, clock):
    host = Host("one", UpstreamFailed(), UpstreamFailed(), UpstreamFailed())
    await cache.get("a", host)
    clock.pass_by(500)
    assert await cache.get("a", host) == "one"
    assert await cache.get("a", host) == "one"
    assert host.asked == 2, "asked again at once although it was just away"
    clock.pass_by(10)
    assert await cache.get("a", host) == "one"
    assert host.asked == 3
    clock.pass_by(500)
    with pytest.raises(UpstreamFailed):
        await cache.get("a", host)


async def test_a_no_replaces_an_older_answer(cache, clock):
    host = Host("one", InvalidRequest("gone"))
    await cache.get("a", host)
    clock.pass_by(500)
    with pytest.raises(InvalidRequest):
        await cache.get("a", host)


async def test_a_refusal_is_remembered_for_a_shorter_time(cache, clock):
    host = Host(InvalidRequest("no"), "yes")
    for _ in range(3):
        with pytest.raises(InvalidRequest):
            await cache.get("a", host)
    assert host.asked == 1
    clock.pass_by(10)
    assert await cache.get("a", host) == "yes"


async def test_a_doubt_asks_again_but_not_without_end(cache, clock):
    host = Host("one", "two")
    await cache.get("a", host)
    clock.pass_by(50)
    assert await cache.get("a", host, newer_than=clock() - 20) == "two"
    assert await cache.get("a", host, newer_than=clock() - 20) == "two"
    assert host.asked == 2


async def test_many_who_ask_at_once_cause_one_question(cache):
    asked, answer = 0, asyncio.Event()

    async def host():
        nonlocal asked
        asked += 1
        await answer.wait()
        return "one"

    waiting = [asyncio.ensure_future(cache.get("a", host)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    answer.set()
    assert await asyncio.gather(*waiting[1:]) == ["one"] * 4
    assert asked == 1


async def test_the_longest_unused_goes_first(cache):
    for key in "abc":
        await cache.get(key, Host(key))
    await cache.get("a", Host("never asked"))
    await cache.get("d", Host("d"))
    assert len(cache) == 3
    assert await cache.get("a", Host("asked")) == "a"
    assert await cache.get("b", Host("asked")) == "asked"


async def test_what_is_forgotten_is_asked_again(cache):
    await cache.get("a", Host("one"))
    cache.forget("a")
    assert await cache.get("a", Host("two")) == "two"
