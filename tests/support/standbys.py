"""Two machines and a witness, each a process of its own on this one: a standby that follows, and is promoted."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from bench.ports import free_port

from support.children import environment
from support.command import COMMAND, Done, freehold
from support.network import CHEAP, POST, START_SECONDS, Caller, RunningNetwork
from support.patience import until

WITNESS_LINE = re.compile(r"witness tls://\S+ --code (\S+)")
PORT_LINE = re.compile(r"add (tls://\S+) --code (\S+)")


@contextmanager
def standing_by(directory: Path, port: str = "0") -> Iterator[RunningNetwork]:
    """A standby in a process of its own. When it was promoted, `wait` for the network that it is then, at `port`."""
    (directory / "settings.toml").write_text(CHEAP)
    log = directory / "stderr.log"
    command = [sys.executable, "-m", "support.network_child", str(directory), "--dev", "--port", port]
    with log.open("wb") as stderr:
        child = subprocess.Popen(command, env=environment(), stdout=stderr, stderr=stderr)
    standby = RunningNetwork(directory, child, log)
    patience = time.monotonic() + START_SECONDS
    try:
        while not (directory / "control.sock").exists():
            assert child.poll() is None, standby.log()
            assert time.monotonic() < patience, standby.log()
            time.sleep(0.02)
        yield standby
    finally:
        standby.stop()


async def command(*words: object, given: str = "") -> Done:
    return await asyncio.to_thread(freehold, *words, given=given)


async def add_by_tls(primary: Path, standby: Path) -> None:
    made = await command("standby", standby, "make", "--listen", f"127.0.0.1:{free_port()}")
    found = PORT_LINE.search(made.out)
    assert found, made
    with standing_by(standby):
        address = found[1].replace("THIS-MACHINE", "127.0.0.1")
        added = await command("standby", primary, "add", address, "--code", found[2], "--name", "second")
        assert added.code == 0, added.err


async def in_step(primary: Path) -> None:
    async def is_it() -> bool:
        return "in step" in (await command("standby", primary, "list")).out

    await until(is_it)


@contextmanager
def witnessing(directory: Path) -> Iterator[tuple[str, str]]:
    """A witness in a process of its own; its address, and the code for the primary."""
    port = free_port()
    command = [*COMMAND, "witness", str(directory), "--listen", f"127.0.0.1:{port}"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stderr is not None
    with child.stdout, child.stderr:
        said = child.stdout.readline() + child.stdout.readline()
        assert "is a witness" in child.stderr.readline()
        found = WITNESS_LINE.search(said)
        assert found, said
        yield f"tls://127.0.0.1:{port}", found[1]
        child.kill()
        child.wait()


async def returned(first: Path) -> None:
    """The old machine comes back, and wants to be the primary again."""
    port = free_port()
    words = [*COMMAND, "run", str(first), "--dev", "--port", str(port)]
    child = await asyncio.create_subprocess_exec(*words, stderr=subprocess.DEVNULL)

    async def is_served_elsewhere() -> bool:
        try:
            async with httpx.AsyncClient(base_url=f"http://localhost:{port}") as http:
                return (await http.get("/xrpc/_health")).status_code == 503
        except httpx.TransportError:
            return False

    try:
        await until(is_served_elsewhere)
    finally:
        child.terminate()
        await child.wait()
    again = await command("run", first, "--port", "0")
    assert (again.code, "another machine has become the primary" in again.err.lower()) == (1, True)


async def posts_of(caller: Caller, did: str) -> set[str]:
    """The addresses of all that a member posted."""
    found: set[str] = set()
    page = {"cursor": ""}
    while "cursor" in page:
        page = await caller.get("com.atproto.repo.listRecords", repo=did, collection=POST, limit=100, **page)
        found |= {record["uri"] for record in page.pop("records")}
    return found
