"""A member's device with passkeys, in software: makes keys, answers challenges, counts.

Each answer is the JSON that a browser makes of it. What it says can be falsified by keyword: `origin`, `flags`, `kind`.
Source: https://www.w3.org/TR/webauthn-3/
"""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor
from fido2.cose import ES256

PRESENT, VERIFIED, HAS_KEY = 1, 4, 64


def text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def data(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """One passkey. step: by how much the counter grows with each use; 0 is one that does not count."""

    def __init__(self, origin: str, step: int = 1) -> None:
        self.origin, self.step, self.counter = origin, step, 0
        self.id, self.handle = secrets.token_bytes(32), b""
        self._key = ec.generate_private_key(ec.SECP256R1())

    def make(self, options: dict[str, Any], flags: int = PRESENT | VERIFIED, **false: str) -> str:
        """navigator.credentials.create"""
        self.handle = data(options["user"]["id"])
        public = cbor.encode(dict(ES256.from_cryptography_key(self._key.public_key())))
        credential = bytes(16) + len(self.id).to_bytes(2) + self.id + public
        known = self._known(options["rp"]["id"], flags | HAS_KEY) + credential
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": known})
        return self._answer({"attestationObject": text(attestation)}, self._client("create", options, **false))

    def sign(self, options: dict[str, Any], flags: int = PRESENT | VERIFIED, **false: str) -> str:
        """navigator.credentials.get"""
        self.counter += self.step
        client, known = self._client("get", options, **false), self._known(options["rpId"], flags)
        signature = self._key.sign(known + sha256(client).digest(), ec.ECDSA(SHA256()))
        proof = {"authenticatorData": text(known), "signature": text(signature), "userHandle": text(self.handle)}
        return self._answer(proof, client)

    def _client(self, kind: str, options: dict[str, Any], **false: str) -> bytes:
        said = {"type": f"webauthn.{kind}", "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(said | false).encode()

    def _known(self, host: str, flags: int) -> bytes:
        return sha256(host.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4)

    def _answer(self, proof: dict[str, str], client: bytes) -> str:
        whole = {"id": text(self.id), "rawId": text(self.id), "type": "public-key", "clientExtensionResults": {}}
        return json.dumps(whole | {"response": {"clientDataJSON": text(client), **proof}})
