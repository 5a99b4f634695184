"""Two networks in one process, with members of the same name: neither knows that the other is there."""

import asyncio
import json
import threading
from contextlib import asynccontextmanager

import httpx
import pytest
from websockets.asyncio.client import connect

from support.inside import calling, opened
from support.network import PASSWORD, Caller, Events, Operator, Person, refused, running
from support.pages import sign_in
from support.pictures import png

QUIET_SECONDS = 20


class Town:
    """One of the networks of a process, reached by its name. told: what its dev.json says."""

    def __init__(self, directory, http):
        self.directory, self.http = directory, http
        self.told = json.loads((directory / "dev.json").read_text())
        self.host = self.told["url"].removeprefix("http://")
        self.port = int(self.host.rpartition(":")[2])

    @classmethod
    @asynccontextmanager
    async def opened(cls, directory):
        async with httpx.AsyncClient(timeout=30) as http:
            town = cls(directory, http)
            http.base_url = f"http://127.0.0.1:{town.port}"
            http.headers["host"] = town.host
            yield town

    @property
    def domain(self):
        return f".{self.directory.name}.test"

    @asynccontextmanager
    async def firehose(self):
        url = f"ws://{self.host}/xrpc/com.atproto.sync.subscribeRepos?cursor=0"
        async with connect(url, host="127.0.0.1", port=self.port) as socket:
            yield Events(socket)


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    with running(folder / "linden", others=[folder / "maple"]) as network:
        yield network
        assert network.faults() == []


@pytest.fixture
async def towns(process):
    folder = process.directory.parent
    async with Town.opened(folder / "linden") as linden, Town.opened(folder / "maple") as maple:
        yield linden, maple


@pytest.fixture
async def alices(towns):
    """Somebody of the same name and password in each."""
    name = "alice" + str(next(counter))
    return [await Person.join(town.http, name, town.domain) for town in towns]


counter = iter(range(1_000))


async def test_the_same_name_is_somebody_else_next_door(towns, alices):
    (linden, maple), (here, there) = towns, alices
    assert here.did != there.did
    assert here.handle.split(".")[0] == there.handle.split(".")[0]
    for town, mine, foreign in ((linden, here, there), (maple, there, here)):
        resolve = "com.atproto.identity.resolveHandle"
        assert (await Caller(town.http).get(resolve, handle=mine.handle))["did"] == mine.did
        with refused("HandleNotFound"):
            await Caller(town.http).get(resolve, handle=foreign.handle)
        with refused("RepoNotFound"):
            await Caller(town.http).get("com.atproto.repo.describeRepo", repo=foreign.did)
        with refused("AuthenticationRequired", 401):
            given = {"identifier": foreign.did, "password": PASSWORD}
            await Caller(town.http).do("com.atproto.server.createSession", **given)
        with refused("AccountNotFound"):
            await Operator(town.http).get("com.atproto.admin.getAccountInfo", did=foreign.did)
        assert (await town.http.get(f"/plc/{foreign.did}")).status_code == 404
        listed = await Caller(town.http).get("com.atproto.sync.listRepos", limit=1000)
        assert foreign.did not in {repo["did"] for repo in listed["repos"]}


async def test_a_session_of_one_is_nothing_in_the_other(towns, alices):
    (linden, maple), (here, there) = towns, alices
    for town, foreign in ((linden, there), (maple, here)):
        with refused("InvalidToken"):
            await Caller(town.http, foreign.token).get("com.atproto.server.getSession")
        with refused("InvalidToken"):
            await Caller(town.http, foreign.refresh_token).do("com.atproto.server.refreshSession")


async def test_a_browser_that_is_signed_in_at_one_is_a_stranger_at_the_other(towns, alices):
    linden, maple = towns
    await sign_in(linden.http, alices[0].handle)
    assert alices[0].handle in (await linden.http.get("/settings")).text
    maple.http.cookies.update(dict(linden.http.cookies))
    assert (await maple.http.get("/settings")).headers["location"].startswith("/sign-in")


async def test_views_and_events_of_one_are_not_the_others(towns, alices):
    (linden, maple), (here, there) = towns, alices
    word = here.handle.split(".")[0] + "word"
    mine, theirs = await here.post(f"{word} here"), await there.post(f"{word} there")
    for town, person, own in ((linden, here, mine), (maple, there, theirs)):
        found = await person.get("app.bsky.feed.searchPosts", q=word)
        assert [post["uri"] for post in found["posts"]] == [own.uri]
        async with town.firehose() as events:
            heard = await events.until(own.commit)
        assert [event.seq for event in heard] == list(range(1, len(heard) + 1))
        foreign = ({here.did, there.did} - {person.did}).pop()
        assert foreign not in {event.did for event in heard}
        with refused("InvalidRequest"):
            await person.get("app.bsky.actor.getProfile", actor=foreign)


async def test_files_of_one_are_not_the_others(towns, alices):
    (linden, maple), (here, there) = towns, alices
    blob = await here.upload(png(17, 23))
    await here.post_picture(blob)
    cid = blob["ref"]["$link"]
    assert await here.car("com.atproto.sync.getBlob", did=here.did, cid=cid) == png(17, 23)
    with refused("BlobNotFound"):
        await there.post_picture(blob)
    for did in (here.did, there.did):
        assert (await maple.http.get(f"/img/feed_thumbnail/{did}/{cid}")).status_code == 400
        with refused("RepoNotFound" if did == here.did else "BlobNotFound"):
            await there.car("com.atproto.sync.getBlob", did=did, cid=cid)
    assert cid in {path.name for path in (linden.directory / "blobs").rglob("*")}
    assert cid not in {path.name for path in (maple.directory / "blobs").rglob("*")}


async def test_each_counts_for_itself(towns, alices):
    before = [await figures(town) for town in towns]
    for _ in range(5):
        await alices[0].post("counted here")
    after = [await figures(town) for town in towns]
    name = 'freehold_calls_total{method="com.atproto.repo.createRecord",status="200"}'
    assert after[0][name] - before[0].get(name, 0) == 5
    assert after[1].get(name, 0) == before[1].get(name, 0)
    assert after[0]["freehold_event_seq"] - before[0]["freehold_event_seq"] == 5
    assert after[1]["freehold_event_seq"] == before[1]["freehold_event_seq"]


async def figures(town):
    text = (await town.http.get("/metrics")).text
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def test_a_name_that_is_nobodys_gets_no_network(towns):
    linden, _ = towns
    for host in ("elsewhere.example", f"localhost:{linden.port}", "127.0.0.1", ""):
        answer = await linden.http.get("/xrpc/com.atproto.server.describeServer", headers={"host": host})
        assert answer.status_code == 421, host
    found = await linden.http.get("/.well-known/atproto-did", headers={"host": f"the-owner{linden.domain}"})
    assert found.text == linden.told["owner"]["did"]


async def test_an_idle_network_costs_no_thread(tmp_path, shared):
    with (
        opened(tmp_path / "linden", shared, several=True) as linden,
        opened(tmp_path / "maple", shared, several=True) as maple,
    ):
        async with calling(linden) as http, calling(maple):
            await Person.join(http, "alice", ".linden.test")
            assert writers() > 0
            async with asyncio.timeout(QUIET_SECONDS):
                while writers():  # noqa: ASYNC110 - a thread rings no bell when it ends
                    await asyncio.sleep(0.1)
            assert await Person.join(http, "bob", ".linden.test")
            assert writers() in (1, 2)  # of linden alone: truth and index


def writers():
    return sum(thread.name == "writer" for thread in threading.enumerate())
