"""What members report: kept in the truth for those who will decide, its words sealed.

Tables: report. A report is said in the private log too, without its words, so that whoever works through them need not
ask again and again.
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
)

PURPOSE = "report"
SEALED = (Sealed("report", "words", PURPOSE), Sealed("report", "tool", PURPOSE))
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
    row = tx.one(
        "INSERT INTO report (reporter, did, uri, cid, reason_type, words, tool, created_at)"
        " VALUES (:reporter, :did, :uri, :cid, :reason_type, :words, :tool, :now) RETURNING id",
        reporter=reporter,
        did=subject.did,
        uri=subject.uri,
        cid=subject.cid,
        reason_type=reason_type,
        words=seal.seal(PURPOSE, words.encode()) if words else None,
        tool=seal.seal(PURPOSE, tool_bytes) if tool_bytes else None,
        now=tx.now,
    )
    assert row is not None
    append_private(tx, "report", reporter, {"id": row[0], "did": subject.did, "reasonType": reason_type})
    return Report(int(row[0]), reporter, subject, reason_type, words, tx.now)


def read(tx: Tx, seal: Seal, after: int, limit: int) -> list[Report]:
    """Reports in the order of their coming, after the given id, opened."""
    rows = tx.run(
        "SELECT id, reporter, did, uri, cid, reason_type, words, created_at FROM report WHERE id > :after"
        " ORDER BY id LIMIT :n",
        after=after,
        n=limit,
    )
    return [
        Report(id, reporter, Subject(did, uri, cid), kind, _opened(seal, words), at)
        for id, reporter, did, uri, cid, kind, words, at in rows
    ]


def _opened(seal: Seal, words: bytes | None) -> str | None:
    return seal.open(PURPOSE, words).decode() if words is not None else None
