"""`freehold run --workers 3`: whichever process answers, a member sees one network."""

import asyncio
import os
import re
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from freehold.cli.run import assure_shareable
from freehold.cli.workers.tallies import Tally
from freehold.net.allowances import LIMITS, Allowances, Payer
from freehold.net.budgets import TooMany
from freehold.settings import BadSetting, Settings
from freehold.site.reading import PATIENCE_SECONDS as WAITED_SECONDS
from support.command import Serving, freehold, serving
from support.network import ADMIN_PASSWORD, CHEAP, PASSWORD, POST, Operator, Person, Ref, firehose, now

WORKERS = 3
CONNECTIONS = 12
"""Enough for each process to have some of them."""
FEED, PROFILE = "app.bsky.feed.getAuthorFeed", "app.bsky.actor.getProfile"
PATIENCE_SECONDS = 40


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    directory = tmp_path_factory.mktemp("workers") / "town"
    words, secret = ("--dev", "--workers", str(WORKERS)), ADMIN_PASSWORD
    with serving(directory, words=words, given=CHEAP, FREEHOLD_ADMIN_PASSWORD=secret) as running:
        until_complete(running)
        yield running
        workers = workers_of(running)
        running.end(signal.SIGKILL)
        until_gone(workers)
        with pytest.raises(httpx.TransportError):
            running.get("/xrpc/_health")
        assert running.log().count('"level":"error"') == running.log().count("a worker is gone")


def figure(running: Serving, name: str) -> float:
    """One of /metrics."""
    found = re.search(rf"^freehold_{name} (\S+)$", running.get("/metrics").text, re.M)
    assert found
    return float(found[1])


def until_complete(running: Serving, workers: int = WORKERS - 1) -> None:
    """Wait until all of them serve."""
    until = time.monotonic() + PATIENCE_SECONDS
    while figure(running, "workers") != workers:
        assert time.monotonic() < until, running.log()
        time.sleep(0.05)


def until_gone(processes: list[int]) -> None:
    """Wait until none of them is there."""
    until = time.monotonic() + PATIENCE_SECONDS
    while any(Path(f"/proc/{pid}").exists() for pid in processes):
        assert time.monotonic() < until
        time.sleep(0.02)


def workers_of(running: Serving) -> list[int]:
    """The processes that it has begun."""
    return [int(pid) for pid in Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()]


@asynccontextmanager
async def connections(running: Serving, *, many: int = CONNECTIONS) -> AsyncIterator[list[httpx.AsyncClient]]:
    """So many that stay open, each with the process that accepted it."""
    made = [httpx.AsyncClient(base_url=running.urls[0], timeout=30) for _ in range(many)]
    await asyncio.gather(*(each.get(f"/xrpc/{PROFILE}", params={"actor": "the-owner.test"}) for each in made))
    try:
        yield made
    finally:
        for each in made:
            await each.aclose()


async def newest(http: httpx.AsyncClient, writer: Person) -> str:
    """The URI of the newest post that a reader is shown."""
    answer = await http.get(f"/xrpc/{FEED}", params={"actor": writer.did, "limit": 1}, headers=bearer(writer))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["feed"][0]["post"]["uri"])


async def assure_shown(wanted: object, *reads: Awaitable[object]) -> None:
    """All of them must tell of it. A view waits no longer than half a second, which can be over on a busy machine."""

    async def other(read: Awaitable[object]) -> list[object]:
        began = time.monotonic()
        found = await read
        return [found] if found != wanted and time.monotonic() - began < WAITED_SECONDS else []

    others = await asyncio.gather(*map(other, reads))
    assert not any(others), (wanted, others)


def bearer(person: Person) -> dict[str, str]:
    return {"authorization": f"Bearer {person.token}"}


