"""People who asked to join and are not members yet: the line, in order, with all that their account will be made of.

Tables: applicant, admission (when somebody was let in, without saying who: what estimates are made of). An applicant
has no account, no repository and no published identity: nothing lists them, and there is nothing to write to. Their DID
is that of an operation which is signed but told to nobody; declined, it never was. Names and addresses in the line are
taken. What they wrote about themselves, their mail address and keys lie sealed, and go when they are declined.
"""

from typing import Any, NamedTuple

import msgspec

from freehold.identity.register import Genesis
from freehold.protocol.keys import K256Key, SigningKey
from freehold.protocol.refused import Refused
from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-50-applicant",
        """
        CREATE TABLE applicant (
            place INTEGER PRIMARY KEY AUTOINCREMENT,
            did TEXT NOT NULL UNIQUE,
            handle TEXT NOT NULL UNIQUE,
            password TEXT NOT NULL,
            mail BLOB,
            mail_lookup BLOB UNIQUE,
            words BLOB,
            signing_key BLOB,
            genesis BLOB,
            applied_at BIGINT NOT NULL,
            seen_at BIGINT NOT NULL,
            declined_at BIGINT,
            because BLOB
        );
        CREATE INDEX applicant_waiting ON applicant (place) WHERE declined_at IS NULL;
        CREATE TABLE admission (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at BIGINT NOT NULL,
            how TEXT NOT NULL CHECK (how IN ('door', 'line', 'word'))
        );
        CREATE INDEX admission_at ON admission (at);
        """,
    ),
)

DAY_MICROS = 86_400 * 1_000_000
ADMISSIONS_KEPT_MICROS = 7 * DAY_MICROS
DECLINED_KEPT_MICROS = 14 * DAY_MICROS
"""How long somebody who was declined can still be told so."""
SEEN_EVERY_MICROS = 3600 * 1_000_000
_KEY, _WORDS, _BECAUSE, _MAIL = "applicant's signing key", "applicant's words", "why declined", "mail"
_HASHED = "applicant's password"
SEALED = (
    Sealed("applicant", "password", _HASHED),
    Sealed("applicant", "mail", _MAIL),
    Sealed("applicant", "words", _WORDS),
    Sealed("applicant", "signing_key", _KEY),
    Sealed("applicant", "because", _BECAUSE),
)


class NotInLine(Refused):
    """Let in already, declined, withdrawn, or never there."""

    name = "NotInLine"
    say = "Nobody of that name waits to be let in."


class NewApplicant(NamedTuple):
    """What somebody applies with. password: the PHC string."""

    handle: str
    password: str
    mail: str | None
    words: str
    signing_key: SigningKey
    genesis: Genesis


class Applicant(NamedTuple):
    """One in the line. place: rises with each; at: microseconds since 1970 UTC. declined_at: None while they wait.
    password: sealed, see `password_of`."""

    place: int
    did: str
    handle: str
    password: bytes
    applied_at: int
    seen_at: int
    declined_at: int | None


_FIELDS = "place, did, handle, password, applied_at, seen_at, declined_at"


def add(tx: Tx, seal: Seal, new: NewApplicant) -> Applicant:
    """Put somebody at the end of the line. The caller has seen that handle and address are free."""
    tx.run(
        "INSERT INTO applicant (did, handle, password, mail, mail_lookup, words, signing_key, genesis, applied_at,"
        " seen_at) VALUES (:did, :handle, :password, :mail, :lookup, :words, :key, :genesis, :now, :now)",
        did=new.genesis.did,
        handle=new.handle,
        password=seal.seal(_HASHED, new.password.encode()),
        mail=seal.seal(_MAIL, new.mail.encode()) if new.mail else None,
        lookup=seal.lookup(_MAIL, new.mail.lower()) if new.mail else None,
        words=seal.seal(_WORDS, new.words.encode()) if new.words else None,
        key=seal.seal(_KEY, new.signing_key.raw),
        genesis=msgspec.json.encode(new.genesis.operation),
        now=tx.now,
    )
    added = find(tx, new.genesis.did)
    if added is None:
        raise NotInLine(did=new.genesis.did)
    return added


