"""Our own directory of did:plc identities: a log of signed operations, as the public directory keeps one.

Tables: plc_operation. An entry is never changed but for `nullified`; only `adopt`, where the public directory decided
otherwise, takes entries out. `at` rises strictly by milliseconds, so that a reader who pages by time skips nothing.
Source: https://web.plc.directory/spec/v0.1/did-plc, https://web.plc.directory/api/redoc
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from freehold.protocol import plc
from freehold.protocol.cid import Cid
from freehold.protocol.plc import Entry
from freehold.protocol.plcform import BadOperation, Operation
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import format_datetime
from freehold.store.migrations import Migration
from freehold.store.tx import Row, Tx

SCHEMA = (
    Migration(
        "identity-1-plc",
        """
        CREATE TABLE plc_operation (
            seq INTEGER PRIMARY KEY,
            did TEXT NOT NULL,
            cid BLOB NOT NULL,
            operation BLOB NOT NULL,
            nullified INTEGER NOT NULL,
            at BIGINT NOT NULL UNIQUE,
            UNIQUE (did, cid)
        );
        """,
    ),
    Migration("identity-2-kept-also", "CREATE TABLE plc_kept_also (url TEXT PRIMARY KEY);"),
)

Json = dict[str, Any]

MAX_EXPORTED = 1_000
"""Entries of one page of the export."""

_MILLISECOND = 1_000
_HOUR = 3600 * 1_000_000
_LIMITS = (("hour", _HOUR, 10), ("day", 24 * _HOUR, 30), ("week", 7 * 24 * _HOUR, 100))
"""Operations of one DID that strangers may send; recoveries are free, or an attacker could use up the owner's."""


class NotRegistered(Refused):
    """The directory knows no such DID."""

    kind, name = "missing", "DidNotFound"

    def __init__(self, did: str) -> None:
        super().__init__(f"DID not registered: {did}", did=did)


class NotAvailable(Refused):
    """The DID was ended by a tombstone."""

    kind, name = "missing", "DidDeactivated"

    def __init__(self, did: str) -> None:
        super().__init__(f"DID not available: {did}", did=did)


def submit(tx: Tx, did: str, operation: Any, now: int, *, limited: bool = False) -> Cid:
    """Check an operation by the log so far and append it; its CID. Once appended, sending it again changes nothing.

    operation: anything that came as JSON. now: micros since 1970 UTC. limited: count it against the DID's limits, for
    operations that strangers send. Raises BadOperation.
    """
    log = [entry for entry in entries(tx, did) if not entry.nullified]
    if log and log[-1].operation == operation:
        return log[-1].cid
    at = _next_time(tx, now)
    nullified = plc.assure_next(did, log, operation, at)
    if limited and not nullified:
        _check_limits(log, at)
    for cid in nullified:
        tx.run("UPDATE plc_operation SET nullified = 1 WHERE did = :did AND cid = :cid", did=did, cid=cid)
    entry = Entry(operation, plc.operation_cid(operation), at)
    _insert(tx, did, entry)
    return entry.cid


def adopt(tx: Tx, did: str, audit: Sequence[Mapping[str, Any]]) -> None:
    """Let our log of this DID say what the public directory's audit log says. Raises BadOperation, changing nothing.

    Where the two have forked the public order wins: entries that the public log lacks are taken out.
    """
    theirs = plc.validate_log(audit)
    if any(entry["did"] != did for entry in audit):
        raise BadOperation("That is the log of another identity.", did=did)
    tx.run("DELETE FROM plc_operation WHERE did = :did", did=did)
    for entry in theirs:
        _insert(tx, did, entry._replace(at=_free_time(tx, entry.at)))


def entries(tx: Tx, did: str) -> list[Entry]:
    """All entries of a DID in order, the nullified among them; [] for an unknown DID."""
    rows = tx.run("SELECT operation, cid, at, nullified FROM plc_operation WHERE did = :did ORDER BY at", did=did)
    return [Entry(_decode(operation), Cid(cid), at, bool(nullified)) for operation, cid, at, nullified in rows]


def newest(tx: Tx, did: str) -> Json | None:
    """The operation that counts now, a tombstone too; None for an unknown DID."""
    row = tx.one(
        "SELECT operation FROM plc_operation WHERE did = :did AND nullified = 0 ORDER BY at DESC LIMIT 1", did=did
    )
    return _decode(row[0]) if row else None


def last(tx: Tx, did: str) -> Json:
    """As `newest`. Raises NotRegistered."""
    operation = newest(tx, did)
    if operation is None:
        raise NotRegistered(did)
    return operation


