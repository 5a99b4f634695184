"""The official OAuth client lets itself in through headless Chromium, as an app on the member's own machine."""

import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from support.network import PASSWORD, RunningNetwork
from support.outside import NODE_FOLDER

pytestmark = [pytest.mark.browser, pytest.mark.node]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


class AppFailed(Exception):  # noqa: N818 - what the app says went wrong
    pass


class App:
    """A process of the official client that does one step at a time."""

    def __init__(self, node: Path, url: str, errors: Path) -> None:
        self._errors = errors.open("wb")
        self._child = subprocess.Popen(
            [str(node), "oauth.mjs", url],
            cwd=NODE_FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def do(self, step: str, **given: str) -> Any:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps({"step": step, **given}) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        assert line, Path(self._errors.name).read_text()
        said = json.loads(line)
        if "error" in said:
            raise AppFailed(f"{said['error']}: {said['message']}\n{said['stack']}")
        return said["ok"]

    def close(self) -> None:
        self._child.communicate(timeout=10)
        self._errors.close()


@pytest.fixture
def app(running_network: RunningNetwork, node: Path, tmp_path: Path) -> Iterator[App]:
    before = len(running_network.faults())
    made = App(node, running_network.url, tmp_path / "app.log")
    yield made
    made.close()
    assert running_network.faults()[before:] == []


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(chromium), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def page(browser: Browser, running_network: RunningNetwork, request: pytest.FixtureRequest) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(
        base_url=running_network.url, locale="en-GB", java_script_enabled=request.param
    )
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


class Member(NamedTuple):
    did: str
    handle: str


@pytest.fixture
def member(running_network: RunningNetwork) -> Member:
    """Without an event loop: the browser's is running already."""
    given = {"handle": f"m{secrets.token_hex(6)}.test", "password": PASSWORD}
    said = httpx.post(f"{running_network.url}/xrpc/com.atproto.server.createAccount", json=given, timeout=30)
    assert said.status_code == 200, said.text
    return Member(said.json()["did"], said.json()["handle"])


def sign_in(page: Page, member: Member) -> None:
    page.get_by_label("Your name here").fill(member.handle)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def let_in(page: Page, app: App, member: Member) -> dict[str, Any]:
    page.goto(app.do("begin", handle=member.handle)["to"])
    sign_in(page, member)
    expect(page.get_by_role("heading", name="Let this app act for you?")).to_be_visible()
    expect(page.get_by_text("An app on this machine")).to_be_visible()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", name="You are back")).to_be_visible()
    return dict(app.do("finish"))


def test_an_app_is_let_in_writes_renews_and_is_seen_out(app: App, page: Page, member: Member) -> None:
    told = let_in(page, app, member)
    assert told["sub"] == member.did
    assert told["granted"] == "atproto transition:generic"

    words = f"by an app {secrets.token_hex(4)}"
    assert app.do("write", text=words)["uri"].startswith(f"at://{member.did}/app.bsky.feed.post/")
    page.goto(f"/@{member.handle}")
    expect(page.get_by_text(words)).to_be_visible()

    before = app.do("tokens", did=member.did)
    app.do("refresh")
    after = app.do("tokens", did=member.did)
    assert after["refresh_token"] != before["refresh_token"]
    assert after["access_token"] != before["access_token"]
    assert app.do("restore", did=member.did) == {"did": member.did}
    app.do("write", text="and after being restored")

    page.goto("/settings/apps")
    row = page.locator("section", has_text="An app on this machine")
    expect(row).to_be_visible()
    app.do("revoke")
    page.reload()
    expect(row).to_have_count(0)


def test_a_member_ends_an_app_in_settings(app: App, page: Page, member: Member) -> None:
    let_in(page, app, member)
    page.goto("/settings")
    page.get_by_role("link", name="See apps and sessions").click()
    page.get_by_role("button", name="End: An app on this machine").click()
    expect(page.get_by_text("Ended.")).to_be_visible()
    with pytest.raises(AppFailed, match="not valid"):
        app.do("write", text="too late")


def test_a_second_time_is_asked_again_and_a_no_is_a_no(app: App, page: Page, member: Member) -> None:
    let_in(page, app, member)
    page.goto(app.do("begin", handle=member.handle)["to"])
    expect(page.get_by_text(f"You are @{member.handle}.")).to_be_visible()
    page.get_by_role("button", name="Refuse").click()
    expect(page.get_by_role("heading", name="You are back")).to_be_visible()
    with pytest.raises(AppFailed, match="access_denied"):
        app.do("finish")
