"""Subscribers whose lines are cut at random, and a host that is killed under them: each resumes by cursor and hears
every commit, in order, with proofs that hold.

Three listen while members write: the official consumer, the Python SDK's, and a careful reader of our own.
Source: https://atproto.com/specs/sync#firehose; @atproto/sync
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import pairwise
from random import Random

import httpx
import pytest
from atproto import AsyncFirehoseSubscribeReposClient, parse_subscribe_repos_message
from bench.ports import free_ports
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from freehold.protocol.diddoc import read as read_document
from freehold.stream import frames
from support.cutter import Cutter
from support.network import Person, firehose, running
from support.outside import NODE_FOLDER
from support.proof import assure_proven

PEOPLE = 6
STREAM = "/xrpc/com.atproto.sync.subscribeRepos"
CUT_SECONDS = 0.4
CATCH_UP_SECONDS = 60.0

pytestmark = pytest.mark.node


@pytest.mark.parametrize(
    ("commits", "kills"),
    [
        pytest.param(240, 1, marks=pytest.mark.timeout(180)),
        pytest.param(100_000, 12, marks=[pytest.mark.long, pytest.mark.timeout(7200)]),
    ],
)
async def test_whoever_is_cut_off_at_random_hears_every_commit_in_order(tmp_path, node, commits, kills):
    chance, port = Random(), free_ports(1)[0]
    async with Cutter(port) as line, AsyncExitStack() as listening:
        people: list[Person] = []
        everyone: list[Listener] = []
        for round in range(kills + 1):
            with running(tmp_path / "town", "--port", str(port)) as network:
                async with httpx.AsyncClient(base_url=network.url, timeout=60) as http:
                    people = people or [await Person.join(http) for _ in range(PEOPLE)]
                    keys = {person.did: await signing_key(http, person.did) for person in people}
                    everyone = everyone or [
                        Careful(line.port, keys),
                        Sdk(line.port),
                        Official(node, network.url, line.port, tmp_path),
                    ]
                    for one in everyone if round == 0 else ():
                        await listening.enter_async_context(running_task(one.listen()))
                    await write_while_cut(http, people, commits // (kills + 1), line, chance)
                    if round < kills:
                        await kill_under_load(http, people, network.pid)
                    else:
                        await assure_all_heard(network.url, everyone)
        assert line.cuts > 3


async def write_while_cut(http, people, count, line, chance):
    """So many posts by all, while links break."""

    async def write(person):
        person.http = http
        for n in range(count // len(people)):
            await person.post(f"number {n}")

    async with running_task(line.cut_for_ever(chance, CUT_SECONDS)):
        await asyncio.gather(*map(write, people))


async def kill_under_load(http, people, pid):
    """Kill the host while all of them write; what was under way may stand or not."""
    asyncio.get_running_loop().call_later(0.1, os.kill, pid, signal.SIGKILL)

    async def write(person):
        with suppress(httpx.TransportError):
            while True:
                await person.post("the last words")

    await asyncio.gather(*map(write, people))


async def assure_all_heard(url, everyone):
    """Each has heard what the log holds: those who hear of each operation by itself, all that had any."""
    async with firehose(url) as live, httpx.AsyncClient(base_url=url) as http:
        last = await (await Person.join(http)).post("the end")
        end = (await live.until(last.commit))[-1].seq
    async with asyncio.timeout(CATCH_UP_SECONDS + end / 100):
        for one in everyone:
            while not one.heard or one.heard[-1] < end:
                assert not one.wrong, one.wrong
                await asyncio.sleep(0.1)
    told = await seqs_told(url, end)
    for one in everyone:
        heard = [seq for before, seq in pairwise([0, *one.heard]) if seq > before]
        assert heard == [seq for seq, empty in told if not (empty and one.by_operation)], type(one).__name__


async def seqs_told(url, end):
    """All seqs from the first, read at one go, and whether it is a commit without operations."""
    told = []
    async with connect(f"{url.replace('http', 'ws')}{STREAM}?cursor=0", max_size=None) as socket:
        async for message in socket:
            kind, payload = frames.decode(message)
            told.append((payload["seq"], kind == "commit" and not payload["ops"]))
            if payload["seq"] == end:
                break
    assert [seq for seq, _ in told] == list(range(1, end + 1))
    return told


async def signing_key(http, did):
    return read_document(did, (await http.get(f"/plc/{did}")).json()).signing_key


@asynccontextmanager
async def running_task(work) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        while not task.done():  # the SDK loses a cancellation that comes together with the end of its connection
            task.cancel()
            await asyncio.wait({task}, timeout=1)


class Listener:
    """One that listens. heard: seqs, as they came. by_operation: it hears of a commit once for each operation."""

    by_operation = False

    def __init__(self, port: int) -> None:
        self.origin = f"ws://127.0.0.1:{port}"
        self.heard: list[int] = []
        self.wrong = ""


class Careful(Listener):
    """Checks each commit as a relay would, and that none comes twice."""

    def __init__(self, port, keys):
        super().__init__(port)
        self._keys = keys
        self._stands = {}

    async def listen(self):
        while not self.wrong:
            with suppress(OSError, EOFError, TimeoutError, InvalidHandshake, WebSocketException):
                cursor = self.heard[-1] if self.heard else 0
                async with connect(f"{self.origin}{STREAM}?cursor={cursor}", max_size=None) as socket:
                    async for message in socket:
                        self._take(*frames.decode(message))
            await asyncio.sleep(0.01)

    def _take(self, kind, payload):
        try:
            assert payload["seq"] == (self.heard[-1] if self.heard else 0) + 1
            if kind == "commit" and payload["repo"] in self._keys:
                self._prove(payload)
        except AssertionError as wrong:
            self.wrong = repr(wrong)
            raise
        self.heard.append(payload["seq"])

    def _prove(self, payload):
        did = payload["repo"]
        assert (payload["since"], payload.get("prevData")) == self._stands.get(did, (None, None))
        self._stands[did] = payload["rev"], assure_proven(payload, self._keys[did])


class Sdk(Listener):
    """The Python SDK, which connects again by itself."""

    async def listen(self):
        client = AsyncFirehoseSubscribeReposClient({"cursor": 0}, base_uri=f"{self.origin}/xrpc")
        client._max_reconnect_delay_sec = 0

        async def take(message):
            self.heard.append(parse_subscribe_repos_message(message).seq)
            client.update_params({"cursor": self.heard[-1]})

        await client.start(take, lambda error: setattr(self, "wrong", repr(error)))


class Official(Listener):
    """@atproto/sync in a process of its own, which writes down what it hears."""

    by_operation = True

    def __init__(self, node, url, port, folder):
        super().__init__(port)
        self._told, self._wrong = folder / "told", folder / "wrong"
        with self._told.open("wb") as out, self._wrong.open("wb") as err:
            words = (str(node), "resume.mjs", url, f"http://127.0.0.1:{port}")
            self._process = subprocess.Popen(words, cwd=NODE_FOLDER, stdout=out, stderr=err, start_new_session=True)

    async def listen(self):
        try:
            while not self.wrong:
                await asyncio.sleep(0.2)
                self.heard = [int(line) for line in self._told.read_bytes().splitlines(True) if line.endswith(b"\n")]
                self.wrong = self._wrong.read_text()
        finally:
            os.killpg(self._process.pid, signal.SIGKILL)  # `node` may be a script before the real one
            self._process.wait()
