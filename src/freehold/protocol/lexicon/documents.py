"""A lexicon document as data: read from JSON, checked, given types.

In comes a decoded JSON object from anyone; out comes a `Document` whose schemas are the classes below, or BadLexicon.
Field names are those of the specification in snake case. Fields that the specification does not know are dropped.
Source: https://atproto.com/specs/lexicon#lexicon-files
"""

import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from freehold.protocol.refused import Refused
from freehold.protocol.syntax import is_nsid, is_rkey

MAX_DEPTH = 32
"""How deep a document may nest, counting objects and arrays. The deepest official one has 9 levels."""

MAX_DEFINITIONS = 1_000
"""How many definitions one document may hold."""

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,127}")


class BadLexicon(Refused):
    """A document that is not a lexicon, or one that refers to what is nowhere defined."""

    name = "InvalidLexicon"
    say = "That is not a valid lexicon document."


class _Tagged(msgspec.Struct, tag_field="type", rename="camel", frozen=True, gc=False):
    """What all schemas share: the JSON field `type` says which it is."""


class Boolean(_Tagged, tag="boolean", frozen=True, gc=False):
    """true or false."""

    default: bool | None = None
    const: bool | None = None


class Integer(_Tagged, tag="integer", frozen=True, gc=False):
    """A whole number within ±(2**53 - 1); limits are inclusive."""

    default: int | None = None
    const: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    enum: tuple[int, ...] | None = None


Format = Literal[
    "at-identifier",
    "at-uri",
    "cid",
    "datetime",
    "did",
    "handle",
    "language",
    "nsid",
    "record-key",
    "tid",
    "uri",
]


class String(_Tagged, tag="string", frozen=True, gc=False):
    """Text. Lengths count UTF-8 bytes, graphemes count what a reader sees as one character; both are inclusive."""

    format: Format | None = None
    default: str | None = None
    const: str | None = None
    enum: tuple[str, ...] | None = None
    known_values: tuple[str, ...] = ()
    min_length: int | None = None
    max_length: int | None = None
    min_graphemes: int | None = None
    max_graphemes: int | None = None


class Bytes(_Tagged, tag="bytes", frozen=True, gc=False):
    """Raw bytes, in JSON `{"$bytes": BASE64}`; lengths count the decoded bytes."""

    min_length: int | None = None
    max_length: int | None = None


class CidLink(_Tagged, tag="cid-link", frozen=True, gc=False):
    """A link by content, in JSON `{"$link": CID}`."""


class Blob(_Tagged, tag="blob", frozen=True, gc=False):
    """A reference to a blob. accept: patterns such as `image/*`. max_size: bytes."""

    accept: tuple[str, ...] | None = None
    max_size: int | None = None


class Unknown(_Tagged, tag="unknown", frozen=True, gc=False):
    """Any object."""


class Token(_Tagged, tag="token", frozen=True, gc=False):
    """A name that means itself."""


class Ref(_Tagged, tag="ref", frozen=True, gc=False):
    """Another definition: `#name`, `NSID` or `NSID#name`."""

    ref: str


class Union(_Tagged, tag="union", frozen=True, gc=False):
    """An object whose `$type` is one of refs; any other type as well unless closed."""

    refs: tuple[str, ...]
    closed: bool = False


class Array(_Tagged, tag="array", frozen=True, gc=False):
    """A list; lengths are inclusive."""

    items: "Field"
    min_length: int | None = None
    max_length: int | None = None


class Object(_Tagged, tag="object", frozen=True, gc=False):
    """An object with known properties; more may be there."""

    properties: dict[str, "Field"] = {}
    required: tuple[str, ...] = ()
    nullable: tuple[str, ...] = ()


Field = Boolean | Integer | String | Bytes | CidLink | Blob | Unknown | Ref | Union | Array | Object


class Params(_Tagged, tag="params", frozen=True, gc=False):
    """What a query string may say."""

    properties: dict[str, Boolean | Integer | String | Unknown | Array] = {}
    required: tuple[str, ...] = ()


class Payload(msgspec.Struct, frozen=True, gc=False):
    """The body of a request or an answer; schema is None unless encoding is application/json."""

    encoding: str
    schema: Object | Ref | Union | None = None


class Message(msgspec.Struct, frozen=True, gc=False):
    """What a subscription sends."""

    schema: Ref | Union


class Error(msgspec.Struct, frozen=True, gc=False):
    """An error by the name that clients see."""

    name: str


class Record(_Tagged, tag="record", frozen=True, gc=False):
    """A kind of record. key: `tid`, `nsid`, `any` or `literal:KEY`."""

    key: str
    record: Object | Ref  # never Ref: with two types allowed, msgspec insists on `type`


class Query(_Tagged, tag="query", frozen=True, gc=False):
    """A method that reads."""

    parameters: Params | None = None
    output: Payload | None = None
    errors: tuple[Error, ...] = ()


class Procedure(_Tagged, tag="procedure", frozen=True, gc=False):
    """A method that may change something."""

    parameters: Params | None = None
    input: Payload | None = None
    output: Payload | None = None
    errors: tuple[Error, ...] = ()


class Subscription(_Tagged, tag="subscription", frozen=True, gc=False):
    """A stream of messages."""

    parameters: Params | None = None
    message: Message | None = None
    errors: tuple[Error, ...] = ()


