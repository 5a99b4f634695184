"""The rules of lexicons, each on a small lexicon of our own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol.lexicon import (
    BadLexicon,
    Catalog,
    InvalidInput,
    InvalidOutput,
    InvalidParams,
    InvalidRecord,
    InvalidRecordKey,
)
from freehold.protocol.lexicon.documents import MAX_DEPTH, String
from freehold.protocol.lexicon.values import _FORMATS, _USUAL, Mismatch, graphemes, string_check

TREE = {
    "lexicon": 1,
    "id": "org.example.tree",
    "defs": {
        "main": {
            "type": "record",
            "key": "tid",
            "record": {"type": "object", "required": ["root"], "properties": {"root": {"type": "ref", "ref": "#node"}}},
        },
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "left": {"type": "ref", "ref": "#node"},
                "right": {"type": "ref", "ref": "org.example.other#mirror"},
                "leaf": {"type": "ref", "ref": "#green"},
                "fruit": {"type": "union", "refs": ["org.example.apple", "org.example.absent"]},
                "grafted": {"type": "ref", "ref": "org.example.absent#what"},
                "quoted": {"type": "union", "refs": ["org.example.tree"], "closed": True},
            },
        },
        "green": {"type": "token"},
    },
}
OTHER = {
    "lexicon": 1,
    "id": "org.example.other",
    "defs": {
        "mirror": {
            "type": "object",
            "required": ["of"],
            "properties": {"of": {"type": "ref", "ref": "org.example.tree#node"}},
        }
    },
}
APPLE = {
    "lexicon": 1,
    "id": "org.example.apple",
    "defs": {"main": {"type": "object", "required": ["red"], "properties": {"red": {"type": "boolean"}}}},
}


def method(kind: str = "query", **parts: Any) -> dict[str, Any]:
    return {"lexicon": 1, "id": "org.example.ask", "defs": {"main": {"type": kind, **parts}}}


def params(properties: dict[str, Any], *required: str) -> Catalog:
    return Catalog([method(parameters={"type": "params", "properties": properties, "required": list(required)})])


def record(**properties: Any) -> Catalog:
    schema = {"type": "object", "properties": properties}
    return Catalog(
        [
            {
                "lexicon": 1,
                "id": "org.example.thing",
                "defs": {"main": {"type": "record", "key": "any", "record": schema}},
            }
        ]
    )


@pytest.fixture
def trees() -> Catalog:
    return Catalog([TREE, OTHER, APPLE])


def tree(**root: Any) -> dict[str, Any]:
    return {"$type": "org.example.tree", "root": root}


def test_references_go_across_documents_and_in_circles(trees):
    check = trees.record("org.example.tree")
    check(tree(left={"left": {"value": 1}}, right={"of": {"right": {"of": {"value": 2}}}}))
    with pytest.raises(InvalidRecord, match=r"record\.root\.left\.right\.of\.value must be an integer"):
        check(tree(left={"right": {"of": {"value": "x"}}}))


def test_a_token_is_its_own_name(trees):
    check = trees.record("org.example.tree")
    check(tree(leaf="org.example.tree#green"))
    with pytest.raises(InvalidRecord):
        check(tree(leaf="green"))


def test_a_listed_type_whose_lexicon_is_absent_passes_in_an_open_union_only(trees):
    check = trees.record("org.example.tree")
    check(tree(fruit={"$type": "org.example.absent", "x": 1}))
    with pytest.raises(BadLexicon, match=r"org\.example\.absent#what is not known"):
        check(tree(grafted={"x": 1}))
    assert trees.compile() == {"org.example.absent", "org.example.absent#what"}


def test_a_main_definition_goes_by_both_its_names(trees):
    check = trees.record("org.example.tree")
    for name in ("org.example.apple", "org.example.apple#main"):
        check(tree(fruit={"$type": name, "red": True}))
        with pytest.raises(InvalidRecord):
            check(tree(fruit={"$type": name, "red": 1}))


def test_a_record_names_its_type_exactly_also_within_another(trees):
    check = trees.record("org.example.tree")
    check(tree(quoted=tree()))
    with pytest.raises(InvalidRecord, match="must have the property \\$type"):
        check({"root": {}})
    for kind in ("org.example.tree#main", "org.example.apple"):
        with pytest.raises(InvalidRecord):
            check(tree() | {"$type": kind})


def test_null_passes_only_where_it_may(trees):
    catalog = record(maybe={"type": "string"}, other={"type": "string"})
    with pytest.raises(InvalidRecord):
        catalog.record("org.example.thing")({"$type": "org.example.thing", "maybe": None})


def test_record_keys_follow_their_type():
    def keyed(key: str) -> Catalog:
        schema = {"type": "record", "key": key, "record": {"type": "object", "properties": {}}}
        return Catalog([{"lexicon": 1, "id": "org.example.thing", "defs": {"main": schema}}])

    good = {"tid": "3kznmn7xqxl22", "nsid": "org.example.thing", "literal:self": "self", "any": "a~b:c"}
    for kind, rkey in good.items():
        keyed(kind).check_record_key("org.example.thing", rkey)
        assert keyed(kind).record_key_type("org.example.thing") == kind
    for kind, rkey in (("tid", "self"), ("nsid", "x"), ("literal:self", "me"), ("any", ".."), ("any", "a/b")):
        with pytest.raises(InvalidRecordKey):
            keyed(kind).check_record_key("org.example.thing", rkey)
    for kind in ("literal:", "literal:a b", "cid", ""):
        with pytest.raises(BadLexicon):
            keyed(kind)


def test_what_is_not_in_the_catalog_has_no_kind(trees):
    assert trees.kind("org.example.tree") == "record"
    assert trees.kind("org.example.apple") is None
    assert trees.kind("org.example.nothing") is None
    assert trees.record("org.example.apple") is None
    assert trees.record_key_type("org.example.nothing") is None
    assert trees.input("org.example.nothing") is None
    with pytest.raises(BadLexicon):
        trees.params("org.example.tree")


def test_a_query_string_becomes_typed_values_with_defaults():
    catalog = params(
        {
            "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
            "deep": {"type": "boolean", "default": False},
            "q": {"type": "string"},
            "ids": {"type": "array", "items": {"type": "integer"}, "maxLength": 3},
        },
        "q",
    )
    read = catalog.params("org.example.ask")
    assert read([("q", "a b")]) == {"limit": 50, "deep": False, "q": "a b"}
    assert read([("q", "1"), ("ids", "1"), ("ids", "-2"), ("limit", "7"), ("deep", "true"), ("other", "x")]) == {
        "limit": 7,
        "deep": True,
        "q": "1",
        "ids": [1, -2],
    }
    assert read([("q", "1"), ("limit", "")])["limit"] == 50


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [("q", "")],
        [("q", "a"), ("q", "b")],
        [("q", "a"), ("limit", "101")],
        [("q", "a"), ("limit", "0")],
        [("q", "a"), ("limit", "1.0")],
        [("q", "a"), ("limit", "٣")],
        [("q", "a"), ("limit", "1" * 17)],
        [("q", "a"), ("deep", "1")],
        [("q", "a"), ("deep", "True")],
        [("q", "a"), ("ids", "1"), ("ids", "x")],
        [("q", "a"), ("ids", "1"), ("ids", "2"), ("ids", "3"), ("ids", "4")],
        [("q", "a"), ("who", "nobody at all")],
    ],
)
def test_a_query_string_that_does_not_fit_is_refused(pairs):
    catalog = params(
        {
            "limit": {"type": "integer", "minimum": 1, "maximum": 100},
            "deep": {"type": "boolean"},
            "q": {"type": "string"},
            "who": {"type": "string", "format": "at-identifier"},
            "ids": {"type": "array", "items": {"type": "integer"}, "maxLength": 3},
        },
        "q",
    )
    with pytest.raises(InvalidParams, match=r"Invalid org\.example\.ask params"):
        catalog.params("org.example.ask")(pairs)


def test_bodies_are_checked_and_filled_with_defaults():
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "n": {"type": "integer"}}}
    schema["properties"]["n"]["default"] = 3
    body = {"encoding": "application/json", "schema": schema}
    catalog = Catalog([method("procedure", input=body, output=body, errors=[{"name": "TooRed"}])])
    asked, answered = catalog.input("org.example.ask"), catalog.output("org.example.ask")
    assert asked.encoding == "application/json"
    given = {"a": "x"}
    assert asked.check(given) == {"a": "x", "n": 3}
    assert given == {"a": "x"}
    with pytest.raises(InvalidInput, match=r"Invalid org\.example\.ask input: input must have the property a"):
        asked.check({})
    with pytest.raises(InvalidOutput, match=r"output\.a must be a string"):
        answered.check({"a": 1})
    assert catalog.errors("org.example.ask") == {"TooRed"}
    raw = Catalog([method("procedure", input={"encoding": "*/*"})])
    assert raw.input("org.example.ask") == ("*/*", None)
    assert raw.output("org.example.ask") is None


@pytest.mark.parametrize(
    "change",
    [
        {"type": "object", "required": ["a"], "properties": {}},
        {"type": "string", "format": "phone"},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"type": "string", "maxLength": -1},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "integer", "default": "1"},
        {"type": "array"},
        {"type": "array", "items": {"type": "ref", "ref": "#"}},
        {"type": "array", "items": {"type": "ref", "ref": "not an nsid#x"}},
        {"type": "array", "items": {"type": "union", "refs": ["org.example.x#"]}},
        {"type": "nothing-known"},
    ],
)
def test_a_document_that_makes_no_sense_is_refused(change):
    with pytest.raises(BadLexicon):
        Catalog([{"lexicon": 1, "id": "org.example.thing", "defs": {"it": change}}])


def test_documents_are_bounded_and_come_once():
    deep: dict[str, Any] = {"type": "integer"}
    for _ in range(MAX_DEPTH):
        deep = {"type": "array", "items": deep}
    with pytest.raises(BadLexicon, match="deeper"):
        Catalog([{"lexicon": 1, "id": "org.example.thing", "defs": {"it": deep}}])
    with pytest.raises(BadLexicon, match="twice"):
        Catalog([APPLE, APPLE])
    with pytest.raises(BadLexicon, match="more than"):
        Catalog([{"lexicon": 1, "id": "org.example.x", "defs": {f"d{n}": {"type": "token"} for n in range(1001)}}])


def test_a_value_as_deep_as_json_may_be_is_still_checked(trees):
    value: dict[str, Any] = {"value": "wrong"}
    for _ in range(60):
        value = {"left": value}
    with pytest.raises(InvalidRecord, match="must be an integer"):
        trees.record("org.example.tree")(tree(**value))


def test_lengths_count_bytes_and_graphemes():
    check = string_check(String(max_length=12, max_graphemes=3, min_graphemes=2))
    for good in ("ab", "éé", "e\u0301" * 3, "🇩🇪ab"):
        check(good)
    for bad in ("a", "abcd", "🇩🇪🇩🇪", "e\u0301", "e\u0301" * 4):
        with pytest.raises(Mismatch):
            check(bad)


def test_line_ends_count_once():
    assert graphemes("a\r\nb") == 3
    assert graphemes("a\n\rb") == 4
    assert graphemes("é\r\nb") == 3


@pytest.mark.parametrize("name", sorted(_USUAL))
@given(data=st.data())
def test_the_quick_forms_are_part_of_the_full_ones(name, data):
    text = data.draw(st.from_regex(_USUAL[name], fullmatch=True))
    assert _FORMATS[name][0](text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["root", "left", "right", "of", "fruit", "quoted", "$type", "$link"]), inner
            )
        ),
    )
)
def test_no_value_does_anything_but_pass_or_be_refused(value):
    catalog = Catalog([TREE, OTHER, APPLE])
    try:
        catalog.record("org.example.tree")(value)
    except (InvalidRecord, BadLexicon) as refusal:
        sentence = refusal.say
    else:
        sentence = ""
    assert len(sentence) < 1000
