"""Lists as they arrive: what they are, and who is on them.

Tables: list, list_item. A list has members only by records of its own author; of several records that name one member
the one with the lowest key is `main`, and only it counts. Members may come before their list does, and stay without
effect until then. Who mutes or blocks by a list, or is on it, is told through `Batch.lists` and `Batch.circles`.
Source: the lexicons app.bsky.graph.list, app.bsky.graph.listitem
"""

from freehold.appview.batch import Batch, Change, Json, record
from freehold.appview.moments import came_and_sorts

LIST = "app.bsky.graph.list"
ITEM = "app.bsky.graph.listitem"
MODERATION, READING, REFERENCE = 1, 2, 3
PURPOSES = {
    "app.bsky.graph.defs#modlist": MODERATION,
    "app.bsky.graph.defs#curatelist": READING,
    "app.bsky.graph.defs#referencelist": REFERENCE,
}


@record(LIST)
def listing(batch: Batch, change: Change) -> None:
    """Put the list as its record has it now, or remove it."""
    found = batch.subject(f"at://{change.did}/{LIST}/{change.rkey}")
    assert found is not None
    id = found[0]
    batch.tx.run("DELETE FROM list WHERE id = :id", id=id)
    if change.record is not None and change.cid is not None:
        _put(batch, change, change.record, id)
    batch.lists.add(id)
    batch.newcomers = True  # somebody may mute it already
    batch.actors.add(change.actor)
    batch.release(id)


def _put(batch: Batch, change: Change, record: Json, id: int) -> None:
    came, at = came_and_sorts(change.rkey, record, batch.now)
    batch.tx.run(
        "INSERT INTO list (id, author, rkey, purpose, cid, record, at, indexed_at, items) VALUES (:id, :author, :rkey,"
        " :purpose, :cid, :record, :at, :came, (SELECT count(*) FROM list_item WHERE list = :id AND main = 1))",
        id=id,
        author=change.actor,
        rkey=change.rkey,
        purpose=PURPOSES.get(str(record.get("purpose")), 0),
        cid=bytes(change.cid or b""),
        record=change.raw,
        at=at,
        came=came,
    )


@record(ITEM)
def item(batch: Batch, change: Change) -> None:
    """Put somebody on a list as the record has it now, or take them off."""
    row = batch.tx.one(
        "SELECT list, subject, main FROM list_item WHERE actor = :actor AND rkey = :rkey",
        actor=change.actor,
        rkey=change.rkey,
    )
    if row is not None:
        _take_off(batch, change, *row)
    if change.record is None:
        return
    uri, member = change.record.get("list"), change.record.get("subject")
    if not isinstance(uri, str) or not uri.startswith(f"at://{change.did}/{LIST}/"):
        return
    found = batch.subject(uri)
    if found is not None and isinstance(member, str) and member.startswith("did:"):
        _put_on(batch, change, change.record, found[0], batch.actor(member))


def _put_on(batch: Batch, change: Change, record: Json, id: int, member: int) -> None:
    main = batch.tx.one(
        "SELECT rkey FROM list_item WHERE list = :list AND subject = :subject AND main = 1", list=id, subject=member
    )
    leads = main is None or change.rkey < main[0]
    if main is not None and leads:
        _set_main(batch, change.actor, main[0], 0)
    batch.tx.run(
        "INSERT INTO list_item (actor, rkey, list, subject, at, main)"
        " VALUES (:actor, :rkey, :list, :subject, :at, :main)",
        actor=change.actor,
        rkey=change.rkey,
        list=id,
        subject=member,
        at=came_and_sorts(change.rkey, record, batch.now)[1],
        main=int(leads),
    )
    if main is None:
        _count(batch, id, member, 1)


def _take_off(batch: Batch, change: Change, id: int, member: int, main: int) -> None:
    batch.tx.run("DELETE FROM list_item WHERE actor = :actor AND rkey = :rkey", actor=change.actor, rkey=change.rkey)
    if not main:
        return
    heir = batch.tx.one(
        "SELECT min(rkey) FROM list_item WHERE actor = :actor AND list = :list AND subject = :subject",
        actor=change.actor,
        list=id,
        subject=member,
    )
    if heir is not None and heir[0] is not None:
        _set_main(batch, change.actor, heir[0], 1)
    else:
        _count(batch, id, member, -1)
        batch.release(id)


def _set_main(batch: Batch, actor: int, rkey: str, main: int) -> None:
    batch.tx.run(
        "UPDATE list_item SET main = :main WHERE actor = :actor AND rkey = :rkey", main=main, actor=actor, rkey=rkey
    )


def _count(batch: Batch, id: int, member: int, by: int) -> None:
    batch.tx.run("UPDATE list SET items = items + :by WHERE id = :id", by=by, id=id)
    batch.lists.add(id)
    batch.circles.add(member)
