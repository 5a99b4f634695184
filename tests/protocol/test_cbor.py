"""DAG-CBOR: official vectors, and both codecs held against each other."""

import json
from base64 import b32encode, b64decode
from pathlib import Path
from typing import Any

import cbrrr
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freehold.protocol import cbor, purecbor
from freehold.protocol import cid as cid_room
from freehold.protocol.cbor import MAX_DEPTH, MAX_INTEGER, BadCbor
from freehold.protocol.cid import Cid

LINK = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
FOREIGN = Cid(b"\x01\x70\x12\x20" + bytes(32))  # dag-pb, as IPFS has it

cids = st.binary(min_size=32, max_size=32).flatmap(
    lambda digest: st.sampled_from([Cid(b"\x01\x71\x12\x20" + digest), Cid(b"\x01\x55\x12\x20" + digest)])
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
leaves = st.none() | st.booleans() | texts
integers = st.integers(-(2**64), 2**64 - 1)
safe_integers = st.integers(-MAX_INTEGER, MAX_INTEGER)


def nested(leaf: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=30) | st.dictionaries(keys, inner, max_size=30), max_leaves=40
    )


values = nested(leaves | integers | st.binary(max_size=300) | cids, texts)
special = cids.map(lambda cid: {"$link": str(cid)}) | st.sampled_from([b"", b"\xfb", b"\x81" * 80]).map(
    lambda raw: cbrrr.decode_dag_cbor(cbrrr.encode_dag_cbor(raw), atjson_mode=True)
)
records = nested(leaves | safe_integers | special, texts.filter(lambda key: key not in ("$link", "$bytes")))


