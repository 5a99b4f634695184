"""Certificates, what proves them ours, and how often they were asked for.

Tables: acme_account, certificate, certificate_failure, certificate_order. Private keys are sealed, so that they move
with the network. In come a transaction and plain values; times are microseconds since 1970 UTC.
"""

from typing import NamedTuple

from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx
from freehold.tls import foreign

SCHEMA: tuple[Migration, ...] = (
    Migration(
        "tls-1-certificates",
        """
        CREATE TABLE acme_account (
            directory TEXT PRIMARY KEY,
            key BLOB NOT NULL,
            uri TEXT NOT NULL
        );
        CREATE TABLE certificate (
            name TEXT PRIMARY KEY,
            chain BLOB NOT NULL,
            key BLOB NOT NULL,
            starts_at BIGINT NOT NULL,
            ends_at BIGINT NOT NULL,
            renew_at BIGINT NOT NULL
        );
        CREATE INDEX certificate_by_renewal ON certificate (renew_at);
        CREATE TABLE certificate_failure (
            name TEXT PRIMARY KEY,
            times INTEGER NOT NULL,
            next_at BIGINT NOT NULL,
            said TEXT NOT NULL
        );
        CREATE TABLE certificate_order (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            at BIGINT NOT NULL
        );
        CREATE INDEX certificate_order_by_time ON certificate_order (at);
        """,
    ),
    *foreign.SCHEMA,
)

ACCOUNT_KEY, KEY = "acme account key", "certificate key"
SEALED = (Sealed("acme_account", "key", ACCOUNT_KEY), Sealed("certificate", "key", KEY))
"""What the sealed columns acme_account.key and certificate.key are sealed for."""

WEEK_MICROS = 7 * 24 * 3600 * 1_000_000


class AcmeAccount(NamedTuple):
    """An account at a certificate authority. key: private, PKCS #8 DER. uri: its name there."""

    key: bytes
    uri: str


class Certificate(NamedTuple):
    """A certificate with its key. chain: PEM, the leaf first. key: private, PKCS #8 DER. renew_at: when to ask for the
    next one."""

    name: str
    chain: bytes
    key: bytes
    starts_at: int
    ends_at: int
    renew_at: int


class Failure(NamedTuple):
    """A name whose last orders failed. said: the authority's sentence."""

    times: int
    next_at: int
    said: str


def account(tx: Tx, seal: Seal, directory: str) -> AcmeAccount | None:
    """Our account at the authority whose directory has this URL."""
    row = tx.one("SELECT key, uri FROM acme_account WHERE directory = :directory", directory=directory)
    return AcmeAccount(seal.open(ACCOUNT_KEY, row[0]), row[1]) if row else None


def keep_account(tx: Tx, seal: Seal, directory: str, made: AcmeAccount) -> None:
    """Remember an account, in the place of an older one."""
    tx.run(
        "INSERT INTO acme_account (directory, key, uri) VALUES (:directory, :key, :uri)"
        " ON CONFLICT (directory) DO UPDATE SET key = excluded.key, uri = excluded.uri",
        directory=directory,
        key=seal.seal(ACCOUNT_KEY, made.key),
        uri=made.uri,
    )


def forget_account(tx: Tx, directory: str) -> None:
    """The authority knows it no more."""
    tx.run("DELETE FROM acme_account WHERE directory = :directory", directory=directory)


def certificate(tx: Tx, seal: Seal, name: str) -> Certificate | None:
    """The newest certificate kept under `name` (a host name, or `*.` and one)."""
    row = tx.one("SELECT chain, key, starts_at, ends_at, renew_at FROM certificate WHERE name = :name", name=name)
    return Certificate(name, row[0], seal.open(KEY, row[1]), *row[2:]) if row else None


def keep(tx: Tx, seal: Seal, made: Certificate) -> None:
    """Put a certificate in the place of the older one; its name has no failures then."""
    tx.run(
        "INSERT INTO certificate (name, chain, key, starts_at, ends_at, renew_at)"
        " VALUES (:name, :chain, :key, :starts_at, :ends_at, :renew_at)"
        " ON CONFLICT (name) DO UPDATE SET chain = excluded.chain, key = excluded.key,"
        " starts_at = excluded.starts_at, ends_at = excluded.ends_at, renew_at = excluded.renew_at",
        **made._replace(key=seal.seal(KEY, made.key))._asdict(),
    )
    tx.run("DELETE FROM certificate_failure WHERE name = :name", name=made.name)


def put_off(tx: Tx, name: str, renew_at: int) -> None:
    """Renew at another time than was thought."""
    tx.run("UPDATE certificate SET renew_at = :renew_at WHERE name = :name", name=name, renew_at=renew_at)


def forget(tx: Tx, name: str) -> None:
    """Nobody is served under that name any more."""
    tx.run("DELETE FROM certificate WHERE name = :name", name=name)
    tx.run("DELETE FROM certificate_failure WHERE name = :name", name=name)


def terms(tx: Tx) -> list[tuple[str, int, int, int]]:
    """Of every certificate: name, starts_at, ends_at, renew_at; the one that ends first first."""
    return [
        (str(name), int(starts), int(ends), int(renew))
        for name, starts, ends, renew in tx.run(
            "SELECT name, starts_at, ends_at, renew_at FROM certificate ORDER BY ends_at, name"
        )
    ]


def chains(tx: Tx) -> list[bytes]:
    """Every certificate, PEM."""
    return [bytes(chain) for (chain,) in tx.run("SELECT chain FROM certificate ORDER BY name")]


def failure(tx: Tx, name: str) -> Failure | None:
    """Why there is no newer certificate for `name`, if an order failed."""
    row = tx.one("SELECT times, next_at, said FROM certificate_failure WHERE name = :name", name=name)
    return Failure(*row) if row else None


def note_failure(tx: Tx, name: str, what: Failure) -> None:
    """An order failed."""
    tx.run(
        "INSERT INTO certificate_failure (name, times, next_at, said) VALUES (:name, :times, :next_at, :said)"
        " ON CONFLICT (name) DO UPDATE SET times = excluded.times, next_at = excluded.next_at, said = excluded.said",
        name=name,
        **what._asdict(),
    )


def note_order(tx: Tx, name: str) -> None:
    """A first certificate is asked for; authorities count those by the week."""
    tx.run("DELETE FROM certificate_order WHERE at < :at", at=tx.now - WEEK_MICROS)
    tx.run("INSERT INTO certificate_order (name, at) VALUES (:name, :at)", name=name, at=tx.now)


def orders_this_week(tx: Tx) -> int:
    """How many first certificates were asked for in the last seven days."""
    row = tx.one("SELECT count(*) FROM certificate_order WHERE at >= :at", at=tx.now - WEEK_MICROS)
    return int(row[0]) if row else 0