async def write_and_look(writer: Person, doors: list[httpx.AsyncClient], posts: int, at: int) -> None:
    """Each post must be there for whoever asks after the yes, at every door."""
    for number in range(posts):
        ref = await writer.post(f"number {number}")
        some = [doors[(at + number + step) % len(doors)] for step in (0, 5)]
        await assure_shown(ref.uri, *(newest(door, writer) for door in some))


async def show_what_was_acknowledged(town: Serving, posts: int) -> None:
    before, began = figure(town, "worker_calls"), time.monotonic()
    async with connections(town) as doors:
        writers = [await Person.join(door) for door in doors[:4]]
        await asyncio.gather(*(write_and_look(writer, doors, posts, at * 3) for at, writer in enumerate(writers)))
    calls = 4 * posts * 2
    while (by_workers := figure(town, "worker_calls") - before) < calls / 4:
        assert time.monotonic() - began < PATIENCE_SECONDS, by_workers
    assert by_workers < calls + CONNECTIONS  # the main process is a door too


async def test_what_was_acknowledged_is_shown_by_whoever_is_asked(town: Serving) -> None:
    await show_what_was_acknowledged(town, posts=25)


@pytest.mark.long
async def test_a_thousand_posts_are_shown_by_whoever_is_asked(town: Serving) -> None:
    await show_what_was_acknowledged(town, posts=250)


async def test_what_only_its_owner_sees_is_as_new_everywhere(town: Serving) -> None:
    async with connections(town) as doors:
        reader, other = await Person.join(doors[0]), await Person.join(doors[1])

        async def muted(door: httpx.AsyncClient) -> bool:
            answer = await door.get(f"/xrpc/{PROFILE}", params={"actor": other.did}, headers=bearer(reader))
            return bool(answer.json()["viewer"]["muted"])

        for nsid, said in (("muteActor", True), ("unmuteActor", False), ("muteActor", True)):
            await reader.do(f"app.bsky.graph.{nsid}", actor=other.did)
            await assure_shown(said, *map(muted, doors))


async def test_a_session_that_was_ended_is_refused_by_all_at_once(town: Serving) -> None:
    async with connections(town) as doors:
        person = await Person.join(doors[0])

        async def status(door: httpx.AsyncClient) -> str:
            answer = await door.get("/xrpc/app.bsky.feed.getTimeline", headers=bearer(person))
            return str(answer.json().get("error", answer.status_code))

        for _ in range(2):
            assert set(await asyncio.gather(*map(status, doors))) == {"200"}
            await person.do(
                "com.atproto.server.deleteSession", headers={"authorization": f"Bearer {person.refresh_token}"}
            )
            assert set(await asyncio.gather(*map(status, doors))) == {"ExpiredToken"}
            given = {"identifier": person.handle, "password": PASSWORD}
            person = Person(doors[1], await person.do("com.atproto.server.createSession", **given))


async def test_an_account_that_rests_is_shown_by_nobody(town: Serving) -> None:
    async with connections(town) as doors:
        person = await Person.join(doors[0])

        async def shown(door: httpx.AsyncClient) -> int:
            return (await door.get(f"/xrpc/{PROFILE}", params={"actor": person.did})).status_code

        await assure_shown(200, *map(shown, doors))
        await person.deactivate()
        await assure_shown(400, *map(shown, doors))


