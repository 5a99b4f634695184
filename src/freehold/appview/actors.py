"""Actors: who they are, how their accounts stand, what their profiles say; and their removal with all they said.

Tables: actor, actor_search. In come `#identity` and `#account` events, profile records, and the private log's `seen`
and `mute`. A status of None is an active account; STRANGER one that others name and that no event has announced.
Source: https://atproto.com/specs/account and the lexicon app.bsky.actor.profile
"""

from collections.abc import Iterable

from freehold.appview.batch import HANDLERS, POST, STRANGER, Batch, Change, record
from freehold.appview.edges import COLLECTIONS
from freehold.appview.lists import ITEM, LIST
from freehold.appview.moments import came_and_sorts
from freehold.appview.packs import PACK
from freehold.appview.parts import as_dict
from freehold.appview.verified import VERIFICATION, touch

PROFILE = "app.bsky.actor.profile"
JOINED = "starterpack-joined"


@record(PROFILE)
def profile(batch: Batch, change: Change) -> None:
    """Put or remove what an actor says of themselves. Only the record `self` counts."""
    if change.rkey != "self":
        return
    at = came_and_sorts("self", change.record, batch.now)[1] if change.record is not None else None
    batch.tx.run(
        "UPDATE actor SET profile = :raw, profile_cid = :cid, profile_at = :at WHERE id = :id",
        raw=change.raw if change.record is not None else None,
        cid=bytes(change.cid) if change.cid is not None else None,
        at=at,
        id=change.actor,
    )
    _joined_by(batch, change, at or 0)
    batch.name(change.actor)
    touch(batch, change.actor)


def _joined_by(batch: Batch, change: Change, at: int) -> None:
    """Keep by which starter pack somebody says they joined, and tell its author."""
    uri = as_dict((change.record or {}).get("joinedViaStarterPack")).get("uri")
    found = batch.subject(uri) if isinstance(uri, str) and f"/{PACK}/" in uri else None
    (before,) = batch.tx.one("SELECT joined FROM actor WHERE id = :id", id=change.actor) or (None,)
    pack, author = found or (None, 0)
    if pack == before:
        return
    batch.tx.run("UPDATE actor SET joined = :pack WHERE id = :id", pack=pack, id=change.actor)
    batch.take_back(change.actor, change.rkey, JOINED)
    if pack is not None:
        batch.notify(author, JOINED, change, at, pack)
    if before is not None:
        batch.release(before)


def identity(batch: Batch, did: str, handle: str | None) -> None:
    """Give an actor a handle; whoever had it before has none now."""
    actor = batch.actor(did)
    if handle is not None:
        for (other,) in batch.tx.run(
            "UPDATE actor SET handle = NULL WHERE handle = :handle AND id <> :id RETURNING id", handle=handle, id=actor
        ):
            batch.name(other)
    batch.tx.run(
        "UPDATE actor SET handle = :handle, status = CASE WHEN status = :stranger THEN NULL ELSE status END"
        " WHERE id = :id",
        handle=handle,
        stranger=STRANGER,
        id=actor,
    )
    batch.announced.add(actor)
    batch.name(actor)
    touch(batch, actor)


def announce(batch: Batch, actor: int) -> None:
    """An actor who was only named so far has written something: so the account is there."""
    if actor not in batch.announced:
        batch.tx.run("UPDATE actor SET status = NULL WHERE id = :id AND status = :status", id=actor, status=STRANGER)
        batch.announced.add(actor)
        batch.actors.add(actor)


def account(batch: Batch, did: str, active: bool, status: str | None) -> None:
    """Hide or show an actor; one who is deleted goes with everything they said."""
    actor = batch.actor(did)
    value = None if active else (status or "deactivated")
    batch.announced.add(actor)
    batch.tx.run("UPDATE actor SET status = :status WHERE id = :id", status=value, id=actor)
    touch(batch, actor)
    if value == "deleted":
        forget(batch, actor, did)
        batch.tx.run("UPDATE actor SET handle = NULL, seen_at = 0 WHERE id = :id", id=actor)
        batch.name(actor)
        gone = batch.tx.run("DELETE FROM notification WHERE recipient = :id RETURNING id", id=actor)
        batch.notices.update(id for (id,) in gone)


_OWN_ROWS = {
    LIST: "SELECT rkey FROM list WHERE author = :a",
    ITEM: "SELECT rkey FROM list_item WHERE actor = :a",
    PACK: "SELECT rkey FROM starter_pack WHERE author = :a",
    VERIFICATION: "SELECT rkey FROM verification WHERE actor = :a",
}


def paths_of(batch: Batch, actor: int) -> set[tuple[str, str]]:
    """(collection, record key) of every record of an actor that the index holds."""
    tx = batch.tx
    paths = {
        (POST, rkey) for (rkey,) in tx.run("SELECT rkey FROM post WHERE author = :a AND moment IS NOT NULL", a=actor)
    }
    for collection, edges in COLLECTIONS.items():
        paths |= {(collection, rkey) for (rkey,) in tx.run(edges.of_actor, actor=actor)}
    paths |= set(tx.run("SELECT collection, rkey FROM declaration WHERE actor = :a", a=actor))
    for collection, sql in _OWN_ROWS.items():
        paths |= {(collection, rkey) for (rkey,) in tx.run(sql, a=actor)}
    if tx.one("SELECT 1 FROM actor WHERE id = :a AND profile IS NOT NULL", a=actor):
        paths.add((PROFILE, "self"))
    return paths


def forget(batch: Batch, actor: int, did: str, keep: Iterable[str] = ()) -> None:
    """Remove every record of an actor but those at the paths in `keep`."""
    held = paths_of(batch, actor)
    if not held:
        return
    for collection, rkey in sorted(held.difference(tuple(path.split("/", 1)) for path in keep)):
        HANDLERS[collection](batch, Change(actor, did, collection, rkey))


def seen(batch: Batch, did: str, at: int) -> None:
    """Notifications up to `at` (micros) are read, and those after it are not."""
    batch.tx.run("UPDATE actor SET seen_at = :at WHERE id = :id", at=at, id=batch.actor(did))


def muted(batch: Batch, did: str) -> None:
    """Somebody mutes others than before. What nothing public names gets no row here, for it would say that somebody
    mutes it."""
    batch.circles.add(batch.actor(did))
