"""What certificate logs hold, read and checked: entries, and the Merkle tree that proves that nothing was taken out.

Pure: bytes in, values out. A log's tree is followed by its *frontier*, the roots of the perfect subtrees that make it
up, largest first; whoever keeps those few hashes can go on from any size and compare the root with what the log signs.
Sources: RFC 6962 (2.1, 3.4); https://c2sp.org/static-ct-api, https://c2sp.org/tlog-tiles
"""

from hashlib import sha256
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

TILE = 256
"""Entries, or hashes, of a whole tile."""
_X509, _PRECERT = 0, 1
_LEAF_HEAD = b"\0\0"
"""Version 1, a timestamped entry."""
_ANY_ALGORITHM = bytes.fromhex("300a06082a8648ce3d040302")
_NO_SIGNATURE = bytes.fromhex("030100")
_SEQUENCE, _LONG = 0x30, 0x80


class BadLog(Exception):  # noqa: N818 - said to the operator in words of our own
    """What a log gave is not what a log gives, or contradicts what it gave before."""


class Entry(NamedTuple):
    """leaf: what is hashed into the tree. certificate: DER; of a precertificate, put together from what is proven."""

    leaf: bytes
    certificate: bytes


class Issued(NamedTuple):
    """A certificate as it matters here. names: in lower case. spki: SHA-256 of its public key, or b"" if nobody can
    read it. starts, ends: micros."""

    names: frozenset[str]
    issuer: str
    serial: str
    spki: bytes
    starts: int
    ends: int


# --- the tree


def leaf_hash(leaf: bytes) -> bytes:
    """Of an entry."""
    return sha256(b"\0" + leaf).digest()


def grown(frontier: list[bytes], size: int, leaf: bytes) -> list[bytes]:
    """The frontier of a tree of `size` leaves with another one, by its hash."""
    peaks = list(frontier)
    while size & 1:
        leaf = _node(peaks.pop(), leaf)
        size >>= 1
    return [*peaks, leaf]


def root(frontier: list[bytes]) -> bytes:
    """The root of the tree."""
    if not frontier:
        return sha256(b"").digest()
    *rest, top = frontier
    for peak in reversed(rest):
        top = _node(peak, top)
    return top


def peak_of(hashes: list[bytes]) -> bytes:
    """The root over 2**n hashes."""
    while len(hashes) > 1:
        hashes = [_node(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


# --- entries


def entry_of(leaf: bytes) -> Entry:
    """An entry by its MerkleTreeLeaf. Raises BadLog."""
    if not leaf.startswith(_LEAF_HEAD):
        raise BadLog("an entry of a kind that nobody knows")
    reader = _Reader(leaf, len(_LEAF_HEAD))
    certificate = reader.timestamped()
    reader.end()
    return Entry(leaf, certificate)


def entries_of_tile(tile: bytes) -> list[Entry]:
    """The entries of a data tile. Raises BadLog."""
    found, reader = [], _Reader(tile)
    while reader.at < len(tile):
        began = reader.at
        certificate = reader.timestamped()
        found.append(Entry(_LEAF_HEAD + tile[began : reader.at], certificate))
        if tile[began + 8 : began + 10] == _PRECERT.to_bytes(2):
            reader.sized(3)  # the precertificate as it was signed
        reader.sized(2)  # fingerprints of its issuers
    return found


class _Reader:
    """Reads TLS's presentation language from a place on. Raises BadLog at the end of the data."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data, self.at = data, at

    def timestamped(self) -> bytes:
        """A TimestampedEntry; its certificate."""
        self.take(8)
        kind = int.from_bytes(self.take(2))
        if kind == _X509:
            certificate = self.sized(3)
        elif kind == _PRECERT:
            self.take(32)
            certificate = _unsigned(self.sized(3))
        else:
            raise BadLog("an entry of a kind that nobody knows")
        self.sized(2)
        return certificate

    def sized(self, length_bytes: int) -> bytes:
        return self.take(int.from_bytes(self.take(length_bytes)))

    def take(self, size: int) -> bytes:
        data = self._data[self.at : self.at + size]
        if len(data) != size:
            raise BadLog("an entry that ends early")
        self.at += size
        return data

    def end(self) -> None:
        if self.at != len(self._data):
            raise BadLog("more in an entry than an entry holds")


def _unsigned(body: bytes) -> bytes:
    """The TBSCertificate of a precertificate as a certificate that nobody signed, so that it can be read."""
    inner = body + _ANY_ALGORITHM + _NO_SIGNATURE
    size = len(inner)
    length = size.to_bytes((size.bit_length() + 7) // 8)
    head = bytes([size]) if size < _LONG else bytes([_LONG | len(length)]) + length
    return bytes([_SEQUENCE]) + head + inner


# --- certificates


def issued(der: bytes) -> Issued:
    """What a certificate says. Raises ValueError for what is none."""
    certificate = x509.load_der_x509_certificate(der)
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Issued(
        names=_names(certificate),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
        spki=_spki(certificate),
        starts=round(starts.timestamp() * 1e6),
        ends=round(ends.timestamp() * 1e6),
    )


def _spki(certificate: x509.Certificate) -> bytes:
    try:
        key = certificate.public_key()
    except Exception:  # of a kind that this library does not know: so it is none of ours
        return b""
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def _names(certificate: x509.Certificate) -> frozenset[str]:
    common = [str(one.value) for one in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    try:
        known = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        named = known.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        named = []
    return frozenset(name.lower().rstrip(".") for name in (*named, *common))
