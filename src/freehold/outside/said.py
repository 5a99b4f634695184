"""What labelers of other networks say, as far as it holds: for the views.

Tables: outside_labeler, outside_label (see schema), in the index's file; emptied with it, and then asked for again. Of
each labeler so many labels are kept, the newest.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from freehold.outside.labels import Json, Label
from freehold.store.tx import Tx

_KEY = "uri = :uri AND src = :src AND val = :val AND cid = :cid"


class Labeler(NamedTuple):
    """A labeler that is followed. cursor: the newest message taken in; None before the first. labels: how many hold."""

    did: str
    cursor: int | None
    labels: int


def labelers(tx: Tx) -> list[Labeler]:
    """Those whose labels are here."""
    return [Labeler._make(row) for row in tx.run("SELECT did, cursor, labels FROM outside_labeler ORDER BY did")]


def followed(tx: Tx) -> frozenset[str]:
    """Their DIDs."""
    return frozenset(did for (did,) in tx.run("SELECT did FROM outside_labeler"))


def one(tx: Tx, did: str) -> Labeler | None:
    """One of them."""
    row = tx.one("SELECT did, cursor, labels FROM outside_labeler WHERE did = :did", did=did)
    return Labeler._make(row) if row is not None else None


def keep(tx: Tx, labeler: Labeler) -> None:
    """Note how far a labeler is followed."""
    tx.run(
        "INSERT INTO outside_labeler (did, cursor, labels) VALUES (:did, :cursor, :labels)"
        " ON CONFLICT (did) DO UPDATE SET cursor = excluded.cursor, labels = excluded.labels",
        **labeler._asdict(),
    )


def on(tx: Tx, subjects: Sequence[str]) -> Iterator[tuple[str, str, Json, str | None, int | None]]:
    """What is said of these accounts and records: (subject, labeler, view, of which version, until when in micros)."""
    for uri, src, view, cid, ends in tx.run(
        "SELECT uri, src, view, cid, ends FROM outside_label WHERE uri IN (SELECT value FROM json_each(:subjects))"
        " ORDER BY id",
        subjects=msgspec.json.encode(list(subjects)).decode(),
    ):
        yield uri, src, msgspec.json.decode(view), cid or None, ends


def take(tx: Tx, src: str, told: Iterable[Label], most: int) -> tuple[int, set[str]]:
    """Put labels, or take back what they negate; by how many more there are now, and of what is said something else
    than before. most: labels of this labeler."""
    more, subjects = 0, set()
    for label in told:
        key = {"uri": label.uri, "src": src, "val": label.val, "cid": label.cid}
        gone = tx.one(f"DELETE FROM outside_label WHERE {_KEY} RETURNING 1", **key)
        more -= gone is not None
        if not label.neg and not (label.ends is not None and label.ends <= tx.now):
            tx.run(
                "INSERT INTO outside_label (uri, src, val, cid, ends, view) VALUES (:uri, :src, :val, :cid, :ends, :v)",
                ends=label.ends,
                v=msgspec.json.encode(label.view),
                **key,
            )
            more += 1
        subjects.add(label.uri)
    held = one(tx, src)
    too_many = (held.labels if held is not None else 0) + more - most
    return (more - too_many, subjects | _drop(tx, src, too_many)) if too_many > 0 else (more, subjects)


def _drop(tx: Tx, src: str, count: int) -> set[str]:
    """Let go of a labeler's oldest labels; what they were about."""
    sql = (
        "DELETE FROM outside_label WHERE id IN (SELECT id FROM outside_label WHERE src = :src ORDER BY id LIMIT :count)"
    )
    return {uri for (uri,) in tx.run(f"{sql} RETURNING uri", src=src, count=count)}


def let_go(tx: Tx, src: str, at_once: int) -> set[str]:
    """Forget some of a labeler's labels, and with the last ones the labeler; what they were about."""
    subjects = _drop(tx, src, at_once)
    if not subjects:
        tx.run("DELETE FROM outside_labeler WHERE did = :src", src=src)
    return subjects


def drop_ended(tx: Tx, src: str) -> None:
    """Let go of a labeler's labels that ran out. Nobody was shown them any more."""
    ended = "DELETE FROM outside_label WHERE src = :src AND ends IS NOT NULL AND ends <= :now RETURNING 1"
    gone = len(tx.run(ended, src=src, now=tx.now))
    tx.run("UPDATE outside_labeler SET labels = labels - :gone WHERE did = :src", gone=gone, src=src)
