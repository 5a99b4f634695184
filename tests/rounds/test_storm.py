"""kill -9 of a whole network in a storm of writes: what it said "yes" to is there, whole, when it stands again.

Each round kills the process that `freehold run` started, while members create, replace and delete records, send several
writes at once and post pictures. All rounds share one directory, so that damage would add up.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from random import Random

import httpx
import pytest
from bench.ports import free_port
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from freehold.cli import main
from freehold.cli.opening import opened
from freehold.protocol.cid import Cid
from freehold.protocol.diddoc import read as read_document
from freehold.protocol.tid import TidClock
from freehold.repo.car import read_car
from freehold.repo.verify import Verified, verify_repo
from freehold.site import Shared
from freehold.store.blobs import BlobStore
from freehold.stream import frames
from support.inside import calling
from support.inside import opened as opened_inside
from support.ledger import ledger
from support.network import PATIENCE_SECONDS, Caller, Person, RunningNetwork, running
from support.patience import until
from support.scribes import Scribe, picture

WRITERS = 6
ACKNOWLEDGED_MOST = 150
STREAM = "/xrpc/com.atproto.sync.subscribeRepos"


@pytest.mark.parametrize(
    "rounds", [pytest.param(5, marks=pytest.mark.timeout(240)), pytest.param(50, marks=pytest.mark.long)]
)
def test_all_that_was_acknowledged_is_there_whole_after_kill_9(tmp_path: Path, rounds: int) -> None:
    storm = Storm(tmp_path / "town", Random())
    for _ in range(rounds):
        with storm.running() as network:
            asyncio.run(storm.rage(network))
        assert_whole(storm.directory, tmp_path / "copy")
    with storm.running() as network:
        asyncio.run(storm.look(network))
    assert storm.acknowledged > rounds


class Storm:
    """One network through all rounds. told: by seq, each frame of the firehose that was heard or read."""

    def __init__(self, directory: Path, random: Random) -> None:
        self.directory, self.random, self.port = directory, random, free_port()
        self.scribes: list[Scribe] = []
        self.told: dict[int, bytes] = {}
        self.replayed: dict[str, dict[str, Cid]] = {}
        self.heads: dict[str, Cid] = {}

    def running(self):
        """The same address each time: tokens stay good, and identities need not move."""
        return running(self.directory, "--port", str(self.port))

    @property
    def acknowledged(self) -> int:
        return sum(scribe.acknowledged for scribe in self.scribes)

    async def rage(self, network: RunningNetwork) -> None:
        """Look at what is left of the rounds before, write, and kill the network at a random moment."""
        async with httpx.AsyncClient(base_url=network.url, timeout=PATIENCE_SECONDS) as http:
            await self._meet(http)
            await self._examine(network, http)
            killing = self._kill_after(network, self.random.randint(1, ACKNOWLEDGED_MOST))
            await asyncio.gather(self._listen(network), *(scribe.write_on(killing) for scribe in self.scribes))
        assert not network.alive

    async def look(self, network: RunningNetwork) -> None:
        """Look at what is left, and no more."""
        async with httpx.AsyncClient(base_url=network.url, timeout=PATIENCE_SECONDS) as http:
            await self._meet(http)
            await self._examine(network, http)

    def _kill_after(self, network: RunningNetwork, wanted: int):
        """What to call at each acknowledgement: after so many, and up to some milliseconds, it kills."""
        left = wanted

        def acknowledged() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                later = self.random.uniform(0, 0.02)
                asyncio.get_running_loop().call_later(later, os.kill, network.pid, signal.SIGKILL)

        return acknowledged

    async def _meet(self, http: httpx.AsyncClient) -> None:
        if not self.scribes:
            people = [await Person.join(http) for _ in range(WRITERS)]
            tids = TidClock(self.random.randrange(1024))
            self.scribes = [Scribe(person, str(self.random.random()), tids) for person in people]
        for scribe in self.scribes:
            scribe.person.http = http

    # --- the stream

    async def _listen(self, network: RunningNetwork) -> None:
        """Hear the firehose until it breaks off: what was once told must be told again, to the byte."""
        async with connect(_stream_of(network, max(self.told, default=0)), max_size=None) as socket:
            while True:
                try:
                    self._note(await socket.recv(decode=False))
                except ConnectionClosed:
                    return

    async def _replay(self, network: RunningNetwork, last: int) -> None:
        """Read every event anew, without a gap; what a reader makes of them is in `replayed`."""
        async with connect(_stream_of(network, 0), max_size=None) as socket, asyncio.timeout(PATIENCE_SECONDS):
            self.replayed.clear()
            for seq in range(1, last + 1):
                frame = await socket.recv(decode=False)
                assert self._note(frame) == seq
                self._follow(*frames.decode(frame))
        assert max(self.told) == last, "an event was heard that is gone"

    def _note(self, frame: bytes) -> int:
        seq = int(frames.decode(frame)[1]["seq"])
        assert self.told.setdefault(seq, frame) == frame, f"event {seq} is another one now"
        return seq

    def _follow(self, kind: str, payload: Mapping) -> None:
        if kind == "commit":
            self.heads[payload["repo"]] = payload["commit"]
            records = self.replayed.setdefault(payload["repo"], {})
            for op in payload["ops"]:
                if op["cid"] is None:
                    del records[op["path"]]
                else:
                    records[op["path"]] = op["cid"]

    # --- what is there

    async def _examine(self, network: RunningNetwork, http: httpx.AsyncClient) -> None:
        await self._replay(network, await figure(http, "freehold_event_seq"))
        for scribe in self.scribes:
            verified = await repository(http, scribe.person)
            scribe.reconcile(verified.records)
            assert self.replayed[scribe.person.did] == verified.records, "stream and repository tell different things"
            latest = await scribe.person.get("com.atproto.sync.getLatestCommit", did=scribe.person.did)
            assert str(self.heads[scribe.person.did]) == latest["cid"]
            await self._examine_blobs(scribe, verified.records)
        await until(partial(self._index_caught_up, http))

    async def _examine_blobs(self, scribe: Scribe, found: Mapping[str, Cid]) -> None:
        files = BlobStore(self.directory / "blobs")
        held = scribe.held(found)
        for cid, data in held.items():
            assert await scribe.person.car("com.atproto.sync.getBlob", did=scribe.person.did, cid=str(cid)) == data
            with files.open(cid) as file:
                assert Cid.of_raw(file.read()) == cid
        listed = await listed_blobs(scribe.person)
        assert listed == {str(cid) for cid in held}
        gone = scribe.let_go(found)
        await until(lambda: not any(files.has(cid) for cid in gone))
        for cid in list(scribe.uploaded):
            await scribe.show(cid)  # an acknowledged upload waits for its post

    async def _index_caught_up(self, http: httpx.AsyncClient) -> bool:
        return await figure(http, "freehold_index_lag_events") == 0


def assert_whole(directory: Path, copy: Path) -> None:
    """The doctor finds no damage in what the killed process left, and its index equals one made anew."""
    shutil.copytree(directory, copy, ignore=shutil.ignore_patterns("control.sock"))
    assert main.main(["doctor", str(copy)]) == 0
    with opened(copy) as site:
        asyncio.run(site.index.words_written())
        followed = ledger(site.index_db)
        assert site.index.seq == site.log.last
        site.index.rebuild()
        rebuilt = ledger(site.index_db)
        for table, rows in followed.items():
            assert rebuilt[table] == rows, table
    shutil.rmtree(copy)


async def repository(http: httpx.AsyncClient, person: Person) -> Verified:
    """The whole repository as exported, its signature, tree and records verified."""
    roots, blocks = read_car(await person.car("com.atproto.sync.getRepo", did=person.did))
    key = read_document(person.did, (await http.get(f"/plc/{person.did}")).json()).signing_key
    assert key is not None
    return verify_repo(blocks, roots[0], person.did, key)


async def listed_blobs(person: Person) -> set[str]:
    found: set[str] = set()
    page = {"cursor": ""}
    while "cursor" in page:
        more = {"cursor": page["cursor"]} if page["cursor"] else {}
        page = await person.get("com.atproto.sync.listBlobs", did=person.did, limit=500, **more)
        found.update(page["cids"])
    return found


async def figure(http: httpx.AsyncClient, name: str) -> int:
    """One number of /metrics."""
    lines = (await http.get("/metrics")).text.splitlines()
    return int(float(next(line for line in lines if line.startswith(f"{name} ")).split()[1]))


def _stream_of(network: RunningNetwork, cursor: int) -> str:
    return network.url.replace("http://", "ws://") + f"{STREAM}?cursor={cursor}"


async def test_a_file_that_a_kill_left_without_a_row_goes_at_the_next_start(tmp_path: Path, shared: Shared) -> None:
    """As after a kill between the commit of a deletion, or before that of an upload, and what follows it."""
    with opened_inside(tmp_path / "town", shared) as site:
        async with calling(site) as http:
            alice = await Person.join(http)
            kept = await alice.upload(picture(b"kept"))
            await alice.post_picture(kept)
        with site.files.incoming(1_000) as upload:
            upload.write(b"nobody names this")
            stray = site.files.keep(upload)
    with opened_inside(tmp_path / "town", shared) as site:
        assert site.files.has(stray)
        async with calling(site) as http:
            await until(lambda: not site.files.has(stray))
            assert await Caller(http).car(
                "com.atproto.sync.getBlob", did=alice.did, cid=kept["ref"]["$link"]
            ) == picture(b"kept")