@pytest.fixture(params=["compiled", "pure"])
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The whole module once with the compiled codec and once without."""
    if request.param == "pure":
        monkeypatch.setattr(cbor, "_read", purecbor.decode_dag_cbor)
        monkeypatch.setattr(cbor, "_write", purecbor.encode_dag_cbor)
        monkeypatch.setattr(cbor, "_read_many", None)
    return str(request.param)


def outcome(function: Any, *args: Any) -> Any:
    """What a call gives, exact about types; or that it refuses."""
    try:
        return repr(function(*args))
    except (ValueError, TypeError, BadCbor):
        return "refused"


@given(values)
def test_both_codecs_write_and_read_the_same(value: Any) -> None:
    data = cbor.encode(value)
    assert purecbor.encode_dag_cbor(value, False, Cid) == data
    assert repr(purecbor.decode_dag_cbor(data, False, Cid)) == repr(cbor.decode(data))
    assert cbor.decode(data) == value
    assert cbor.encode(cbor.decode(data)) == data


@given(records)
def test_both_codecs_write_and_read_the_same_records(record: Any) -> None:
    data = cbor.encode_json(record)
    assert purecbor.encode_dag_cbor(record, True, Cid) == data
    assert repr(purecbor.decode_dag_cbor(data, True, Cid)) == repr(cbor.decode_json(data))
    assert cbor.decode_json(data) == record
    assert cbor.encode_json(cbor.decode_json(data)) == data


@given(values, st.data())
@example(value={"a": [1.5]}, data=None)
def test_both_codecs_refuse_the_same_damage(value: Any, data: Any) -> None:
    good = bytearray(purecbor.encode_dag_cbor(value, False, Cid))
    if data is not None:
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, len(good) - 1))
            good[place : place + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
            good = good or bytearray(b"\xf6")
    damaged = bytes(good)
    for json_form in (False, True):
        by_pure = outcome(purecbor.decode_dag_cbor, damaged, json_form, Cid)
        by_compiled = outcome(cbrrr.decode_dag_cbor, damaged, json_form, Cid)
        assert by_pure == by_compiled
    for read, write in ((cbor.decode, cbor.encode), (cbor.decode_json, cbor.encode_json)):
        try:
            found = read(damaged)
        except BadCbor:
            continue
        assert write(found) == damaged  # what is accepted has no second encoding


@pytest.mark.parametrize(
    "data",
    [
        b"\xa2\x61a\x01\x61a\x01",  # a key twice
        b"\xa2\x61b\x01\x61a\x01",  # keys out of order
        b"\xa2\x62aa\x01\x61b\x01",  # the longer key first
        b"\xa1\x01\x01",  # a key that is not text
        b"\xa1\x61a",  # a key without value
        b"\x18\x17",  # 23 in two bytes
        b"\x19\x00\xff",
        b"\x1a\x00\x00\xff\xff",
        b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff",
        b"\x78\x01a",  # a length longer than need be
        b"\x1c",  # reserved
        b"\x9f\xff",  # indefinite
        b"\xf9\x3c\x00",  # a half float
        b"\xf8\x20",
        b"\xd8\x2a\x41\x00\x00",
        b"\xd8\x2b\x41\x00",
        b"",
    ],
)
def test_there_is_one_encoding_only(data: bytes, codec: str) -> None:
    for read in (cbor.decode, cbor.decode_json):
        with pytest.raises(BadCbor):
            read(data)


def test_dasl_vectors_hold(vectors: Path, codec: str) -> None:
    counted = 0
    for file in sorted((vectors / "dag-cbor").glob("*.json")):
        for case in json.loads(file.read_text()):
            data, tags = bytes.fromhex(case["data"]), set(case["tags"])
            if tags.isdisjoint({"basic", "dag-cbor", "dasl-cid"}):
                continue
            counted += 1
            if case["type"] == "roundtrip":
                assert cbor.encode(cbor.decode(data)) == data, case["name"]
            else:
                with pytest.raises(BadCbor):
                    cbor.decode(data)
    assert counted > 25


def test_official_records_hash_to_their_cids(vectors: Path, codec: str) -> None:
    for case in json.loads((vectors / "interop" / "data-model" / "data-model-fixtures.json").read_text()):
        data = cbor.encode_json(case["json"])
        assert data == b64decode(case["cbor_base64"] + "==")
        assert str(Cid.of_cbor(data)) == case["cid"]
        assert cbor.decode_json(data) == case["json"]


def test_official_valid_records_encode(vectors: Path, codec: str) -> None:
    for case in json.loads((vectors / "interop" / "data-model" / "data-model-valid.json").read_text()):
        assert cbor.decode_json(cbor.encode_json(case["json"])) == case["json"], case["note"]


def test_real_records_read_back_to_their_bytes(vectors: Path, codec: str) -> None:
    data = (vectors / "repo-cars" / "feedpost_record.cbor").read_bytes()
    assert cbor.encode_json(cbor.decode_json(data)) == data
    index = json.loads((vectors / "capture" / "index.json").read_text())
    assert index


@pytest.mark.parametrize(
    "record",
    [
        {"a": 1.5},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": 1e300},
        {"a": MAX_INTEGER + 1},
        {"a": -MAX_INTEGER - 1},
        {"a": 2**70},
        {"a": b"bytes"},
        {"a": Cid.of_raw(b"")},
        {"a": (1, 2)},
        {1: "a"},
        {"a": "\ud800"},
        dict.fromkeys(("\ud800", "\udfff")),
        {"a": {"$link": LINK, "b": 1}},
        {"a": {"$bytes": "", "b": 1}},
        {"a": {"$link": 5}},
        {"a": {"$link": LINK[1:]}},
        {"a": {"$link": LINK + "a"}},
        {"a": {"$link": "bafyrei"}},
        {"a": {"$link": "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR"}},
        {"a": {"$link": "b" + "a" * 58}},
        {"a": {"$link": "bé"}},
        {"a": {"$bytes": "a"}},
        {"a": {"$bytes": "a-_a"}},
        {"a": {"$bytes": "aa aa"}},
        {"a": {"$bytes": None}},
        object(),
    ],
)
def test_what_a_record_cannot_hold_is_refused(record: Any, codec: str) -> None:
    with pytest.raises(BadCbor):
        cbor.encode_json(record)


def test_a_whole_float_is_an_integer(codec: str) -> None:
    assert cbor.encode_json({"a": [123.0, -0.0]}) == cbor.encode_json({"a": [123, 0]})


def test_bytes_are_read_with_and_without_padding(codec: str) -> None:
    assert cbor.encode_json({"$bytes": "AAE="}) == cbor.encode_json({"$bytes": "AAE"}) == b"\x42\x00\x01"


@given(st.binary(min_size=36, max_size=36).map(Cid))
def test_the_text_of_a_cid_is_the_same_whoever_writes_it(cid: Cid) -> None:
    by_compiled = str(cid)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cid_room, "_read", None)
        assert str(cid) == by_compiled
    assert by_compiled == "b" + b32encode(cid).decode().lower().rstrip("=")


@given(records)
def test_a_record_that_was_read_before_is_read_alike(record: Any) -> None:
    data = cbor.encode_json(record)
    assert cbor.decode_json_own(data) == cbor.decode_json(data)


def test_links_of_foreign_kinds_survive_in_records_only(codec: str) -> None:
    record = {"a": {"$link": str(FOREIGN)}}
    data = cbor.encode_json(record)
    assert cbor.decode_json(data) == record
    for attempt in (lambda: cbor.decode(data), lambda: cbor.encode({"a": FOREIGN})):
        with pytest.raises(BadCbor):
            attempt()


def test_floats_are_refused_everywhere(codec: str) -> None:
    data = b"\xa1\x61\x61\xfb\x3f\xf8" + bytes(6)
    for attempt in (cbor.decode, cbor.decode_json):
        with pytest.raises(BadCbor):
            attempt(data)
    with pytest.raises(BadCbor):
        cbor.encode({"a": 1.5})


def test_integers_beyond_53_bits_are_for_us_not_for_records(codec: str) -> None:
    for number in (2**64 - 1, -(2**64), MAX_INTEGER + 1, -MAX_INTEGER - 1):
        data = cbor.encode([number, "; \x1b"])
        assert cbor.decode(data) == [number, "; \x1b"]
        with pytest.raises(BadCbor):
            cbor.decode_json(data)
    assert cbor.decode_json(cbor.encode_json([MAX_INTEGER, -MAX_INTEGER])) == [MAX_INTEGER, -MAX_INTEGER]


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"k": inner}, lambda inner: [195, "ü", inner]])
def test_nesting_ends_at_the_limit(wrap: Any, codec: str) -> None:
    deep: Any = {"$link": LINK}
    for _ in range(MAX_DEPTH):
        deep = wrap(deep)
    plain: Any = Cid.parse(LINK)
    for _ in range(MAX_DEPTH):
        plain = wrap(plain)
    data = cbor.encode_json(deep)
    assert cbor.encode(plain) == data
    assert cbor.decode_json(data) == deep
    assert cbor.decode(data) == plain
    for write, value in ((cbor.encode, wrap(plain)), (cbor.encode_json, wrap(deep))):
        with pytest.raises(BadCbor):
            write(value)
        too_deep = cbrrr.encode_dag_cbor(value, write is cbor.encode_json, Cid)
        for read in (cbor.decode, cbor.decode_json):
            with pytest.raises(BadCbor):
                read(too_deep)


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x9a\x00\x0f\x00\x00" * 200_000,
        b"\x97" * 1_000_000,
        b"\x81" * 1_000_000,
        b"\x99\xff\xff" * 60 + bytes(65_536),
        b"\xa1\x61\x61" * 100_000,
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x9a\x7f\xff\xff\xff",
    ],
)
def test_lies_about_length_are_refused_before_they_are_believed(hostile: bytes, codec: str) -> None:
    """Believed, each would ask for so much time or memory that the suite's own limits end it."""
    for read in (cbor.decode, cbor.decode_json, cbor.decode_pair):
        with pytest.raises(BadCbor):
            read(hostile)


def test_two_values_in_a_row_are_read_as_a_pair(codec: str) -> None:
    header, body = {"op": 1, "t": "#commit"}, {"blocks": b"\x98" * 100_000, "commit": Cid.of_cbor(b"")}
    frame = cbor.encode(header) + cbor.encode(body)
    assert cbor.decode_pair(frame) == (header, body)
    for wrong in (b"", cbor.encode(header), frame + b"\xf6", frame[:-1], b"\xf6\xfb" + bytes(8)):
        with pytest.raises(BadCbor):
            cbor.decode_pair(wrong)
