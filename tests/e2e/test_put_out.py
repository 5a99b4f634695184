"""A network that is put out needs nothing from its landlord: its own standby, or its own archive, starts elsewhere."""

import asyncio
import shutil
import signal
from pathlib import Path

import httpx
import pytest
from bench.ports import free_port

from support.archived import all_sent
from support.command import serving
from support.network import CHEAP, Caller, Person, running
from support.patience import until
from support.standbys import command, in_step, posts_of, standing_by
from support.tenants import Neighbour, furnished, living, signed_in, visiting, writing

SETTINGS = CHEAP + "archive_every_seconds = 1\nupload_keep_hours = 7\n"
PASSPHRASE = "seven words that nobody guesses"


async def made(away: Path) -> list[str]:
    """A place for a copy on a machine that the landlord has no say in; the words with which it is added."""
    printed = await command("standby", away, "make", "--listen", f"127.0.0.1:{free_port()}", "--own-key")
    return printed.out.split("add ")[1].replace("THIS-MACHINE", "127.0.0.1").split()


async def assure_goes_on(url: str, mei: Person, acknowledged: list[str]) -> None:
    """Everything acknowledged is there, and members sign in and write with what they know."""
    async with httpx.AsyncClient(base_url=url) as http:
        assert set(acknowledged) <= await posts_of(Caller(http), mei.did)
        await (await signed_in(http, mei)).post("from a machine of our own")


async def test_what_the_landlord_drops_and_deletes_goes_on_at_the_owners_standby(tmp_path: Path) -> None:
    one, two, three = (furnished(tmp_path / name, SETTINGS) for name in ("one", "two", "three"))
    away = tmp_path / "away"
    words = await made(away)
    with serving(one, two, three, words=("--dev",)), standing_by(away) as standby:
        async with visiting(two) as http, living([Neighbour.of(one), Neighbour.of(three)]):
            mei = await Person.join(http, "mei", domain=".two.test")
            added = await command("standby", two, "add", *words, "--name", "away")
            assert added.code == 0, added.err
            await in_step(two)
            async with writing(mei) as acknowledged:
                await until(lambda: len(acknowledged) > 10)
                assert (await command("keys", two, "rotate-network")).code == 0, "its copy is given the new key too"
                assert (await command("network", "drop", two)).code == 0
            shutil.rmtree(two)
            assert (await http.get("/about")).status_code == 421
            promoted = await command("standby", away, "promote", "--even-so")
            assert promoted.code == 0, promoted.err
            await asyncio.to_thread(standby.wait)
            await assure_goes_on(standby.url, mei, acknowledged)
    assert "upload_keep_hours = 7" in (away / "settings.toml").read_text()


@pytest.mark.long
async def test_what_is_lost_with_the_landlords_machine_comes_back_from_the_owners_archive(tmp_path: Path) -> None:
    one, two, three = (furnished(tmp_path / name, SETTINGS) for name in ("one", "two", "three"))
    away, elsewhere = tmp_path / "away", tmp_path / "elsewhere"
    with serving(one, two, three, words=("--dev",)) as landlord:
        added = await command("archive", two, "add", f"file://{away}", given=f"{PASSPHRASE}\n")
        assert added.code == 0, added.err
        async with visiting(two) as http, visiting(one) as beside:
            mei = await Person.join(http, "mei", domain=".two.test")
            ivo = await Person.join(beside, "ivo", domain=".one.test")
            neighbours = [(await ivo.post("a neighbour's")).uri]
            acknowledged = [(await mei.post(f"post {n}")).uri for n in range(20)]
            await all_sent(two)
            landlord.end(signal.SIGKILL)
    shutil.rmtree(two)
    restored = await command("restore", f"file://{away}", elsewhere, given=f"{PASSPHRASE}\n")
    assert restored.code == 0, restored.err
    with running(elsewhere, settings=(elsewhere / "settings.toml").read_text()) as again:
        await assure_goes_on(again.url, mei, acknowledged)
    with serving(one, three, words=("--dev",)):
        async with visiting(one) as http:
            assert set(neighbours) <= await posts_of(Caller(http), ivo.did), "the others are unharmed"
