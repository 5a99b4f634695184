"""What members report: kept in the truth for those who will decide, sealed: who reports whom, and why.

Tables: sealed_report. Those about one account are found by a keyed hash. The private log says that there is one more,
so that whoever works through them need not ask again and again.
Source: lexicon com.atproto.moderation.createReport
"""

from typing import Any, NamedTuple

import msgspec

from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import is_at_uri, is_did
from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx
from freehold.stream.log import append_private

SCHEMA = (
    Migration(
        "moderation-1-report",
        """
        CREATE TABLE report (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            reporter TEXT NOT NULL,
            did TEXT NOT NULL,
            uri TEXT,
            cid TEXT,
            reason_type TEXT NOT NULL,
            words BLOB,
            tool BLOB,
            created_at BIGINT NOT NULL
        );
        CREATE INDEX report_did ON report (did);
        """,
    ),
    Migration(
        "moderation-2-sealed-report",
        """
        CREATE TABLE sealed_report (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            about BLOB NOT NULL,
            box BLOB NOT NULL,
            created_at BIGINT NOT NULL
        );
        CREATE INDEX sealed_report_about ON sealed_report (about);
        """,
    ),
)

PURPOSE = "report"
SEALED = (Sealed("sealed_report", "box", PURPOSE),)
REPO, RECORD = "com.atproto.admin.defs#repoRef", "com.atproto.repo.strongRef"
KINDS = ("com.atproto.moderation.defs#reason", "tools.ozone.report.defs#reason")
MAX_KIND = 200
MAX_TOOL_BYTES = 10_000


class Subject(NamedTuple):
    """What is reported: an account, or one version of a record of it."""

    did: str
    uri: str | None = None
    cid: str | None = None


class Report(NamedTuple):
    """A report. words: what the reporter wrote. at: micros since 1970 UTC."""

    id: int
    reporter: str
    subject: Subject
    reason_type: str
    words: str | None
    at: int


def subject_of(said: dict[str, Any]) -> Subject:
    """The subject in lexicon JSON, read. Raises InvalidRequest for one of another type."""
    if said.get("$type") == REPO and is_did(said["did"]):
        return Subject(said["did"])
    if said.get("$type") == RECORD and is_at_uri(said["uri"]):
        did = said["uri"].split("/")[2]
        if is_did(did):
            return Subject(did, said["uri"], said["cid"])
    raise InvalidRequest("Report an account by its DID, or a record by its at-uri (with the DID) and CID.")


def file(
    tx: Tx, seal: Seal, reporter: str, subject: Subject, reason_type: str, words: str | None, tool: Any = None
) -> Report:
    """Keep a report. tool: JSON, what it was made with. Raises InvalidRequest for a reason that nobody knows."""
    if not reason_type.startswith(KINDS) or len(reason_type) > MAX_KIND:
        raise InvalidRequest("That is not a reason for a report.", name="InvalidReasonType")
    tool_bytes = msgspec.json.encode(tool) if tool is not None else b""
    if len(tool_bytes) > MAX_TOOL_BYTES:
        raise InvalidRequest("modTool is too large.")
    kept = _Kept(reporter, subject.did, subject.uri, subject.cid, reason_type, words or None, tool_bytes or None)
    row = tx.one(
        "INSERT INTO sealed_report (about, box, created_at) VALUES (:about, :box, :now) RETURNING id",
        about=_mark(seal, subject.did),
        box=seal.seal(PURPOSE, msgspec.msgpack.encode(kept)),
        now=tx.now,
    )
    assert row is not None
    append_private(tx, "report", "", {"id": row[0]})
    return Report(int(row[0]), reporter, subject, reason_type, words, tx.now)


def read(tx: Tx, seal: Seal, after: int, limit: int) -> list[Report]:
    """Reports in the order of their coming, after the given id, opened."""
    rows = tx.run(
        "SELECT id, box, created_at FROM sealed_report WHERE id > :after ORDER BY id LIMIT :n", after=after, n=limit
    )
    return [_opened(seal, *row) for row in rows]


def seal_plain(tx: Tx, seal: Seal) -> None:
    """Seal the reports of which only the words were sealed. Twice is the same as once."""
    if not tx.one("SELECT 1 FROM sqlite_master WHERE name = 'report'"):
        return
    rows = tx.run("SELECT id, created_at, words, tool, reporter, did, uri, cid, reason_type FROM report ORDER BY id")
    for id, at, words, tool, reporter, did, uri, cid, kind in rows:
        said, made_with = (seal.open(PURPOSE, box) if box is not None else None for box in (words, tool))
        kept = _Kept(reporter, did, uri, cid, kind, said.decode() if said is not None else None, made_with)
        tx.run(
            "INSERT INTO sealed_report (id, about, box, created_at) VALUES (:id, :about, :box, :at)",
            id=id,
            about=_mark(seal, kept.did),
            box=seal.seal(PURPOSE, msgspec.msgpack.encode(kept)),
            at=at,
        )
    tx.run("DELETE FROM report")
    tx.run("DROP TABLE report")


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """A report as it is sealed. tool: JSON, what it was made with."""

    reporter: str
    did: str
    uri: str | None
    cid: str | None
    reason_type: str
    words: str | None
    tool: bytes | None


def _mark(seal: Seal, did: str) -> bytes:
    return seal.lookup(PURPOSE, did)


def _opened(seal: Seal, id: int, box: bytes, at: int) -> Report:
    kept = msgspec.msgpack.decode(seal.open(PURPOSE, box), type=_Kept)
    return Report(id, kept.reporter, Subject(kept.did, kept.uri, kept.cid), kept.reason_type, kept.words, at)
