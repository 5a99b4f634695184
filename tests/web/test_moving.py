"""The pages by which members leave: recovery key, archive, the move and its state, the end. On real networks.

No page needs a script; what is kept secret stands in one answer only.
"""

import io
import re
from zipfile import ZipFile

import httpx
import pytest

from freehold.cli import dev
from freehold.net.errors import UpstreamFailed
from freehold.pds import moves, recovery_keys
from freehold.web.leaving import SiteWaysOut
from support.inside import calling, opened, served
from support.network import PASSWORD, Person
from support.pages import sign_in, submit

MOVE = "/settings/move"


@pytest.fixture
def site(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        yield site


@pytest.fixture
async def http(site):
    await dev.prepare(site)  # with an owner
    async with calling(site) as http:
        yield http


@pytest.fixture
async def mei(http):
    mei = await Person.join(http, "mei")
    await sign_in(http, "mei.test")
    return mei


async def send(http, action, **fields):
    """Send a form of the page with its token; the answer, whatever it is."""
    page = await http.get(MOVE)
    token = re.search(r'name="token" value="([^"]+)"', page.text)[1]
    origin = str(http.base_url).rstrip("/")
    return await http.post(action, data={"token": token, **fields}, headers={"origin": origin})


async def test_a_recovery_key_is_shown_once_and_stands_above_all_others(http, site, mei):
    page = await http.get(MOVE)
    assert "You have none yet." in page.text
    made = await send(http, f"{MOVE}/key", password=PASSWORD)
    secret = re.search(r'id="recovery-key">(z\w+)<', made.text)[1]
    public = recovery_keys.did_key_of(secret)
    newest = await site.plc_requests._operations.newest(mei.did)
    assert newest["rotationKeys"] == [public, *site.register.rotation_keys]
    page = await http.get(MOVE)
    assert public in page.text
    assert secret not in page.text
    file = await send(http, f"{MOVE}/key/file", secret=secret)
    assert file.headers["content-disposition"] == 'attachment; filename="recovery-key-mei.test.txt"'
    assert recovery_keys.did_key_of(file.text) == public


async def test_a_key_is_replaced_and_removed_after_the_password(http, site, mei):
    first = recovery_keys.did_key_of(
        re.search(r'id="recovery-key">(z\w+)<', (await send(http, f"{MOVE}/key", password=PASSWORD)).text)[1]
    )
    wrong = await send(http, f"{MOVE}/key", password="not it", instead_of=first)
    assert (wrong.status_code, "That is not your password" in wrong.text) == (401, True)
    again = await send(http, f"{MOVE}/key", password=PASSWORD, instead_of=first)
    second = recovery_keys.did_key_of(re.search(r'id="recovery-key">(z\w+)<', again.text)[1])
    assert await site.own_keys.standing(site.accounts.one(mei.did)) == [second]
    removed = await send(http, f"{MOVE}/key/remove", password=PASSWORD, key=second)
    assert removed.status_code == 303
    assert await site.own_keys.standing(site.accounts.one(mei.did)) == []


async def test_the_networks_own_keys_are_not_replaced(http, site, mei):
    made = await send(http, f"{MOVE}/key", password=PASSWORD, instead_of=site.register.rotation_keys[-1])
    public = recovery_keys.did_key_of(re.search(r'id="recovery-key">(z\w+)<', made.text)[1])
    newest = await site.plc_requests._operations.newest(mei.did)
    assert newest["rotationKeys"] == [public, *site.register.rotation_keys]


async def test_an_identity_names_five_keys_at_most(http, mei):
    for _ in range(3):
        assert (await send(http, f"{MOVE}/key", password=PASSWORD)).status_code == 200
    full = await send(http, f"{MOVE}/key", password=PASSWORD)
    assert full.status_code == 400
    assert "as many keys as it can" in full.text


async def test_the_archive_is_one_file(http, mei):
    await mei.post("in the archive")
    got = await http.get(f"{MOVE}/archive")
    assert got.headers["content-disposition"] == 'attachment; filename="mei.test.zip"'
    with ZipFile(io.BytesIO(got.content)) as archive:
        assert archive.testzip() is None
        assert "repository.car" in archive.namelist()


async def test_a_member_moves_by_the_pages_and_sees_how_far(tmp_path, shared):
    async with (
        served(tmp_path / "old", shared) as old,
        served(tmp_path / "new", shared, plc=old.place.base_url + "/plc") as new,
        httpx.AsyncClient(base_url=old.place.base_url, timeout=30) as http,
    ):
        mei = await Person.join(http, "mei")
        await mei.post("on the way")
        await sign_in(http, "mei.test")
        asked = await send(http, f"{MOVE}/to", host=new.place.base_url)
        assert "It will end with .test." in asked.text
        given = {"origin": new.place.base_url, "handle": "mei-there", "new": PASSWORD, "password": PASSWORD}
        await submit(http, asked, f"{MOVE}/begin", **given)
        page = await http.get(MOVE)
        while "You have moved." not in page.text:
            assert page.headers["refresh"] == "5"
            await new.log.bell.next.wait(0.2)
            page = await http.get(MOVE)
        assert "refresh" not in page.headers
        assert "@mei-there.test" in page.text
        assert new.accounts.one(mei.did).active
        assert (await http.get("/")).headers["location"].startswith("/resting")


async def test_a_move_that_stands_still_says_why_and_lets_stay(http, site, mei):
    account = site.accounts.one(mei.did)
    secrets = moves.Secrets("a password")
    for failure in ("town.example says: That handle is taken.", None):
        await site.truth.write(
            lambda tx, failure=failure: (
                moves.begin(tx, site.seal, account.id, "https://town.example", "mei.town.example", secrets),
                moves.stop(tx, account.id, failure or "stopped"),
            )
        )
    page = await http.get(MOVE)
    assert "The move stands still." in page.text
    stayed = await send(http, f"{MOVE}/stay")
    assert stayed.status_code == 303
    assert site.moving_out.state(account) is None


async def test_another_host_that_does_not_answer_is_told_beside_the_field(http, mei):
    answer = await send(http, f"{MOVE}/to", host="http://localhost:1")
    assert answer.status_code == 502
    assert 'id="host-error"' in answer.text
    assert 'value="http://localhost:1"' in answer.text


async def test_each_host_that_is_looked_at_is_counted(site, mei):
    spent = []
    ways = SiteWaysOut(site, lambda limit, who: spent.append((limit.name, who)))
    with pytest.raises(UpstreamFailed):
        await ways.look(mei.did, "http://localhost:1")
    assert spent == [("other hosts looked at by one member", mei.did)]


async def test_ones_own_tool_gets_the_password_in_the_place_of_a_code(http, mei):
    answer = await send(http, f"{MOVE}/code")
    assert "type your password where the tool asks for the code" in answer.text


async def test_an_account_rests_and_ends_by_its_password(http, site, mei):
    wrong = await send(http, f"{MOVE}/rest", password="not it")
    assert wrong.status_code == 401
    rested = await send(http, f"{MOVE}/rest", password=PASSWORD)
    assert rested.headers["location"] == "/resting"
    assert site.accounts.one(mei.did).status == "deactivated"
    page = await http.get(MOVE)
    assert page.status_code == 200
    ended = await send(http, f"{MOVE}/delete", password=PASSWORD, code="")
    assert ended.status_code == 303
    assert site.accounts.find(mei.did) is None


async def test_the_pages_are_for_members(http):
    for path in (MOVE, f"{MOVE}/archive"):
        assert (await http.get(path)).headers["location"].startswith("/sign-in")
