"""The small scripts in a real browser: they spare a reload, and the policy of the pages lets nothing else run."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from freehold.protocol.cid import Cid
from freehold.web.app import web_app
from freehold.web.backend import Fetched
from support.servers import application
from support.village import NOW, PIXEL, Village

# one browser for all: starting it is what takes the time
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """Headless Chromium."""
    async with async_playwright() as start:
        browser = await start.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def place(village: Village) -> AsyncIterator[str]:
    """The village's pages on a port of their own; mei has the session "mei"."""
    village.sessions["mei"] = village.mei
    async with application(web_app(village, now=lambda: NOW)) as origin:
        yield origin


@pytest_asyncio.fixture(loop_scope="module")
async def page(place: str, browser: Browser) -> AsyncIterator[Page]:
    """A page of mei's browser. Anything on its console, and anything that goes elsewhere, fails the test."""
    said: list[str] = []
    context = await browser.new_context(base_url=place, locale="en-GB", service_workers="block")
    await context.add_cookies([{"name": "session", "value": "mei", "url": place}])
    page = await context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(place) else said.append(request.url))
    yield page
    await context.close()
    assert [words for words in said if "Service Worker" not in words] == []


async def test_likes_echoes_and_follows_need_no_reload(page: Page, village: Village) -> None:
    ref = village.post(village.amina, "Frost")
    await page.goto("/")
    await page.evaluate("window.stayed = true")
    like, echo = page.locator(".act-like"), page.locator("button.act").first
    await like.click()
    await page.wait_for_selector('.act-like[aria-pressed="true"]')
    assert "1" in await like.inner_text()
    assert village._count("like", ref.uri) == 1
    await like.click()
    await page.wait_for_selector('.act-like[aria-pressed="false"]')
    assert village._count("like", ref.uri) == 0
    await echo.click()
    await page.wait_for_selector('button.act[value="unecho"]')
    await page.locator("[data-follow] button").click()
    await page.wait_for_selector('[data-follow] button[aria-pressed="true"]')
    assert village._edge("follow", village.mei, village.oskar)
    assert await page.evaluate("window.stayed") is True


async def test_a_like_that_fails_in_the_background_goes_the_long_way(page: Page, village: Village) -> None:
    ref = village.post(village.amina, "Frost")
    await page.goto("/")
    await page.evaluate(
        "() => { window.stayed = true; window.fetch = () => new Promise((_, no) => setTimeout(no, 1)); }"
    )
    await page.locator(".act-like").click()
    await page.wait_for_selector('.act-like[aria-pressed="true"]')
    assert village._count("like", ref.uri) == 1
    assert await page.evaluate("window.stayed") is None


async def test_characters_are_counted_while_typing_and_a_key_sends(page: Page, village: Village) -> None:
    await page.goto("/write")
    await page.fill("#text", "👩‍👩‍👧" * 299)
    assert await page.inner_text("#left span") == "1 character left."
    await page.fill("#text", "x" * 302)
    assert await page.inner_text("#left span") == "2 characters too many."
    assert await page.locator("#left span.is-over").count() == 1
    await page.fill("#text", "Sent by key")
    await page.press("#text", "Control+Enter")
    await page.wait_for_selector("text=Posted.")
    assert [said.record["text"] for said in village.said.values()] == ["Sent by key"]


async def test_chosen_pictures_are_added_at_once_and_the_text_stays(
    page: Page, place: str, village: Village, tmp_path: Path
) -> None:
    village.picture_urls[str(Cid.of_raw(PIXEL))] = f"{place}/icon.svg"
    picture = tmp_path / "dot.png"
    picture.write_bytes(PIXEL)
    await page.goto("/write")
    await page.fill("#text", "With a dot")
    await page.set_input_files("#files", picture)
    await page.wait_for_selector("#alt1:focus")
    assert await page.input_value("#text") == "With a dot"
    await page.fill("#alt1", "A dot")
    await page.click("[data-send]")
    await page.wait_for_selector("text=Posted.")
    (said,) = village.said.values()
    assert said.record["embed"]["images"][0]["alt"] == "A dot"


async def test_the_card_of_a_link_appears_and_can_be_left_out(page: Page, village: Village) -> None:
    url = "https://a.example/trams"
    village.pages[url] = Fetched(url, "text/html", b"<title>Night trams</title>")
    await page.goto("/write")
    await page.fill("#text", f"Look: {url} ")
    await page.wait_for_selector("text=Night trams")
    await page.click("text=Post without this card")
    await page.wait_for_selector("text=Night trams", state="detached")
    await page.click("[data-send]")
    await page.wait_for_selector("text=Posted.")
    (said,) = village.said.values()
    assert "embed" not in said.record


async def test_menus_close_and_the_skip_link_comes_first(page: Page, village: Village) -> None:
    village.post(village.amina, "Frost")
    await page.goto("/")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to content"
    await page.click("article details.menu summary")
    assert await page.locator("details.menu[open]").count() == 1
    await page.keyboard.press("Escape")
    assert await page.locator("details.menu[open]").count() == 0


async def test_no_page_is_wider_than_its_window(page: Page, village: Village) -> None:
    ref = village.post(village.amina, "https://a.example/" + "long" * 60)
    for path in ("/", "/write", "/settings", "/search?q=long", "/notices", f"/@amina.linden.example/p/{ref.uri[-13:]}"):
        await page.goto(path)
        for width in (320, 390, 800, 1280):
            await page.set_viewport_size({"width": width, "height": 700})
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
