"""While the primary is gone its standby is read; when the primary comes back, it follows as if nothing had been."""

import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest

from support.network import Person, Refusal, RunningNetwork, running
from support.patience import until
from support.standbys import add_by_tls, command, free_port, in_step, standing_by

ROUNDS = [2, pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(600)])]


@asynccontextmanager
async def at(url: str, person: Person) -> AsyncIterator[Person]:
    """The same member at another door, with the session that they have."""
    async with httpx.AsyncClient(base_url=url, timeout=10) as http:
        session = {"accessJwt": person.token, "did": person.did, "handle": person.handle, "refreshJwt": ""}
        yield Person(http, session)


async def read(door: Person) -> list[str]:
    """What the member's home shows: it wants a session, the truth and the index. Waits until the door is open."""
    found: list[str] = []

    async def is_open() -> bool:
        try:
            feed = await door.get("app.bsky.feed.getTimeline", limit=100)
        except (httpx.TransportError, Refusal):
            return False
        found[:] = [item["post"]["record"]["text"] for item in feed["feed"]]
        return True

    await until(is_open)
    return found


async def is_shut(url: str) -> bool:
    async with httpx.AsyncClient(base_url=url) as http:
        try:
            await http.get("/xrpc/_health")
        except httpx.TransportError:
            return True
    return False


@contextmanager
def paused(network: RunningNetwork) -> Iterator[None]:
    """As a machine whose cable was pulled: it says nothing, and nobody hears that it went."""
    os.kill(network.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(network.pid, signal.SIGCONT)


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_it_is_read_while_the_primary_is_gone_and_follows_again_without_a_new_copy(
    tmp_path: Path, rounds: int
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with running(first) as primary:
        await add_by_tls(first, second)
        shutil.copy(first / "unlock.key", second)
        port = free_port()
        with standing_by(second, str(port)):
            await in_step(first)
            copy = (second / "truth.db").stat().st_ino
            async with httpx.AsyncClient(base_url=primary.url, timeout=30) as http:
                mei = await Person.join(http, "mei")
                for n in range(rounds):
                    await mei.post(f"post {n}")
                    with paused(primary):
                        began = time.monotonic()
                        async with at(f"http://localhost:{port}", mei) as door:
                            assert (await read(door))[0] == f"post {n}"
                            print(f"read after {time.monotonic() - began:.2f} s")
                            with pytest.raises(Refusal) as refusal:
                                await door.post("to nobody")
                            assert (refusal.value.name, refusal.value.status) == ("ReadOnly", 503)
                            assert int(refusal.value.headers["retry-after"]) > 0
                    await until(lambda: is_shut(f"http://localhost:{port}"))
                    await mei.post(f"after {n}")
            assert (second / "truth.db").stat().st_ino == copy, "no new copy was made"
            verified = await command("standby", first, "verify", "second")
            assert verified.code == 0, verified.err
