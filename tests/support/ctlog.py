"""A little certificate log that really is one: entries of real certificates in a Merkle tree, served by RFC 6962 and by
tiles, and a monitor beside it. It may be made to lie."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

TILE = 256


def certificate(*names: str, key: Any = None, days: int = 90) -> x509.Certificate:
    """By an authority of its own."""
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Some Authority")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(issuer, x509.Name([]), serial_number=x509.random_serial_number())
        .public_key((key or ec.generate_private_key(ec.SECP256R1())).public_key())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=True)
        .sign(authority, SHA256())
    )


def tree(hashes: Sequence[bytes]) -> bytes:
    """The root, as RFC 6962 (2.1) defines it."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\1" + tree(hashes[:left]) + tree(hashes[left:])).digest()


def path(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """The audit path of a leaf (2.1.1)."""
    if len(hashes) == 1:
        return []
    left = 1 << (len(hashes) - 1).bit_length() - 1
    if index < left:
        return [*path(index, hashes[:left]), tree(hashes[left:])]
    return [*path(index - left, hashes[left:]), tree(hashes[:left])]


class CtLog:
    """leaves: MerkleTreeLeaf of each entry. url: of the log, of its tiles, and of the monitor."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.certificates: list[x509.Certificate] = []
        self.most = 100
        self.url = ""

    def add(self, one: x509.Certificate, *, pre: bool = False) -> None:
        if pre:
            body = one.tbs_certificate_bytes
            entry = b"\0\1" + bytes(32) + len(body).to_bytes(3) + body
        else:
            body = one.public_bytes(Encoding.DER)
            entry = b"\0\0" + len(body).to_bytes(3) + body
        self.leaves.append(b"\0\0" + (1_700_000_000_000 + len(self.leaves)).to_bytes(8) + entry + b"\0\0")
        self.certificates.append(one)

    def add_others(self, count: int) -> None:
        """Certificates that are nobody's business."""
        one = certificate("elsewhere.example.net")
        for n in range(count):
            self.add(one, pre=n % 2 == 0)

    def answer(self, asked: str) -> bytes | None:
        parts = urlsplit(asked)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.startswith("/ct/v1/"):
            return json.dumps(self._plain(parts.path.removeprefix("/ct/v1/"), given)).encode()
        if parts.path == "/monitor":
            return json.dumps(self._monitored(given["q"])).encode()
        return self._tiled(parts.path)

    def _hashes(self) -> list[bytes]:
        return [sha256(b"\0" + leaf).digest() for leaf in self.leaves]

    def _plain(self, what: str, given: dict[str, str]) -> dict[str, Any]:
        hashes = self._hashes()
        if what == "get-sth":
            return {"tree_size": len(hashes), "timestamp": 1, "sha256_root_hash": b64encode(tree(hashes)).decode()}
        if what == "get-entry-and-proof":
            index, size = int(given["leaf_index"]), int(given["tree_size"])
            proof = [b64encode(one).decode() for one in path(index, hashes[:size])]
            return {"leaf_input": b64encode(self.leaves[index]).decode(), "extra_data": "", "audit_path": proof}
        start, end = int(given["start"]), min(int(given["end"]) + 1, int(given["start"]) + self.most)
        return {"entries": [{"leaf_input": b64encode(one).decode()} for one in self.leaves[start:end]]}

    def _tiled(self, asked: str) -> bytes | None:
        hashes = self._hashes()
        if asked == "/checkpoint":
            return f"log.example\n{len(hashes)}\n{b64encode(tree(hashes)).decode()}\n\n- sig\n".encode()
        if not asked.startswith("/tile/"):
            return None
        level, _, rest = asked.removeprefix("/tile/").partition("/")
        number, _, width = rest.replace("x", "").partition(".p/")
        first = int(number.replace("/", "")) * TILE
        last = first + int(width or TILE)
        if level == "data":
            return b"".join(self._tile_leaf(leaf) for leaf in self.leaves[first:last])
        under = TILE ** int(level)
        return b"".join(tree(hashes[i * under : (i + 1) * under]) for i in range(first, last))

    def _tile_leaf(self, leaf: bytes) -> bytes:
        signed = b"\0\0\5whole" if leaf[10:12] == b"\0\1" else b""
        return leaf[2:] + signed + b"\0\x20" + bytes(32)

    def _monitored(self, name: str) -> list[dict[str, Any]]:
        found = [one for one in self.certificates if any(each.endswith(name) for each in names_of(one))]
        return [
            {
                "dns_names": names_of(one),
                "issuer": {"name": one.issuer.rfc4514_string()},
                "serial_number": f"0{one.serial_number:x}",
                "pubkey_sha256": sha256(
                    one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
                ).hexdigest(),
                "not_before": one.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "not_after": one.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            for one in found
        ]


def names_of(one: x509.Certificate) -> list[str]:
    return one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)


@contextmanager
def serving_log() -> Iterator[CtLog]:
    """A log that is reached over the network."""
    log = CtLog()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = log.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("content-length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *given: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        log.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield log
        finally:
            server.shutdown()
            thread.join()
