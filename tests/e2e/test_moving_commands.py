"""`freehold account move-in` and `move-out`: between two running networks, and from one that is gone, as typed.

Source: https://atproto.com/guides/account-migration
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from freehold.pds import recovery_keys
from freehold.protocol.cid import Cid
from support.command import freehold
from support.moving import REPO, SERVER, SYNC
from support.network import CHEAP, PASSWORD, POST, Caller, Person, RunningNetwork, running
from support.pictures import jpeg_with_place, png

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def old(running_network: RunningNetwork) -> RunningNetwork:
    return running_network


@pytest.fixture
def new(old: RunningNetwork, tmp_path: Path) -> Iterator[RunningNetwork]:
    """A network whose directory of identities is that of the old one."""
    with running(tmp_path / "new", settings=f'{CHEAP}plc = "{old.url}/plc"\n') as network:
        yield network


async def texts_at(network: RunningNetwork, did: str) -> list[str]:
    async with httpx.AsyncClient(base_url=network.url) as http:
        listed = (await Caller(http).get(REPO + "listRecords", repo=did, collection=POST))["records"]
    return sorted(record["value"]["text"] for record in listed)


async def sign_in(network: RunningNetwork, did: str) -> dict[str, object]:
    async with httpx.AsyncClient(base_url=network.url, timeout=30) as http:
        said: dict[str, object] = await Caller(http).do(SERVER + "createSession", identifier=did, password=PASSWORD)
        return said


async def test_an_account_comes_from_a_host_that_is_alive(old, new, http):
    mei = await Person.join(http)
    await mei.post_picture(await mei.upload(png(9, 9)), "my picture")
    typed = f"{mei.handle}\n{PASSWORD}\n{PASSWORD}\n{PASSWORD}\n"
    done = freehold("account", new.directory, "move-in", "mei", "--from", old.url, given=typed)
    assert (done.code, done.err) == (0, ""), done
    assert f"mei.test lives here now, with 1 records: {mei.did}" in done.out
    assert await texts_at(new, mei.did) == ["my picture"]
    session = await sign_in(new, mei.did)
    assert (session["active"], session["handle"]) == (True, "mei.test")
    assert (await sign_in(old, mei.did))["active"] is False


async def test_a_wrong_password_there_is_told_in_the_words_of_that_host(old, new, http):
    mei = await Person.join(http)
    done = freehold("account", new.directory, "move-in", "mei", "--from", old.url, given=f"{mei.did}\nnot it\n")
    assert done.code == 1
    assert "says: The name or the password is not right." in done.err


async def test_an_account_goes_to_another_host(old, new, http):
    mei = await Person.join(http)
    await mei.post("on the way")
    typed = f"mei-there\n\n{PASSWORD}\n"
    done = freehold("account", old.directory, "move-out", mei.handle, "--to", new.url, given=typed)
    assert (done.code, done.err) == (0, ""), done
    assert f"{mei.did} lives at {new.url} now, as mei-there.test." in done.out
    assert "stay for 30 days" in done.out
    assert await texts_at(new, mei.did) == ["on the way"]


async def test_an_account_goes_back_to_where_it_rests_with_the_password_that_it_has_there(old, new, http):
    mei = await Person.join(http)
    away = freehold("account", old.directory, "move-out", mei.handle, "--to", new.url, given=f"\n\n{PASSWORD}\n")
    assert away.code == 0, away
    back = ("account", new.directory, "move-out", mei.did, "--to", old.url)
    done = freehold(*back, given="\n\nanother password\n")
    assert done.code == 1
    assert "has this account already, from before. Begin again with the password that it has there" in done.err
    done = freehold(*back, given=f"\n\n{PASSWORD}\n")
    assert (done.code, done.err) == (0, ""), done
    assert (await sign_in(old, mei.did))["active"] is True


async def test_an_account_comes_from_a_host_that_is_gone(old, new, http, tmp_path):
    made = recovery_keys.make()
    mei = await Person.join(http, recoveryKey=made.did_key)
    photo = jpeg_with_place()
    clean = await mei.upload(png(9, 9))
    await mei.post_picture(clean, "a picture")
    backup, key, blobs = tmp_path / "mei.car", tmp_path / "key.txt", tmp_path / "blobs"
    backup.write_bytes(await mei.car(SYNC + "getRepo", did=mei.did))
    key.write_text(f"The recovery key of {mei.handle}:\n\n    {made.secret}\n")
    blobs.mkdir()
    (blobs / clean["ref"]["$link"]).write_bytes(png(9, 9))
    (blobs / str(Cid.of_raw(photo))).write_bytes(photo)  # nobody names it
    words = ("move-in", "mei", "--backup", backup, "--blobs", blobs, "--recovery-key", key)
    done = freehold("account", new.directory, *words, given=f"{PASSWORD}\n")
    assert (done.code, done.err) == (0, ""), done
    assert "with 1 records" in done.out
    assert "could not be had" not in done.out
    assert made.secret not in done.out + new.log()
    assert await texts_at(new, mei.did) == ["a picture"]
    assert (await sign_in(new, mei.did))["active"] is True


def test_half_of_the_words_is_not_enough(old, tmp_path):
    for words in ((), ("--backup", tmp_path / "x"), ("--from", "https://x.example", "--backup", tmp_path / "x")):
        done = freehold("account", old.directory, "move-in", "mei", *words)
        assert (done.code, done.out) == (1, "")
        assert "--recovery-key FILE" in done.err
