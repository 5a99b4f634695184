"""Codes and passkeys with what people really use: the official client, Chromium, an authenticator in it.

The browser's authenticator is Chromium's own, driven by its protocol for tests (CDP WebAuthn).
"""

import re
import secrets
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect, sync_playwright

from support.apps import App
from support.network import PASSWORD, RunningNetwork
from support.outside import NODE_FOLDER

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PHONE = {"width": 390, "height": 844}
SECURITY = "/settings/security"


class Member:
    """Somebody with an account, whose pages a plain client can walk through as well."""

    def __init__(self, network: RunningNetwork) -> None:
        self.handle = f"m{secrets.token_hex(6)}.test"
        given = {"handle": self.handle, "password": PASSWORD}
        said = httpx.post(f"{network.url}/xrpc/com.atproto.server.createAccount", json=given, timeout=30)
        assert said.status_code == 200, said.text
        self.did: str = said.json()["did"]
        self.http = httpx.Client(base_url=network.url, follow_redirects=True, timeout=30)
        self._send("/sign-in", "/sign-in", identifier=self.handle, password=PASSWORD)

    def turn_codes_on(self) -> list[str]:
        """A code of the app, and the backup codes."""
        page = self._send(SECURITY, f"{SECURITY}/codes", password=PASSWORD)
        secret = re.search(r'id="secret">([^<]+)<', page)
        assert secret is not None, page
        now = pyotp.TOTP(secret[1].replace(" ", "")).now()
        page = self._send(f"{SECURITY}/codes", f"{SECURITY}/codes/confirm", code=now)
        return re.findall(r"<li><code>([a-z2-7-]+)</code>", page)

    def _send(self, page: str, action: str, **fields: str) -> str:
        token = re.search(r'name="token" value="([^"]+)"', self.http.get(page).text)
        assert token is not None
        return unescape(self.http.post(action, data={"token": token[1], **fields}).text)


@pytest.fixture
def member(running_network: RunningNetwork) -> Iterator[Member]:
    before = len(running_network.faults())
    made = Member(running_network)
    yield made
    made.http.close()
    assert running_network.faults()[before:] == []


@pytest.mark.node
def test_the_official_client_is_asked_for_a_code(running_network: RunningNetwork, member: Member, node: Path) -> None:
    codes = member.turn_codes_on()
    command = [str(node), "factors.mjs", running_network.url, member.handle, PASSWORD, *codes[:2]]
    done = subprocess.run(command, cwd=NODE_FOLDER, capture_output=True, text=True, timeout=45, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(member.did) == 2


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(chromium), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, running_network: RunningNetwork) -> Iterator[Page]:
    """A phone's browser. Anything that a page complains of fails the test."""
    complaints: list[str] = []
    context = browser.new_context(base_url=running_network.url, locale="en-GB", viewport=PHONE)
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
    yield page
    context.close()
    assert complaints == []


class Device:
    """The browser's authenticator: a phone that knows its user."""

    def __init__(self, page: Page) -> None:
        self._cdp: CDPSession = page.context.new_cdp_session(page)
        self._cdp.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        made: Any = self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "isUserVerified": True}})
        self._id = made["authenticatorId"]

    def knows_its_user(self, known: bool) -> None:
        self._cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": known})


def sign_in(page: Page, member: Member) -> None:
    page.get_by_label("Your name here").fill(member.handle)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def make_passkey(page: Page, member: Member, name: str) -> None:
    page.goto(f"/sign-in?next={SECURITY}")
    sign_in(page, member)
    page.get_by_label("Name of the device").fill(name)
    page.locator("#passkey-password").fill(PASSWORD)
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_text("Your passkey is ready.")).to_be_visible()


def sign_out(page: Page) -> None:
    page.goto("/settings")
    page.get_by_role("button", name="Sign out here").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


@pytest.mark.browser
def test_a_passkey_signs_in_by_itself_and_lets_an_app_in(
    page: Page, member: Member, running_network: RunningNetwork
) -> None:
    device = Device(page)
    make_passkey(page, member, "My phone")
    sign_out(page)
    device.knows_its_user(False)
    page.get_by_role("button", name="Use a passkey instead").click()
    expect(page.get_by_text("The passkey was not used.")).to_be_visible()
    device.knows_its_user(True)
    page.get_by_role("button", name="Use a passkey instead").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(member.handle.removesuffix(".test"))
    page.goto(SECURITY)
    expect(page.get_by_text("My phone", exact=True)).to_be_visible()
    expect(page.get_by_text("Last used")).to_be_visible()
    sign_out(page)

    page.goto(asked(running_network))
    page.get_by_role("button", name="Use a passkey instead").click()
    expect(page.get_by_role("heading", name="Let this app act for you?")).to_be_visible()
    expect(page.get_by_text(f"@{member.handle}")).to_be_visible()
    landed: list[str] = []
    page.route("http://127.0.0.1:4321/**", lambda route: (landed.append(route.request.url), route.fulfill(body="ok")))
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("http://127.0.0.1:4321/**")
    assert "code=" in landed[0]


def asked(network: RunningNetwork) -> str:
    """An app's request, by hand: where it sends the browser."""
    with httpx.Client(base_url=network.url, timeout=30) as http:
        app = App(http)  # type: ignore[arg-type]
        form = {"client_id": app.id, **app.question()}
        for _ in range(2):
            proof = app.key.proof("POST", f"{app.issuer}/oauth/par", **({"nonce": app.nonce} if app.nonce else {}))
            answer = http.post("/oauth/par", data=form, headers={"dpop": proof})
            app.nonce = answer.headers.get("dpop-nonce", "")
        return str(
            httpx.URL("/oauth/authorize", params={"client_id": app.id, "request_uri": answer.json()["request_uri"]})
        )


@pytest.mark.browser
def test_a_passkey_that_was_removed_opens_nothing(page: Page, member: Member) -> None:
    Device(page)
    make_passkey(page, member, "My phone")
    page.get_by_role("button", name="Remove: My phone").click()
    expect(page.get_by_text("Removed.")).to_be_visible()
    sign_out(page)
    page.get_by_role("button", name="Use a passkey instead").click()
    expect(page.get_by_role("alert")).to_contain_text("That passkey was not accepted.")


@pytest.mark.browser
def test_without_scripts_no_passkey_is_offered_and_codes_do(
    browser: Browser, running_network: RunningNetwork, member: Member
) -> None:
    codes = member.turn_codes_on()
    context = browser.new_context(base_url=running_network.url, locale="en-GB", java_script_enabled=False)
    page = context.new_page()
    page.goto("/sign-in?next=/settings/security")
    expect(page.get_by_role("button", name="Use a passkey instead")).to_be_hidden()
    sign_in(page, member)
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    page.locator("#passkey-password").fill(PASSWORD)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("This browser cannot make passkeys")).to_be_visible()
    context.close()
