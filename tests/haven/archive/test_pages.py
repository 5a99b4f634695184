"""What is kept of the log makes the same file as the log itself, however it is cut into stretches."""

from pathlib import Path
from random import Random

import apsw
import pytest

from freehold.haven.archive.forms import Piece
from freehold.haven.archive.pages import Gathering
from freehold.haven.archive.restoring import _File
from freehold.store.wal import NOWHERE, Stretch, log_of, read_header


def busy(path: Path, random: Random) -> apsw.Connection:
    """Commits of many sizes over the same few pages, and a file that grows and shrinks."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA auto_vacuum = FULL; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE line (id INTEGER PRIMARY KEY, text BLOB)")
    for _ in range(60):
        with connection:
            for _ in range(random.randint(1, 5)):
                connection.execute("REPLACE INTO line VALUES (?, randomblob(?))", (random.randint(1, 40), 3_000))
            connection.execute("DELETE FROM line WHERE id = ?", (random.randint(1, 40),))
    return connection


@pytest.mark.parametrize("longest", [100, 5_000, 1 << 20])
def test_the_last_images_make_the_same_file_in_less(tmp_path: Path, longest: int) -> None:
    random = Random(longest)
    path, made = tmp_path / "truth.db", tmp_path / "made.db"
    connection = busy(path, random)
    made.write_bytes(path.read_bytes())
    log = log_of(path).read_bytes()
    header = read_header(log)
    assert header is not None
    pieces, gathering, at = [], Gathering(NOWHERE), 0
    while at < len(log):
        end = at + random.randint(32, max(32, longest))
        if found := gathering.take(Stretch(header.salt, at, log[at:end])):
            pieces.append(Piece.of(0, found))
        at = min(end, len(log))
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    with _File(made, anew=False) as file:
        for piece in pieces:
            file.put(piece)
    assert made.read_bytes() == path.read_bytes()
    assert [piece.before for piece in pieces[1:]] == [piece.position for piece in pieces[:-1]]
    assert pieces[-1].end == len(log)
    if longest > len(log):
        assert sum(len(piece.images) for piece in pieces) < len(log) / 5
