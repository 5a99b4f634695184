"""Two networks in one process know nothing of each other, though a member of each has the same name.

`freehold run one two --dev` serves both on one port, told apart by host name. Nothing of one may be had through the
other: accounts, records, events, files, figures, sessions, identities.
"""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect

from freehold.server import Networks
from freehold.settings import Settings
from freehold.site import Listening, Shared, Site
from freehold.store.database import Database
from freehold.stream import frames
from support.children import environment
from support.inside import CHEAP
from support.network import CHEAP as CHEAP_TOML
from support.network import PASSWORD, POST, Caller, Person, Record, Ref, refused
from support.patience import until
from support.scribes import picture

STREAM = "/xrpc/com.atproto.sync.subscribeRepos"


class Side(NamedTuple):
    """One of the two networks, with a member called Mika who has said one thing and shown one picture."""

    told: Record
    http: httpx.AsyncClient
    mika: Person
    said: Ref
    shown: Ref
    blob: str
    log: Path

    @property
    def stranger(self) -> Caller:
        return Caller(self.http)


@contextmanager
def running_both(folder: Path) -> Iterator[tuple[Record, Record, Path]]:
    """What both dev.json say, and where the process logs."""
    directories = [folder / "one", folder / "two"]
    for directory in directories:
        directory.mkdir()
        (directory / "settings.toml").write_text(CHEAP_TOML)
    log = folder / "stderr.log"
    command = [sys.executable, "-m", "support.network_child", "--dev", "--port", "0", *map(str, directories)]
    with log.open("wb") as stderr:
        child = subprocess.Popen(command, env=environment(), stdout=stderr, stderr=stderr)
    try:
        asyncio.run(until(lambda: child.poll() is not None or answers(directories[1])))
        assert child.poll() is None, log.read_text()
        one, two = (msgspec.json.decode((directory / "dev.json").read_bytes()) for directory in directories)
        yield one, two, log
    finally:
        child.terminate()
        child.wait(20)


def answers(directory: Path) -> bool:
    """The last of the two is ready, and so are both."""
    try:
        told = msgspec.json.decode((directory / "dev.json").read_bytes())
        host = told["url"].removeprefix("http://")
        url = f"http://127.0.0.1:{host.rpartition(':')[2]}/xrpc/_health"
        return httpx.get(url, headers={"host": host}).status_code == 200
    except (FileNotFoundError, httpx.TransportError):
        return False


