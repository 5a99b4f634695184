"""Relays are told that there is news, durably and not too often.

Source: lexicon com.atproto.sync.requestCrawl
"""

import asyncio

import msgspec
import pytest

from freehold.pds.relays import JOB, Relays
from support.inside import SECOND, opened
from support.patience import until
from support.servers import answer, serving


class Relay:
    """Answers with each status in turn, then 200."""

    def __init__(self, *statuses):
        self.statuses, self.asked = list(statuses), []

    async def __call__(self, method, target, body, writer):
        self.asked.append((target, msgspec.json.decode(body)))
        writer.write(answer(self.statuses.pop(0) if self.statuses else 200, b"{}"))


@pytest.fixture
def town(tmp_path, shared, clock):
    with opened(tmp_path / "town", shared, clock) as site:
        yield site


def relays_of(site, *names, seconds=3600.0):
    made = Relays(site.truth, site.log, site.client, names, "town.example", seconds)
    site.jobs.handles(JOB, made.tell)
    return made


async def test_a_relay_that_cannot_answer_is_told_again_one_that_says_no_is_not(town, clock):
    slow, rude = Relay(503), Relay(400)
    async with serving(slow) as first, serving(rude) as second:
        relays = relays_of(town, f"http://127.0.0.1:{first}", f"http://127.0.0.1:{second}")
        await town.truth.write(relays._enqueue)
        await town.truth.write(relays._enqueue)  # what waits is not queued twice
        assert await town.jobs.run_due() == 2
        clock.pass_by(60 * SECOND)
        assert await town.jobs.run_due() == 1
        await town.client.close()
    assert slow.asked == [("/xrpc/com.atproto.sync.requestCrawl", {"hostname": "town.example"})] * 2
    assert len(rude.asked) == 1


async def test_news_after_the_pause_is_told_and_silence_is_not(town):
    relay = Relay()
    async with serving(relay) as port:
        relays = relays_of(town, f"http://127.0.0.1:{port}", seconds=0.01)
        work = [asyncio.create_task(relays.run()), asyncio.create_task(town.jobs.run())]
        await until(lambda: len(relay.asked) == 1)
        await asyncio.sleep(0.05)  # several pauses in which nothing happens
        assert len(relay.asked) == 1
        account = town.accounts.one(town.services.feeds)
        await town.truth.write(lambda tx: town.accounts.announce(tx, account))
        await until(lambda: len(relay.asked) == 2)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await town.client.close()


async def test_a_network_of_this_machine_tells_nobody(tmp_path, shared, clock):
    with opened(tmp_path / "other", shared, clock, relays=("relay.example",)) as site:
        await site.relays.run()  # ends at once
