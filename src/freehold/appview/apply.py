"""What one event of the logs means for the index.

In come frames of the public log and bodies of the private one; out go changes of a `Batch`, by the handlers of each
collection. What cannot be read or does not fit its lexicon is passed over with a line in our log: one bad record of a
member must not stop everyone's reading.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from freehold.appview import actors, declarations, edges, lists, packs, posts, verified
from freehold.appview.batch import HANDLERS, POST, Batch, Change, Json
from freehold.appview.pieces import NO_HANDLE
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.repo.car import read_own_car
from freehold.stream import frames
from freehold.stream.log import Changed, Event, Private

log = logging.getLogger(__name__)

HANDLING_MODULES = (actors, declarations, edges, lists, packs, posts, verified)
"""Imported for the handlers that they register."""

RecordOf = Callable[[str, str], tuple[Cid, bytes] | None]
"""DID, path -> the record as it is now."""
Records = Iterable[tuple[str, Cid, bytes]]
RecordsOf = Callable[[str], Records]
ACCOUNT = "account"
"""The subject of a takedown of a whole account of another host. (One of ours is taken down in the public log.)"""


def apply_event(batch: Batch, event: Event, records_of: RecordsOf | None) -> None:
    """Apply a public event. records_of: the records of one repository as they are now, asked for when it was reset."""
    batch.now = event.at
    if event.told is not None:
        _commit(batch, event.did, event.told.rev, event.told.changes)
        return
    try:
        payload = frames.payload_of(event.kind, event.frame)
    except Refused as error:
        log.error("event %d of %s cannot be read: %s", event.seq, event.did, error)
        return
    kind = event.kind
    if kind == "commit":
        _commit(batch, payload["repo"], payload["rev"], _changes(payload))
    elif kind == "identity":
        if "handle" in payload:
            apply_identity(batch, payload["did"], payload["handle"])
    elif kind == "account":
        actors.account(batch, payload["did"], payload["active"], payload.get("status"))
    elif kind == "sync" and records_of is not None:
        _reset(batch, payload["did"], list(records_of(payload["did"])))
        batch.reach(batch.actor(payload["did"]), payload["rev"])


def apply_private(batch: Batch, event: Private, record_of: RecordOf) -> None:
    """Apply a private event of a kind that this room knows: `seen` {at}, `mute` {}, `kept` {}, `preference` {},
    `takedown` {subject, on} of a record's path or of ACCOUNT, `label` {uri} of a subject of which a labeler says
    something else than before, `verifier` {on} of whom the network trusts to verify others.

    record_of: asked for what is put back.
    """
    if event.kind == "seen":
        actors.seen(batch, event.did, event.body["at"])
    elif event.kind == "mute":
        actors.muted(batch, event.did)
    elif event.kind in ("kept", "preference"):
        batch.own.add(batch.actor(event.did))
    elif event.kind == "verifier":
        verified.trust(batch, event.did, event.body["on"])
    elif event.kind == "label":
        labelled(batch, event.body["uri"])
    elif event.kind == "takedown" and event.body["subject"] == ACCOUNT:
        _take_down_account(batch, event.did, event.body["on"])
    elif event.kind == "takedown" and "/" in event.body["subject"]:
        _take_down(batch, event.did, event.body["subject"], event.body["on"], record_of)


def labelled(batch: Batch, subject: str) -> None:
    """Have memory forget the piece of an account, or of a post. What else can be labelled is kept nowhere."""
    did, collection, rkey = (*subject.removeprefix("at://").split("/"), "", "")[:3]
    row = batch.tx.one("SELECT id FROM actor WHERE did = :did", did=did)
    if row is None:
        return
    batch.actors.add(row[0])
    post = batch.tx.one("SELECT id FROM post WHERE author = :author AND rkey = :rkey", author=row[0], rkey=rkey)
    if collection == POST and post is not None:
        batch.posts.add(post[0])


def _take_down(batch: Batch, did: str, path: str, on: bool, record_of: RecordOf) -> None:
    """Make a record as good as deleted for the index, or as if it had been written just now."""
    if on:
        batch.tx.run("INSERT INTO taken_down (did, path) VALUES (:d, :p) ON CONFLICT DO NOTHING", d=did, p=path)
        batch.taken_down.add((did, path))
        forget_record(batch, did, path)
    else:
        batch.tx.run("DELETE FROM taken_down WHERE did = :d AND path = :p", d=did, p=path)
        batch.taken_down.discard((did, path))
        found = record_of(did, path)
        if found is not None:
            apply_record(batch, did, path, *found)


def _take_down_account(batch: Batch, did: str, on: bool) -> None:
    """Hide an account of another host, or show it again: whoever takes it in then asks its host how it stands."""
    if on:
        batch.tx.run("INSERT INTO taken_down (did, path) VALUES (:d, :p) ON CONFLICT DO NOTHING", d=did, p=ACCOUNT)
        batch.taken_down.add((did, ACCOUNT))
    else:
        batch.tx.run("DELETE FROM taken_down WHERE did = :d AND path = :p", d=did, p=ACCOUNT)
        batch.taken_down.discard((did, ACCOUNT))
    actors.account(batch, did, not on, "takendown")


def forget_record(batch: Batch, did: str, path: str) -> None:
    """Let the index know that a record is there no more, or is to be shown no more."""
    collection, _, rkey = path.partition("/")
    if (handler := HANDLERS.get(collection)) is not None:
        handler(batch, Change(batch.actor(did), did, collection, rkey))


def apply_identity(batch: Batch, did: str, handle: str | None) -> None:
    """Give an actor a handle, or none."""
    known = handle is not None and handle != NO_HANDLE
    actors.identity(batch, did, handle.lower() if handle is not None and known else None)


def apply_record(
    batch: Batch, did: str, path: str, cid: Cid, raw: bytes, fits: bool | None = None, value: Json | None = None
) -> None:
    """Let the index know a record as it is now. A record of a collection that means nothing here is passed over.

    fits: whether it fits its lexicon, where that is known already. value: its JSON form, if that is known, and fits.
    """
    collection, _, rkey = path.partition("/")
    handler = HANDLERS.get(collection)
    if handler is None:
        return
    if batch.taken_down and (did, path) in batch.taken_down:
        forget_record(batch, did, path)
        return
    record = value if value is not None else read_record(batch, path, raw, fits)
    if record is None:
        log.info("the record %s of %s is not indexed: it does not fit its lexicon", path, did)
        handler(batch, Change(batch.actor(did), did, collection, rkey))
    else:
        handler(batch, Change(batch.actor(did), did, collection, rkey, cid, record, raw))


def read_record(batch: Batch, path: str, raw: bytes, fits: bool | None = None) -> Json | None:
    """The JSON form of a record; None for what is none, or does not fit its lexicon. fits: where that is known."""
    try:
        record = cbor.decode_json(raw)
    except Refused:
        return None
    if not isinstance(record, dict):
        return None
    return record if (batch.fits(path.partition("/")[0], record) if fits is None else fits) else None


def _commit(batch: Batch, did: str, rev: str, changes: Iterable[Changed]) -> None:
    actor = batch.actor(did)
    actors.announce(batch, actor)
    batch.reach(actor, rev)
    for path, cid, raw, value in changes:
        if cid is None:
            forget_record(batch, did, path)
        elif raw is not None:
            apply_record(batch, did, path, cid, raw, value=value)


def _changes(payload: dict[str, Any]) -> Iterator[Changed]:
    """What a commit's frame says was changed."""
    blocks = read_own_car(payload["blocks"])
    for op in payload["ops"]:
        cid = op["cid"]
        yield Changed(op["path"], cid, blocks.get(cid) if cid is not None else None, None)


def _reset(batch: Batch, did: str, records: list[tuple[str, Cid, bytes]]) -> None:
    """Make the index equal to a repository that was replaced as a whole."""
    actor = batch.actor(did)
    actors.announce(batch, actor)
    actors.forget(batch, actor, did, (path for path, _, _ in records))
    for path, cid, raw in records:
        apply_record(batch, did, path, cid, raw)
