"""The whole journey as people take it, in headless Chromium: from the first page of a new network to a notice."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from freehold.cli.demo.art import Sketch
from support.network import CHEAP, START_SECONDS

pytestmark = pytest.mark.browser

PASSWORD = "four words on paper"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
CODE = re.compile(r"^    ([a-z]+-[a-z]+-[a-z]+)$", re.MULTILINE)


class Town:
    """A network that nobody has claimed, served as `freehold run` serves it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        (directory / "settings.toml").write_text(CHEAP)
        self.log = directory / "stderr.log"
        self.stderr = self.log.open("wb")
        command = [sys.executable, "-m", "freehold.cli", "run", str(directory), "--port", "0"]
        self.child = subprocess.Popen(command, stdout=self.stderr, stderr=self.stderr)
        self.url, self.code = self._read_greeting()

    def _read_greeting(self) -> tuple[str, str]:
        transport = httpx.HTTPTransport(retries=3)
        with httpx.Client(transport=transport, timeout=START_SECONDS) as client:
            while self.child.poll() is None:
                said = self.log.read_text()
                url, code = re.search(r"is at (http://\S+)", said), CODE.search(said)
                if url and code and client.get(f"{url[1]}/xrpc/_health").status_code == 200:
                    return url[1], code[1]
        raise AssertionError(f"the network did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        self.child.terminate()
        self.child.wait(10)
        self.stderr.close()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path / "town")
    yield made
    made.stop()
    assert '"level":"error"' not in made.log.read_text()


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(chromium), args=FLAGS)
        yield browser
        browser.close()


class Visitor:
    """Somebody in front of a browser of their own. Anything that the page complains of fails the test."""

    def __init__(self, browser: Browser, town: Town, **more: object) -> None:
        self.town = town
        self.context: BrowserContext = browser.new_context(base_url=town.url, locale="en-GB", **more)  # type: ignore[arg-type]
        self.context.set_default_timeout(10_000)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def claim(self) -> None:
        page = self.page
        page.goto("/")
        page.get_by_label("Code from the terminal").fill(self.town.code)
        page.get_by_label("Name of the network").fill("Linden Square")
        page.get_by_label("Lake").check()
        page.get_by_label("Everyone").check()
        page.get_by_label("Your name here").fill("ruth")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Claim and go on").click()
        expect(page.get_by_role("heading", name="Your recovery key")).to_be_visible()
        self.recovery_key = page.locator(".secret").inner_text()
        page.get_by_label("I have written it down").check()
        page.get_by_role("button", name="Open Linden Square").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("ruth")

    def join(self, name: str) -> None:
        page = self.page
        page.goto("/join")
        page.get_by_label("Your name here").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        if page.locator("#rules").count():
            page.locator("#rules").check()
        page.get_by_role("main").get_by_role("button").last.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(name)

    def post_picture(self, text: str, picture: Path, alt: str) -> None:
        page = self.page
        page.goto("/write")
        page.get_by_label("Your post").fill(text)
        page.locator("input[type=file]").set_input_files(picture)
        if page.get_by_role("button", name="Add pictures").is_visible():
            page.get_by_role("button", name="Add pictures").click()
        page.get_by_label("Describe picture 1").fill(alt)
        page.get_by_role("button", name="Post now").click()
        expect(page.get_by_role("article").filter(has_text=text)).to_be_visible()

    def sees_picture(self, alt: str) -> bool:
        """The picture is there and was decoded."""
        image = self.page.get_by_role("img", name=alt).first
        expect(image).to_be_visible()
        return bool(image.evaluate("async image => { await image.decode(); return image.naturalWidth > 0 }"))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "market.jpg"
    path.write_bytes(Sketch("market", "a test").draw().data)
    return path


@pytest.mark.parametrize("with_script", [True, False], ids=["with scripts", "without scripts"])
def test_from_the_first_page_to_a_notice(browser: Browser, town: Town, picture: Path, with_script: bool) -> None:
    owner = Visitor(browser, town, viewport=DESKTOP, java_script_enabled=with_script)
    owner.claim()
    assert len(owner.recovery_key.split()) == 14
    amina = Visitor(browser, town, viewport=PHONE, java_script_enabled=with_script)
    amina.join("amina")
    amina.post_picture("First frost on the quay. #market", picture, "Market stalls in a row")

    owner.page.goto("/@amina")
    owner.page.get_by_role("button", name="Follow").first.click()
    expect(owner.page.locator("[data-follow] [aria-pressed=true]").first).to_be_visible()
    owner.page.goto("/")
    post = owner.page.get_by_role("article").filter(has_text="First frost on the quay.")
    expect(post).to_be_visible()
    if with_script:
        assert owner.sees_picture("Market stalls in a row")
    expect(post.get_by_role("link", name="#market")).to_be_visible()
    post.get_by_role("button", name="Like").click()
    expect(owner.page.get_by_role("button", name="Like", pressed=True).first).to_be_visible()
    owner.page.goto("/")
    owner.page.get_by_role("article").get_by_role("link", name=re.compile("^Reply")).first.click()
    owner.page.get_by_label("Your reply").first.fill("I smelled the bread from here.")
    owner.page.get_by_role("button", name="Reply").last.click()
    expect(owner.page.get_by_text("I smelled the bread from here.").first).to_be_visible()

    amina.page.goto("/")
    expect(amina.page.get_by_role("link", name=re.compile("Notices.*3"))).to_be_visible()
    amina.page.goto("/notices")
    main = amina.page.get_by_role("main")
    for words in ("replied to you", "liked your post", "follow"):
        expect(main.get_by_text(re.compile(words)).first).to_be_visible()
    amina.page.goto("/@amina")
    expect(amina.page.get_by_role("main").get_by_text("1follower", exact=False).first).to_be_attached()
    amina.page.goto("/@amina/photos")
    expect(amina.page.get_by_role("img", name="Market stalls in a row").first).to_be_visible()
    assert owner.complaints == []
    assert amina.complaints == []


def test_a_page_from_elsewhere_cannot_act_in_a_members_name(browser: Browser, town: Town) -> None:
    owner = Visitor(browser, town)
    owner.claim()
    answer = owner.context.request.post(
        f"{town.url}/write", form={"text": "forged", "do": "post"}, headers={"origin": "https://elsewhere.example"}
    )
    assert answer.status == 403
    readable = {cookie["name"] for cookie in owner.context.cookies() if not cookie["httpOnly"]}
    assert readable <= {"zone"}, "a script may read its own note of the time zone, nothing else"
    assert {cookie["sameSite"] for cookie in owner.context.cookies()} == {"Lax"}
    by_cookie = owner.context.request.get(f"{town.url}/xrpc/com.atproto.server.getSession")
    assert by_cookie.status == 401


def test_the_language_is_the_readers(browser: Browser, town: Town) -> None:
    owner = Visitor(browser, town)
    owner.claim()
    reader = browser.new_context(base_url=town.url, locale="fr-FR").new_page()
    reader.goto("/")
    assert reader.locator("html").get_attribute("lang") == "fr"
    expect(
        reader.get_by_role("link", name="Entrer").or_(reader.get_by_role("link", name="Se connecter")).first
    ).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_no_page_is_wider_than_its_window(browser: Browser, town: Town, viewport: dict[str, int], scheme: str) -> None:
    owner = Visitor(browser, town, viewport=viewport, color_scheme=scheme)
    owner.claim()
    for path in ("/", "/write", "/notices", "/search?q=a", "/settings", "/@ruth", "/about"):
        owner.page.goto(path)
        wide = owner.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= viewport["width"], path
    assert owner.complaints == []
