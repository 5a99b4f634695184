"""Signing in, coming back and what guards an account, as a reader without scripts walks through the pages."""

import re
from collections.abc import AsyncIterator
from html import unescape

import httpx
import pyotp
import pytest

from freehold.cli import dev
from freehold.pds import recovery_keys
from freehold.server import Networks
from freehold.site import Site
from freehold.web.qr import drawing_of
from support.apps import App
from support.authenticator import Authenticator
from support.browsing import Reader
from support.inside import SECOND, Clock, calling, opened
from support.mailbox import mailbox
from support.markup import faults
from support.network import PASSWORD, Caller, Person, refused

STEP = 30 * SECOND
NEW = "another good password"
SECURITY = "/settings/security"


@pytest.fixture
async def reader(site: Site, http: httpx.AsyncClient) -> AsyncIterator[Reader]:
    await dev.prepare(site)
    async with Reader(Networks([site]), site.place.base_url) as reader:
        yield reader


@pytest.fixture
async def alices(alice: Person, reader: Reader) -> Reader:
    """Alice's browser."""
    await reader.sign_in("alice", PASSWORD)
    return reader


def shown(reader: Reader, id: str) -> str:
    found = re.search(rf'id="{id}">([^<]+)<', reader.text)
    assert found is not None, reader.text
    return unescape(found[1])