def take(tx: Tx, seal: Seal, did: str) -> tuple[Applicant, NewApplicant]:
    """Take somebody out of the line, to be let in. Raises NotInLine."""
    found = find(tx, did)
    row = tx.one("SELECT mail, signing_key, genesis FROM applicant WHERE did = :did AND declined_at IS NULL", did=did)
    if found is None or row is None:
        raise NotInLine(did=did)
    mail, key, genesis = row
    erase(tx, did)
    operation: dict[str, Any] = msgspec.json.decode(genesis)
    return found, NewApplicant(
        handle=found.handle,
        password=password_of(seal, found),
        mail=seal.open(_MAIL, mail).decode() if mail is not None else None,
        words="",
        signing_key=K256Key.from_raw(seal.open(_KEY, key)),
        genesis=Genesis(did, operation),
    )


def password_of(seal: Seal, applicant: Applicant) -> str:
    """The PHC string that they applied with."""
    return seal.open(_HASHED, applicant.password).decode()


def seal_plain(tx: Tx, seal: Seal) -> None:
    """Seal hashes of passwords from before they were sealed."""
    rows = tx.run("SELECT place, password FROM applicant WHERE typeof(password) = 'text'")
    boxes = [{"place": place, "box": seal.seal(_HASHED, password.encode())} for place, password in rows]
    tx.many("UPDATE applicant SET password = :box WHERE place = :place", boxes)


def names_key(tx: Tx, did_key: str) -> bool:
    """Does an identity that waits here name this key?"""
    row = tx.one(
        "SELECT 1 FROM applicant WHERE genesis IS NOT NULL AND instr(genesis, :key) LIMIT 1", key=did_key.encode()
    )
    return row is not None


def genesis_of(tx: Tx, did: str) -> Genesis:
    """The operation that makes somebody's DID. Raises NotInLine."""
    row = tx.one("SELECT genesis FROM applicant WHERE did = :did AND declined_at IS NULL", did=did)
    if row is None:
        raise NotInLine(did=did)
    return Genesis(did, msgspec.json.decode(row[0]))


def decline(tx: Tx, seal: Seal, did: str, because: str) -> None:
    """Keep of somebody only what lets them in the door to be told. Raises NotInLine."""
    tx.run(
        "UPDATE applicant SET declined_at = :now, because = :because, mail = NULL, mail_lookup = NULL, words = NULL,"
        " signing_key = NULL, genesis = NULL WHERE did = :did AND declined_at IS NULL",
        now=tx.now,
        because=seal.seal(_BECAUSE, because.encode()) if because else None,
        did=did,
    )
    if not tx.changes():
        raise NotInLine(did=did)


def erase(tx: Tx, did: str) -> None:
    """Forget somebody."""
    tx.run("DELETE FROM applicant WHERE did = :did", did=did)


def rename_all(tx: Tx, old: str, new: str) -> None:
    """The network's handles end otherwise now. old, new: with their dot."""
    for place, handle in tx.run("SELECT place, handle FROM applicant"):
        if handle.endswith(old):
            tx.run(
                "UPDATE applicant SET handle = :handle WHERE place = :place",
                handle=handle.removesuffix(old) + new,
                place=place,
            )


def find(tx: Tx, name: str) -> Applicant | None:
    """Who has this DID or (lower-case) handle, waiting or declined."""
    column = "did" if name.startswith("did:") else "handle"
    row = tx.one(f"SELECT {_FIELDS} FROM applicant WHERE {column} = :name", name=name)
    return Applicant(*row) if row else None


def by_mail(tx: Tx, seal: Seal, mail: str) -> Applicant | None:
    """Who gave this mail address."""
    lookup = seal.lookup(_MAIL, mail.strip().lower())
    row = tx.one(f"SELECT {_FIELDS} FROM applicant WHERE mail_lookup = :lookup", lookup=lookup)
    return Applicant(*row) if row else None


