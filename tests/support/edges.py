"""What tests of edges share: a network that serves https with a certificate of its own, and how an edge speaks."""

import socket
import ssl
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from freehold.tls.proxied import SIGNATURE
from support.acme import own_certificate
from support.network import CHEAP

DOMAIN = "town.example"
PATIENCE_SECONDS = 10


def https_settings(folder: Path, https_port: int, http_port: int, *, edges_only: bool) -> str:
    """A settings.toml. folder: where the certificate is made, in cert.pem."""
    folder.mkdir(exist_ok=True)
    if not (folder / "cert.pem").exists():
        own_certificate(folder, "127.0.0.1", DOMAIN, f"*.{DOMAIN}")
    return (
        f'{CHEAP}domain = "{DOMAIN}"\nhttps = true\nhttps_port = {https_port}\nhttp_port = {http_port}\n'
        f'certificate_file = "{folder / "cert.pem"}"\ncertificate_key_file = "{folder / "key.pem"}"\n'
        f"edges_only = {str(edges_only).lower()}\n"
    )


def header(address: str = "", port: int = 40_324, more: bytes = b"") -> bytes:
    """What an edge says before a visitor's first byte; without an address, that it calls itself."""
    if not address:
        return SIGNATURE + bytes([0x20, 0, 0, 0])
    raw = ip_address(address).packed
    there = ip_address("192.0.2.1" if len(raw) == 4 else "2001:db8::1").packed
    body = raw + there + port.to_bytes(2) + (443).to_bytes(2) + more
    return SIGNATURE + bytes([0x21, 0x11 if len(raw) == 4 else 0x21]) + len(body).to_bytes(2) + body


def encrypted(plain: socket.socket, folder: Path, name: str = DOMAIN) -> ssl.SSLSocket:
    """TLS over a connection, trusting the certificate in `folder` and nothing else."""
    plain.settimeout(PATIENCE_SECONDS)
    return ssl.create_default_context(cafile=str(folder / "cert.pem")).wrap_socket(plain, server_hostname=name)


def hung_up_on(plain: socket.socket, first: bytes = b"") -> bool:
    """Whether somebody who says that, and then begins TLS, hears not one byte."""
    outgoing = ssl.MemoryBIO()
    hello = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=DOMAIN)
    with suppress(ssl.SSLWantReadError):
        hello.do_handshake()
    with plain:
        plain.settimeout(PATIENCE_SECONDS)
        try:
            plain.sendall(first + outgoing.read())
            return plain.recv(1) == b""
        except ConnectionError:
            return True


def ask(connection: socket.socket, path: str = "/xrpc/_health") -> str:
    """One request, and all of the answer, at whose end the connection is closed."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n".encode())
    return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()


def left(answer: str) -> int:
    """How many points of the reading limit an answer says are left."""
    return int(answer.lower().partition("ratelimit-remaining: ")[2].partition("\r\n")[0])
