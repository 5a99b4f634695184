"""Checks of what holds other values: objects, arrays, unions, references; and the choice of a check for any schema.

References cross documents and may form circles. A union asks the catalog for a member when a value first names it; a
plain reference is resolved at once, or at the first use where that would go in a circle. How deep a value can be is
bounded where JSON is read, not here.
Source: https://atproto.com/specs/lexicon#field-type-definitions
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from freehold.protocol.lexicon import values
from freehold.protocol.lexicon.documents import (
    Array,
    BadLexicon,
    Blob,
    Boolean,
    Bytes,
    CidLink,
    Field,
    Integer,
    Object,
    Ref,
    String,
    Token,
    Union,
    Unknown,
    full_ref,
)
from freehold.protocol.lexicon.values import Check, Mismatch


class Scope(NamedTuple):
    """Where a schema stands.

    home: its NSID. find: gives the check of a full reference, given the definitions in which it is being made; raises
    BadLexicon if there is none, or if it is one of those. above: those definitions, which this schema is a part of.
    """

    home: str
    find: Callable[[str, frozenset[str]], Check]
    above: frozenset[str] = frozenset()


def check_of(schema: Field | Token, scope: Scope, name: str = "") -> Check:
    """The check for a schema. name: the full reference of the definition that it is, empty for a nested schema."""
    match schema:
        case Object():
            return object_check(schema, scope, name)
        case Array():
            return array_check(schema, scope)
        case Union():
            return union_check(schema, scope)
        case Ref():
            return ref_check(full_ref(schema.ref, scope.home), scope)
        case Token():
            return values.token_check(name)
    plain: Callable[[Any], Check] = _PLAIN[type(schema)]
    return plain(schema)


_PLAIN: dict[type, Callable[[Any], Check]] = {
    Boolean: values.boolean_check,
    Integer: values.integer_check,
    String: values.string_check,
    Bytes: values.bytes_check,
    CidLink: values.link_check,
    Blob: values.blob_check,
    Unknown: values.unknown_check,
}


def object_check(schema: Object, scope: Scope, name: str = "", *, typed: bool = False) -> Check:
    """An object. Unknown fields pass; a `$type`, where there is one, must be `name`. typed: it must be there."""
    required = ("$type", *schema.required) if typed else schema.required
    tests = {field: check_of(inner, scope) for field, inner in schema.properties.items()}
    tests |= {field: _nullable(tests[field]) for field in schema.nullable if field in tests}
    for reserved in ("$bytes", "$link"):
        tests.setdefault(reserved, _not_an_object)
    if name:
        tests["$type"] = _type_check(name)
    test_of = tests.get

    def check(value: Any) -> None:
        if type(value) is not dict:
            raise Mismatch("must be an object")
        for field in required:
            if field not in value:
                raise Mismatch(f"must have the property {field}")
        try:
            for field, inner in value.items():
                test = test_of(field)
                if test is not None:
                    test(inner)
        except Mismatch as mismatch:
            mismatch.path.append(field)
            raise

    return check


def _nullable(test: Check) -> Check:
    def check(value: Any) -> None:
        if value is not None:
            test(value)

    return check


def _not_an_object(value: Any) -> None:
    raise Mismatch("makes this bytes or a link, not an object")


def _type_check(name: str) -> Check:
    """`$type` must be the type's name; a main definition may also be called by its full name."""
    also = name if "#" in name else f"{name}#main"

    def check(value: Any) -> None:
        if value != name and value != also:
            raise Mismatch(f"must be {name}")

    return check


def array_check(schema: Array, scope: Scope) -> Check:
    """A list of so many items, each by its schema."""
    least, most, test = schema.min_length or 0, schema.max_length, check_of(schema.items, scope)

    def check(value: Any) -> None:
        if type(value) is not list:
            raise Mismatch("must be an array")
        if len(value) < least:
            raise Mismatch(f"must not have fewer than {least} items")
        if most is not None and len(value) > most:
            raise Mismatch(f"must not have more than {most} items")
        index = 0
        try:
            for inner in value:
                test(inner)
                index += 1
        except Mismatch as mismatch:
            mismatch.path.append(index)
            raise

    return check


def union_check(schema: Union, scope: Scope) -> Check:
    """An object chosen by its `$type`. Unknown types pass, unless the union is closed."""
    names = [full_ref(ref, scope.home) for ref in schema.refs]
    listed = {name: name for name in names} | {f"{name}#main": name for name in names if "#" not in name}
    closed, tests = schema.closed, dict[str, Check]()

    def check(value: Any) -> None:
        kind = value.get("$type") if type(value) is dict else None
        if type(kind) is not str or kind in ("", "blob"):
            raise Mismatch("must be an object with a $type")
        test = tests.get(kind)
        if test is None:
            test = find(kind)
        test(value)

    def find(kind: str) -> Check:
        if kind not in listed:
            if closed:
                raise Mismatch(f"must be of type {', '.join(names)[:500]}")
            return _any
        try:
            tests[kind] = scope.find(listed[kind], frozenset())
        except BadLexicon:
            if closed:
                raise
            tests[kind] = _any
        return tests[kind]

    return check


def _any(value: Any) -> None:
    """What an open union says of a type that it does not list, or whose lexicon is not here."""


def ref_check(name: str, scope: Scope) -> Check:
    """The check of another definition: itself where that can be had now, else one that asks for it at the first use."""
    try:
        return scope.find(name, scope.above)
    except BadLexicon:
        found: Check | None = None

    def check(value: Any) -> None:
        nonlocal found
        if found is None:
            found = scope.find(name, frozenset())
        found(value)

    return check