def holds_handle(tx: Tx, handle: str) -> bool:
    """Is the name taken by somebody in the line?"""
    return tx.one("SELECT 1 FROM applicant WHERE handle = :handle", handle=handle) is not None


def holds_mail(tx: Tx, lookup: bytes | None) -> bool:
    """Is the address taken? lookup: its keyed hash."""
    return tx.one("SELECT 1 FROM applicant WHERE mail_lookup = :lookup", lookup=lookup) is not None


def first(tx: Tx) -> Applicant | None:
    """Whose turn it is."""
    row = tx.one(f"SELECT {_FIELDS} FROM applicant WHERE declined_at IS NULL ORDER BY place LIMIT 1")
    return Applicant(*row) if row else None


def page(tx: Tx, after: int, limit: int) -> list[Applicant]:
    """Those who wait, in order, after a place."""
    rows = tx.run(
        f"SELECT {_FIELDS} FROM applicant WHERE declined_at IS NULL AND place > :after ORDER BY place LIMIT :n",
        after=after,
        n=limit,
    )
    return [Applicant(*row) for row in rows]


def words_of(tx: Tx, seal: Seal, did: str) -> str:
    """What somebody said when they applied."""
    row = tx.one("SELECT words FROM applicant WHERE did = :did", did=did)
    return seal.open(_WORDS, row[0]).decode() if row and row[0] is not None else ""


def reason_of(tx: Tx, seal: Seal, did: str) -> str:
    """What somebody who was declined is told; empty for no reason."""
    row = tx.one("SELECT because FROM applicant WHERE did = :did", did=did)
    return seal.open(_BECAUSE, row[0]).decode() if row and row[0] is not None else ""


def waiting(tx: Tx) -> int:
    """How many wait."""
    return _count(tx, "SELECT count(*) FROM applicant WHERE declined_at IS NULL")


def turn_of(tx: Tx, place: int) -> int:
    """1 for whoever is first in the line."""
    return 1 + _count(tx, "SELECT count(*) FROM applicant WHERE declined_at IS NULL AND place < :place", place=place)


def mark_seen(tx: Tx, did: str) -> None:
    """They have asked how things stand."""
    tx.run("UPDATE applicant SET seen_at = :now WHERE did = :did", now=tx.now, did=did)


def note_admission(tx: Tx, how: str) -> None:
    """Somebody came in: through the open door, from the line by itself, or on somebody's word."""
    tx.run("INSERT INTO admission (at, how) VALUES (:now, :how)", now=tx.now, how=how)


def admissions(tx: Tx, since: int, most: int, ways: tuple[str, ...]) -> list[int]:
    """When the last people came in by these ways, oldest first. micros since 1970 UTC."""
    rows = tx.run(
        "SELECT at FROM admission WHERE at > :since AND (how = :a OR how = :b) ORDER BY id DESC LIMIT :n",
        since=since,
        a=ways[0],
        b=ways[-1],
        n=most,
    )
    return [at for (at,) in reversed(rows)]


def sweep(tx: Tx, keep_micros: int) -> list[int]:
    """Erase who was declined long ago, and who waits but has not looked for so long. Gives their places."""
    gone = tx.run(
        "SELECT place, did FROM applicant WHERE declined_at <= :told OR (declined_at IS NULL AND seen_at <= :unseen)",
        told=tx.now - DECLINED_KEPT_MICROS,
        unseen=tx.now - keep_micros,
    )
    for _, did in gone:
        erase(tx, did)
    tx.run("DELETE FROM admission WHERE at <= :then", then=tx.now - ADMISSIONS_KEPT_MICROS)
    return [place for place, _ in gone]


def _count(tx: Tx, sql: str, **given: object) -> int:
    row = tx.one(sql, **given)
    return int(row[0]) if row else 0