async def set_up(reader: Reader, clock: Clock) -> tuple[pyotp.TOTP, list[str]]:
    """Turn codes on, as the pages lead."""
    await reader.go(SECURITY)
    await reader.send(f"{SECURITY}/codes", password=PASSWORD)
    assert reader.page.url.path == f"{SECURITY}/codes"
    assert faults(reader.text) == []
    phone = pyotp.TOTP(shown(reader, "secret").replace(" ", ""))
    await reader.send(f"{SECURITY}/codes/confirm", code=phone.at(clock() // SECOND))
    assert "Codes are on." in reader.text
    assert faults(reader.text) == []
    codes = re.findall(r"<li><code>([a-z2-7-]+)</code>", reader.text)
    clock.pass_by(STEP)
    return phone, codes


async def sign_out(reader: Reader) -> None:
    await reader.go("/settings")
    await reader.send("/sign-out")


async def test_codes_are_set_up_and_asked_for_in_a_second_step(alices: Reader, clock: Clock) -> None:
    phone, codes = await set_up(alices, clock)
    assert len(codes) == 10
    assert phone.secret not in (await alices.go(SECURITY)).text
    await sign_out(alices)
    await alices.go("/sign-in?next=/notices")
    await alices.send("/sign-in", identifier="alice", password=PASSWORD)
    assert "Your password is right." in alices.text
    assert faults(alices.text) == []
    await alices.send("/sign-in/code", code="nonsense")
    assert alices.page.status_code == 400
    assert "That code is not right" in alices.text
    await alices.send("/sign-in/code", code=phone.at(clock() // SECOND))
    assert alices.page.url.path == "/notices"
    await sign_out(alices)
    await alices.sign_in("alice", PASSWORD)
    await alices.send("/sign-in/code", code=codes[0])
    assert "9 backup codes are left." in (await alices.go(SECURITY)).text
    assert faults(alices.text) == []


async def test_the_second_step_leads_back_when_it_comes_too_late(alices: Reader, clock: Clock) -> None:
    phone, _ = await set_up(alices, clock)
    await sign_out(alices)
    await alices.sign_in("alice", PASSWORD)
    clock.pass_by(11 * 60 * SECOND)
    await alices.send("/sign-in/code", code=phone.at(clock() // SECOND))
    assert alices.page.status_code == 401
    assert "That took too long. Sign in again." in alices.text
    assert 'name="password"' in alices.text


async def test_codes_are_turned_off_by_password_and_code(alices: Reader, clock: Clock) -> None:
    phone, _ = await set_up(alices, clock)
    await alices.go(SECURITY)
    await alices.send(f"{SECURITY}/codes/off", password="wrong password", code="1")
    assert "That is not your password" in alices.text
    await alices.send(f"{SECURITY}/codes/off", password=PASSWORD, code="")
    assert "Type a code, too." in alices.text
    assert faults(alices.text) == []
    await alices.send(f"{SECURITY}/codes/off", password=PASSWORD, code=phone.at(clock() // SECOND))
    assert "Codes from an app are off." in alices.text
    await sign_out(alices)
    await alices.sign_in("alice", PASSWORD)
    assert alices.page.url.path == "/"


async def test_new_backup_codes_are_shown_once(alices: Reader, clock: Clock) -> None:
    _, codes = await set_up(alices, clock)
    await alices.go(SECURITY)
    await alices.send(f"{SECURITY}/backup-codes", password=PASSWORD)
    new = re.findall(r"<li><code>([a-z2-7-]+)</code>", alices.text)
    assert len(new) == 10
    assert not set(new) & set(codes)
    assert alices.page.headers["cache-control"] == "no-store"


async def test_an_app_is_let_in_with_a_code(alices: Reader, http: httpx.AsyncClient, clock: Clock) -> None:
    phone, _ = await set_up(alices, clock)
    await sign_out(alices)
    app = App(http)
    await alices.go(await app.ask())
    await alices.send("/oauth/authorize/sign-in", identifier="alice", password=PASSWORD)
    assert "form-action 'self' http://127.0.0.1:4321" in alices.page.headers["content-security-policy"]
    assert faults(alices.text) == []
    await alices.send("/oauth/authorize/sign-in/code", code="wrong")
    assert alices.page.status_code == 400
    await alices.send("/oauth/authorize/sign-in/code", code=phone.at(clock() // SECOND))
    assert "Let this app act for you?" in alices.text
    await alices.send("/oauth/authorize", follow=False, answer="allow")
    assert alices.page.headers["location"].startswith(app.redirect_uri)


# --- passkeys: a script puts the browser's answer into the form; here it is put there by hand


async def test_a_passkey_is_made_named_used_and_removed(alices: Reader, site: Site) -> None:
    device = Authenticator(site.place.base_url)
    await alices.go(SECURITY)
    await alices.send(f"{SECURITY}/passkeys", name="My <phone>", password=PASSWORD)
    assert faults(alices.text) == []
    options = re.search(r'data-options="([^"]+)"', alices.text)
    assert options is not None
    await alices.send(
        f"{SECURITY}/passkeys/add", answer=device.make(httpx.Response(200, text=unescape(options[1])).json())
    )
    assert "Your passkey is ready." in alices.text
    assert "My &lt;phone&gt;" in alices.text
    assert faults(alices.text) == []
    await sign_out(alices)
    question = (await alices.http.get("/sign-in/passkey")).json()
    await alices.go("/sign-in?next=/settings/security")
    await alices.send("/sign-in/passkey", ticket=question["ticket"], answer=device.sign(question["options"]))
    assert "Last used" in alices.text
    await alices.send(f"{SECURITY}/passkeys/remove")
    assert "Removed." in alices.text
    await sign_out(alices)
    question = (await alices.http.get("/sign-in/passkey")).json()
    await alices.go("/sign-in")
    await alices.send("/sign-in/passkey", ticket=question["ticket"], answer=device.sign(question["options"]))
    assert alices.page.status_code == 401
    assert "That passkey was not accepted." in alices.text


async def test_a_passkey_needs_the_password_to_be_made(alices: Reader) -> None:
    await alices.go(SECURITY)
    await alices.send(f"{SECURITY}/passkeys", name="x", password="wrong password")
    assert alices.page.status_code == 401
    assert "data-options" not in alices.text


# --- coming back


async def test_a_recovery_code_is_asked_for_until_it_is_made_and_brings_a_member_back(alices: Reader) -> None:
    assert "You have no recovery code yet." in (await alices.go("/settings")).text
    await alices.go(SECURITY)
    await alices.send(f"{SECURITY}/recovery", password="wrong password")
    assert alices.page.status_code == 401
    await alices.send(f"{SECURITY}/recovery", password=PASSWORD)
    code = shown(alices, "recovery-code")
    assert faults(alices.text) == []
    assert "no recovery code" not in (await alices.go("/settings")).text
    await sign_out(alices)

    await alices.go("/recover")
    assert faults(alices.text) == []
    said = set()
    for name, proof in (("alice", "nonsense"), ("nobody", code), ("alice", recovery_keys.make().secret)):
        await alices.send("/recover", identifier=name, proof=proof, password=NEW)
        assert alices.page.status_code == 401
        said.add(re.sub(r'value="[^"]*"', "", alices.text))
        assert code not in alices.text
        assert faults(alices.text) == []
    assert len(said) == 1
    await alices.send("/recover", identifier="@Alice", proof=code, password="short")
    assert "At least 8 characters" in alices.text
    await alices.send("/recover", identifier="@Alice", proof=code, password=NEW)
    assert "you are signed in here only" in alices.text
    assert shown(alices, "recovery-code") != code
    assert faults(alices.text) == []
    assert (await alices.go(SECURITY)).url.path == SECURITY
    await sign_out(alices)
    await alices.sign_in("alice", NEW)


async def test_a_recovery_key_brings_a_member_back(reader: Reader, http: httpx.AsyncClient) -> None:
    key = recovery_keys.make()
    await Person.join(http, "carol", recoveryKey=key.did_key)
    await reader.go("/recover")
    await reader.send("/recover", identifier="carol", proof=key.secret, password=NEW)
    assert "you are signed in here only" in reader.text
    assert key.secret not in reader.text


async def test_without_mail_there_is_no_page_for_it(reader: Reader) -> None:
    assert "/recover/mail" not in (await reader.go("/recover")).text
    assert (await reader.go("/recover/mail")).status_code == 404


async def test_a_letter_brings_a_member_back_and_says_nothing_of_who_is_here(tmp_path, shared, clock) -> None:  # type: ignore[no-untyped-def]
    async with mailbox() as box:
        with opened(tmp_path / "town", shared, clock, **box.settings) as site:
            async with calling(site) as http, Reader(Networks([site]), site.place.base_url) as reader:
                await dev.prepare(site)
                await Person.join(http, "mei", email="mei@mail.example")
                await reader.go("/recover")
                await reader.go("/recover/mail")
                said = set()
                for mail in ("nobody@mail.example", "mei@mail.example"):
                    await reader.go("/recover/mail")
                    await reader.send("/recover/mail", email=mail)
                    said.add(re.sub(r'name="token" value="[^"]*"', "", reader.text).replace(mail, ""))
                    assert faults(reader.text) == []
                assert len(said) == 1
                await reader.send("/recover/mail/code", code="AAAA-AAAA", password=NEW)
                assert "That code is not right." in reader.text
                await reader.send("/recover/mail/code", code=await box.code(), password=NEW)
                assert "Your new password counts" in reader.text
                await reader.send("/sign-in", identifier="mei", password=NEW)
                assert reader.page.url.path == "/"


# --- app passwords


async def test_app_passwords_are_made_listed_and_revoked(alices: Reader, http: httpx.AsyncClient) -> None:
    await alices.go("/settings/apps")
    await alices.go("/settings/app-passwords")
    assert faults(alices.text) == []
    await alices.send("/settings/app-passwords", name="Mail <app>", level="privileged")
    text = shown(alices, "app-password")
    assert faults(alices.text) == []
    session = await Caller(http).do("com.atproto.server.createSession", identifier="alice", password=text)
    claims = (await Caller(http, session["accessJwt"]).get("com.atproto.server.getSession"))["handle"]
    assert claims == "alice.test"
    assert text not in (await alices.go("/settings/app-passwords")).text
    assert "Messages, too." in alices.text
    await alices.send("/settings/app-passwords", name="Mail <app>")
    assert "You have an app password of that name." in alices.text
    assert faults(alices.text) == []
    await alices.send("/settings/app-passwords/revoke")
    assert "Revoked." in alices.text
    with refused("AuthenticationRequired", 401):
        await Caller(http).do("com.atproto.server.createSession", identifier="alice", password=text)


# --- who rests


async def test_who_rests_comes_in_is_told_and_may_wake(alice: Person, reader: Reader) -> None:
    await alice.deactivate()
    await reader.go("/sign-in?next=/settings")
    await reader.send("/sign-in", identifier="alice", password=PASSWORD)
    assert reader.page.url.path == "/resting"
    assert "Your account rests" in reader.text
    assert faults(reader.text) == []
    for path in ("/", "/write", SECURITY, "/@alice.test"):
        assert (await reader.go(path)).url.path == "/resting"
    assert (await reader.go("/settings/data")).headers["content-type"] == "application/vnd.ipld.car"
    await reader.go("/resting?next=/settings")
    await reader.send("/resting")
    assert reader.page.url.path == "/settings"
    assert (await alice.get("com.atproto.server.getSession"))["active"] is True
    assert (await reader.go("/resting")).url.path == "/"


async def test_who_rests_may_let_an_app_in_which_cannot_write(
    alice: Person, reader: Reader, http: httpx.AsyncClient
) -> None:
    await alice.deactivate()
    app = App(http)
    await reader.go(await app.ask())
    await reader.send("/oauth/authorize/sign-in", identifier="alice", password=PASSWORD)
    assert "Your account rests." in reader.text
    assert faults(reader.text) == []
    token = await app.let_in(reader, "alice")
    assert token["sub"] == alice.did
    record = {"$type": "app.bsky.feed.post", "text": "x", "createdAt": "2026-11-21T12:00:00.000Z"}
    given = {"repo": alice.did, "collection": "app.bsky.feed.post", "record": record}
    answer = await app.call("POST", "com.atproto.repo.createRecord", json=given)
    assert answer.status_code in (400, 401, 403)
    assert answer.json()["error"] in ("RepoDeactivated", "AccountDeactivated")


async def test_who_rests_and_forgot_the_password_may_come_back(alice: Person, reader: Reader, site: Site) -> None:
    code = await site.recovery.make_code(site.accounts.one(alice.did), PASSWORD)
    await alice.deactivate()
    await reader.go("/recover")
    await reader.send("/recover", identifier="alice", proof=code, password=NEW)
    assert shown(reader, "recovery-code")
    assert (await reader.go("/")).url.path == "/resting"


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_the_pages_speak_french_too_and_are_well_formed(alices: Reader, language: str) -> None:
    for path in (SECURITY, "/settings/app-passwords", "/settings/apps", "/settings"):
        await alices.go(path, headers={"Accept-Language": language})
        assert f'<html lang="{language}">' in alices.text
        assert faults(alices.text) == []


def test_a_qr_code_is_one_path_with_room_around_it() -> None:
    drawing = drawing_of("otpauth://totp/x:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=x")
    starts = [tuple(map(int, run.split("h")[0].split())) for run in drawing.path.split("M")[1:]]
    assert min(x for x, _ in starts) == min(y for _, y in starts) == 4
    assert drawing.path.startswith("M4 4h7v1h-7z")  # the finder's edge
    assert drawing.size == 8 + max(y for _, y in starts) - 4 + 1
