"""Joining, waiting, deciding and looking after the network, as readers without scripts walk through the pages."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest

from freehold.pds import invites
from freehold.pds.membership import MAX_NAME, MIN_NAME, Application
from freehold.pds.passwords import MAX_LENGTH, MIN_LENGTH
from freehold.server import Networks
from freehold.site import Shared, Site
from support.browsing import Reader
from support.inside import HOUR, Clock, calling, opened
from support.joining import choose, worked
from support.markup import faults
from support.network import PASSWORD

NETWORK, LINE = "/settings/network", "/settings/applicants"


@pytest.fixture
def site(tmp_path, shared: Shared, clock: Clock) -> Iterator[Site]:
    with opened(tmp_path / "town", shared, clock, dev_mode=False) as site:
        yield site


@pytest.fixture
async def working(site: Site) -> AsyncIterator[None]:
    """The network with its owner and a moderator, at work."""
    await choose(site, join="open")
    async with calling(site):
        for name, role in (("olga", "owner"), ("ruth", "moderator"), ("mei", "member")):
            await site.members.admit(Application(f"{name}.test", PASSWORD), role=role)
        yield


async def reads(site: Site, name: str = "") -> Reader:
    reader = Reader(Networks([site]), site.place.base_url)
    if name:
        await reader.sign_in(name, PASSWORD)
    return reader


@pytest.fixture
async def stranger(site: Site, working: None) -> AsyncIterator[Reader]:
    async with await reads(site) as reader:
        yield reader


@pytest.fixture
async def olga(site: Site, working: None) -> AsyncIterator[Reader]:
    async with await reads(site, "olga") as reader:
        yield reader


async def test_whoever_joins_by_the_page_has_this_one_session_and_no_other(site: Site, stranger: Reader) -> None:
    await ask(stranger, "nora")
    page = await stranger.go("/settings/apps")
    assert page.text.count("<h2>") == 2  # this browser; app passwords
    assert "This browser" in page.text
    with site.truth.reading() as tx:
        nora = site.accounts.one(site.accounts.find("nora.test").did)  # type: ignore[union-attr]
        assert tx.run("SELECT 1 FROM refresh_token WHERE account = :id", id=nora.id) == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"handle": "a" * (MIN_NAME - 1)}, f"Choisissez un nom de {MIN_NAME} à {MAX_NAME} caractères."),
        ({"handle": "a" * (MAX_NAME + 1)}, f"Choisissez un nom de {MIN_NAME} à {MAX_NAME} caractères."),
        ({"handle": "no blanks"}, "Prenez des lettres, des chiffres et des traits d’union."),
        ({"handle": "nora", "password": "x" * (MAX_LENGTH + 1)}, f"de {MIN_LENGTH} à {MAX_LENGTH} caractères."),
        ({"handle": "nora", "email": "nowhere"}, "Ce n’est pas une adresse de courriel."),
    ],
)
async def test_what_is_wrong_is_said_in_the_readers_language(
    stranger: Reader, typed: dict[str, str], said: str
) -> None:
    stranger.http.headers["Accept-Language"] = "fr"
    await stranger.go("/join")
    await stranger.send("/join", **{"password": PASSWORD, **typed})
    assert stranger.page.status_code == 400
    assert said in stranger.text


async def ask(reader: Reader, name: str, **typed: str) -> None:
    await reader.go("/join")
    assert faults(reader.text) == []
    await reader.send("/join", handle=name, password=PASSWORD, **typed)


async def test_who_asks_sees_how_things_stand_and_is_let_in_where_they_are(site, stranger, olga):
    await choose(site, join="ask", contact="the town hall")
    await stranger.go("/about")
    assert "Ask to join" in stranger.text
    await ask(stranger, "cleo", words="I keep the lighthouse.")
    assert stranger.page.url.path == "/waiting"
    assert "You are next." in stranger.text
    assert "the town hall" in stranger.text
    assert faults(stranger.text) == []
    assert (await stranger.go("/")).url.path != "/waiting"
    assert "Sign in" in stranger.text
    await olga.go("/settings")
    assert "Who wants to join (1)" in olga.text
    await olga.go(LINE)
    assert "I keep the lighthouse." in olga.text
    assert faults(olga.text) == []
    await olga.send(LINE, answer="in")
    assert "cleo.test is a member now." in olga.text
    assert "Nobody waits" in olga.text
    await stranger.go("/waiting")
    assert stranger.page.url.path == "/"
    assert "Welcome" in stranger.text


async def test_who_is_declined_reads_why_when_they_come_back(site, stranger, working):
    await choose(site, join="ask")
    await ask(stranger, "cleo")
    async with await reads(site, "ruth") as ruth:
        await ruth.go(LINE)
        await ruth.send(LINE, answer="no", because="We meet on Tuesdays. Come by first.")
        assert "is declined" in ruth.text
        assert (await ruth.go(NETWORK)).status_code == 403
    async with await reads(site) as later:
        await later.go("/sign-in")
        await later.send("/sign-in", identifier="cleo", password=PASSWORD)
        assert later.page.url.path == "/waiting"
        assert "Come by first." in later.text
        assert faults(later.text) == []
        await later.send("/waiting/withdraw")
    assert site.members.is_free("cleo.test")


async def test_the_line_moves_by_itself_and_says_how_long(site, stranger, clock):
    await choose(site, join="open", hourly=1)
    await site.admission.join(Application("anna.test", PASSWORD))
    await ask(stranger, "cleo")
    assert "It will take about 60 minutes." in stranger.text
    clock.pass_by(HOUR)
    await site.admission.move()
    await stranger.go("/waiting")
    assert stranger.page.url.path == "/"


async def test_without_scripts_an_invitation_stands_for_the_work(site, stranger):
    await choose(site, join="open", proof=True, proof_bits=12)
    await ask(stranger, "cleo")
    assert stranger.page.status_code == 400
    assert "invitation" in stranger.text
    assert "Your browser runs no scripts." in stranger.text
    assert faults(stranger.text) == []
    code = await site.truth.write(lambda tx: invites.make(tx, 0))
    await stranger.send("/join", handle="cleo", password=PASSWORD, invite=code)
    assert stranger.page.url.path == "/"


async def test_work_that_is_done_is_kept_with_the_form_and_old_work_is_asked_for_anew(site, stranger, clock):
    await choose(site, join="open", proof=True, proof_bits=12)
    await stranger.go("/join")
    challenge = re.search(r'data-work="([^"]+)"', stranger.text)[1]
    await stranger.send("/join", handle="olga", password=PASSWORD, proof=worked(challenge))
    assert "data-work=" not in stranger.text
    clock.pass_by(HOUR)
    await stranger.send("/join", handle="cleo", password=PASSWORD)
    assert "took too long" in stranger.text
    challenge = re.search(r'data-work="([^"]+)"', stranger.text)[1]
    await stranger.send("/join", handle="cleo", password=PASSWORD, proof=worked(challenge))
    assert stranger.page.url.path == "/"


async def test_the_owner_changes_all_that_was_chosen_at_the_claim(site, olga):
    await olga.go(NETWORK)
    assert faults(olga.text) == []
    rules = "Speak as across a table.\n\n  Say where news comes from.  "
    await olga.send(
        NETWORK, name="Linden Square", about="A town.", rules=rules, contact="the town hall", hue="plum",
        joining="ask", proof="yes", bits="22", hourly="40",
    )  # fmt: skip
    assert "Saved." in olga.text
    assert "Linden Square" in olga.text
    now = site.network.choices
    assert (now.join, now.proof, now.proof_bits, now.hourly, now.hue) == ("ask", True, 22, 40, 335)
    assert now.rules == ("Speak as across a table.", "Say where news comes from.")
    await olga.send(NETWORK, name="", hourly="many", joining="nonsense")
    assert olga.page.status_code == 400
    assert "2 things to fix" in olga.text
    assert faults(olga.text) == []
    assert site.network.choices == now
    await olga.go("/about")
    assert "A town." in olga.text
    assert "the town hall" in olga.text


async def test_only_who_looks_after_the_network_sees_these_pages(site, working):
    async with await reads(site, "mei") as mei:
        for path in (NETWORK, LINE):
            assert (await mei.go(path)).status_code == 403
        await mei.go("/settings")
        assert "Look after the network" not in mei.text
    async with await reads(site) as stranger:
        assert (await stranger.go(NETWORK)).url.path == "/sign-in"


async def test_a_host_without_views_has_a_door_too(tmp_path, shared, clock):
    with opened(tmp_path / "host", shared, clock, dev_mode=False, host_only=True) as site:
        await choose(site, join="ask")
        async with calling(site), await reads(site) as stranger, await reads(site) as olga:
            await site.members.admit(Application("olga.test", PASSWORD), role="owner")
            await ask(stranger, "cleo")
            assert "You are next." in stranger.text
            await olga.go("/sign-in?next=" + LINE)
            await olga.send("/sign-in", identifier="olga", password=PASSWORD)
            await olga.send(LINE, answer="in")
            await stranger.go("/waiting")
            assert (stranger.page.status_code, stranger.page.url.path) == (200, "/settings")
            assert "Sign in to any app of the AT Protocol as cleo.test." in stranger.text
            assert (await olga.go(NETWORK)).status_code == 200


async def test_a_host_without_views_is_claimed_on_its_page_and_shows_only_what_it_has(tmp_path, shared, clock):
    with opened(tmp_path / "host", shared, clock, dev_mode=False, host_only=True) as site:
        assert site.claim is not None
        async with calling(site), await reads(site) as olga, await reads(site) as stranger:
            await olga.go("/")
            assert olga.page.url.path == "/claim"
            await olga.send("/claim", code=site.claim.code, name="The host", handle="olga", password=PASSWORD)
            assert "Your recovery key" in olga.text
            await olga.go("/")
            assert (olga.page.status_code, olga.page.url.path) == (200, "/settings")
            leads = [lead for lead in re.findall(r'href="(/[^"#?]*)', olga.text) if lead != "/settings/data"]
            for lead in leads:
                assert (await olga.go(lead)).status_code == 200, lead
            assert (await olga.go("/search")).status_code == 404
            assert "The host" in (await stranger.go("/")).text
