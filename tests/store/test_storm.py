"""What was acknowledged survives kill -9, whole, and in order."""

from pathlib import Path
from random import Random

import pytest

from freehold.store.database import Database
from freehold.stream import frames
from support import storm_child
from support.storm import storm


@pytest.mark.parametrize("rounds", [5, pytest.param(50, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
def test_every_acknowledged_write_is_there_whole_after_kill_9(tmp_path: Path, rounds: int) -> None:
    random = Random()
    acknowledged: set[str] = set()
    for n in range(rounds):
        new = storm(["-m", "support.storm_child", str(tmp_path), str(n)], random)
        assert new
        acknowledged.update(new)
        check(tmp_path, acknowledged)


def check(directory: Path, acknowledged: set[str]) -> None:
    with Database(directory / "truth.db", storm_child.SCHEMA, durable=True) as db, db.reading() as tx:
        assert tx.one("PRAGMA integrity_check") == ("ok",)
        posts = {id for (id,) in tx.each("SELECT id FROM post")}
        assert acknowledged <= posts
        assert tx.run("SELECT author, count(*) FROM post GROUP BY author ORDER BY author") == tx.run(
            "SELECT author, posts FROM tally ORDER BY author"
        )
        events = tx.run("SELECT seq, frame FROM event ORDER BY seq")
        assert [seq for seq, _ in events] == list(range(1, len(posts) + 1))
        assert {frames.decode(frame)[1]["id"] for _, frame in events} == posts
