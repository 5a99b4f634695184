"""An alarm on reading in bulk names who reads: members, apps, members of other hosts, networks."""

import logging
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from freehold.net.allowances import Payer
from freehold.pds.bulk_reading import prefix_of
from freehold.pds.membership import Application
from freehold.server import Networks
from freehold.site import Shared, Site
from support.browsing import Reader
from support.inside import HOUR, Clock, calling, opened
from support.joining import choose
from support.markup import faults
from support.network import PASSWORD, Caller, Person

PROFILE, AUTHOR = "app.bsky.actor.getProfile", "app.bsky.feed.getAuthorFeed"
MOST = 30


@pytest.fixture
def site(tmp_path, shared: Shared, clock: Clock) -> Iterator[Site]:
    with opened(tmp_path / "town", shared, clock, dev_mode=False) as site:
        yield site


@pytest.fixture
async def http(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    await choose(site, join="open", alarm_reads=MOST)
    async with calling(site) as http:
        yield http


async def look_at(caller: Caller, many: int) -> None:
    """Ask for so many profiles; nobody has them, but they are asked for."""
    for n in range(many):
        await caller.http.get(f"/xrpc/{PROFILE}?actor=nobody{n}.test", headers=caller._headers())


async def test_a_member_who_reads_everybody_is_named_once(site, http, caplog):
    mei = await Person.join(http, "mei")
    with caplog.at_level(logging.WARNING, "freehold"):
        await look_at(mei, MOST - 1)
        assert site.watch.all() == []
        await look_at(mei, MOST + 5)
    await site.watch.settled()
    [alarm] = site.watch.all()
    assert (alarm.name, alarm.kind, alarm.things) == ("@mei.test", "profiles", MOST)
    assert [record.reader for record in caplog.records if record.msg == "reading in bulk"] == ["@mei.test"]
    metrics = (await http.get("/metrics")).text
    assert "\nfreehold_bulk_reading_alarms 1.0\n" in metrics


async def test_the_same_profile_read_often_is_no_alarm(site, http):
    mei = await Person.join(http, "mei")
    for _ in range(MOST + 5):
        await mei.get(PROFILE, actor=mei.did)
    await site.watch.settled()
    assert site.watch.all() == []


async def test_a_stranger_is_named_by_the_network_of_the_address(site, http):
    await look_at(Caller(http), MOST)
    await site.watch.settled()
    [alarm] = site.watch.all()
    assert alarm.name == "127.0.0.0/24"
    assert prefix_of("203.0.113.9/32") == "203.0.113.0/24"
    assert prefix_of("2001:db8:1:2::/64") == "2001:db8:1:2::/64"


async def test_an_app_is_named_across_its_members(site, http):
    for n in range(MOST):
        site.watch.note("records", Payer(f"did:plc:{n % 5}", "", ""), "https://app.example/client.json", f"at://{n}")
    await site.watch.settled()
    assert [alarm.name for alarm in site.watch.all()] == ["app https://app.example/client.json"]


async def test_an_alarm_grows_and_is_forgotten_after_a_month(site, http, clock):
    mei = Payer("did:plc:mei", "", "")
    for n in range(5 * MOST):
        site.watch.note("profiles", mei, "", f"did:plc:{n}")
    await site.watch.settled()
    [alarm] = site.watch.all()
    assert alarm.things >= 4 * MOST * 0.85
    assert site.watch.alarms == 3
    clock.pass_by(31 * 24 * HOUR)
    await site.sweep()
    assert site.watch.all() == []


async def test_who_is_expected_gives_no_alarm(site, http):
    await site.watch.expect("127.0.0.0/24", True)
    await look_at(Caller(http), MOST + 5)
    await site.watch.settled()
    assert (site.watch.all(), site.watch.alarms) == ([], 0)


async def test_a_listener_of_the_firehose_is_named_once_a_day(site, http, clock):
    for _ in range(3):
        site.watch.follows("203.0.113.9")
    await site.watch.settled()
    assert [(alarm.name, alarm.kind) for alarm in site.watch.all()] == [("203.0.113.0/24", "stream")]


async def test_the_owner_may_have_such_readers_slowed_down(site, http):
    await choose(site, join="open", alarm_reads=MOST, alarm_slow=True)
    mei = await Person.join(http, "mei")
    await look_at(mei, MOST)
    before = int((await mei.ask(PROFILE, actor=mei.did)).headers["ratelimit-remaining"])
    after = int((await mei.ask(PROFILE, actor=mei.did)).headers["ratelimit-remaining"])
    assert before - after >= 9


async def test_the_owner_sees_who_it_was_and_marks_them_as_expected(site, http):
    await site.members.admit(Application("olga.test", PASSWORD), role="owner")
    await look_at(await Person.join(http, "mei"), MOST)
    await look_at(Caller(http), MOST)
    await site.watch.settled()
    async with Reader(Networks([site]), site.place.base_url) as olga:
        await olga.sign_in("olga", PASSWORD)
        await olga.go("/settings/network")
        assert "Who reads very much (2)" in olga.text
        await olga.go("/settings/reading")
        assert "@mei.test" in olga.text
        assert f"Has read about {MOST} different profiles within an hour." in olga.text
        assert faults(olga.text) == []
        await olga.send("/settings/reading", answer="expected", name="127.0.0.0/24")
        assert "Expected readers" in olga.text
        assert faults(olga.text) == []
        assert [alarm.name for alarm in site.watch.all()] == ["@mei.test"]
        await olga.send("/settings/reading", answer="again", name="127.0.0.0/24")
        assert len(site.watch.all()) == 2


async def test_pages_count_as_calls_do(site, http):
    people = [await site.members.admit(Application(f"pal{n}.test", PASSWORD), role="member") for n in range(4)]
    await choose(site, join="open", alarm_reads=4)
    async with Reader(Networks([site]), site.place.base_url) as stranger:
        for one in people:
            await stranger.go(f"/@{one.account.handle}")
    await site.watch.settled()
    assert [(alarm.name, alarm.kind) for alarm in site.watch.all()] == [("192.0.2.0/24", "profiles")]
