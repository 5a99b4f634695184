"""Other hosts that ask to be read from: looked at, kept within bounds, shown.

Source: lexicons com.atproto.sync.requestCrawl, notifyOfUpdate, listHosts, getHostStatus
"""

import pytest

from freehold.pds import asking_hosts
from support.inside import HOUR, served
from support.network import Caller, refused
from support.servers import answer, pages

SYNC = "com.atproto.sync."


async def test_a_host_that_asks_is_looked_at_and_shown_as_one_that_is_not_read(tmp_path, shared, http):
    caller = Caller(http)
    with refused("HostNotFound"):
        await caller.get(SYNC + "getHostStatus", hostname="pds.example")
    async with served(tmp_path / "other", shared) as other:
        name = other.place.host
        await caller.do(SYNC + "requestCrawl", hostname=name)
        await caller.do(SYNC + "notifyOfUpdate", hostname=name.upper())
        assert await caller.get(SYNC + "listHosts") == {"hosts": [{"hostname": name, "status": "idle"}]}
        assert await caller.get(SYNC + "getHostStatus", hostname=name) == {"hostname": name, "status": "idle"}


@pytest.mark.parametrize("name", ["", "nodots", "https://pds.example", "pds.example/path", "127.0.0.1", "localhost:1x"])
async def test_what_is_no_host_name_is_refused(http, name):
    with refused("InvalidRequest"):
        await Caller(http).do(SYNC + "requestCrawl", hostname=name)


async def test_whoever_is_no_host_is_not_kept(http, site):
    caller = Caller(http)
    with refused("InvalidRequest"):
        await caller.do(SYNC + "requestCrawl", hostname=site.place.host)
    describe = "/xrpc/com.atproto.server.describeServer"
    for body in (b"[]", b"{}", b'{"did": "nobody"}'):
        said = answer(200, body, content_type="application/json")
        async with pages({describe: said}) as url:
            with refused("InvalidRequest"):
                await caller.do(SYNC + "requestCrawl", hostname=url.replace("http://127.0.0.1", "localhost"))
    with refused("UpstreamFailure", 502):
        await caller.do(SYNC + "requestCrawl", hostname="localhost:1")
    assert await caller.get(SYNC + "listHosts") == {"hosts": []}


async def test_those_who_asked_longest_ago_make_room(http, site, clock, monkeypatch):
    monkeypatch.setattr(asking_hosts, "MOST", 3)
    said = answer(200, b'{"did": "did:web:some.host"}', content_type="application/json")
    pages_of = {"/xrpc/com.atproto.server.describeServer": said}
    caller, names = Caller(http), []
    async with pages(pages_of) as one, pages(pages_of) as two, pages(pages_of) as three, pages(pages_of) as four:
        names = [url.replace("http://127.0.0.1", "localhost") for url in (one, two, three, four)]
        for name in (*names[:3], names[0], names[3]):
            clock.pass_by(2 * HOUR)
            await caller.do(SYNC + "requestCrawl", hostname=name)
    first = await caller.get(SYNC + "listHosts", limit=2)
    rest = await caller.get(SYNC + "listHosts", limit=2, cursor=first["cursor"])
    assert [host["hostname"] for host in first["hosts"] + rest["hosts"]] == [names[0], names[2], names[3]]


async def test_the_first_names_of_two_methods_still_work(http, alice):
    newest = await alice.get(SYNC + "getLatestCommit", did=alice.did)
    assert await alice.get(SYNC + "getHead", did=alice.did) == {"root": newest["cid"]}
    assert await alice.car(SYNC + "getCheckout", did=alice.did) == await alice.car(SYNC + "getRepo", did=alice.did)
