"""Joining in headless Chromium: the piece of work is done by the browser; without scripts the page says what else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from freehold.site import Shared, Site
from support.inside import cheap_shared, served
from support.joining import choose
from support.network import PASSWORD

# one browser and one network for all: starting them is what takes the time
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def shared() -> Shared:
    return cheap_shared()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory, shared: Shared) -> AsyncIterator[Site]:
    async with served(tmp_path_factory.mktemp("joining") / "town", shared, dev_mode=False) as site:
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    async with async_playwright() as start:
        browser = await start.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        await browser.close()


async def page_of(browser: Browser, site: Site, complaints: list[str], **more: object) -> Page:
    context = await browser.new_context(base_url=site.place.base_url, locale="en-GB", **more)  # type: ignore[arg-type]
    page = await context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_the_browser_works_while_the_form_is_filled_in_and_the_form_waits_for_it(browser, site, size):
    complaints: list[str] = []
    await choose(site, join="open", proof=True, proof_bits=20)
    page = await page_of(browser, site, complaints, viewport=size)
    await page.goto("/join")
    await page.get_by_label("Your name here").fill(f"p{size['width']}")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Join").click()
    await page.wait_for_url("**/?said=welcome", timeout=60_000)
    assert site.accounts.find(f"p{size['width']}.test") is not None
    assert complaints == []


async def test_how_far_the_work_is_can_be_seen(browser, site):
    complaints: list[str] = []
    await choose(site, join="ask", proof=True, proof_bits=16)
    page = await page_of(browser, site, complaints, viewport=PHONE)
    await page.goto("/join")
    await page.get_by_text("has done its piece of work").wait_for(timeout=60_000)
    assert await page.get_by_role("progressbar").get_attribute("value") in (None, "0", "16")
    assert await page.evaluate("document.querySelector('[data-work] progress').value") == 16
    await page.get_by_label("Your name here").fill("cleo")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Ask to join").click()
    await page.get_by_text("You are next.").wait_for()
    await site.admission.let_in(site.admission.named("cleo").did)
    await page.get_by_role("link", name="Look again").click()
    await page.wait_for_url("**/?said=welcome")
    assert complaints == []


async def test_without_scripts_the_page_says_what_else_works(browser, site):
    complaints: list[str] = []
    await choose(site, join="open", proof=True, contact="the town hall")
    page = await page_of(browser, site, complaints, viewport=PHONE, java_script_enabled=False)
    await page.goto("/join")
    await page.get_by_text("Your browser runs no scripts.").wait_for()
    assert await page.get_by_text("the town hall").count() > 0
    assert await page.get_by_role("progressbar").count() == 0
    await page.get_by_label("Your name here").fill("dora")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Join").click()
    await page.get_by_text("Joining takes a piece of work").first.wait_for()
    assert site.accounts.find("dora.test") is None


async def test_the_owners_pages_work_by_keyboard(browser, site):
    complaints: list[str] = []
    await choose(site, join="ask", proof=False)
    page = await page_of(browser, site, complaints, viewport=DESKTOP)
    told = await asyncio.to_thread((site.directory / "dev.json").read_text)
    password = told.split('"owner"')[1].split('"password": "')[1].split('"')[0]
    await page.goto("/sign-in?next=/settings/network")
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_label("Name").first.fill("the-owner")
    await page.keyboard.press("Enter")
    name = page.get_by_label("Name of the network")
    await name.fill("Linden Square")
    await name.press("Enter")
    await page.get_by_text("Saved.").wait_for()
    assert site.network.choices.name == "Linden Square"
    assert complaints == []
