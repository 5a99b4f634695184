"""Labels: what this network's labeler says of accounts and records, for everybody to read and to check.

Table: label, appended only: what no longer holds is said by a newer row that negates it. Each row is signed once, by
the labeler's #atproto_label key over just the fields that it has, and goes out as it was signed. An index hears of it
in the private log.
Source: https://atproto.com/specs/label
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from freehold.appview.labelled import Said
from freehold.protocol import cbor
from freehold.protocol.keys import SigningKey
from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import format_datetime, is_cid_text, is_did, parse_at_uri
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.tx import Tx
from freehold.stream.bell import Bell
from freehold.stream.log import append_private

SCHEMA = (
    Migration(
        "moderation-2-label",
        """
        CREATE TABLE label (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            src TEXT NOT NULL,
            uri TEXT NOT NULL,
            cid TEXT NOT NULL,
            val TEXT NOT NULL,
            neg INTEGER NOT NULL,
            cts TEXT NOT NULL,
            exp TEXT,
            expires_at BIGINT,
            sig BLOB NOT NULL
        );
        CREATE INDEX label_uri ON label (uri, val);
        """,
    ),
)

Json = dict[str, Any]
VERSION = 1
LONGEST_VALUE = 128
MOST_PATTERNS = 50
LAST = "\U0010ffff"
"""Comes after every character of a URI."""
_VALUE = re.compile(r"!?[a-z](?:[a-z-]*[a-z])?")
_COLUMNS = "id, src, uri, cid, val, neg, cts, exp, sig"


class BadLabel(InvalidRequest):
    """Not a label that can be put."""


class Label(NamedTuple):
    """A label as it was signed. id: its place in the stream. cid: "" for every version. neg: it takes one back.

    cts, exp: as they were signed. exp: None for one that does not expire.
    """

    id: int
    src: str
    uri: str
    cid: str
    val: str
    neg: bool
    cts: str
    exp: str | None
    sig: bytes

    @property
    def fields(self) -> Json:
        """Just the fields that it has, without the signature: what is signed."""
        fields: Json = {"ver": VERSION, "src": self.src, "uri": self.uri, "val": self.val, "cts": self.cts}
        if self.cid:
            fields["cid"] = self.cid
        if self.neg:
            fields["neg"] = True
        if self.exp is not None:
            fields["exp"] = self.exp
        return fields


class Labels:
    """The labels of one network. src: its labeler's DID. key: that labeler's #atproto_label key.

    last: the id of the newest label, 0 when there is none; where it can only be read, of when it was opened. bell: rung
    after each.
    """

    def __init__(self, truth: Database, src: str, key: SigningKey) -> None:
        self._truth = truth
        self._src = src
        self._key = key
        self.bell = Bell()
        with truth.reading() as tx:
            (newest,) = tx.one("SELECT max(id) FROM label") or (None,)
        self.last: int = newest or 0

    def put(self, tx: Tx, uri: str, val: str, *, cid: str = "", until: int | None = None) -> Label:
        """Label an account (its DID) or a record (its at-uri with the DID). until: micros since 1970 UTC.

        Raises BadLabel.
        """
        _check(uri, val, cid)
        if until is not None and until <= tx.now:
            raise BadLabel("The end of a label must be in the future.")
        return self._append(tx, uri, val, cid, False, until)

    def take_back(self, tx: Tx, uri: str, val: str, *, cid: str = "") -> Label:
        """Say that a label holds no more. Raises BadLabel when it is not there."""
        _check(uri, val, cid)
        newest = tx.one(
            "SELECT neg FROM label WHERE src = :src AND uri = :uri AND val = :val AND cid = :cid"
            " ORDER BY id DESC LIMIT 1",
            src=self._src,
            uri=uri,
            val=val,
            cid=cid,
        )
        if newest is None or newest[0]:
            raise BadLabel("There is no such label to take back.", uri=uri, val=val)
        return self._append(tx, uri, val, cid, True, None)

    def _append(self, tx: Tx, uri: str, val: str, cid: str, neg: bool, until: int | None) -> Label:
        exp = None if until is None else format_datetime(until)
        label = Label(0, self._src, uri, cid, val, neg, format_datetime(tx.now), exp, b"")
        label = label._replace(sig=self._key.sign(cbor.encode(label.fields)))
        row = tx.one(
            "INSERT INTO label (src, uri, cid, val, neg, cts, exp, expires_at, sig)"
            " VALUES (:src, :uri, :cid, :val, :neg, :cts, :exp, :until, :sig) RETURNING id",
            src=label.src,
            uri=uri,
            cid=cid,
            val=val,
            neg=int(neg),
            cts=label.cts,
            exp=exp,
            until=until,
            sig=label.sig,
        )
        assert row is not None
        append_private(tx, "label", self._src, {"id": row[0], **label.fields})
        tx.after_commit(partial(self._heard, row[0]))
        return label._replace(id=row[0])

    def _heard(self, id: int) -> None:
        self.last = id
        self.bell.ring()

    def sign_anew(self, tx: Tx, key: SigningKey) -> None:
        """Sign all labels by another key, and from now on with it."""
        rows = tx.run(f"SELECT {_COLUMNS} FROM label")
        signed = [{"id": label.id, "sig": key.sign(cbor.encode(label.fields))} for label in map(_label, rows)]
        tx.many("UPDATE label SET sig = :sig WHERE id = :id", signed)
        tx.after_commit(lambda: self._use(key))

    def _use(self, key: SigningKey) -> None:
        self._key = key

    # --- read

    def on(self, subjects: Sequence[str]) -> dict[str, list[Said]]:
        """What is said of each of these accounts and records, and not taken back: for the views."""
        if not self.last and not self._truth.read_only:  # else others put them, and nobody tells
            return {}
        with self._truth.reading() as tx:
            rows = tx.run(
                f"SELECT {_COLUMNS}, expires_at FROM label l WHERE neg = 0"
                " AND uri IN (SELECT value FROM json_each(:subjects))"
                " AND NOT EXISTS (SELECT 1 FROM label n WHERE n.uri = l.uri AND n.val = l.val AND n.id > l.id"
                " AND n.src = l.src AND n.cid = l.cid) ORDER BY id",
                subjects=msgspec.json.encode(list(subjects)).decode(),
            )
        found: dict[str, list[Said]] = defaultdict(list)
        for *columns, ends in rows:
            label = _label(tuple(columns))
            found[label.uri].append(Said(label.src, label.fields, label.cid or None, ends))
        return found

    def in_force(self, patterns: Sequence[str], sources: Sequence[str], after: int, limit: int) -> list[Label]:
        """A page of the labels that hold now, for subjects that match one of the patterns: a URI, or the beginning of
        one and `*`. sources: the DIDs whose labels are wanted, everybody's if none. after: the last id of the page
        before. Raises BadLabel for a pattern that is none."""
        if sources and self._src not in sources:
            return []
        matches, values = _matching(patterns)
        with self._truth.reading() as tx:
            rows = tx.run(
                f"SELECT {_COLUMNS} FROM label l WHERE id > :after AND neg = 0 AND ({matches})"
                " AND (expires_at IS NULL OR expires_at > :now)"
                " AND NOT EXISTS (SELECT 1 FROM label n WHERE n.uri = l.uri AND n.val = l.val AND n.id > l.id"
                " AND n.src = l.src AND n.cid = l.cid) ORDER BY id LIMIT :limit",
                after=after,
                now=tx.now,
                limit=limit,
                **values,
            )
        return [_label(row) for row in rows]

    def read(self, after: int, limit: int) -> list[Label]:
        """All labels in the order in which they were put, negations among them."""
        with self._truth.reading() as tx:
            rows = tx.run(f"SELECT {_COLUMNS} FROM label WHERE id > :after ORDER BY id LIMIT :n", after=after, n=limit)
        return [_label(row) for row in rows]


def _check(uri: str, val: str, cid: str) -> None:
    if not (len(val) <= LONGEST_VALUE and _VALUE.fullmatch(val)):
        raise BadLabel("A label's value is of small letters and dashes, as spam or graphic-media.")
    if cid and (not is_cid_text(cid) or is_did(uri)):
        raise BadLabel("The CID of a record's version goes with the record's at-uri.")
    if not is_did(uri) and not is_did(parse_at_uri(uri).authority):
        raise BadLabel("Label an account by its DID, or a record by its at-uri with the DID.")


def _matching(patterns: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The condition for a row to match one of the patterns, and its parameters."""
    if not 0 < len(patterns) <= MOST_PATTERNS:
        raise BadLabel(f"Ask for 1 to {MOST_PATTERNS} patterns at once.")
    conditions, values = [], {}
    for number, pattern in enumerate(patterns):
        beginning, star, rest = pattern.partition("*")
        if rest:
            raise BadLabel("A pattern may have a * at its end only.")
        values[f"low{number}"] = beginning
        if star:
            values[f"high{number}"] = beginning + LAST
            conditions.append(f"(uri >= :low{number} AND uri < :high{number})")
        else:
            conditions.append(f"uri = :low{number}")
    return " OR ".join(conditions), values


def _label(row: tuple[Any, ...]) -> Label:
    id, src, uri, cid, val, neg, cts, exp, sig = row
    return Label(id, src, uri, cid, val, bool(neg), cts, exp, bytes(sig))
