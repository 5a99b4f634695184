"""From a certificate and its key to what a TLS connection is opened with.

Source: https://wiki.mozilla.org/Security/Server_Side_TLS (intermediate)
"""

import os
import secrets
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2; those of 1.3 are all sound."""


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def raw_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key as it is kept: PKCS #8 DER."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def key_from(raw: bytes) -> ec.EllipticCurvePrivateKey:
    """The other way round."""
    key = load_der_private_key(raw, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def term(chain: bytes) -> tuple[int, int]:
    """From when to when the certificate at the head of a PEM chain holds, in micros. Raises ValueError."""
    leaf = x509.load_pem_x509_certificate(chain)
    starts, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    return round(starts.timestamp()) * 1_000_000, round(ends.timestamp()) * 1_000_000


def context_of(chain: bytes, raw: bytes) -> ssl.SSLContext:
    """What connections under this certificate are opened with.

    OpenSSL takes both from a file only: the key goes there encrypted under a password that nobody keeps.
    """
    password = secrets.token_bytes(32)
    locked = key_from(raw).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
    handle, name = tempfile.mkstemp(prefix="freehold-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(locked + chain)
        return _context(Path(name), Path(name), password)
    finally:
        os.unlink(name)


def context_of_files(chain: Path, key: Path) -> ssl.SSLContext:
    """The same from an operator's own PEM files. Raises OSError, ssl.SSLError."""
    return _context(chain, key, None)


def _context(chain: Path, key: Path, password: bytes | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(chain, key, password)
    return context
