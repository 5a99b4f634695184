"""The official consumer stays attached while the network goes over to another machine: it comes to have what is there.

Members stay signed in meanwhile, however they signed in.
Source: https://atproto.com/specs/sync#desynchronization; @atproto/sync
"""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from bench.ports import free_ports

from freehold.pds.resumption import LEAP
from support.apps import App
from support.archived import all_sent
from support.browsing import Reader
from support.network import CHEAP, PASSWORD, Caller, Person, RunningNetwork, running
from support.outside import NODE_FOLDER
from support.patience import until
from support.standbys import add_by_tls, command, in_step, standing_by, witnessing

pytestmark = [pytest.mark.node, pytest.mark.timeout(180)]

PASSPHRASE = "seven words that nobody guesses"
HEAR_SECONDS = 30
TAIL = 100
"""Numbers leap from what the next machine knows, which may be so much less than what was heard."""


class Attached:
    """@atproto/sync in a process of its own. heard: all events so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.heard: list[dict[str, Any]] = []

    async def _next(self) -> Any:
        assert self._process.stdout is not None
        async with asyncio.timeout(HEAR_SECONDS):
            line = await self._process.stdout.readline()
        assert line, "the consumer gave up"
        return json.loads(line)

    async def hear(self, did: str, rev: str) -> None:
        """Go on until a revision, or a later one, was heard."""
        while not any(one["did"] == did and (one.get("rev") or "") >= rev for one in self.heard):
            self.heard.append(await self._next())

    async def state(self) -> dict[str, dict[str, str]]:
        """What it has, by DID and path."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        while "seq" in (said := await self._next()):
            self.heard.append(said)
        return dict(said)


@asynccontextmanager
async def attached(node: Path, url: str, errors: Path) -> AsyncIterator[Attached]:
    with errors.open("wb") as err:
        pipe = asyncio.subprocess.PIPE
        words = (str(node), "converge.mjs", url)
        process = await asyncio.create_subprocess_exec(
            *words, cwd=NODE_FOLDER, stdin=pipe, stdout=pipe, stderr=err, start_new_session=True
        )
    try:
        yield Attached(process)
        assert await asyncio.to_thread(errors.read_bytes) == b""
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # `node` may be a script before the real one
        await process.wait()


async def there(caller: Caller, did: str) -> dict[str, str]:
    """All records of a member, by path, as the network lists them."""
    found = {}
    for collection in (await caller.get("com.atproto.repo.describeRepo", repo=did))["collections"]:
        said = await caller.get("com.atproto.repo.listRecords", repo=did, collection=collection, limit=100)
        found |= {record["uri"].split("/", 3)[3]: record["cid"] for record in said["records"]}
    return found


async def assure_converges(consumer: Attached, url: str, people: list[Person], *, leaps: bool) -> None:
    """It has what the network has now, after each member has written once more; and heard why."""
    before = consumer.heard[-1]["seq"]
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        for person in people:
            person.http = http
            written = await person.post("from the next machine")
            await consumer.hear(person.did, written.rev)
        state = await consumer.state()
        assert {person.did: state[person.did] for person in people} == {
            person.did: await there(Caller(http), person.did) for person in people
        }
    seqs = [one["seq"] for one in consumer.heard]
    assert seqs == sorted(seqs)
    synced = {one["did"] for one in consumer.heard if one["event"] == "sync" and one["seq"] > before + LEAP - TAIL}
    assert leaps == ({person.did for person in people} <= synced)
    if not leaps:
        assert seqs[-1] < before + TAIL


def gone(network: RunningNetwork) -> None:
    os.kill(network.pid, signal.SIGKILL)


