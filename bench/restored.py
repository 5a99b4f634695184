"""`python -m bench.restored`: a network of so many records, archived, restored on a bare directory, and written to.

The network is synthetic: few members, each with very many posts and likes of invented words, written in commits of 200
by the product's own write path (no HTTP), so that trees, signatures, events and rows are real. Measured are the CPU of
single writes without and with an archive, `freehold restore` as a command, `freehold run`, the first post that is
accepted after both, and how long the index takes to follow. `--keep DIR` fills a network once and measures it again.
"""

import argparse
import asyncio
import os
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from bench.network import FREEHOLD, Server, indexed, join, post, stamp
from bench.ports import free_port
from bench.wire import Client
from freehold.cli.opening import opened
from freehold.haven.archive import stores
from freehold.pds.writes import Create, Write
from freehold.site import Site

POST, LIKE = "app.bsky.feed.post", "app.bsky.feed.like"
MEMBERS = 200
AT_ONCE = 200
CALLERS = 20
SINGLES = 2_000
PASSPHRASE = "seven words that nobody guesses"


def main() -> None:
    """Fill, archive, restore, print."""
    words = argparse.ArgumentParser(prog="python -m bench.restored", description=__doc__)
    words.add_argument("--records", type=int, default=1_000_000)
    words.add_argument("--keep", type=Path, help="where the network stays, to be measured again without being filled")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="freehold-restored-") as temporary:
        measure(given.keep or Path(temporary), given.records)


def measure(root: Path, records: int) -> None:
    """In a directory where a network may be already."""
    town, away, again = root / "town", root / "away", root / "again"
    if not (root / "filled").exists():
        fill(town, records)
        (root / "filled").touch()
    archive(town, away)
    say(f"archive: {size(away) >> 20} MB")
    restored(away, again)
    shutil.rmtree(away)
    shutil.rmtree(again)


def fill(town: Path, records: int) -> None:
    """Members by their sign-up, records by the write path."""
    server = Server(town, port := free_port())
    try:
        members = asyncio.run(join(port, MEMBERS))
    finally:
        server.stop()
    began = time.perf_counter()
    with opened(town) as site:
        asyncio.run(_fill(site, [member.did for member in members], records))
    say(f"filled in {time.perf_counter() - began:.0f} s; truth.db {(town / 'truth.db').stat().st_size >> 20} MB")


async def _fill(site: Site, dids: list[str], records: int) -> None:
    """Each member writes a share, half of it likes."""
    queue = list(dids)

    async def write_shares() -> None:
        while queue:
            did, share, uris = queue.pop(), records // len(dids), list[dict[str, str]]()
            for first in range(0, share, AT_ONCE):
                numbers = range(first, min(first + AT_ONCE, share))
                done = await site.writes.write(did, [_record(number, share, uris) for number in numbers])
                uris = [{"uri": one.uri, "cid": str(one.cid)} for one in done.results if "feed.post" in one.uri]

    await asyncio.gather(*(write_shares() for _ in range(CALLERS)))
    await site.stop()


def _record(number: int, of: int, posts: list[dict[str, str]]) -> Write:
    if number % 2 and posts:
        subject = posts[number % len(posts)]
        return Create(LIKE, None, {"$type": LIKE, "subject": subject, "createdAt": stamp(0)})
    return Create(POST, None, {"$type": POST, **post(number, of)})


def archive(town: Path, away: Path) -> None:
    """CPU of a write without and with it; how long the first base takes."""
    shutil.rmtree(away, ignore_errors=True)
    with opened(town) as site:
        for name in [state.name for state in site.archiving.states()]:
            site.archiving.remove(name, leave=True)
        asyncio.run(_archive(site, away))


async def _archive(site: Site, away: Path) -> None:
    dids = [account.did for account in site.accounts.page(0, 2 * CALLERS) if account.role == "member"][:CALLERS]
    await _singles(site, dids)
    alone = await _singles(site, dids)
    began = time.perf_counter()
    site.archiving.start()
    await asyncio.to_thread(site.archiving.add, "away", stores.parse(f"file://{away}"), PASSPHRASE)
    written = site.archiving._writing["away"]
    while not (written.memory.base_sent and not written.spool.logs()):  # noqa: ASYNC110 - no one tells
        await asyncio.sleep(0.1)
    say(f"a base is there after {time.perf_counter() - began:.1f} s")
    before = size(away)
    both = await _singles(site, dids, wait=12.0)
    say(f"CPU of a write: {alone:.2f} ms alone, {both:.2f} ms with an archive")
    say(f"the archive grew by {(size(away) - before) / SINGLES / 1000:.1f} kB a write")
    await site.stop()


async def _singles(site: Site, dids: list[str], wait: float = 0.0) -> float:
    """Single posts by some callers; milliseconds of CPU of this process for each. wait: seconds for what follows."""
    began = _cpu()

    async def write(did: str) -> None:
        for number in range(SINGLES // len(dids)):
            await site.writes.write(did, [_record(2 * number, 1_000_000, [])])

    await asyncio.gather(*map(write, dids))
    await asyncio.sleep(wait)
    return (_cpu() - began) / SINGLES * 1000


def restored(away: Path, again: Path) -> None:
    """From the command to the first post, and until the index has everything."""
    shutil.rmtree(again, ignore_errors=True)
    began = time.perf_counter()
    command = [str(FREEHOLD), "restore", f"file://{away}", str(again)]
    subprocess.run(command, input=f"{PASSPHRASE}\n", text=True, check=True, stdout=subprocess.DEVNULL)
    say(f"restored after {time.perf_counter() - began:.1f} s")
    server = Server(again, port := free_port())
    try:
        asyncio.run(_first(port, began))
    finally:
        server.stop()


async def _first(port: int, began: float) -> None:
    async with Client(port) as client:
        given = {"identifier": "bench00000.test", "password": "password of 0"}
        session = await client.post("com.atproto.server.createSession", given)
        said = {"repo": session["did"], "collection": POST, "record": {"$type": POST, **post(1, 2)}}
        await client.post("com.atproto.repo.createRecord", said, session["accessJwt"])
        say(f"the first post is accepted after {time.perf_counter() - began:.1f} s")
        await indexed(client)
        say(f"the index has everything after {time.perf_counter() - began:.0f} s")


def size(folder: Path) -> int:
    """Bytes in all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def say(what: str) -> None:
    """A line, with the load of the machine."""
    print(f"{what} (load {os.getloadavg()[0]:.1f})", flush=True)


if __name__ == "__main__":
    main()
