"""Frames of `com.atproto.label.subscribeLabels`, read, and each label in them proven by its labeler's signature.

Source: https://atproto.com/specs/label
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from freehold.outside.messages import Dropped, Notice, opened
from freehold.protocol import cbor
from freehold.protocol.cbor import MAX_INTEGER
from freehold.protocol.cid import Cid
from freehold.protocol.keys import verify
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import is_cid_text, is_did, parse_at_uri, parse_datetime

VERSION = 1
LONGEST_URI = 8_192
LONGEST_VALUE = 128
"""Bytes."""
Json = dict[str, Any]


class Frame(NamedTuple):
    """One message. labels: as they came, nothing of them checked."""

    seq: int
    labels: list[Any]


class Label(NamedTuple):
    """A label that its labeler signed. uri: an account's DID or a record's at-uri. cid: "" for every version. neg: it
    takes one back. ends: micros since 1970 UTC, None for never. view: com.atproto.label.defs#label, unsigned."""

    uri: str
    cid: str
    val: str
    neg: bool
    ends: int | None
    view: Json


def read(frame: bytes) -> Frame | Notice | None:
    """What a frame says; None for a kind that this does not know. Raises Dropped."""
    found = opened(frame)
    if isinstance(found, Notice):
        return found
    kind, payload = found
    if kind != "labels":
        return None
    seq, labels = payload.get("seq"), payload.get("labels")
    if type(seq) is not int or not 0 <= seq <= MAX_INTEGER or not isinstance(labels, list):
        raise Dropped("malformed")
    return Frame(seq, labels)


def proven(raw: object, src: str, key: str) -> Label:
    """A label of this labeler's, signed with its key. Raises Dropped: `malformed`, `other-labeler`, `bad-signature`."""
    if not isinstance(raw, dict):
        raise Dropped("malformed")
    fields = {name: value for name, value in raw.items() if name not in ("sig", "$type")}
    label = _read(fields)
    if fields.get("src") != src:
        raise Dropped("other-labeler", src=fields.get("src"))
    sig = raw.get("sig")
    if not isinstance(sig, bytes) or isinstance(sig, Cid) or not verify(key, cbor.encode(fields), sig):
        raise Dropped("bad-signature", uri=label.uri)
    return label


def _read(fields: Json) -> Label:
    texts = [fields.get(name) for name in ("uri", "val", "cts")]
    uri, val, cts = (text if isinstance(text, str) else "" for text in texts)
    cid, neg, exp = fields.get("cid", ""), fields.get("neg", False), fields.get("exp")
    fine = fields.get("ver") == VERSION and 0 < len(val.encode()) <= LONGEST_VALUE and type(neg) is bool
    if not fine or len(uri) > LONGEST_URI or not (cid == "" or (isinstance(cid, str) and is_cid_text(cid))):
        raise Dropped("malformed")
    try:
        if not is_did(uri) and not is_did(parse_at_uri(uri).authority):
            raise Dropped("malformed")
        parse_datetime(cts)
        ends = parse_datetime(exp) if isinstance(exp, str) else None
    except Refused:
        raise Dropped("malformed") from None
    if exp is not None and ends is None:
        raise Dropped("malformed")
    return Label(uri, cid, val, neg, ends, dict(_shown(fields)))


def _shown(fields: Json) -> Iterator[tuple[str, Any]]:
    """What of it readers are shown: what the lexicon knows."""
    for name in ("ver", "src", "uri", "cid", "val", "neg", "cts", "exp"):
        if name in fields:
            yield name, fields[name]
