"""A second machine that has everything: the first one is killed and wiped, the second goes on, and nothing is lost."""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

import httpx
import pytest

from support.network import Caller, Person, Refusal, firehose, running
from support.patience import until
from support.pictures import jpeg_with_place
from support.standbys import add_by_tls, command, in_step, posts_of, returned, standing_by, witnessing


async def test_a_network_whose_machine_is_killed_and_wiped_goes_on_elsewhere(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with running(first) as primary:
        await add_by_tls(first, second)
        shutil.copy(first / "unlock.key", second)
        with standing_by(second, primary.url.rpartition(":")[2]) as standby:
            await in_step(first)
            async with httpx.AsyncClient(base_url=primary.url) as http:
                mei = await Person.join(http, "mei")
                picture = await mei.send("com.atproto.repo.uploadBlob", jpeg_with_place(), "image/jpeg")
                embed = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": picture["blob"]}]}
                told = await mei.post("with a picture", embed=embed)
                posts = await asyncio.gather(*(mei.post(f"post {n}") for n in range(40)))
            async with firehose(primary.url, 0) as events:
                heard = await events.until(posts[-1].commit)
            verified = await command("standby", first, "verify", "second")
            assert verified.code == 0, verified.err
            os.kill(primary.pid, signal.SIGKILL)
            shutil.rmtree(first)
            await until(lambda: not primary.alive)
            promoted = await command("standby", second, "promote", "--even-so")
            assert promoted.code == 0, promoted.err
            await asyncio.to_thread(standby.wait)
            async with httpx.AsyncClient(base_url=standby.url) as http:
                again = mei.at(http)
                feed = await again.get("app.bsky.feed.getAuthorFeed", actor=mei.did, limit=100)
                assert {told.uri, *(post.uri for post in posts)} == {item["post"]["uri"] for item in feed["feed"]}
                blob = await http.get(
                    "/xrpc/com.atproto.sync.getBlob", params={"did": mei.did, "cid": picture["blob"]["ref"]["$link"]}
                )
                assert blob.status_code == 200
                await again.post("from the second machine")
                profile = await Caller(http).get("app.bsky.actor.getProfile", actor=mei.did)
                assert profile["postsCount"] == 42
            async with firehose(standby.url, heard[-1].seq) as events:
                after = [await events.next()]
                while after[-1].kind != "sync":
                    after.append(await events.next())
            assert after[-1].seq > heard[-1].seq + 1_000_000, "no number is used twice, whatever others heard"


async def take_both(first: Path, second: Path, address: str, code: str) -> None:
    """The primary takes a witness, and a standby that can open the network."""
    taken = await command("standby", first, "witness", address, "--code", code)
    assert taken.code == 0, taken.err
    await add_by_tls(first, second)
    shutil.copy(first / "unlock.key", second)


async def test_a_standby_takes_over_by_itself_when_the_witness_grants_it(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with running(first) as primary, witnessing(tmp_path / "third") as (address, code):
        await take_both(first, second, address, code)
        with standing_by(second, primary.url.rpartition(":")[2]) as standby:
            await in_step(first)
            async with httpx.AsyncClient(base_url=primary.url) as http:
                mei = await Person.join(http, "mei")
                posts = await asyncio.gather(*(mei.post(f"post {n}") for n in range(20)))
            assert "grants" in (await command("standby", first, "list")).out
            os.kill(primary.pid, signal.SIGKILL)
            killed_at = time.monotonic()
            await asyncio.to_thread(standby.wait)
            print(f"answers again after {time.monotonic() - killed_at:.1f} s")
            async with httpx.AsyncClient(base_url=standby.url) as http:
                again = mei.at(http)
                await again.post("one more")
                print(f"takes writes again after {time.monotonic() - killed_at:.1f} s")
                feed = await again.get("app.bsky.feed.getAuthorFeed", actor=mei.did, limit=100)
                assert {post.uri for post in posts} < {item["post"]["uri"] for item in feed["feed"]}
            await returned(first)


async def test_a_person_promotes_it_although_the_witness_is_gone_for_good(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with running(first) as primary, contextlib.ExitStack() as third:
        address, code = third.enter_context(witnessing(tmp_path / "third"))
        await take_both(first, second, address, code)
        with standing_by(second, primary.url.rpartition(":")[2]) as standby:
            await in_step(first)
            async with httpx.AsyncClient(base_url=primary.url) as http:
                mei = await Person.join(http, "mei")
            third.close()
            os.kill(primary.pid, signal.SIGKILL)
            promoted = await command("standby", second, "promote", "--even-so")
            assert promoted.code == 0, promoted.err
            assert "has none from now on" in promoted.out
            await asyncio.to_thread(standby.wait)
            async with httpx.AsyncClient(base_url=standby.url) as http:
                again = mei.at(http)
                await again.post("with nobody else to ask")


async def test_a_network_is_moved_to_its_standby_with_nothing_lost(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    acknowledged: list[str] = []

    async def write_on(mei: Person) -> None:
        with contextlib.suppress(Refusal):
            while True:
                acknowledged.append((await mei.post("while it moves")).uri)

    with running(first) as primary:
        await add_by_tls(first, second)
        with standing_by(second) as standby:
            await in_step(first)
            async with httpx.AsyncClient(base_url=primary.url, timeout=30) as http:
                mei = await Person.join(http, "mei")
                writing = asyncio.create_task(write_on(mei))
                await until(lambda: len(acknowledged) > 20)
                locked = await command("standby", first, "relocate", "second")
                assert (locked.code, "unlock key is not there" in locked.err) == (1, True)
                await until(lambda: len(acknowledged) > 40)
                shutil.copy(first / "unlock.key", second)
                await in_step(first)
                moved = await command("standby", first, "relocate", "second")
                assert moved.code == 0, moved.err
                await writing
            await asyncio.to_thread(standby.wait)
            async with httpx.AsyncClient(base_url=standby.url) as http:
                assert set(acknowledged) <= await posts_of(Caller(http), mei.did)


async def test_an_old_primary_hears_that_it_is_one_no_more_and_says_yes_to_nothing(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with running(first) as primary:
        await add_by_tls(first, second)
        shutil.copy(first / "unlock.key", second)
        with standing_by(second) as standby:
            await in_step(first)
            async with httpx.AsyncClient(base_url=primary.url) as http:
                mei = await Person.join(http, "mei")
                assert (await command("standby", second, "promote", "--even-so")).code == 0
                await asyncio.to_thread(standby.wait)
                with pytest.raises(Refusal) as no:
                    await mei.post("to nobody")
                assert no.value.name in ("StoreFailed", "NotPrimary"), "it hears of its successor before or after"
            primary.stop()
            again = await command("run", first, "--port", "0")
            assert (again.code, "another machine has become the primary" in again.err.lower()) == (1, True)
            assert (await command("standby", first, "make")).code == 0


async def test_a_standby_without_the_unlock_key_follows_and_is_not_promoted(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with running(first):
        await add_by_tls(first, second)
        with standing_by(second):
            await in_step(first)
            said = await command("standby", second, "promote", "--even-so")
            assert said.code == 1
            assert "unlock key is not there" in said.err
            listed = await command("standby", first, "list")
            assert "in step, locked" in listed.out
            assert "It is locked" in (await command("standby", second, "list")).out
            assert "second has everything, but no unlock key for it" in (await command("readiness", first)).out


async def test_a_standby_is_not_promoted_beside_a_primary_that_is_heard(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with running(first):
        await add_by_tls(first, second)
        with standing_by(second):
            await in_step(first)
            said = await command("standby", second, "promote")
            assert (said.code, "heard a moment ago" in said.err) == (1, True)
            listed = await command("account", second, "list")
            assert (listed.code, "is a standby" in listed.err) == (1, True)


@pytest.mark.parametrize("act", ["list", "promote"])
async def test_a_standby_that_does_not_run_says_how_to_start_it(tmp_path: Path, act: str) -> None:
    await command("standby", tmp_path / "second", "make")
    asked = await command("standby", tmp_path / "second", act)
    assert (asked.code, "freehold run" in asked.err) == (1, True)
