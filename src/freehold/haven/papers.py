"""The certificate by which machines of one network know each other: made by each for itself, pinned by the others.

Owns DIRECTORY/haven.pem: a key and a certificate that says nothing but the key. It is not sealed, for a standby that is
locked receives and stores; it opens nothing of what it stores. In come directories and pinned certificates; out go TLS
contexts.
Source: RFC 5280; https://docs.python.org/3/library/ssl.html
"""

import hashlib
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from freehold.store.files import write_durably

FILE = "haven.pem"
NAME_BYTES = 8
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)
"""Whether a machine is trusted is decided by its pin. A certificate that ran out would end a haven on some night."""


def own(directory: Path) -> bytes:
    """This machine's certificate, in DER; made with its key if there is none."""
    path = directory / FILE
    if not path.exists():
        _make(path)
    pem = path.read_bytes()
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a certificate, 64 hex digits: short enough to be read out and compared."""
    return hashlib.sha256(certificate).hexdigest()


def calling(directory: Path, pin: bytes) -> ssl.SSLContext:
    """For a machine that calls the one whose certificate is `pin`."""
    context = _context(directory, ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the pin says who it is, wherever it answers
    context.load_verify_locations(cadata=pin)
    return context


def nameless() -> ssl.SSLContext:
    """For a machine that is to be introduced: it shows nothing, and looks itself who answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def answering(directory: Path, pins: list[bytes]) -> ssl.SSLContext:
    """For a machine that is called by those whose certificates are `pins`, or by one that shows none."""
    context = _context(directory, ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    for pin in pins:
        context.load_verify_locations(cadata=pin)
    return context


def _context(directory: Path, protocol: int) -> ssl.SSLContext:
    own(directory)
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(directory / FILE)
    return context


def _make(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    own = os.urandom(NAME_BYTES).hex()  # OpenSSL looks certificates up by name: each machine has another
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"freehold {own}")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_durably(path, private + certificate.public_bytes(Encoding.PEM))
