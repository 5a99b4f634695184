"""Blobs that records name."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol.blobrefs import BlobRef, blob_refs
from freehold.protocol.cid import Cid

ONE, TWO = Cid.of_raw(b"one"), Cid.of_raw(b"two")


def blob(cid: Cid, **changes: Any) -> dict[str, Any]:
    return {"$type": "blob", "ref": {"$link": str(cid)}, "mimeType": "image/png", "size": 3, **changes}


def test_blobs_are_found_in_order_and_each_mention_counts() -> None:
    images = [{"alt": "", "image": blob(ONE)}, {"alt": "", "image": blob(TWO)}, {"image": blob(ONE)}]
    found = blob_refs({"embed": {"images": images}, "thumb": {"cid": str(TWO), "mimeType": "image/gif"}})
    png = [BlobRef(cid, "image/png", 3) for cid in (ONE, TWO, ONE)]
    assert found == [*png, BlobRef(TWO, "image/gif", -1)]


def test_what_only_looks_like_a_blob_is_passed_over() -> None:
    record_link = blob(Cid.of_cbor(b"x"))
    lookalikes: list[Any] = [
        record_link,
        blob(ONE, ref=str(ONE)),
        blob(ONE, ref={"$link": "bafy"}),
        blob(ONE, size="3"),
        blob(ONE, size=True),
        blob(ONE, mimeType=None),
        blob(ONE, **{"$type": "image"}),
        {"cid": str(ONE), "mimeType": "image/png", "more": 1},
        {"cid": 5, "mimeType": "image/png"},
    ]
    assert blob_refs(lookalikes) == []
    assert blob_refs({"mimeType": {"deeper": blob(ONE)}}) == [BlobRef(ONE, "image/png", 3)]


def test_the_captured_records_name_their_blobs(vectors: Path) -> None:
    fixtures = json.loads((vectors / "interop" / "data-model" / "data-model-fixtures.json").read_text())
    assert [ref.size for case in fixtures for ref in blob_refs(case["json"])] == [10000]


def test_depth_does_not_matter() -> None:
    deep: Any = blob(ONE)
    for _ in range(50_000):
        deep = [deep]
    assert blob_refs(deep) == [BlobRef(ONE, "image/png", 3)]


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_value_can_be_searched(value: Any) -> None:
    assert blob_refs(value) == []
