"""How a SQLite file is opened: for writing, for reading beside the writer, and read-only.

Write-ahead log, so that readers and the writer do not wait for each other. Durable files are synced at every commit:
with less, acknowledged rows were gone after a power cut. Deleted content is overwritten, for a delete must delete.
Source: https://sqlite.org/wal.html, https://sqlite.org/pragma.html and https://sqlite.org/queryplanner-ng.html#qpstab
"""

import os
from pathlib import Path
from typing import Literal

import apsw

from freehold.store.tx import Link

BUSY_MS = 5_000
STATEMENTS_KEPT = 400
WRITER_CACHE_KIB = 32_768
READER_CACHE_KIB = 8_192

Use = Literal["write", "read", "read-only"]

DAMAGED = (apsw.CorruptError, apsw.NotADBError)
"""What is raised, sooner or later, over a file that is not what SQLite wrote."""


def connect(path: Path, use: Use, *, durable: bool, vfs: str | None = None) -> Link:
    """Open `path`. `write` makes it if need be, for its owner's eyes only; the others want it to exist.

    Raises apsw.CantOpenError, apsw.NotADBError and their kin.
    """
    if use == "write" and not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    flags = apsw.SQLITE_OPEN_READONLY if use == "read-only" else apsw.SQLITE_OPEN_READWRITE
    connection = apsw.Connection(str(path), flags, vfs, STATEMENTS_KEPT)
    # First of all: processes that open the file together would otherwise fail on each other's locks.
    connection.set_busy_timeout(BUSY_MS)
    # A plan stands for all values: without this, a statement with a bound LIMIT is planned anew each time it is run.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    link = Link(connection)
    try:
        for pragma in _pragmas(use, durable):
            link.cursor.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        link.close()
        raise
    return link


def damage(path: Path) -> str:
    """What SQLite finds wrong with the file, which nobody may be writing to; empty if it is sound."""
    try:
        link = connect(path, "read-only", durable=False)
        try:
            said = [row[0] for row in link.cursor.execute("PRAGMA integrity_check(3)").fetchall()]
        finally:
            link.close()
    except DAMAGED as wrong:
        return str(wrong)
    return "" if said == ["ok"] else str(said[0]).splitlines()[-1]


def _pragmas(use: Use, durable: bool) -> list[str]:
    common = [
        "temp_store = MEMORY",
        "trusted_schema = OFF",
    ]  # memory: savepoints keep old pages, a file would cost writes
    if use == "read-only":
        return [*common, f"cache_size = -{READER_CACHE_KIB}"]
    # A reader may be the last to close, and then it is the one that folds the log into the file: it too must sync.
    common += [f"synchronous = {'FULL' if durable else 'NORMAL'}"]
    if use == "read":
        return [*common, "query_only = ON", f"cache_size = -{READER_CACHE_KIB}"]
    return [
        "journal_mode = WAL",
        *common,
        "secure_delete = ON",
        "foreign_keys = ON",
        "wal_autocheckpoint = 0",  # the writer does it between groups
        f"cache_size = -{WRITER_CACHE_KIB}",
    ]