@asynccontextmanager
async def visiting(told: Record) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one of them. (Its name need not resolve on the machine that runs the test.)"""
    host = told["url"].removeprefix("http://")
    port = host.rpartition(":")[2]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={"host": host}, timeout=30) as http:
        yield http


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Record, Record, Path]]:
    with running_both(tmp_path_factory.mktemp("both")) as told:
        yield told


@pytest.fixture
async def sides(both: tuple[Record, Record, Path]) -> AsyncIterator[tuple[Side, Side]]:
    one, two, log = both
    async with visiting(one) as first, visiting(two) as second:
        yield await side(one, first, ".one.test", b"one", log), await side(two, second, ".two.test", b"two", log)
    assert '"level":"error"' not in log.read_text()


async def side(told: Record, http: httpx.AsyncClient, domain: str, mark: bytes, log: Path) -> Side:
    word = mark.decode()
    try:
        mika = await Person.join(http, "mika", domain)
    except Exception:
        session = await Caller(http).do(
            "com.atproto.server.createSession", identifier=f"mika{domain}", password=PASSWORD
        )
        mika = Person(http, session)
    blob = await mika.upload(picture(mark))
    said = await mika.post(f"only on {word}: quincunx{word}")
    return Side(told, http, mika, said, await mika.post_picture(blob), blob["ref"]["$link"], log)


def pairs(sides: tuple[Side, Side]) -> list[tuple[Side, Side]]:
    """(the one that is asked, the other one)."""
    return [sides, (sides[1], sides[0])]


async def test_neither_knows_an_account_of_the_other(sides: tuple[Side, Side]) -> None:
    for here, there in pairs(sides):
        ask = here.mika
        for name in (there.mika.handle, there.mika.did):
            with refused("AuthenticationRequired", 401):
                await ask.do("com.atproto.server.createSession", identifier=name, password=PASSWORD)
            with refused("InvalidRequest"):
                await ask.get("app.bsky.actor.getProfile", actor=name)
            with refused("RepoNotFound"):
                await ask.get("com.atproto.repo.describeRepo", repo=name)
        with refused("HandleNotFound"):
            await ask.get("com.atproto.identity.resolveHandle", handle=there.mika.handle)
        assert (await ask.get("com.atproto.identity.resolveHandle", handle=here.mika.handle))["did"] == here.mika.did
        everybody = (await ask.get("com.atproto.sync.listRepos", limit=1_000))["repos"]
        assert here.mika.did in {repo["did"] for repo in everybody}
        assert there.mika.did not in {repo["did"] for repo in everybody}


async def test_neither_finds_what_the_other_says(sides: tuple[Side, Side]) -> None:
    for here, there in pairs(sides):
        ask = here.mika
        people = await ask.get("app.bsky.actor.searchActors", q="mika")
        assert {person["did"] for person in people["actors"]} == {here.mika.did}
        mine = here.told["url"].partition("//")[2].partition(".")[0]
        theirs = there.told["url"].partition("//")[2].partition(".")[0]
        assert (await ask.get("app.bsky.feed.searchPosts", q=f"quincunx{mine}"))["posts"]
        assert (await ask.get("app.bsky.feed.searchPosts", q=f"quincunx{theirs}"))["posts"] == []
        assert (await ask.get("app.bsky.feed.getPosts", uris=[there.said.uri]))["posts"] == []
        with refused("NotFound"):
            await ask.get("app.bsky.feed.getPostThread", uri=there.said.uri)
        with refused("RepoNotFound"):
            await ask.get("com.atproto.repo.getRecord", repo=there.mika.did, collection=POST, rkey=there.said.rkey)
        with refused("RepoNotFound"):
            await ask.get("com.atproto.sync.getRepo", did=there.mika.did)
        page = await here.http.get(f"/@{there.mika.handle}")
        assert page.status_code == 404


async def test_neither_serves_a_file_of_the_other(sides: tuple[Side, Side]) -> None:
    for here, there in pairs(sides):
        mine = {"did": here.mika.did, "cid": here.blob}
        assert await here.stranger.car("com.atproto.sync.getBlob", **mine)
        with refused("RepoNotFound"):
            await here.stranger.get("com.atproto.sync.getBlob", did=there.mika.did, cid=there.blob)
        with refused("BlobNotFound"):
            await here.stranger.get("com.atproto.sync.getBlob", did=here.mika.did, cid=there.blob)
        for kind in ("feed_thumbnail", "avatar"):
            for did in (here.mika.did, there.mika.did):
                assert (await here.http.get(f"/img/{kind}/{did}/{there.blob}")).status_code == 400
        with refused("BlobNotFound"):
            await here.mika.post_picture(
                {"$type": "blob", "ref": {"$link": there.blob}, "mimeType": "image/png", "size": 100}
            )
        assert (await here.http.get(f"/img/feed_thumbnail/{here.mika.did}/{here.blob}")).status_code == 200


async def test_neither_tells_an_event_of_the_other(sides: tuple[Side, Side]) -> None:
    for here, there in pairs(sides):
        host = here.told["url"].removeprefix("http://")
        port = int(host.rpartition(":")[2])
        heard = set()
        async with connect(f"ws://{host}{STREAM}?cursor=0", host="127.0.0.1", port=port) as socket:
            await there.mika.post("behind the wall")
            last = await here.mika.post("the last word")
            async with asyncio.timeout(20):
                while True:
                    _, payload = frames.decode(await socket.recv(decode=False))
                    heard.add(payload.get("repo", payload.get("did")))
                    if str(payload.get("commit")) == last.commit:
                        break
        assert here.mika.did in heard
        assert there.mika.did not in heard


async def test_neither_takes_a_session_of_the_other(sides: tuple[Side, Side]) -> None:
    for here, there in pairs(sides):
        with refused("InvalidToken"):
            await Caller(here.http, there.mika.token).get("com.atproto.server.getSession")
        with refused("InvalidToken"):
            await Caller(here.http, there.mika.refresh_token).do("com.atproto.server.refreshSession")
        with refused("InvalidToken"):
            await Caller(here.http, there.mika.token).do(
                "com.atproto.repo.deleteRecord", repo=there.mika.did, collection=POST, rkey=there.said.rkey
            )
        cookie = {"cookie": f"session={await browser_session(there)}"}
        assert there.mika.handle in (await there.http.get("/settings", headers=cookie)).text
        refused_page = await here.http.get("/settings", headers=cookie)
        assert refused_page.status_code == 303
        assert refused_page.headers["location"].startswith("/sign-in")


async def browser_session(there: Side) -> str:
    """The cookie of a browser that signs in as Mika."""
    there.http.cookies.clear()
    page = await there.http.get("/sign-in")
    token = page.text.split('name="token" value="')[1].split('"')[0]
    form = {"token": token, "identifier": there.mika.handle, "password": PASSWORD}
    cookie = {"cookie": f"form={cookie_of(page, 'form')}"}
    sent = await there.http.post("/sign-in", data=form, headers=cookie)
    assert sent.status_code == 303
    return cookie_of(sent, "session")


def cookie_of(answer: httpx.Response, name: str) -> str:
    """A cookie as the answer sets it. (The client's own jar goes by the address, which both networks share.)"""
    lines = answer.headers.get_list("set-cookie")
    return next(line for line in lines if line.startswith(f"{name}=")).partition("=")[2].partition(";")[0]


async def test_neither_counts_or_documents_for_the_other(sides: tuple[Side, Side]) -> None:
    for here, there in pairs(sides):
        for what in ("", "/data", "/log", "/log/audit"):
            assert (await here.http.get(f"/plc/{here.mika.did}{what}")).status_code == 200
            assert (await here.http.get(f"/plc/{there.mika.did}{what}")).status_code == 404
        exported = (await here.http.get("/plc/export")).text
        assert here.mika.did in exported
        assert there.mika.did not in exported
        before = await figures(here)
        await there.mika.post("not counted here")
        await there.mika.get("com.atproto.server.getSession")
        assert await figures(here) == before


async def figures(here: Side) -> list[str]:
    """What /metrics counts, without how long it took."""
    await until(lambda: caught_up(here))
    lines = (await here.http.get("/metrics")).text.splitlines()
    return [line for line in lines if not line.startswith(("#", "freehold_loop_late_seconds"))]


async def caught_up(here: Side) -> bool:
    return "freehold_index_lag_events 0.0" in (await here.http.get("/metrics")).text


async def test_a_name_of_neither_is_told_so(sides: tuple[Side, Side]) -> None:
    http = sides[0].http
    for host in ("localhost", "127.0.0.1", "three.localhost", "one.localhost.evil.example", "", "x" * 300, "[::1]:80"):
        for path in ("/", "/xrpc/_health", "/xrpc/com.atproto.server.describeServer", "/metrics", "/plc/export"):
            answer = await http.get(path, headers={"host": host})
            assert answer.status_code == 421, f"{host} {path}: {answer.text[:200]}"


async def test_a_handle_is_that_of_its_own_network(sides: tuple[Side, Side]) -> None:
    for here, _ in pairs(sides):
        name = {"host": f"{here.mika.handle}:80"}
        assert (await here.http.get("/.well-known/atproto-did", headers=name)).text == here.mika.did


# --- what a network costs that nobody uses


@contextmanager
def both_inside(folder: Path, shared: Shared, **settings: Any) -> Iterator[tuple[Networks, Site, Site]]:
    listening = Listening(8000, dev=True, several=True)
    sites = [Site(folder / name, Settings(**CHEAP, **settings), listening, shared) for name in ("one", "two")]
    networks = Networks(sites, check_answers=True)
    try:
        yield networks, sites[0], sites[1]
    finally:
        for site in sites:
            site.close()


def client_of(networks: Networks, site: Site) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(networks), base_url=site.place.base_url)


