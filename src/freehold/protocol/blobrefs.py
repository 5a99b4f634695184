"""Which blobs a record names.

In comes a record in JSON form, checked or not; out come references in the order in which they stand. The form of before
2023, `{"cid", "mimeType"}`, is found too: old records of accounts that move in still use it.
Source: https://atproto.com/specs/data-model#blob-type
"""

from typing import Any, NamedTuple

from freehold.protocol.cid import RAW, BadCid, Cid


class BlobRef(NamedTuple):
    """A blob as a record names it. size: bytes, or -1 where the legacy form does not say it."""

    cid: Cid
    mime: str
    size: int


def blob_refs(record: Any) -> list[BlobRef]:
    """All blobs in the record, each mention once, however deep. What only looks like a blob is passed over."""
    found: list[BlobRef] = []
    pending = [record]
    while pending:
        value = pending.pop()
        if type(value) is list:
            pending.extend(reversed(value))
        elif type(value) is dict:
            ref = _blob(value) if "mimeType" in value else None
            if ref is None:
                pending.extend(reversed(value.values()))
            else:
                found.append(ref)
    return found


def _blob(value: dict[str, Any]) -> BlobRef | None:
    mime = value["mimeType"]
    if value.get("$type") == "blob":
        ref, size = value.get("ref"), value.get("size")
        text = ref.get("$link") if type(ref) is dict else None
    elif value.keys() == {"cid", "mimeType"}:
        text, size = value["cid"], -1
    else:
        return None
    if type(text) is not str or type(mime) is not str or type(size) is not int:
        return None
    try:
        cid = Cid.parse(text)
    except BadCid:
        return None
    return BlobRef(cid, mime, size) if cid.codec == RAW else None
