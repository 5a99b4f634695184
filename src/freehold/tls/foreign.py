"""Certificates for this network's names that it did not order: what is known of its own, and what was found beside.

Tables: own_certificate_key, foreign_certificate, certificate_source. A key is noted before its certificate is ordered,
since a log hears of a certificate before we do. Whoever can end TLS in the network's name holds a certificate that
stands in here, for browsers take none that no log knows. Times are microseconds since 1970 UTC.
Source: https://www.rfc-editor.org/rfc/rfc6962 (1)
"""

from hashlib import sha256
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from freehold.store.migrations import Migration
from freehold.store.tx import Tx
from freehold.tls.logbook import Issued

SCHEMA: tuple[Migration, ...] = (
    Migration(
        "tls-2-foreign",
        """
        CREATE TABLE own_certificate_key (spki BLOB PRIMARY KEY, serial TEXT NOT NULL, at BIGINT NOT NULL);
        CREATE INDEX own_certificate_serial ON own_certificate_key (serial);
        CREATE TABLE foreign_certificate (
            id TEXT PRIMARY KEY,
            names TEXT NOT NULL,
            issuer TEXT NOT NULL,
            starts_at BIGINT NOT NULL,
            ends_at BIGINT NOT NULL,
            source TEXT NOT NULL,
            seen_at BIGINT NOT NULL,
            expected INTEGER NOT NULL
        );
        CREATE TABLE certificate_source (
            url TEXT PRIMARY KEY,
            size BIGINT NOT NULL,
            total BIGINT NOT NULL,
            frontier BLOB NOT NULL,
            read_at BIGINT NOT NULL,
            failure TEXT NOT NULL
        );
        """,
    ),
)

MOST_KEPT = 500
MOST_SHOWN = 100
YEARS_2 = 2 * 366 * 86_400 * 1_000_000
"""How long a key of ours is remembered; no certificate lasts longer."""
_HASH = 32


class Foreign(NamedTuple):
    """Somebody else's certificate for a name of ours. id: 16 hex digits. expected: the operator knows of it."""

    id: str
    names: str
    issuer: str
    starts_at: int
    ends_at: int
    source: str
    seen_at: int
    expected: bool


class Source(NamedTuple):
    """How far a log or monitor was read. size, total: entries read, and there; 0 of a monitor. failure: what is wrong
    with it, or ""."""

    url: str
    size: int = 0
    total: int = 0
    frontier: tuple[bytes, ...] = ()
    read_at: int = 0
    failure: str = ""


def spki_of(key: Any) -> bytes:
    """What a certificate for this private key is known by."""
    return sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def note_own_key(tx: Tx, spki: bytes, serial: str = "") -> None:
    """Certificates for that key are ours."""
    tx.run("DELETE FROM own_certificate_key WHERE at < :at", at=tx.now - YEARS_2)
    tx.run(
        "INSERT INTO own_certificate_key (spki, serial, at) VALUES (:spki, :serial, :at)"
        " ON CONFLICT (spki) DO UPDATE SET serial = excluded.serial, at = excluded.at",
        spki=spki,
        serial=serial,
        at=tx.now,
    )


def note_own(tx: Tx, chains: list[bytes]) -> None:
    """So are these, PEM, and their keys."""
    for chain in chains:
        leaf = x509.load_pem_x509_certificate(chain)
        key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        note_own_key(tx, sha256(key).digest(), f"{leaf.serial_number:x}")


def is_own(tx: Tx, one: Issued) -> bool:
    """By its key, or where nobody said which that is by its number."""
    if one.spki:
        return tx.one("SELECT 1 FROM own_certificate_key WHERE spki = :spki", spki=one.spki) is not None
    known = "SELECT 1 FROM own_certificate_key WHERE serial = :serial AND serial <> ''"
    return tx.one(known, serial=one.serial) is not None


def note(tx: Tx, one: Issued, source: str) -> Foreign | None:
    """Remember a certificate of somebody else; None if it was known, or is over."""
    known = sha256(f"{one.issuer}\n{one.serial}".encode()).hexdigest()[:16]
    if one.ends <= tx.now or tx.one("SELECT 1 FROM foreign_certificate WHERE id = :id", id=known) is not None:
        return None
    names = ", ".join(sorted(one.names))[:500]
    made = Foreign(known, names, one.issuer[:300], one.starts, one.ends, source, tx.now, expected=False)
    tx.run(
        "INSERT INTO foreign_certificate (id, names, issuer, starts_at, ends_at, source, seen_at, expected)"
        " VALUES (:id, :names, :issuer, :starts_at, :ends_at, :source, :seen_at, 0)",
        **{name: value for name, value in made._asdict().items() if name != "expected"},
    )
    tx.run(
        "DELETE FROM foreign_certificate WHERE id NOT IN"
        " (SELECT id FROM foreign_certificate ORDER BY seen_at DESC, id LIMIT :most)",
        most=MOST_KEPT,
    )
    return made


def expect(tx: Tx, id: str) -> bool:
    """The operator knows of it; False if there is none of that id."""
    if tx.one("SELECT 1 FROM foreign_certificate WHERE id = :id", id=id) is None:
        return False
    tx.run("UPDATE foreign_certificate SET expected = 1 WHERE id = :id", id=id)
    return True


def found(tx: Tx) -> list[Foreign]:
    """Those that are not over, the newest first."""
    rows = tx.run(
        "SELECT id, names, issuer, starts_at, ends_at, source, seen_at, expected FROM foreign_certificate"
        " WHERE ends_at > :now ORDER BY seen_at DESC, id LIMIT :most",
        now=tx.now,
        most=MOST_SHOWN,
    )
    return [Foreign._make((*row[:7], bool(row[7]))) for row in rows]


def sources(tx: Tx) -> dict[str, Source]:
    """What was looked into so far, by URL."""
    rows = tx.run("SELECT url, size, total, frontier, read_at, failure FROM certificate_source")
    return {url: Source(url, size, total, _peaks(peaks), at, why) for url, size, total, peaks, at, why in rows}


def keep_source(tx: Tx, source: Source) -> None:
    """How far it was read."""
    tx.run(
        "INSERT INTO certificate_source (url, size, total, frontier, read_at, failure)"
        " VALUES (:url, :size, :total, :frontier, :read_at, :failure)"
        " ON CONFLICT (url) DO UPDATE SET size = excluded.size, total = excluded.total,"
        " frontier = excluded.frontier, read_at = excluded.read_at, failure = excluded.failure",
        **source._replace(frontier=b"".join(source.frontier))._asdict(),  # type: ignore[arg-type]
    )


def _peaks(packed: bytes) -> tuple[bytes, ...]:
    return tuple(packed[at : at + _HASH] for at in range(0, len(packed), _HASH))
