"""The HTML of every page is well formed, and whole for the ear and the keyboard."""

import pytest

from freehold.web.backend import NewPost
from freehold.web.records import post_record
from support.browsing import Reader
from support.markup import faults
from support.village import PIXEL, Village


@pytest.fixture
async def lively(village: Village) -> Village:
    """A village in which everything has happened."""
    root = village.post(village.amina, "Root", 9)
    ref = {"uri": root.uri, "cid": root.cid}
    pictures = [(await village.upload_picture(village.amina, PIXEL + bytes([n])), f"Dot {n}") for n in range(4)]
    village.put(
        village.amina,
        post_record(NewPost("Four", pictures=pictures, labels=["nudity"]), "2026-11-21T10:00:00Z"),
        village.clock,
    )
    village.put(
        village.amina,
        post_record(NewPost("Two", pictures=pictures[:2], quote=root), "2026-11-21T10:00:00Z"),
        village.clock,
    )
    for n in range(3):
        reply = village.post(village.oskar, f"Reply {n}", 8 - n, reply={"root": ref, "parent": ref})
        ref = {"uri": reply.uri, "cid": reply.cid}
        village.edge("like", village.oskar, root.uri)
        village.edge("repost", village.amina, root.uri)
    village.post(
        village.oskar,
        "To mei",
        1,
        reply={"root": ref, "parent": {"uri": village.post(village.mei, "Mine", 3).uri, "cid": root.cid}},
    )
    return village


AMINA, MEI = "/@amina.linden.example", "/@mei.linden.example"
PAGES = (
    *("/", "/?feed=all", "/?cursor=99", "/notices", "/write", "/settings", "/settings/profile", "/about", "/offline"),
    *("/feeds", "/feeds/discover", "/feeds/photos?cursor=9"),
    *("/search", "/search?q=root", "/search?q=o&show=people", "/search?q=zeppelin", "/nothing"),
    *(AMINA, AMINA + "/photos", AMINA + "/replies", AMINA + "/followers", AMINA + "/following", MEI, MEI + "/photos"),
    *("POST", "POST/likes", "POST/echoes", "POST/quotes", "/write?reply_to=URI", "/write?quote=URI"),
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["en", "fr"])
async def test_every_page_is_well_formed(mei: Reader, lively: Village, path: str, language: str) -> None:
    root = next(iter(lively.said))
    path = path.replace("URI", root).replace("POST", "/@amina.linden.example/p/" + root.rpartition("/")[2])
    await mei.go(path, headers={"Accept-Language": language})
    assert mei.page.status_code in (200, 404)
    assert f'<html lang="{language}">' in mei.text
    assert faults(mei.text) == []


@pytest.mark.parametrize("path", ["/", "/sign-in", "/join", "/@amina.linden.example", "/join?invite=x"])
async def test_every_page_for_strangers_is_well_formed(stranger: Reader, lively: Village, path: str) -> None:
    await stranger.go(path)
    assert faults(stranger.text, signed_in=False) == []


async def test_forms_that_were_refused_are_well_formed(mei: Reader, stranger: Reader, lively: Village) -> None:
    await mei.go("/write")
    await mei.send(
        "/write",
        files=[("files", ("a.png", PIXEL, "image/png")), ("files", ("b.png", b"x", "image/png"))],
        text="a" * 301,
    )
    assert mei.page.status_code == 400
    assert faults(mei.text) == []
    await mei.go("/settings/profile")
    await mei.send("/settings/profile", display_name="x" * 99, bio="y" * 999)
    assert faults(mei.text) == []
    await stranger.go("/join")
    await stranger.send("/join", handle="", password="")
    assert "3 things to fix" in stranger.text
    assert faults(stranger.text) == []


async def test_the_first_run_page_is_well_formed(stranger: Reader, village: Village) -> None:
    village.face = Village(claimed=False).face
    await stranger.go("/")
    assert faults(stranger.text) == []
    await stranger.send("/claim", name="A network")
    assert stranger.page.status_code == 400
    assert faults(stranger.text) == []
