"""Apps that ask to be let in, with keys of their own, and every step of OAuth by hand, to be done wrongly too."""

import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from freehold.store.clock import now_micros
from support.browsing import Reader
from support.network import PASSWORD

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BACK = "http://127.0.0.1/back"


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def now() -> int:
    return now_micros() // 1_000_000


class Key:
    """A key of P-256 that signs JWTs."""

    def __init__(self, kid: str = "") -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        numbers = self._private.public_key().public_numbers()
        self.jwk = {
            "kty": "EC",
            "crv": "P-256",
            "x": base64url(numbers.x.to_bytes(32)),
            "y": base64url(numbers.y.to_bytes(32)),
        } | ({"kid": kid} if kid else {})

    def sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        body = ".".join(base64url(msgspec.json.encode(part)) for part in ({"alg": "ES256"} | header, claims))
        r, s = decode_dss_signature(self._private.sign(body.encode(), ec.ECDSA(SHA256())))
        return f"{body}.{base64url(r.to_bytes(32) + s.to_bytes(32))}"

    def proof(self, method: str, url: str, nonce: str = "", access: str = "", **other: Any) -> str:
        claims = {"jti": secrets.token_hex(8), "htm": method, "htu": url, "iat": now()}
        if nonce:
            claims["nonce"] = nonce
        if access:
            claims["ath"] = base64url(sha256(access.encode()).digest())
        return self.sign({"typ": "dpop+jwt", "jwk": self.jwk}, claims | other)


class App:
    """A client. key: of its DPoP proofs. signer: what it authenticates with; None for a public client.

    ahead: seconds by which the network's clock is ahead of the real one.
    """

    def __init__(self, http: httpx.AsyncClient, scope: str = "atproto transition:generic") -> None:
        self.http, self.key, self.scope = http, Key(), scope
        self.issuer = str(http.base_url).rstrip("/")
        self.id = str(httpx.URL("http://localhost", params={"redirect_uri": BACK, "scope": scope}))
        self.signer: Key | None = None
        self.ahead = 0
        self.redirect_uri = "http://127.0.0.1:4321/back"
        self.nonce = self.access = self.refresh = self.verifier = self.state = ""

    async def post(self, path: str, form: dict[str, str], **proof: Any) -> httpx.Response:
        """Send a form with a proof; a nonce that is asked for is sent at once."""
        for _ in range(2):
            answer = await self.post_once(path, form, **proof)
            if answer.status_code != 400 or answer.json()["error"] != "use_dpop_nonce":
                break
        return answer

    async def post_once(self, path: str, form: dict[str, str], **proof: Any) -> httpx.Response:
        headers = {
            "dpop": self.key.proof("POST", f"{self.issuer}{path}", **{"nonce": self.nonce, "iat": self.now(), **proof})
        }
        answer = await self.http.post(path, data={"client_id": self.id, **self.assertion(), **form}, headers=headers)
        self.nonce = answer.headers.get("dpop-nonce", self.nonce)
        return answer

    def now(self) -> int:
        return now() + self.ahead

    def assertion(self, **other: Any) -> dict[str, str]:
        if self.signer is None:
            return {}
        claims = {"iss": self.id, "sub": self.id, "aud": self.issuer, "jti": secrets.token_hex(8), "iat": self.now()}
        claims |= {"exp": self.now() + 60}
        signed = self.signer.sign({"kid": self.signer.jwk["kid"]}, claims | other)
        return {"client_assertion_type": ASSERTION, "client_assertion": signed}

    def question(self, **other: str) -> dict[str, str]:
        self.verifier, self.state = secrets.token_urlsafe(48), secrets.token_hex(8)
        return {
            "response_type": "code",
            "code_challenge": base64url(sha256(self.verifier.encode()).digest()),
            "code_challenge_method": "S256",
            "scope": self.scope,
            "state": self.state,
            "redirect_uri": self.redirect_uri,
        } | other

    async def ask(self, **other: str) -> str:
        """Push a request; where to send the browser."""
        answer = await self.post("/oauth/par", self.question(**other))
        assert answer.status_code == 201, answer.text
        return str(httpx.URL("/oauth/authorize", params={"client_id": self.id, **_uri(answer)}))

    async def code(self, reader: Reader, handle: str, answer: str = "allow") -> dict[str, str]:
        """What the member's browser brings back."""
        await reader.go(await self.ask())
        if 'name="password"' in reader.text:
            await reader.send("/oauth/authorize/sign-in", identifier=handle, password=PASSWORD)
        await reader.send("/oauth/authorize", follow=False, answer=answer)
        assert reader.page.status_code == 303, reader.page.text
        there = urlsplit(reader.page.headers["location"])
        assert f"{there.scheme}://{there.netloc}{there.path}" == self.redirect_uri
        return {name: values[0] for name, values in parse_qs(there.query).items()}

    async def exchange(self, code: str, **other: str) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": self.verifier}
        return self._keep(await self.post("/oauth/token", form | {"redirect_uri": self.redirect_uri} | other))

    async def renew(self, token: str = "") -> httpx.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token or self.refresh}
        return self._keep(await self.post("/oauth/token", form))

    async def let_in(self, reader: Reader, handle: str) -> dict[str, Any]:
        answer = await self.exchange((await self.code(reader, handle))["code"])
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def call(self, method: str, nsid: str, *, scheme: str = "DPoP", **more: Any) -> httpx.Response:
        """Call a method with the access token, and a proof (again with a new nonce when that is asked for)."""
        for _ in range(2):
            proof = self.key.proof(
                method, f"{self.issuer}/xrpc/{nsid}", nonce=self.nonce, access=self.access, iat=self.now()
            )
            headers = {"authorization": f"{scheme} {self.access}", "dpop": proof, **more.pop("headers", {})}
            answer = await self.http.request(method, f"/xrpc/{nsid}", headers=headers, **more)
            self.nonce = answer.headers.get("dpop-nonce", self.nonce)
            if 'error="use_dpop_nonce"' not in answer.headers.get("www-authenticate", ""):
                break
        return answer

    def _keep(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == 200:
            self.access, self.refresh = answer.json()["access_token"], answer.json()["refresh_token"]
        return answer


def _uri(answer: httpx.Response) -> dict[str, str]:
    return {"request_uri": answer.json()["request_uri"]}