class Permission(_Tagged, tag="permission", frozen=True, gc=False):
    """One permission of a set; what it holds besides is read where permissions are granted."""

    resource: str


class PermissionSet(_Tagged, tag="permission-set", frozen=True, gc=False):
    """Permissions under one name."""

    permissions: tuple[Permission, ...]


Primary = Record | Query | Procedure | Subscription | PermissionSet
Definition = Primary | Boolean | Integer | String | Bytes | CidLink | Blob | Array | Object | Token


class Document(msgspec.Struct, frozen=True, gc=False):
    """One lexicon document."""

    lexicon: Literal[1]
    id: str
    defs: dict[str, Definition]


def read_document(raw: dict[str, Any]) -> Document:
    """Check the decoded JSON of a document and give it types. Raises BadLexicon, which says where and what is wrong."""
    _check_depth(raw)
    try:
        document = msgspec.convert(raw, Document)
    except msgspec.ValidationError as error:
        raise BadLexicon(f"Not a valid lexicon document: {error}") from None
    if not is_nsid(document.id):
        raise BadLexicon(f"Not a valid lexicon document: its id is not an NSID: {document.id[:200]!r}")
    if len(document.defs) > MAX_DEFINITIONS:
        raise BadLexicon(f"The lexicon {document.id} has more than {MAX_DEFINITIONS} definitions.")
    for name, definition in document.defs.items():
        for problem in _problems(name, definition):
            raise BadLexicon(f"The lexicon {document.id}#{name[:200]} is not valid: {problem}")
    return document


def full_ref(ref: str, home: str) -> str:
    """A reference in full: `NSID` for a main definition, else `NSID#name`. home: the NSID where it stands."""
    nsid, _, name = ref.partition("#")
    nsid = nsid or home
    return nsid if name in ("", "main") else f"{nsid}#{name}"


def references(definition: Definition, home: str) -> Iterator[str]:
    """The full references that a definition makes, in whatever depth."""
    for schema in _schemas(definition):
        if isinstance(schema, Ref | Union):
            yield from (full_ref(ref, home) for ref in _refs(schema))


def _refs(schema: Ref | Union) -> tuple[str, ...]:
    return (schema.ref,) if isinstance(schema, Ref) else schema.refs


def _check_depth(raw: object) -> None:
    """Level by level, so that no depth of nesting can exhaust the stack."""
    level: list[object] = [raw]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if not below:
            return
        level = below
    raise BadLexicon(f"A lexicon document may not nest deeper than {MAX_DEPTH} levels.")


def _problems(name: str, definition: Definition) -> Iterator[str]:
    """What the types alone do not catch."""
    if not _NAME.fullmatch(name):
        yield "the name of a definition has letters, digits, - and _, and begins with a letter"
    if isinstance(definition, Primary) and name != "main":
        yield "records, methods, subscriptions and permission sets must be the main definition"
    if isinstance(definition, Record):
        yield from _key_problems(definition.key)
        if not isinstance(definition.record, Object):
            yield "the schema of a record must be an object"
    for schema in _schemas(definition):
        yield from _schema_problems(schema)


def _key_problems(key: str) -> Iterator[str]:
    if key not in ("tid", "nsid", "any") and not (key.startswith("literal:") and is_rkey(key.removeprefix("literal:"))):
        yield "the key of a record is tid, nsid, any or literal:KEY"


def _schemas(root: object) -> Iterator[object]:
    """Every schema within a definition, itself included."""
    waiting = [root]
    while waiting:
        schema = waiting.pop()
        match schema:
            case Object() | Params():
                waiting.extend(schema.properties.values())
            case Array():
                waiting.append(schema.items)
            case Record():
                waiting.append(schema.record)
            case Query() | Procedure() | Subscription():
                waiting.extend((schema.parameters, *_bodies(schema)))
        yield schema


def _bodies(method: Query | Procedure | Subscription) -> Iterator[object]:
    for part in ("input", "output", "message"):
        body: Payload | Message | None = getattr(method, part, None)
        if body is not None:
            yield body.schema


def _schema_problems(schema: object) -> Iterator[str]:
    match schema:
        case Object() | Params():
            missing = set(schema.required) - schema.properties.keys()
            if missing:
                yield f"required but not among the properties: {', '.join(sorted(missing))}"
        case Ref() | Union():
            for ref in _refs(schema):
                nsid, _, name = ref.partition("#")
                if not (is_nsid(nsid) if nsid else name) or ("#" in ref and not _NAME.fullmatch(name)):
                    yield f"not a reference: {ref[:200]!r}"
        case Integer():
            yield from _range_problems("minimum", schema.minimum, schema.maximum, floor=None)
        case String():
            yield from _range_problems("minLength", schema.min_length, schema.max_length)
            yield from _range_problems("minGraphemes", schema.min_graphemes, schema.max_graphemes)
        case Bytes() | Array():
            yield from _range_problems("minLength", schema.min_length, schema.max_length)
        case Blob():
            yield from _range_problems("maxSize", 0, schema.max_size)


def _range_problems(what: str, least: int | None, most: int | None, floor: int | None = 0) -> Iterator[str]:
    if least is not None and most is not None and least > most:
        yield f"{what} and its counterpart leave nothing between them"
    if floor is not None and any(limit is not None and limit < floor for limit in (least, most)):
        yield f"{what} or its counterpart is negative"