def document(tx: Tx, did: str) -> Json:
    """The DID document. Raises NotRegistered, NotAvailable."""
    return _shown(did, plc.document, last(tx, did))


def data(tx: Tx, did: str) -> Json:
    """The state in PLC's own form: rotation keys, verification methods, handles, services."""
    return _shown(did, plc.data, last(tx, did))


def log(tx: Tx, did: str) -> list[Operation]:
    """The operations that count, in order. Raises NotRegistered."""
    return [entry.operation for entry in _known(tx, did) if not entry.nullified]


def audit(tx: Tx, did: str) -> list[Json]:
    """All entries with what the directory says of them. Raises NotRegistered."""
    return [_audited(did, entry) for entry in _known(tx, did)]


def export_after_time(tx: Tx, after: int, count: int) -> list[Json]:
    """The entries of all DIDs that came later than `after` (micros), at most `count`, in order of time."""
    rows = tx.run(
        f"SELECT {_EXPORTED} FROM plc_operation WHERE at > :after ORDER BY at LIMIT :count",
        after=after,
        count=min(count, MAX_EXPORTED),
    )
    return [_audited(did, _entry(rest)) for did, _, *rest in rows]


def export_after_seq(tx: Tx, after: int, count: int) -> list[Json]:
    """As `export_after_time`, by our own numbers; entries then show theirs and leave out whether they still count."""
    rows = tx.run(
        f"SELECT {_EXPORTED} FROM plc_operation WHERE seq > :after ORDER BY seq LIMIT :count",
        after=after,
        count=min(count, MAX_EXPORTED),
    )
    return [_sequenced(did, seq, _entry(rest)) for did, seq, *rest in rows]


_EXPORTED = "did, seq, operation, cid, at, nullified"


def _entry(row: Sequence[Any]) -> Entry:
    operation, cid, at, nullified = row
    return Entry(_decode(operation), Cid(cid), at, bool(nullified))


def _audited(did: str, entry: Entry) -> Json:
    return {
        "did": did,
        "operation": entry.operation,
        "cid": str(entry.cid),
        "nullified": entry.nullified,
        "createdAt": format_datetime(entry.at),
    }


def _sequenced(did: str, seq: int, entry: Entry) -> Json:
    shown = _audited(did, entry)
    del shown["nullified"]
    return {"type": "sequenced_op", "seq": seq, **shown}


def _known(tx: Tx, did: str) -> list[Entry]:
    found = entries(tx, did)
    if not found:
        raise NotRegistered(did)
    return found


def _shown(did: str, form: Callable[[str, Operation], Json | None], operation: Operation) -> Json:
    shown = form(did, operation)
    if shown is None:
        raise NotAvailable(did)
    return shown


def _insert(tx: Tx, did: str, entry: Entry) -> None:
    tx.run(
        "INSERT INTO plc_operation (did, cid, operation, nullified, at)"
        " VALUES (:did, :cid, :operation, :nullified, :at)",
        did=did,
        cid=entry.cid,
        operation=msgspec.json.encode(entry.operation),
        nullified=int(entry.nullified),
        at=entry.at,
    )


def _next_time(tx: Tx, now: int) -> int:
    """`now` in whole milliseconds, or one after the newest entry where the clock has not moved on."""
    row = cast("Row", tx.one("SELECT coalesce(max(at), 0) FROM plc_operation"))
    return max(now - now % _MILLISECOND, int(row[0]) + _MILLISECOND)


def _free_time(tx: Tx, at: int) -> int:
    """`at`, or the next millisecond that no entry has taken."""
    at -= at % _MILLISECOND
    while tx.one("SELECT 1 FROM plc_operation WHERE at = :at", at=at):
        at += _MILLISECOND
    return at


def _check_limits(log: Sequence[Entry], now: int) -> None:
    for period, micros, most in _LIMITS:
        if sum(entry.at > now - micros for entry in log) >= most:
            raise BadOperation(f"Too many operations within the last {period} (at most {most}).")


def _decode(operation: bytes) -> Json:
    return cast("Json", msgspec.json.decode(operation))


def keep_also(tx: Tx, url: str) -> list[str]:
    """From now on our logs are kept in the directory at `url` too, and in no other ("": in ours alone): the DIDs that
    it has to be told of, all of them if it is a new one."""
    known = tx.one("SELECT 1 FROM plc_kept_also WHERE url = :url", url=url) is not None
    tx.run("DELETE FROM plc_kept_also WHERE url <> :url", url=url)
    if known or not url:
        return []
    tx.run("INSERT INTO plc_kept_also (url) VALUES (:url)", url=url)
    return [did for (did,) in tx.run("SELECT DISTINCT did FROM plc_operation ORDER BY did")]
