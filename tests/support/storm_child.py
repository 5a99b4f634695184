"""The child of the store's storm: concurrent writes to two tables and the public log. Arguments: directory, seed."""

import asyncio
import sys
from pathlib import Path

from freehold.store import writer
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.tx import Tx
from freehold.stream.log import SCHEMA as LOGS
from freehold.stream.log import append
from support.storm import acknowledge

SCHEMA = (
    *LOGS,
    Migration("storm-1", "CREATE TABLE post (id TEXT PRIMARY KEY, author INTEGER NOT NULL, text TEXT NOT NULL)"),
    Migration("storm-2", "CREATE TABLE tally (author INTEGER PRIMARY KEY, posts INTEGER NOT NULL)"),
)


def post(tx: Tx, id: str, author: int) -> None:
    tx.run("INSERT INTO post (id, author, text) VALUES (:id, :author, :text)", id=id, author=author, text="x" * 500)
    tx.run(
        "INSERT INTO tally (author, posts) VALUES (:author, 1)"
        " ON CONFLICT (author) DO UPDATE SET posts = tally.posts + 1",
        author=author,
    )
    append(tx, "commit", f"did:plc:{author}", {"id": id})


async def author_writes(db: Database, author: int, seed: str) -> None:
    for n in range(1_000_000):
        id = f"{seed}-{author}-{n}"
        await db.write(lambda tx, id=id: post(tx, id, author))  # type: ignore[misc]
        acknowledge(id)


async def main(directory: Path, seed: str) -> None:
    writer.CHECKPOINT_PAGES = 100  # fold the log often, so that kills fall into that too
    db = Database(directory / "truth.db", SCHEMA, durable=True)
    await asyncio.gather(*(author_writes(db, author, seed) for author in range(16)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
