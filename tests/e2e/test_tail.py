"""What a lost primary had alone: listed by its operator, offered to those who wrote it, merged by nobody."""

import os
import shutil
import signal
from pathlib import Path

import httpx

from support.network import CHEAP, Caller, Person, running
from support.pages import sign_in, submit
from support.patience import until
from support.pictures import png
from support.standbys import add_by_tls, command, in_step, posts_of, returned, standing_by

GO_ON = CHEAP + 'without_standby = "go-on"\n'


async def test_the_last_posts_of_a_lost_primary_are_offered_and_it_becomes_a_standby(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with running(first, settings=GO_ON) as primary:
        port = primary.url.rpartition(":")[2]
        await add_by_tls(first, second)
        shutil.copy(first / "unlock.key", second)
        async with httpx.AsyncClient(base_url=primary.url) as http:
            with standing_by(second):
                await in_step(first)
                mei = await Person.join(http, "mei")
                kept = await mei.post("on both machines")
            alone = await mei.post("on this machine alone")
            pictured = await mei.post_picture(await mei.upload(png(3, 2)), "look")
            await mei.like(kept)
        os.kill(primary.pid, signal.SIGKILL)
        await until(lambda: not primary.alive)
    with standing_by(second, port) as promoted:
        assert (await command("standby", second, "promote", "--even-so")).code == 0
        promoted.wait()
        async with httpx.AsyncClient(base_url=promoted.url) as http:
            mei.http = http
            later = await mei.post("on the new primary")
            await returned(first)
            await add_by_tls(second, first)  # by one command, with all that it has left
            with standing_by(first) as again:
                await in_step(second)
                await offer(first, second, tmp_path / "tail", alone.path, pictured.path)
                await sign_in(http, "mei.test")
                page = await http.get("/settings/lost-posts")
                await submit(http, page, "/settings/lost-posts", rkey=alone.rkey, answer="again")
                await submit(http, page, "/settings/lost-posts", rkey=pictured.rkey, answer="discard")
                there = {kept.uri, later.uri, alone.uri}
                assert await posts_of(Caller(http), mei.did) == there
                moved = await command("standby", second, "relocate", "second")
                assert moved.code == 0, moved.err
                again.wait()
                await assure_shown(again.url, mei.did, there)


async def offer(first: Path, second: Path, file: Path, *paths: str) -> None:
    """What the operator does, on the old machine and on the new one."""
    listed = await command("aside", first, "--to", file)
    assert listed.code == 0, listed.err
    for path in paths:
        assert f"mei.test                     create {path}" in listed.out
    assert "create app.bsky.feed.like" in listed.out
    assert mode_of(file) == 0o600
    offered = await command("offer", second, file)
    assert "2 posts are offered" in offered.out, offered
    assert (await command("aside", first, "--discard")).code == 0
    assert (await command("aside", first)).code == 1


async def assure_shown(url: str, did: str, there: set[str]) -> None:
    """It is the primary again, and shows nothing of what it had alone."""
    async with httpx.AsyncClient(base_url=url) as http:
        assert await posts_of(Caller(http), did) == there
        feed = await Caller(http).get("app.bsky.feed.getAuthorFeed", actor=did, limit=100)
        assert {item["post"]["uri"] for item in feed["feed"]} == there
        assert {item["post"]["likeCount"] for item in feed["feed"]} == {0}


def mode_of(file: Path) -> int:
    return file.stat().st_mode & 0o777