def writers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "writer"]


@pytest.fixture
def soon_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file rests after a moment without writes instead of after seconds."""
    defaults = Database.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "idle_seconds", 0.05)


async def test_an_idle_network_has_no_thread(tmp_path: Path, shared: Shared, soon_idle: None) -> None:
    with both_inside(tmp_path, shared) as (networks, one, two):
        work = [asyncio.create_task(site.run()) for site in (one, two)]
        async with client_of(networks, one) as http, client_of(networks, two) as other:
            alice, bob = await Person.join(http, "alice", ".one.test"), await Person.join(other, "alice", ".two.test")
            await until(lambda: not writers())
            before = set(threading.enumerate())
            await alice.post("awake")
            assert writers()
            await until(lambda: not writers())
            assert set(threading.enumerate()) <= before
            await bob.get("app.bsky.feed.getTimeline")
            assert not writers()
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await networks.stop()


async def test_the_end_of_one_does_not_harm_the_other(tmp_path: Path, shared: Shared) -> None:
    with both_inside(tmp_path, shared) as (networks, one, two):
        async with client_of(networks, one) as http, client_of(networks, two) as other:
            work = asyncio.create_task(two.run())
            alice, bob = await Person.join(http, "alice", ".one.test"), await Person.join(other, "alice", ".two.test")
            one.close()
            said = await bob.post("still here")
            feed = await bob.get("app.bsky.feed.getAuthorFeed", actor=bob.did)
            assert [item["post"]["uri"] for item in feed["feed"]] == [said.uri]
            with refused("StoreFailed", 503):
                await alice.post("too late")
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        await networks.stop()