class Watch:
    """A reader at every door, who asks without a pause what is remembered of one post and its author."""

    def __init__(self, reader: Person, post: Ref, author: Person, doors: list[httpx.AsyncClient]) -> None:
        self._reader, self._post, self._author, self.doors = reader, post, author, doors

    async def seen(self, door: httpx.AsyncClient) -> dict[str, object] | None:
        """What a door shows of the post; None if it is not shown."""
        answer = await door.get(
            "/xrpc/app.bsky.feed.getPosts", params={"uris": self._post.uri}, headers=bearer(self._reader)
        )
        assert answer.status_code == 200, answer.text
        for post in answer.json()["posts"]:
            return {
                "text": post["record"]["text"],
                "labels": [label["val"] for label in post["labels"]],
                "name": post["author"].get("displayName"),
                "likes": post["likeCount"],
                "liked": "like" in post["viewer"],
            }
        return None

    async def blocked(self, door: httpx.AsyncClient) -> str:
        """Who may not see whom, as the author's feed has it."""
        answer = await door.get(f"/xrpc/{FEED}", params={"actor": self._author.did}, headers=bearer(self._reader))
        return str(answer.json().get("error", ""))

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """All doors are asked all the time, so that each remembers, and forgets while it is being asked."""

        async def ask(door: httpx.AsyncClient) -> None:
            while True:
                await self.seen(door)
                await self.blocked(door)

        asking = [asyncio.create_task(ask(door)) for door in self.doors[:4]]
        try:
            yield
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)


async def test_no_door_shows_what_was_before_a_yes_at_another(town: Serving) -> None:
    async with connections(town) as doors:
        author, reader = await Person.join(doors[0]), await Person.join(doors[1])
        post = await author.post("one")
        watch, operator = Watch(reader, post, author, doors), [Operator(door) for door in doors]
        shown: dict[str, object] = {"text": "one", "labels": [], "name": None, "likes": 0, "liked": False}

        async def all_show(**changed: object) -> None:
            shown.update(changed)
            await assure_shown(shown, *map(watch.seen, doors))

        async with watch.going_on():
            for turn in range(3):
                at = [author.at(doors[(turn * 5 + step) % CONNECTIONS]) for step in range(6)]
                await all_show()
                labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "nudity"}] * (turn % 2)}
                edited = {"text": f"edit {turn}", "createdAt": now(), "labels": labels}
                await at[0].put(POST, post.rkey, edited)
                await all_show(text=f"edit {turn}", labels=["nudity"] * (turn % 2))
                await at[1].put("app.bsky.actor.profile", "self", {"displayName": f"Name {turn}"})
                await all_show(name=f"Name {turn}")
                like = await reader.at(doors[turn]).like(post)
                await all_show(likes=1, liked=True)
                await reader.at(doors[turn + 3]).delete(like)
                await all_show(likes=0, liked=False)
                block = await at[2].create("app.bsky.graph.block", {"subject": reader.did, "createdAt": now()})
                await assure_shown("BlockedByActor", *map(watch.blocked, doors))
                await at[3].delete(block)
                await assure_shown("", *map(watch.blocked, doors))
                for down in (True, False):
                    await take_down(operator[turn], post, down)
                    await assure_shown(None if down else shown, *map(watch.seen, doors))
            for words in ((), ("--undo",)):
                done = await asyncio.to_thread(freehold, "label", town.directory, post.uri, "rude", *words)
                assert done.code == 0, done.err
                await all_show(labels=[] if words else ["rude"])
            await at[4].delete(post)
            await assure_shown(None, *map(watch.seen, doors))


async def take_down(operator: Operator, post: Ref, down: bool) -> None:
    subject = {"$type": "com.atproto.repo.strongRef", **post.strong}
    await operator.do("com.atproto.admin.updateSubjectStatus", subject=subject, takedown={"applied": down})


