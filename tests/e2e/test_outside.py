"""What is said at another host is seen here: whole repositories first, then commit by commit, and all that follows."""

import pytest

from support.abroad import at, shows, source, two_networks, until
from support.network import PASSWORD, PROFILE, Caller, Operator, Person


@pytest.fixture
async def sites(tmp_path, shared):
    async with two_networks(tmp_path, shared) as both:
        yield both


@pytest.fixture
async def mei(sites):
    """Who lives there."""
    async with at(sites[1]) as http:
        yield await Person.join(http)


@pytest.fixture
async def ana(sites):
    """Who lives here."""
    async with at(sites[0]) as http:
        yield await Person.join(http)


async def profile(person, did):
    return await person.get("app.bsky.actor.getProfile", actor=did)


async def test_somebody_elsewhere_is_followed_from_before_to_the_end(sites, ana, mei):
    here, there = sites
    await mei.put(PROFILE, "self", {"displayName": "Mei"})
    first = await mei.post("before anybody listened")
    await here.outside.add(source(there))
    await ana.follow(mei)
    await until(here, shows(ana, "before anybody listened"))
    assert (await profile(ana, mei.did))["displayName"] == "Mei"
    await mei.post("live")
    await until(here, shows(ana, "live", "before anybody listened"))
    await mei.delete(first)
    await until(here, shows(ana, "live"))
    await mei.deactivate()
    await until(here, shows(ana))
    await mei.activate()
    await until(here, shows(ana, "live"))
    assert here.outside.standing()[0].dropped == {}


async def test_a_takedown_there_and_a_takedown_here_both_hide(sites, ana, mei):
    here, there = sites
    post = await mei.post("hello")
    await ana.follow(mei)
    await here.outside.add(source(there))
    await until(here, shows(ana, "hello"))
    async with at(there) as http:
        await Operator(http).set_takedown(mei.did, True)
        await until(here, shows(ana))
        await Operator(http).set_takedown(mei.did, False)
        await until(here, shows(ana, "hello"))
    await here.hide_outside(mei.did, post.path, True)
    await until(here, shows(ana))
    await here.hide_outside(mei.did, post.path, False)
    await until(here, shows(ana, "hello"))
    await here.hide_outside(mei.did, None, True)
    again = await Caller(mei.http).do("com.atproto.server.createSession", identifier=mei.did, password=PASSWORD)
    await Person(mei.http, again).post("still hidden")
    await until(here, shows(ana))
    await here.hide_outside(mei.did, None, False)
    await until(here, shows(ana, "still hidden", "hello"))


async def test_who_is_dropped_is_gone_and_ours_stay(sites, ana, mei):
    here, there = sites
    await mei.post("over there")
    await ana.post("over here")
    await ana.follow(mei)
    await here.outside.add(source(there))
    await until(here, shows(ana, "over here", "over there"))
    await here.outside.drop(source(there), lambda gone: None)
    await until(here, shows(ana, "over here"))
    assert here.outside.standing() == []


async def test_a_handle_is_confirmed_by_its_own_host_and_a_new_one_is_shown(sites, ana, mei):
    here, there = sites
    await mei.post("hello")
    await ana.follow(mei)
    await here.outside.add(source(there))
    await until(here, shows(ana, "hello"))

    async def is_called(handle):
        return (await profile(ana, mei.did))["handle"] == handle

    await until(here, lambda: is_called(mei.handle))
    for handle in ("mei-anew.test", "mei-again.test"):
        await mei.do("com.atproto.identity.updateHandle", handle=handle)
        await until(here, lambda handle=handle: is_called(handle))
    async with at(here) as http:
        await Person.join(http, "somebody")
    await mei.do("com.atproto.identity.updateHandle", handle="somebody.test")  # here that is somebody else
    await until(here, lambda: is_called("handle.invalid"))
