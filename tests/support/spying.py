"""Somebody who uses a network in every way that knows a secret, and remembers each, to be looked for afterwards."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from html import unescape
from secrets import token_hex
from typing import Any

import httpx
import pyotp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from freehold.pds import recovery_keys
from support.authenticator import Authenticator
from support.network import ADMIN_PASSWORD, Caller, Operator, Person, Refusal, RunningNetwork
from support.patience import until
from support.scribes import picture

STREAM = "/xrpc/com.atproto.sync.subscribeRepos"
Secrets = dict[str, bytes]


def forms_of(name: str, raw: bytes) -> Secrets:
    """A key as bytes, and as people and programs write bytes down."""
    return {
        name: raw,
        f"{name} in hex": raw.hex().encode(),
        f"{name} in base64": b64encode(raw).rstrip(b"="),
        f"{name} in base64url": urlsafe_b64encode(raw).rstrip(b"="),
    }


def found_in(data: bytes, secrets: Secrets) -> list[str]:
    return [name for name, secret in secrets.items() if secret in data]


class Spy:
    """Uses one network in every way that knows a secret. refusals: the bodies of all answers that refused."""

    def __init__(self, network: RunningNetwork, http: httpx.AsyncClient) -> None:
        self.network, self.http = network, http
        self.known: Secrets = {"the operator's password": ADMIN_PASSWORD.encode()}
        self.refusals: list[bytes] = []
        http.event_hooks["response"] = [self._keep_refusal]

    async def _keep_refusal(self, answer: httpx.Response) -> None:
        if answer.status_code >= 400:
            self.refusals.append(await answer.aread())

    def plant(self, name: str) -> str:
        """Something that occurs nowhere else."""
        made = f"planted{token_hex(12)}"
        self.known[name] = made.encode()
        return made

    def learn(self, name: str, token: str | None) -> None:
        """A secret that the network made. Of a JWT the signature is what makes it one."""
        assert token
        self.known[name] = token.rpartition(".")[2].encode()

    async def try_to(self, nsid: str, headers: dict[str, str] | None = None, **given: Any) -> None:
        """A call that must be refused."""
        with pytest.raises(Refusal):
            await Caller(self.http).do(nsid, headers, **given)

    # --- programs

    async def use_programs(self) -> Person:
        password, mail = self.plant("a password"), f"{self.plant('a mail address')}@mail.example"
        alice = await Person.join(self.http, password=password, email=mail)
        for identifier in (alice.handle, mail):
            session = await Caller(self.http).do(
                "com.atproto.server.createSession", identifier=identifier, password=password
            )
        self.learn("an access token", alice.token)
        self.learn("a refresh token", alice.refresh_token)
        self.learn("another access token", session["accessJwt"])
        refreshed = await Caller(self.http, session["refreshJwt"]).do("com.atproto.server.refreshSession")
        self.learn("the next refresh token", refreshed["refreshJwt"])
        auth = await alice.get("com.atproto.server.getServiceAuth", aud="did:web:there.example#service")
        self.learn("a service token", auth["token"])
        await alice.post_picture(await alice.upload(picture(b"a picture")), "hello")
        changed = self.plant("a password that the operator set")
        await Operator(self.http).do("com.atproto.admin.updateAccountPassword", did=alice.did, password=changed)
        await Operator(self.http).get("com.atproto.admin.getAccountInfo", did=alice.did)
        await self._be_refused(alice, mail)
        return alice

    async def _be_refused(self, alice: Person, mail: str) -> None:
        sign_in, join = "com.atproto.server.createSession", "com.atproto.server.createAccount"
        wrong = self.plant("a wrong password")
        for identifier in (alice.handle, mail, f"{self.plant('an unknown mail address')}@mail.example", wrong):
            await self.try_to(sign_in, identifier=identifier, password=wrong)
        await self.try_to(join, handle="another-name.test", password=wrong, email=mail)
        await self.try_to(join, handle=alice.handle, password=wrong)
        await self.try_to(join, handle="another-name.test", password="short", email=f"x y{mail}")
        await self.try_to(sign_in, identifier=[alice.handle], password=wrong)
        await self.try_to(sign_in, identifier=alice.handle, password={"is": wrong})
        await self.try_to(join, handle="another-name.test", password=wrong, email=5, inviteCode=[wrong])
        for body in (f'{{"password": "{wrong}', f'{{"password": "{wrong}"}} {wrong}'):
            await self._post(sign_in, body, "application/json")
        await self._post(sign_in, f'{{"password": "{wrong}"}}', f"text/{wrong}"[:4])
        await self.try_to("com.atproto.server.getSession", {"authorization": f"Bearer {alice.token}"})
        for headers in (
            {"authorization": f"Bearer {self.plant('no token')}"},
            {"authorization": f"Bearer {alice.refresh_token}"},
            {"authorization": f"Basic {b64encode(f'admin:{wrong}'.encode()).decode()}"},
            {"authorization": f"DPoP {alice.token}"},
            {"authorization": f"Bearer {alice.token}", "atproto-proxy": "did:web:127.0.0.1%3A1#bsky_chat"},
        ):
            with pytest.raises(Refusal):
                await Caller(self.http).get("chat.bsky.convo.listConvos", headers)

    async def _post(self, nsid: str, body: str, kind: str) -> None:
        await self.http.post(f"/xrpc/{nsid}", content=body.encode(), headers={"content-type": kind})

    # --- browsers

    async def use_pages(self) -> None:
        password, mail = (
            self.plant("a password typed in a page"),
            f"{self.plant('a mail typed in a page')}@mail.example",
        )
        async with httpx.AsyncClient(base_url=self.network.url, follow_redirects=True) as browser:
            name = f"n{token_hex(6)}"
            joined = await self._submit(browser, "/join", handle=name, password=password, email=mail, rules="yes")
            assert joined.status_code == 200
            self.learn("a browser's session", browser.cookies["session"])
            changed = self.plant("a new password typed in a page")
            await self._submit(browser, "/settings", "/settings/password", old=password, new=changed)
            browser.cookies.clear()
            await self._submit(browser, "/sign-in", identifier=mail, password=changed)
            self.learn("a browser's next session", browser.cookies["session"])
            await self._guard_account(browser, name, changed)
            wrong = self.plant("a wrong password typed in a page")
            await self._submit(browser, "/settings", "/settings/password", old=wrong, new=wrong)
            await self._submit(browser, "/sign-out", "/sign-out", page="/settings")
            browser.cookies.clear()
            for identifier in (mail, name, wrong):
                answer = await self._submit(browser, "/sign-in", identifier=identifier, password=wrong)
                assert answer.status_code == 401
                assert password not in answer.text
            await self._submit(browser, "/join", handle=f"n{token_hex(6)}", password=wrong, email=mail)
            await browser.post("/sign-in", data={"token": "old", "identifier": mail, "password": wrong})

    async def _guard_account(self, browser: httpx.AsyncClient, name: str, password: str) -> None:
        """A recovery code, codes of an app, backup codes, an app password, a passkey's question; and wrong ones."""
        security = "/settings/security"
        made = await self._submit(browser, security, f"{security}/recovery", password=password)
        self.learn_text("a recovery code", _shown(made, "recovery-code"))
        begun = await self._submit(browser, security, f"{security}/codes", password=password)
        self.learn_text("an app's secret", _shown(begun, "secret"))
        code = pyotp.TOTP(_shown(begun, "secret").replace(" ", "")).now()
        backup = await self._submit(browser, f"{security}/codes", f"{security}/codes/confirm", code=code)
        for one in re.findall(r"<li><code>([a-z2-7-]+)</code>", backup.text):
            self.learn_text(f"a backup code ({one})", one)
        app = await self._submit(browser, "/settings/app-passwords", name="an app")
        self.learn_text("an app password", _shown(app, "app-password"))
        device = Authenticator(self.network.url)
        offer = await self._submit(browser, security, f"{security}/passkeys", name="x", password=password)
        options = re.search(r'data-options="([^"]+)"', offer.text)
        ticket = re.search(r'name="ticket" value="([^"]+)"', offer.text)
        assert options is not None
        assert ticket is not None
        answer = device.make(json.loads(unescape(options[1])))
        fields = {"ticket": ticket[1], "answer": answer, "name": "x"}
        await self._submit(browser, security, f"{security}/passkeys/add", **fields)
        self.known |= forms_of("a passkey's id", device.id)
        wrong = self.plant("a wrong code")
        await self.try_to("com.atproto.server.createSession", identifier=name, password=password)
        await self.try_to("com.atproto.server.createSession", identifier=name, password=password, authFactorToken=wrong)
        await self._submit(browser, "/recover", identifier=name, proof=wrong, password=self.plant("never set"))
        key = recovery_keys.make().secret
        self.learn_text("somebody's recovery key", key)
        await self._submit(browser, "/recover", identifier=name, proof=key, password=self.plant("never set either"))
        answer = device.sign({"challenge": "AAAA", "rpId": "localhost"})
        await self._submit(browser, "/recover", "/sign-in/passkey", ticket=wrong, answer=answer)

    def learn_text(self, name: str, text: str) -> None:
        """A secret for people, as it is shown, and without what is there for the eye."""
        self.known[name] = text.encode()
        self.known[f"{name}, bare"] = text.replace(" ", "").replace("-", "").encode()

    async def _submit(
        self, browser: httpx.AsyncClient, path: str, action: str = "", page: str = "", **fields: str
    ) -> httpx.Response:
        shown = await browser.get(page or path)
        token = re.search(r'name="token" value="([^"]+)"', shown.text)
        assert token is not None, shown.text
        return await browser.post(action or path, data={"token": token[1], **fields})

    # --- faults of ours

    async def be_failed(self, alice: Person) -> None:
        """Calls in which the network meets what it does not expect, and logs it as its fault."""
        signed_in = await Person.join(self.http, password=self.plant("a password beside a fault"))
        self.learn("an access token beside a fault", signed_in.token)
        incoming = self.network.directory / "blobs" / "incoming"
        await until(lambda: not any(incoming.iterdir()))
        incoming.rmdir()
        with pytest.raises(Refusal) as failed:
            await signed_in.upload(picture(b"lost"))
        assert failed.value.status == 500
        incoming.mkdir()

    async def subscribe(self, alice: Person) -> None:
        """A websocket with a token in its headers, which has no business there."""
        headers = {"authorization": f"Bearer {alice.token}", "cookie": f"session={self.plant('a cookie')}"}
        url = self.network.url.replace("http://", "ws://")
        async with connect(f"{url}{STREAM}", additional_headers=headers, close_timeout=1):
            pass
        with pytest.raises(InvalidStatus):
            async with connect(f"{url}/elsewhere", additional_headers=headers):
                pass


def _shown(page: httpx.Response, id: str) -> str:
    found = re.search(rf'id="{id}">([^<]+)<', page.text)
    assert found is not None, page.text
    return unescape(found[1])