async def test_a_promotion_by_hand_that_loses_a_tail(tmp_path: Path, node: Path) -> None:
    first, second, port = tmp_path / "first", tmp_path / "second", str(free_ports(1)[0])
    go_on = CHEAP + 'without_standby = "go-on"\n'
    with running(first, "--port", port, settings=go_on) as primary:
        async with attached(node, primary.url, tmp_path / "errors") as consumer:
            await add_by_tls(first, second)
            shutil.copy(first / "unlock.key", second)
            async with httpx.AsyncClient(base_url=primary.url) as http, Reader(None, primary.url) as browser:
                await browser.http.aclose()
                browser.http = httpx.AsyncClient(base_url=primary.url)
                with standing_by(second):
                    await in_step(first)
                    mei, ivo = await Person.join(http, "mei"), await Person.join(http, "ivo")
                    early = await mei.post("early")
                    await ivo.post("ivo was here")
                    app = App(http)
                    await app.let_in(browser, "mei.test")
                    made = await mei.do("com.atproto.server.createAppPassword", name="of an app")
                await mei.delete(early)
                await consumer.hear(mei.did, (await mei.post("to be lost")).rev)
            gone(primary)
            await until(lambda: not primary.alive)
            with standing_by(second, port) as promoted:
                assert (await command("standby", second, "promote", "--even-so")).code == 0
                promoted.wait()
                await assure_converges(consumer, promoted.url, [mei, ivo], leaps=True)
                assert early.path in (await consumer.state())[mei.did], "nobody knows that it was deleted"
                await assure_signed_in(promoted.url, mei, app, made["password"])


async def assure_signed_in(url: str, mei: Person, app: App, app_password: str) -> None:
    """By session, refresh token, password of an app, and OAuth."""
    async with httpx.AsyncClient(base_url=url) as http:
        mei.http = app.http = http
        await mei.renew()
        assert (await mei.get("com.atproto.server.getSession"))["did"] == mei.did
        for password in (PASSWORD, app_password):
            session = await Caller(http).do(
                "com.atproto.server.createSession", identifier=mei.handle, password=password
            )
            assert session["did"] == mei.did
        assert (await app.call("GET", "com.atproto.server.getSession")).status_code == 200
        assert (await app.renew()).status_code == 200


async def test_a_restore_that_loses_a_tail(tmp_path: Path, node: Path) -> None:
    first, second, port = tmp_path / "first", tmp_path / "second", str(free_ports(1)[0])
    archive, saved = tmp_path / "away", tmp_path / "saved"
    with running(first, "--port", port, settings=CHEAP + "archive_every_seconds = 1\n") as primary:
        async with attached(node, primary.url, tmp_path / "errors") as consumer:
            added = await command("archive", first, "add", f"file://{archive}", given=f"{PASSPHRASE}\n")
            assert added.code == 0, added.err
            async with httpx.AsyncClient(base_url=primary.url) as http:
                mei, ivo = await Person.join(http, "mei"), await Person.join(http, "ivo")
                await mei.post("kept")
                await ivo.post("kept too")
                await all_sent(first)
                archive.rename(saved)  # whatever comes now is in no archive
                await consumer.hear(mei.did, (await mei.post("to be lost")).rev)
            gone(primary)
            await until(lambda: not primary.alive)
            restored = await command("restore", f"file://{saved}", second, given=f"{PASSPHRASE}\n")
            assert restored.code == 0, restored.err
            settings = (second / "settings.toml").read_text()
            with running(second, "--port", port, settings=settings) as again:
                await assure_converges(consumer, again.url, [mei, ivo], leaps=True)


@pytest.mark.long
async def test_a_promotion_by_the_witness_that_loses_nothing(tmp_path: Path, node: Path) -> None:
    first, second, port = tmp_path / "first", tmp_path / "second", str(free_ports(1)[0])
    with running(first, "--port", port) as primary, witnessing(tmp_path / "third") as (address, code):
        async with attached(node, primary.url, tmp_path / "errors") as consumer:
            assert (await command("standby", first, "witness", address, "--code", code)).code == 0
            await add_by_tls(first, second)
            shutil.copy(first / "unlock.key", second)
            with standing_by(second, port) as standby:
                await in_step(first)
                async with httpx.AsyncClient(base_url=primary.url) as http:
                    mei, ivo = await Person.join(http, "mei"), await Person.join(http, "ivo")
                    await ivo.post("ivo was here")
                    await consumer.hear(mei.did, (await mei.post("kept")).rev)
                gone(primary)
                await until(lambda: not primary.alive)
                standby.wait()
                await assure_converges(consumer, standby.url, [mei, ivo], leaps=False)
