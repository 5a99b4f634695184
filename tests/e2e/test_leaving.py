"""A network leaves one operator's process for another operator's machine, whole, while the others are served."""

import asyncio
import contextlib
import shutil
from pathlib import Path

import httpx
import pytest

from freehold.haven import leaving
from freehold.pds import beacon
from freehold.store.clock import now_micros
from freehold.store.keyring import Keyring, Source
from freehold.store.sealed import WrongUnlockKey
from support.command import serving
from support.network import CHEAP, PASSWORD, POST, Caller, Person, Refusal
from support.patience import until
from support.pictures import jpeg_with_place
from support.tenants import Neighbour, command, furnished, place_for, visiting, waiting

OWN = 'password_memory_kib = 64\npassword_rounds = 1\nlog_level = "warning"\nupload_keep_hours = 7\n'


async def posts_of(caller: Caller, did: str) -> set[str]:
    """The addresses of all that a member posted."""
    found: set[str] = set()
    page = {"cursor": ""}
    while "cursor" in page:
        page = await caller.get("com.atproto.repo.listRecords", repo=did, collection=POST, limit=100, **page)
        found |= {record["uri"] for record in page.pop("records")}
    return found


async def write_on(mei: Person, acknowledged: list[str]) -> None:
    with contextlib.suppress(Refusal, httpx.TransportError):
        while True:
            acknowledged.append((await mei.post("while it moves")).uri)


async def test_a_network_of_three_leaves_whole_and_no_request_to_the_others_fails(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    there = furnished(tmp_path / "there")
    for directory, settings in ((two, OWN), (three, CHEAP)):
        furnished(directory, settings)
    neighbours, acknowledged = [Neighbour.of(one), Neighbour.of(three)], list[str]()
    with serving(one, two, three, words=("--dev",), given=CHEAP) as old:
        lives = [asyncio.create_task(neighbour.live()) for neighbour in neighbours]
        async with visiting(two) as http:
            mei = await Person.join(http, "mei", domain=".two.test")
            picture = await mei.upload(jpeg_with_place(), "image/jpeg")
            await mei.post_picture(picture, "a picture")
            unlock = (two / "unlock.key").read_bytes()
            key = (await command("beacon", two, "show")).out.split()[-1]
            address, code = await place_for(there)
            with waiting(there) as new:
                writing = asyncio.create_task(write_on(mei, acknowledged))
                await until(lambda: len(acknowledged) > 10)
                left = await command("network", "leave", two, "--to", address, "--code", code, "--yes")
                assert left.code == 0, left.err + old.log() + new.log()
                await writing
                new.wait()
                for life in lives:
                    life.cancel()
                await whole(new.url, mei, acknowledged, picture["ref"]["$link"])
                await old_place(http, new.url, key)
        assert [neighbour.failures for neighbour in neighbours] == [[], []]
        print("slowest answers of the others:", [max(neighbour.answers) for neighbour in neighbours])
        assert {path.name for path in two.iterdir()} == {"lock", "haven.json", "leaving.json", "settings.toml"}
        assert "upload_keep_hours" not in (two / "settings.toml").read_text()
        assert "upload_keep_hours = 7" in (there / "settings.toml").read_text()
        (there / "unlock.key").write_bytes(unlock)
        with pytest.raises(WrongUnlockKey):
            Keyring.open_(there, Source("file"))


async def whole(url: str, mei: Person, acknowledged: list[str], picture: str) -> None:
    """All that was acknowledged is at the new place, and the member signs in there with her old password."""
    async with httpx.AsyncClient(base_url=url) as http:
        assert set(acknowledged) <= await posts_of(Caller(http), mei.did)
        blob = await http.get("/xrpc/com.atproto.sync.getBlob", params={"did": mei.did, "cid": picture})
        assert blob.status_code == 200
        given = {"identifier": mei.did, "password": PASSWORD}
        again = Person(http, await Caller(http).do("com.atproto.server.createSession", **given))
        await again.post("from the new place")


async def old_place(http: httpx.AsyncClient, url: str, key: str) -> None:
    """What is answered where the network was."""
    said = await http.get("/.well-known/freehold-beacon")
    assert beacon.read(said.content, key, now_micros()).url == url
    page = await http.get("/about")
    assert (page.status_code, page.headers["location"]) == (307, f"{url}/about")
    method = await http.get("/xrpc/com.atproto.server.describeServer")
    assert (method.status_code, method.json()["error"]) == (421, "NetworkLeft")
