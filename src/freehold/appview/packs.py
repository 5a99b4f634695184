"""Starter packs as they arrive: a list of people under a name, with feeds, for those who are new.

Table: starter_pack, and their words in starter_pack_search. Who joined by a pack is in actor.joined, as profiles say.
Source: the lexicon app.bsky.graph.starterpack
"""

from freehold.appview.batch import Batch, Change, Json, record
from freehold.appview.lists import LIST
from freehold.appview.moments import came_and_sorts
from freehold.appview.words import spaced

PACK = "app.bsky.graph.starterpack"


@record(PACK)
def pack(batch: Batch, change: Change) -> None:
    """Put the starter pack as its record has it now, or remove it."""
    found = batch.subject(f"at://{change.did}/{PACK}/{change.rkey}")
    assert found is not None
    id = found[0]
    old = batch.tx.one("DELETE FROM starter_pack WHERE id = :id RETURNING list", id=id)
    batch.tx.run("DELETE FROM starter_pack_search WHERE rowid = :id", id=id)
    if change.record is not None and change.cid is not None:
        _put(batch, change, change.record, id)
    if old is not None:
        batch.release(old[0])
    batch.actors.add(change.actor)
    batch.release(id)


def _put(batch: Batch, change: Change, record: Json, id: int) -> None:
    uri = record.get("list")
    people = batch.subject(uri) if isinstance(uri, str) and uri.startswith(f"at://{change.did}/{LIST}/") else None
    if people is None:
        return
    came, at = came_and_sorts(change.rkey, record, batch.now)
    batch.tx.run(
        "INSERT INTO starter_pack (id, author, rkey, list, cid, record, at, indexed_at)"
        " VALUES (:id, :author, :rkey, :list, :cid, :record, :at, :came)",
        id=id,
        author=change.actor,
        rkey=change.rkey,
        list=people[0],
        cid=bytes(change.cid or b""),
        record=change.raw,
        at=at,
        came=came,
    )
    words = {
        name: spaced(text) if isinstance(text := record.get(name), str) else "" for name in ("name", "description")
    }
    batch.tx.run(
        "INSERT INTO starter_pack_search (rowid, name, description) VALUES (:id, :name, :description)", id=id, **words
    )
