"""Take the pictures of the README anew: `make pictures`.

Fills a demonstration network in a temporary folder, serves it, and looks at it with headless Chromium, as a member
does.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
PORT = "8137"
URL = f"http://localhost:{PORT}"
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
FLAGS = ["--no-sandbox", "--disable-background-networking", "--no-first-run"]
PICTURES = (
    ("home", "/", DESKTOP, "light", "en-GB"),
    ("photos", "/@amina/photos", DESKTOP, "light", "en-GB"),
    ("home-phone", "/", PHONE, "dark", "fr-FR"),
    ("notices-phone", "/notices", PHONE, "light", "en-GB"),
    ("move", "/settings/move", DESKTOP, "light", "en-GB"),
)
"""Name, page, window, light or dark, language."""


def main() -> None:
    """Fill a network, serve it, take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "linden"
        filled = subprocess.run(freehold("demo", str(directory)), check=True, capture_output=True, text=True)
        found = re.search(r"password (\S+)", filled.stdout)
        assert found is not None
        served = subprocess.Popen(freehold("run", str(directory), "--port", PORT), stderr=subprocess.DEVNULL)
        try:
            take(found[1])
        finally:
            served.terminate()
            served.wait()


def freehold(*words: str) -> list[str]:
    """The command line of a freehold command."""
    return [sys.executable, "-m", "freehold.cli", *words]


def take(password: str) -> None:
    """All pictures."""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for name, path, viewport, scheme, locale in PICTURES:
            context = browser.new_context(base_url=URL, viewport=viewport, color_scheme=scheme, locale=locale)  # type: ignore[arg-type]
            page = context.new_page()
            sign_in(page, password)
            page.goto(path)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=HERE / f"{name}.png")
            context.close()
        browser.close()


def sign_in(page: Page, password: str) -> None:
    """As the demonstration's visitor; waits until the network answers."""
    for _ in range(100):
        try:
            page.goto("/sign-in")
            break
        except Exception:  # it is only starting
            page.wait_for_timeout(100)
            continue
    page.locator("[name=identifier]").fill("mei")
    page.locator("[name=password]").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url("/")


if __name__ == "__main__":
    main()
