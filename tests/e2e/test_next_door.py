"""A browser whose network does not answer any more: the beacon that it kept leads it on, and a false one does not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from freehold.pds import beacon
from support.command import freehold
from support.network import CHEAP, RunningNetwork, running

pytestmark = pytest.mark.browser
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PATH = ".well-known/freehold-beacon"
CONTROLLED = "() => navigator.serviceWorker.controller && caches.match('/.well-known/freehold-beacon').then(Boolean)"


class AnyWebHost(SimpleHTTPRequestHandler):
    """Serves files, and lets pages of other origins read them."""

    def end_headers(self) -> None:
        self.send_header("access-control-allow-origin", "*")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def spare(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A static host: its URL, and the file of the beacon on it."""
    file = tmp_path / "static" / PATH
    file.parent.mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(AnyWebHost, directory=str(tmp_path / "static")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", file
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(chromium), args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def visitor(browser: Browser, network: RunningNetwork, **more: object) -> Iterator[BrowserContext]:
    """Somebody whose browser has seen the network once, and kept its beacon."""
    context = browser.new_context(**more)  # type: ignore[arg-type]
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.goto(f"{network.url}/about")
    page.wait_for_function(CONTROLLED)
    yield context
    context.close()


@pytest.mark.parametrize(("language", "words"), [("en-GB", "It has another address now"), ("fr-FR", "autre adresse")])
def test_the_page_for_silence_leads_to_where_the_network_is_now(
    browser: Browser, tmp_path: Path, spare: tuple[str, Path], language: str, words: str
) -> None:
    door, file = spare
    settings = CHEAP + f'spare_doors = ["{door}"]\n'
    town = tmp_path / "town"
    with running(town, settings=settings) as network:
        before = network.url
        with visitor(browser, network, locale=language, viewport={"width": 390, "height": 844}) as context:
            network.stop()
            with running(town, settings=settings) as moved:
                assert moved.url != before
                assert freehold("beacon", town, "publish", "--to", file).code == 0
                page = context.pages[0]
                page.goto(f"{before}/about")
                expect(page.locator("[data-moved]")).to_contain_text(words)
                page.screenshot(path=str(tmp_path / f"next-door-{language}.png"))
                page.locator("[data-next] a").click()
                expect(page).to_have_url(f"{moved.url}/")


def test_a_false_beacon_and_an_old_one_lead_nowhere(browser: Browser, tmp_path: Path, spare: tuple[str, Path]) -> None:
    door, file = spare
    town = tmp_path / "town"
    with running(town, settings=CHEAP + f'spare_doors = ["{door}"]\n') as network:
        assert freehold("beacon", town, "publish", "--to", file).code == 0
        true = beacon.payload_of(file.read_bytes())
        away = msgspec.structs.replace(true, url="http://thief.example", number=true.number + 9)
        file.write_bytes(beacon.signed(away, b"\7" * 32))
        with visitor(browser, network) as context:
            network.stop()
            page = context.pages[0]
            page.goto(f"{network.url}/about")
            expect(page.locator("[data-others] a")).to_have_text(door.removeprefix("http://"))
            assert not page.locator("[data-moved]").is_visible()
