"""A network whose machine is lost without a standby comes back from its archive: all that was sent, nothing erased."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import httpx

from support.archived import all_sent
from support.command import Done, freehold
from support.network import CHEAP, PASSWORD, Caller, Person, now, running
from support.patience import until
from support.pictures import jpeg_with_place

SETTINGS = CHEAP + "archive_every_seconds = 1\n"
PASSPHRASE = "seven words that nobody guesses"


async def command(*words: object, given: str = "") -> Done:
    return await asyncio.to_thread(freehold, *words, given=given)


def holders(directory: Path, secret: bytes) -> set[str]:
    """The files that hold it."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)) for path in files if secret in path.read_bytes()}


async def restored(archive: Path, directory: Path, *words: str) -> Done:
    done = await command("restore", f"file://{archive}", directory, *words, given=f"{PASSPHRASE}\n")
    assert done.code == 0, done.err
    return done


async def test_a_network_comes_back_from_its_archive(tmp_path: Path) -> None:
    first, second, archive = tmp_path / "first", tmp_path / "second", tmp_path / "away"
    with running(first, settings=SETTINGS) as primary:
        added = await command("archive", first, "add", f"file://{archive}", given=f"{PASSPHRASE}\n")
        assert added.code == 0, added.err
        async with httpx.AsyncClient(base_url=primary.url) as http:
            mei, ivo = await Person.join(http, "mei"), await Person.join(http, "ivo")
            picture = await mei.send("com.atproto.repo.uploadBlob", jpeg_with_place(), "image/jpeg")
            embed = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": picture["blob"]}]}
            told = [await mei.post("with a picture", embed=embed), *[await mei.post(f"post {n}") for n in range(20)]]
            await ivo.post("to be lost")
        await all_sent(first)
        rehearsed = await command("archive", first, "rehearse")
        assert rehearsed.code == 0, rehearsed.err
        os.kill(primary.pid, signal.SIGKILL)
        await until(lambda: not primary.alive)
    shutil.rmtree(first)
    wrong = await command("restore", f"file://{archive}", second, given="not the words at all\n")
    assert (wrong.code, "not the recovery passphrase" in wrong.err, second.exists()) == (1, True, False)
    await restored(archive, second)
    checked = await command("doctor", second)
    assert checked.code == 0, checked.out
    with running(second, settings=(second / "settings.toml").read_text()) as again:
        async with httpx.AsyncClient(base_url=again.url) as http:
            session = await Caller(http).do(
                "com.atproto.server.createSession", identifier=mei.handle, password=PASSWORD
            )
            back = Person(http, session)
            await back.post("from the new machine")
            feed = await Caller(http).get("app.bsky.feed.getAuthorFeed", actor=mei.did, limit=100)
            assert {post.uri for post in told} <= {item["post"]["uri"] for item in feed["feed"]}
            cid = picture["blob"]["ref"]["$link"]
            blob = await http.get("/xrpc/com.atproto.sync.getBlob", params={"did": mei.did, "cid": cid})
            assert blob.status_code == 200
        await all_sent(second)


async def test_a_network_that_is_killed_again_and_again_loses_nothing_on_the_way_to_its_archive(tmp_path: Path) -> None:
    first, second, archive = tmp_path / "first", tmp_path / "second", tmp_path / "away"
    told: list[str] = []

    async def write(mei: Person) -> None:
        while True:
            try:
                told.append((await mei.post("in the storm")).uri)
            except httpx.TransportError:
                return

    for round in range(3):
        with running(first, settings=SETTINGS) as primary:
            async with httpx.AsyncClient(base_url=primary.url) as http:
                if not round:
                    assert (
                        await command("archive", first, "add", f"file://{archive}", given=f"{PASSPHRASE}\n")
                    ).code == 0
                mei = await Person.join(http, f"mei{round}")
                writers = [asyncio.create_task(write(mei)) for _ in range(3)]
                enough = len(told) + 100
                await until(lambda enough=enough: len(told) > enough)
                os.kill(primary.pid, signal.SIGKILL)
                await asyncio.gather(*writers)
                await until(lambda primary=primary: not primary.alive)
    with running(first, settings=SETTINGS):
        await all_sent(first)
    await restored(archive, second)
    with running(second, settings=(second / "settings.toml").read_text()) as again:
        async with httpx.AsyncClient(base_url=again.url) as http:
            for uri in told[::10] + told[-20:]:
                repo, collection, rkey = uri.removeprefix("at://").split("/")
                await Caller(http).get("com.atproto.repo.getRecord", repo=repo, collection=collection, rkey=rkey)


async def test_what_was_erased_stays_erased_and_the_stream_leaps(tmp_path: Path) -> None:
    first, second, archive = tmp_path / "first", tmp_path / "second", tmp_path / "away"
    with running(first, settings=SETTINGS) as primary:
        assert (await command("archive", first, "add", f"file://{archive}", given=f"{PASSPHRASE}\n")).code == 0
        async with httpx.AsyncClient(base_url=primary.url) as http:
            mei, ivo = await Person.join(http, "mei"), await Person.join(http, "ivo")
            kept, planted = await mei.post("kept"), await mei.post("planted and deleted")
            written, moment = now(), ""
            while moment < written:
                listed = (await command("archive", first, "list")).out
                moment = listed.partition("holds all until ")[2].partition(" ")[0]
                moment = "" if moment.startswith("never") else moment
            await mei.delete(planted)
            assert (await command("account", first, "delete", "ivo", given="ivo\n")).code == 0
        await all_sent(first)
    await restored(archive, second, "--at", moment)
    assert holders(second, b"kept") == {"truth.db"}
    assert holders(second, b"planted and deleted") == set()
    with running(second, settings=(second / "settings.toml").read_text()) as again:
        async with httpx.AsyncClient(base_url=again.url) as http:
            records = await Caller(http).get(
                "com.atproto.repo.listRecords", repo=mei.did, collection="app.bsky.feed.post"
            )
            assert [each["uri"] for each in records["records"]] == [kept.uri]
            gone = await http.get("/xrpc/com.atproto.repo.describeRepo", params={"repo": ivo.did})
            assert gone.status_code == 400
            metrics = (await http.get("/metrics")).text
            (seq,) = [line.split()[1] for line in metrics.splitlines() if line.startswith("freehold_event_seq ")]
            assert float(seq) > 1_000_000


async def test_a_purge_and_a_removal_leave_nothing(tmp_path: Path) -> None:
    first, archive = tmp_path / "first", tmp_path / "away"
    with running(first, settings=SETTINGS):
        assert (await command("archive", first, "add", f"file://{archive}", given=f"{PASSPHRASE}\n")).code == 0
        await all_sent(first)
        purged = await command("purge", first)
        assert purged.code == 0, purged.err
        assert len(list(archive.glob("base/*"))) == 1
        removed = await command("archive", first, "remove", "away")
        assert removed.code == 0, removed.err
        assert not [path for path in archive.rglob("*") if path.is_file()]
