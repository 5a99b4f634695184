"""Lexicons against the official vectors and every official document."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.protocol.lexicon import BadLexicon, Catalog, InvalidRecord, read_document


def load(path: Path) -> Any:
    return msgspec.json.decode(path.read_bytes())


@pytest.fixture(scope="module")
def demo(vectors) -> Catalog:
    return Catalog(load(path) for path in sorted((vectors / "interop/lexicon/catalog").glob("*.json")))


def test_the_valid_documents_are_read(vectors):
    for case in load(vectors / "interop/lexicon/lexicon-valid.json"):
        assert read_document(case["lexicon"]).id == case["lexicon"]["id"], case["name"]


def test_the_invalid_documents_are_refused(vectors):
    for case in load(vectors / "interop/lexicon/lexicon-invalid.json"):
        with pytest.raises(BadLexicon):
            read_document(case["lexicon"])


def test_the_valid_records_pass(vectors, demo):
    check = demo.record("example.lexicon.record")
    for case in load(vectors / "interop/lexicon/record-data-valid.json"):
        check(case["data"])
        demo.check_record_key("example.lexicon.record", case["rkey"])


def broken(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The full record with one thing wrong, in as many ways as its lexicon forbids."""
    link = {"$link": "bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq"}
    blob = {"$type": "blob", "mimeType": "text/plain", "size": 12, "ref": link}
    wrong: dict[str, list[Any]] = {
        "$type": ["example.lexicon.other", "example.lexicon.record#demoObject", 1, None],
        "boolean": [1, "true", None, {}],
        "integer": ["1", 1.0, 1.5, True, None, 2**53, -(2**53)],
        "string": [1, None, ["blah"], True],
        "nullableString": [1, {}],
        "bytes": ["123", {"$bytes": "a*b"}, {"$bytes": "12345"}, {"$bytes": "1="}, {"$bytes": 1}, {"$link": "123"}],
        "cid-link": [link["$link"], {"$link": "bafy"}, {"$link": 1}, link | {"more": 1}, {"$bytes": "123"}],
        "blob": [
            link,
            {"cid": link["$link"], "mimeType": "image/png"},
            blob | {"$type": "other"},
            blob | {"size": -1},
            blob | {"size": True},
            blob | {"size": "12"},
            blob | {"mimeType": ""},
            blob | {"mimeType": 1},
            blob | {"ref": link["$link"]},
            blob | {"more": 1},
            {key: value for key, value in blob.items() if key != "size"},
        ],
        "unknown": [1, "text", True, ["a"], None, {"$bytes": "123"}, link, blob],
        "array": [1, {}, [1, "2"], [1, None], [True]],
        "object": [1, [], {"a": "1"}, {"b": None}, {"$bytes": "123"}],
        "ref": [1, {"a": "1"}, {"$type": "example.lexicon.record#demoObjectTwo", "a": 1}],
        "union": [
            {"a": 1},
            {"$type": 1, "a": 1},
            {"$type": "", "a": 1},
            {"$type": "example.lexicon.record#demoObject", "a": "1"},
            blob,
            "example.lexicon.record#demoToken",
        ],
        "closedUnion": [
            {"$type": "example.lexicon.record#demoObjectTwo", "c": 1},
            {"$type": "example.lexicon.what"},
            {},
        ],
        "constInteger": [41, 42.0],
        "enumInteger": [5],
        "rangeInteger": [9, 21],
        "lenString": ["123456789", "ééééé"[:4], "123456789012345678901", "é" * 11],
        "graphemeString": ["🇩🇪🏳️‍🌈" * 4 + "x", "🇩🇪🏳️‍🌈" * 10 + "x", "123456789", "x" * 21],
        "enumString": ["bird", ""],
        "sizeBytes": [{"$bytes": "asdf"}, {"$bytes": "asdf" * 7}],
        "lenArray": [[1], [1, 2, 3, 4, 5, 6]],
        "sizeBlob": [blob | {"size": 21}],
        "acceptBlob": [blob, blob | {"mimeType": "imagepng"}],
        "formats": [
            {name: value}
            for name in ("did", "handle", "atidentifier", "nsid", "aturi", "cid", "datetime", "language", "tid")
            for value in ("", "_", "not a value", 1, None)
        ]
        + [{"uri": ""}, {"uri": "no scheme"}, {"recordkey": ""}, {"recordkey": "."}, {"recordkey": "a/b"}],
    }
    changed = [record | {name: value} for name, values in wrong.items() for value in values]
    return [*changed, {name: value for name, value in record.items() if name != "integer"}]


def test_a_record_with_one_thing_wrong_is_refused_with_the_place(vectors, demo):
    check = demo.record("example.lexicon.record")
    full = load(vectors / "interop/lexicon/record-data-valid.json")[1]["data"]
    for record in broken(full):
        try:
            check(record)
        except InvalidRecord as refusal:
            say = refusal.say
        else:
            pytest.fail(f"accepted: {json.dumps(record)}")
        assert say.startswith("Invalid example.lexicon.record record: record")


def test_what_a_lexicon_does_not_know_passes(vectors, demo):
    check = demo.record("example.lexicon.record")
    full = load(vectors / "interop/lexicon/record-data-valid.json")[1]["data"]
    for more in (
        {"more": {"$type": "what.is.this", "x": [None]}},
        {"union": {"$type": "example.lexicon.unheard#of", "a": "anything"}},
        {"union": {"$type": "example.lexicon.record", "a": "a known type that the union does not list"}},
        {"knownString": "mauve"},
        {"ref": {"$type": "example.lexicon.record#demoObject", "a": 1, "z": "z"}},
        {"array": []},
    ):
        check(full | more)


def test_every_official_document_compiles_and_no_reference_is_lost(vectors):
    paths = sorted((vectors / "lexicons").rglob("*.json"))
    assert len(paths) == 401
    catalog = Catalog(load(path) for path in paths)
    assert catalog.compile() == frozenset()
    assert len(catalog.nsids()) == 401
