"""A network leaves one operator's process for another operator's machine, whole, while the others are served."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from bench.ports import free_port

from freehold.haven import leaving
from freehold.pds import beacon
from freehold.store.clock import now_micros
from freehold.store.keyring import Keyring, Source
from freehold.store.sealed import WrongUnlockKey
from support.children import environment
from support.command import COMMAND, serving
from support.leaving_child import STEPS
from support.network import CHEAP, Caller, Person
from support.patience import until
from support.pictures import jpeg_with_place
from support.standbys import command, posts_of, standing_by
from support.tenants import Neighbour, furnished, living, place_for, signed_in, visiting, writing

OWN = CHEAP + "upload_keep_hours = 7\n"


async def test_a_network_of_three_leaves_whole_and_no_request_to_the_others_fails(tmp_path: Path) -> None:
    one, two, three = (furnished(tmp_path / name, OWN) for name in ("one", "two", "three"))
    there, neighbours = tmp_path / "there", [Neighbour.of(one), Neighbour.of(three)]
    with serving(one, two, three, words=("--dev",)) as old:
        async with visiting(two) as http, living(neighbours):
            mei = await Person.join(http, "mei", domain=".two.test")
            picture = await mei.upload(jpeg_with_place(), "image/jpeg")
            await mei.post_picture(picture, "a picture")
            unlock, key = (two / "unlock.key").read_bytes(), (await command("beacon", two, "show")).out.split()[-1]
            address, code = await place_for(there)
            with standing_by(there) as new:
                async with writing(mei) as acknowledged:
                    await until(lambda: len(acknowledged) > 10)
                    answering = asyncio.create_task(since(new.wait))
                    left = await command("network", "leave", two, "--to", address, "--code", code, "--yes")
                    assert left.code == 0, left.err + old.log() + new.log()
                print(f"served over there {await answering - acknowledged.ended:.2f} s after the last yes here")
                await assure_whole(new.url, mei, acknowledged, picture["ref"]["$link"])
                await assure_says_where(http, new.url, key)
        assert {path.name for path in two.iterdir()} == {"lock", "haven.json", "leaving.json", "settings.toml"}
        assert "upload_keep_hours" not in (two / "settings.toml").read_text(), "the network's own settings left with it"
        assert "upload_keep_hours = 7" in (there / "settings.toml").read_text()
        (there / "unlock.key").write_bytes(unlock)
        with pytest.raises(WrongUnlockKey):
            Keyring.open_(there, Source("file"))
        assert old.end() == 0
    with serving(one, two, three, words=("--dev",), networks=2) as again:
        assert again.get("/about", host="two.localhost").status_code == 307


@pytest.mark.long
async def test_one_alone_is_refused_by_a_machine_that_takes_no_keys_then_leaves_and_its_place_answers(
    tmp_path: Path,
) -> None:
    one, keyless, there = furnished(tmp_path / "one"), tmp_path / "keyless", tmp_path / "there"
    made = await command("standby", keyless, "make", "--listen", f"127.0.0.1:{free_port()}")
    words = made.out.split("add ")[1].replace("THIS-MACHINE", "127.0.0.1").split()
    address, code = await place_for(there)
    with serving(one, words=("--dev",)) as old, standing_by(keyless), standing_by(there) as new:
        async with visiting(one) as http:
            mei = await Person.join(http, "mei")
            refused = await command("network", "leave", one, "--to", *words, "--yes")
            assert (refused.code, "not made with --own-key" in refused.err) == (1, True), refused
            acknowledged = [(await mei.post("served as before")).uri]
            assert (await command("network", "stay", one)).code == 0
            left = await command("network", "leave", one, "--to", address, "--code", code, "--yes", "--keep-copy")
            assert (left.code, "served no more (--keep-copy)" in left.out) == (0, True), left.err + old.log()
            await asyncio.to_thread(new.wait)
            async with httpx.AsyncClient(base_url=new.url) as elsewhere:
                assert set(acknowledged) <= await posts_of(Caller(elsewhere), mei.did)
        assert old.end() == 0
        assert (one / "truth.db").exists()
        asked = await command("account", one, "list")
        assert (asked.code, "another operator" in asked.err) == (1, True)
        await place_answers(one, new.url)


async def place_answers(directory: Path, url: str) -> None:
    """A process that has no network any more still says where it is."""
    port = free_port()
    child = await asyncio.create_subprocess_exec(*COMMAND, "run", str(directory), "--port", str(port))

    async def is_answered() -> bool:
        with contextlib.suppress(httpx.TransportError):
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
                answer = await http.get("/about", headers={"host": f"{directory.name}.localhost"})
                return (answer.status_code, answer.headers.get("location")) == (307, f"{url}/about")
        return False

    await until(is_answered)
    child.terminate()
    assert await child.wait() == 0


SERVED_AGAIN = ("copying", "compared", "handing")
"""Steps at which a kill leaves the network where it was, and the command is given again."""


@pytest.mark.parametrize(
    "step", [step if step == "leaving" else pytest.param(step, marks=pytest.mark.long) for step in STEPS]
)
async def test_a_landlord_killed_at_any_step_leaves_one_network_and_goes_on(tmp_path: Path, step: str) -> None:
    one, two = (furnished(tmp_path / name) for name in ("one", "two"))
    there, dying = tmp_path / "there", [sys.executable, "-m", "support.leaving_child", step]
    address, code = await place_for(there)
    with standing_by(there) as new:
        with serving(one, two, words=("--dev",), program=dying, **environment()):
            async with visiting(two) as http:
                mei = await Person.join(http, "mei", domain=".two.test")
                async with writing(mei) as acknowledged:
                    await until(lambda: len(acknowledged) > 10)
                    broken = await command("network", "leave", two, "--to", address, "--code", code, "--yes")
                    assert broken.code == 1, broken
        with serving(one, two, words=("--dev",), networks=2 if step in SERVED_AGAIN else 1):
            if step in SERVED_AGAIN:
                async with visiting(two) as http:
                    acknowledged.append((await (await signed_in(http, mei)).post("still here")).uri)
                again = await command("network", "leave", two, "--yes")
                assert again.code == 0, again.err
            await until(lambda: leaving.assured(two).state == "left")
            await asyncio.to_thread(new.wait)
            async with httpx.AsyncClient(base_url=new.url) as http:
                assert set(acknowledged) <= await posts_of(Caller(http), mei.did)
    assert not list(two.glob("*.db*")), "nothing is left of it"


async def since(wait: Callable[[], None]) -> float:
    """The moment at which it is over."""
    await asyncio.to_thread(wait)
    return time.monotonic()


async def assure_whole(url: str, mei: Person, acknowledged: list[str], picture: str) -> None:
    """All that was acknowledged is at the new place, and the member signs in there with her old password."""
    async with httpx.AsyncClient(base_url=url) as http:
        assert set(acknowledged) <= await posts_of(Caller(http), mei.did)
        blob = await http.get("/xrpc/com.atproto.sync.getBlob", params={"did": mei.did, "cid": picture})
        assert blob.status_code == 200
        await (await signed_in(http, mei)).post("from the new place")


async def assure_says_where(http: httpx.AsyncClient, url: str, key: str) -> None:
    """What is answered where the network was."""
    said = await http.get("/.well-known/freehold-beacon")
    assert beacon.read(said.content, key, now_micros()).url == url
    page = await http.get("/about")
    assert (page.status_code, page.headers["location"]) == (307, f"{url}/about")
    method = await http.get("/xrpc/com.atproto.server.describeServer")
    assert (method.status_code, method.json()["error"]) == (421, "NetworkLeft")
