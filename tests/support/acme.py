"""Pebble, the test authority of Let's Encrypt: issues certificates by the whole of RFC 8555, validating for real."""

import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

START_SECONDS = 20


class Authority(NamedTuple):
    """A pebble that runs. directory: its URL. trust: a PEM file with the certificate that its own https has."""

    directory: str
    management: str
    trust: Path
    log: Path
    process: "subprocess.Popen[bytes]"
    reach: Callable[[str, ssl.SSLContext], str]

    def root(self) -> str:
        """What its certificates lead up to, PEM. It makes a new one at each start."""
        return self.reach(f"{self.management}/roots/0", ssl.create_default_context(cafile=str(self.trust)))

    def orders(self) -> int:
        """How many orders it has had."""
        return self.log.read_text().count("POST /order-plz -> ")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def fetch(url: str, context: ssl.SSLContext) -> str:
    """A page."""
    with urlopen(url, context=context) as answer:
        return str(answer.read().decode())


@contextmanager
def pebble(
    folder: Path,
    nameserver: str,
    *,
    address: str = "127.0.0.1",
    http_port: int = 80,
    lasts_seconds: int = 90 * 24 * 3600,
    prefix: Sequence[str] = (),
    ports: tuple[int, int] = (14000, 15000),
    reach: Callable[[str, ssl.SSLContext], str] = fetch,
) -> Iterator[Authority]:
    """Run one. nameserver: `address:port` of what it asks. http_port: where it fetches proofs. prefix: words before the
    command, such as those that run it on another host, where `reach` fetches a page."""
    folder.mkdir(parents=True, exist_ok=True)
    trust = own_certificate(folder, address)
    told = {
        "listenAddress": f"{address}:{ports[0]}",
        "managementListenAddress": f"{address}:{ports[1]}",
        "certificate": str(trust),
        "privateKey": str(folder / "key.pem"),
        "httpPort": http_port,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "certificateValidityPeriod": lasts_seconds,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": told}))
    log = folder / "pebble.log"
    program = shutil.which("pebble")
    assert program is not None
    command = [*prefix, program, "-config", str(folder / "pebble.json"), "-dnsserver", nameserver]
    once = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
    with log.open("ab") as out:
        process = subprocess.Popen(command, env={**os.environ, **once}, stdout=out, stderr=out)
    base = f"https://{address}"
    running = Authority(f"{base}:{ports[0]}/dir", f"{base}:{ports[1]}", trust, log, process, reach)
    try:
        _wait(running)
        yield running
    finally:
        running.stop()


def _wait(running: Authority) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and running.process.poll() is None:
        if "ACME directory available at" in running.log.read_text():
            return
        time.sleep(0.02)
    raise AssertionError(f"pebble did not start:\n{running.log.read_text()}")


def own_certificate(folder: Path, address: str, *names: str) -> Path:
    """A certificate by nobody for an address (and names), in cert.pem, its key in key.pem; the path of the first."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"test {address}")])
    now = datetime.now(UTC)
    known = [x509.IPAddress(ip_address(address)), *map(x509.DNSName, names)]
    made = (
        x509.CertificateBuilder(issuer, issuer, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(known), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    raw = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(raw)
    return folder / "cert.pem"
