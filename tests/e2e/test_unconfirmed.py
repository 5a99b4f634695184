"""A primary that was killed shows what no standby had only when a standby has it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from bench.ports import free_port
from websockets.exceptions import WebSocketException

from freehold.stream.log import newest_in
from support.children import environment
from support.network import POST, Caller, Person, Refusal, RunningNetwork, firehose, running
from support.patience import until
from support.standbys import add_by_tls, in_step, standing_by


@contextmanager
def frozen(network: RunningNetwork) -> Iterator[None]:
    os.kill(network.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(network.pid, signal.SIGCONT)


@contextmanager
def returned(first: Path, port: int) -> Iterator[str]:
    """The killed machine, started again; nothing says that it answers."""
    command = [sys.executable, "-m", "support.network_child", str(first), "--dev", "--port", str(port)]
    child = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL)
    try:
        yield f"http://localhost:{port}"
    finally:
        child.terminate()
        child.wait()


async def asked(url: str, nsid: str, **params: str) -> httpx.Response:
    """The first answer."""
    answers: list[httpx.Response] = []

    async def answered() -> bool:
        try:
            async with httpx.AsyncClient(base_url=url) as http:
                answers.append(await http.get(f"/xrpc/{nsid}", params=params))
        except httpx.TransportError:
            return False
        return True

    await until(answered)
    return answers[0]


async def test_what_no_standby_had_is_neither_shown_nor_streamed_before_it_has_it(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with running(first) as primary:
        await add_by_tls(first, second)
        with standing_by(second, str(free_port())) as standby:
            await in_step(first)
            async with httpx.AsyncClient(base_url=primary.url, timeout=30) as http:
                mei = await Person.join(http, "mei")
                await mei.post("both have it")
                with frozen(standby):
                    had = newest_in(first / "truth.db")
                    writing = asyncio.create_task(mei.post("here alone"))
                    await until(lambda: newest_in(first / "truth.db") > had)
                    os.kill(primary.pid, signal.SIGKILL)
                    await until(lambda: not primary.alive)
                    with pytest.raises(httpx.TransportError):
                        await writing
                    with returned(first, int(primary.url.rpartition(":")[2])) as url:
                        records = {"repo": mei.did, "collection": POST}
                        told = await asked(url, "com.atproto.repo.listRecords", **records)
                        assert (told.status_code, told.json()["error"]) == (503, "Unconfirmed")
                        assert told.headers["retry-after"]
                        with pytest.raises(WebSocketException):
                            async with firehose(url, 0):
                                pass
                        os.kill(standby.pid, signal.SIGCONT)
                        assert await shown(url, mei) == ["here alone", "both have it"]


async def shown(url: str, person: Person) -> list[str]:
    """The member's posts, as soon as they are shown."""
    found: list[str] = []

    async def is_open() -> bool:
        async with httpx.AsyncClient(base_url=url) as http:
            try:
                page = await Caller(http).get("com.atproto.repo.listRecords", repo=person.did, collection=POST)
            except Refusal:
                return False
        found[:] = [record["value"]["text"] for record in page["records"]]
        return True

    await until(is_open)
    return found