async def test_uploads_and_errors_pass_whole_through_every_process(town: Serving) -> None:
    async with connections(town) as doors:
        person = await Person.join(doors[0])

        async def there_and_back(door: httpx.AsyncClient, *, chunked: bool) -> None:
            data = secrets.token_bytes(700_000)

            async def pieces() -> AsyncIterator[bytes]:
                for at in range(0, len(data), 100_000):
                    yield data[at : at + 100_000]

            headers = {**bearer(person), "content-type": "application/octet-stream"}
            body = pieces() if chunked else data
            put = await door.post("/xrpc/com.atproto.repo.uploadBlob", content=body, headers=headers)
            blob = put.json()["blob"]
            await person.at(door).create("org.example.file", {"blob": blob})
            asked = {"did": person.did, "cid": blob["ref"]["$link"]}
            got = await door.get("/xrpc/com.atproto.sync.getBlob", params=asked)
            assert got.content == data
            head = await door.head("/xrpc/com.atproto.sync.getBlob", params=asked)
            assert (head.status_code, head.content, len(head.headers.get_list("date"))) == (200, b"", 1)
            missing = await door.get("/xrpc/com.atproto.sync.getBlob", params={**asked, "cid": "no"})
            assert (missing.status_code, missing.json()["error"]) == (400, "InvalidRequest")

        await asyncio.gather(*(there_and_back(door, chunked=at % 2 == 0) for at, door in enumerate(doors[:8])))


async def test_a_firehose_flows_through_every_process(town: Serving) -> None:
    async with httpx.AsyncClient(base_url=town.urls[0], timeout=30) as http:
        person = await Person.join(http)

        async def hear(started: asyncio.Queue[None], ref: "asyncio.Future[Ref]") -> None:
            async with firehose(town.urls[0]) as events:
                started.put_nowait(None)
                heard = await events.until((await ref).commit)
                assert heard[-1].did == person.did

        started: asyncio.Queue[None] = asyncio.Queue()
        ref: asyncio.Future[Ref] = asyncio.get_running_loop().create_future()
        hearing = [asyncio.create_task(hear(started, ref)) for _ in range(CONNECTIONS)]
        for _ in hearing:
            await started.get()
        ref.set_result(await person.post("heard by all"))
        await asyncio.gather(*hearing)


async def test_one_that_is_killed_is_replaced_and_nobody_else_notices(town: Serving) -> None:
    first, *others = workers_of(town)
    os.kill(first, signal.SIGKILL)
    async with httpx.AsyncClient(base_url=town.urls[0], timeout=30) as http:
        writer = await Person.join(http)
        for number in range(10):
            ref = await writer.post(f"meanwhile {number}")
            async with httpx.AsyncClient(base_url=town.urls[0], timeout=30) as another:
                await assure_shown(ref.uri, newest(another, writer))
    until = time.monotonic() + PATIENCE_SECONDS
    while first in workers_of(town) or figure(town, "workers") != WORKERS - 1:
        assert time.monotonic() < until
        await asyncio.sleep(0.05)
    assert set(others) < set(workers_of(town))


@pytest.mark.long
def test_all_end_in_order_with_the_main_process(tmp_path: Path) -> None:
    with serving(tmp_path / "town", words=("--dev", "--workers", "2"), given=CHEAP) as running:
        until_complete(running, workers=1)
        workers = workers_of(running)
        assert running.end() == 0
        until_gone(workers)
        assert '"level":"error"' not in running.log()


def test_what_needs_one_process_says_so() -> None:
    for settings in (Settings(workers=2, unlock="prompt"), Settings(workers=2, https=True, domain="a.example")):
        with pytest.raises(BadSetting, match="workers"):
            assure_shareable(settings)
        assure_shareable(replace(settings, workers=1))


async def test_what_is_spent_at_one_door_is_counted_at_the_others() -> None:
    now = 1_000_000_000
    here, there = Allowances(lambda: now), Allowances(lambda: now)

    def pass_on(said: Tally) -> None:
        for budget, member, guest, address, spent in said.points():
            there.charge(budget, spent, Payer(member, guest, address))

    tally = Tally(pass_on)
    here.heard = tally.spend
    for payer in (Payer("did:plc:a", "", ""), Payer("", "", "192.0.2.1")):
        points = LIMITS["read"][0].points
        here.spend("read", points - 10, payer)
        here.spend("sign-in", 10, payer)
        tally.flush()
        there.spend("read", 10, payer)
        with pytest.raises(TooMany):
            there.spend("read", 1, payer)
        there.charge("read", points, payer)  # what is over is over
