"""Checks of single values: booleans, integers, text, bytes, links, blobs.

In comes a schema of `documents`; out comes a `Check`: a function that takes a value in atproto's JSON form and returns
nothing, or raises `Mismatch`. Each check does as little as its schema asks for.
Source: https://atproto.com/specs/lexicon#field-type-definitions, https://atproto.com/specs/data-model
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from itertools import islice
from typing import Any

from freehold.protocol.lexicon.documents import Blob, Boolean, Bytes, CidLink, Integer, String, Unknown
from freehold.protocol.syntax import (
    is_at_identifier,
    is_at_uri,
    is_cid_text,
    is_datetime,
    is_did,
    is_handle,
    is_language,
    is_nsid,
    is_rkey,
    is_tid,
    is_uri,
)

Check = Callable[[Any], None]

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that every implementation reads alike."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]*(={0,2})")
_NSID = r"(?:[a-zA-Z][a-zA-Z0-9]{0,62}\.){2,8}[a-zA-Z][a-zA-Z0-9]{0,62}"
_USUAL = {
    "at-uri": re.compile(rf"at://did:[a-z]{{1,9}}:[a-zA-Z0-9.]{{1,200}}/{_NSID}/[a-zA-Z0-9_~-]{{1,200}}"),
    "cid": re.compile(r"baf(?:yrei|krei)[a-h][a-z2-7]{50}[aeimquy4]"),
    "datetime": re.compile(
        r"20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?Z"
    ),
    "language": re.compile(r"[a-z]{2}(?:-[A-Z]{2})?"),
}
"""The forms that nearly all values have: each a part of what its format allows, and found much sooner."""

_BLOB_FIELDS = {"$type", "ref", "mimeType", "size"}

_FORMATS: dict[str, tuple[Callable[[str], bool], str]] = {
    "at-identifier": (is_at_identifier, "a DID or a handle"),
    "at-uri": (is_at_uri, "an AT-URI"),
    "cid": (is_cid_text, "a CID"),
    "datetime": (is_datetime, "a date and time such as 2026-11-21T20:02:11.123Z"),
    "did": (is_did, "a DID"),
    "handle": (is_handle, "a handle"),
    "language": (is_language, "a language tag"),
    "nsid": (is_nsid, "an NSID"),
    "record-key": (is_rkey, "a record key"),
    "tid": (is_tid, "a TID"),
    "uri": (is_uri, "a URI"),
}


class Mismatch(Exception):  # noqa: N818 - a finding within this package, not an error
    """A value is not what its schema says.

    what: what it must be, to follow the path in a sentence. path: names and indices, innermost first.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
        self.path: list[str | int] = []

    def sentence(self, root: str) -> str:
        """`root.field[3].name must be …`."""
        steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step[:100]}" for step in reversed(self.path))
        return f"{root}{steps} {self.what}"


def boolean_check(schema: Boolean) -> Check:
    """true or false, nothing that merely counts as such."""
    const = schema.const

    def check(value: Any) -> None:
        if value is not True and value is not False:
            raise Mismatch("must be true or false")
        if const is not None and value is not const:
            raise Mismatch(f"must be {'true' if const else 'false'}")

    return check


def integer_check(schema: Integer) -> Check:
    """A whole number: neither a boolean nor a number with a fraction."""
    least = -MAX_SAFE_INTEGER if schema.minimum is None else schema.minimum
    most = MAX_SAFE_INTEGER if schema.maximum is None else schema.maximum
    allowed = _allowed(schema.const, schema.enum)

    def check(value: Any) -> None:
        if type(value) is not int:
            raise Mismatch("must be an integer")
        if not least <= value <= most:
            raise Mismatch(f"must be an integer from {least} to {most}")
        if allowed is not None and value not in allowed:
            raise Mismatch(f"must be {_one_of(allowed)}")

    return check


def string_check(schema: String) -> Check:
    """Text with all that is asked of it. `knownValues` are advice and are not enforced."""
    tests = tuple(_string_tests(schema))
    if not tests:
        return _text
    if len(tests) == 1:
        return _text_and(tests[0])

    def check(value: Any) -> None:
        if type(value) is not str:
            raise Mismatch("must be a string")
        for test in tests:
            test(value)

    return check


def _text(value: Any) -> None:
    if type(value) is not str:
        raise Mismatch("must be a string")


def _text_and(test: Check) -> Check:
    def check(value: Any) -> None:
        if type(value) is not str:
            raise Mismatch("must be a string")
        test(value)

    return check


def _string_tests(schema: String) -> Iterable[Check]:
    """The tests that a schema asks for, cheapest first."""
    allowed = _allowed(schema.const, schema.enum)
    if allowed is not None:
        yield _member_test(allowed)
    if schema.min_length is not None or schema.max_length is not None:
        yield _length_test(schema.min_length or 0, schema.max_length)
    if schema.min_graphemes is not None or schema.max_graphemes is not None:
        yield _grapheme_test(schema.min_graphemes or 0, schema.max_graphemes)
    if schema.format is not None:
        yield _format_test(schema.format)


def _allowed(const: Any, enum: tuple[Any, ...] | None) -> frozenset[Any] | None:
    """The values that both const and enum allow; None for any."""
    if const is None:
        return None if enum is None else frozenset(enum)
    return frozenset({const}) if enum is None else frozenset(enum) & {const}


def _one_of(allowed: frozenset[Any]) -> str:
    listed = ", ".join(str(value)[:100] for value in sorted(allowed)[:20])
    return listed if len(allowed) == 1 else f"one of {listed}"


def _member_test(allowed: frozenset[str]) -> Check:
    def test(value: str) -> None:
        if value not in allowed:
            raise Mismatch(f"must be {_one_of(allowed)}")

    return test


def _length_test(least: int, most: int | None) -> Check:
    """Counts UTF-8 bytes."""

    def test(value: str) -> None:
        size = len(value) if value.isascii() else len(value.encode(errors="surrogatepass"))
        if size < least:
            raise Mismatch(f"must not be shorter than {least} bytes")
        if most is not None and size > most:
            raise Mismatch(f"must not be longer than {most} bytes")

    return test


def _grapheme_test(least: int, most: int | None) -> Check:
    """Counts graphemes where the number of code points does not decide already: there are never more graphemes."""

    def test(value: str) -> None:
        points = len(value)
        if points < least or (least > 1 and graphemes(value, least) < least):
            raise Mismatch(f"must not be shorter than {least} characters")
        if most is not None and points > most and graphemes(value, most + 1) > most:
            raise Mismatch(f"must not be longer than {most} characters")

    return test


def graphemes(text: str, enough: int | None = None) -> int:
    """How many characters a reader sees, counted no further than enough: grapheme clusters by Unicode's annex 29."""
    if text.isascii():
        return len(text) - text.count("\r\n")
    return sum(1 for _ in islice(_grapheme_pattern().finditer(text), enough))


@cache
def _grapheme_pattern() -> Any:
    import regex  # here because it takes longer to load than all the rest, and most text is short

    return regex.compile(r"\X")


def _format_test(name: str) -> Check:
    has_form, what = _FORMATS[name]
    usual = _USUAL[name].fullmatch if name in _USUAL else None

    def test(value: str) -> None:
        if not (usual is not None and usual(value)) and not has_form(value):
            raise Mismatch(f"must be {what}")

    return test


def bytes_check(schema: Bytes) -> Check:
    """`{"$bytes": BASE64}`, padding optional."""
    least, most = schema.min_length or 0, schema.max_length

    def check(value: Any) -> None:
        text = _sole(value, "$bytes")
        match = _BASE64.fullmatch(text) if type(text) is str else None
        if match is None or (len(text) % 4 == 1) or (match[1] and len(text) % 4):
            raise Mismatch('must be bytes in the form {"$bytes": BASE64}')
        size = (len(text) - len(match[1])) * 3 // 4
        if size < least or (most is not None and size > most):
            raise Mismatch(f"must have {least} to {most if most is not None else 'any number of'} bytes")

    return check


def link_check(schema: CidLink) -> Check:
    """`{"$link": CID}`."""
    return _link


def _link(value: Any) -> None:
    text = _sole(value, "$link")
    if type(text) is not str or not (_USUAL["cid"].fullmatch(text) or is_cid_text(text)):
        raise Mismatch('must be a link in the form {"$link": CID}')


def _sole(value: Any, key: str) -> Any:
    """What is under `key` in an object of just this key; None otherwise."""
    return value.get(key) if type(value) is dict and len(value) == 1 else None


def blob_check(schema: Blob) -> Check:
    """A blob reference: `{"$type": "blob", "ref": {"$link": CID}, "mimeType": TYPE, "size": BYTES}` and nothing else.

    The form `{"cid", "mimeType"}` of early records is refused: it may be read, but nobody may write it again.
    """
    max_size, accept = schema.max_size, _acceptance(schema.accept or ("*/*",))

    def check(value: Any) -> None:
        if type(value) is not dict or value.get("$type") != "blob" or value.keys() != _BLOB_FIELDS:
            raise Mismatch('must be a blob in the form {"$type": "blob", "ref", "mimeType", "size"}')
        _link(value["ref"])
        mime, size = value["mimeType"], value["size"]
        if type(mime) is not str or "/" not in mime:
            raise Mismatch("must have a media type as its mimeType")
        if type(size) is not int or not 0 <= size <= MAX_SAFE_INTEGER:
            raise Mismatch("must have its number of bytes as its size")
        if not accept(mime):
            raise Mismatch(f"must be of type {', '.join(schema.accept or ())[:300]}")
        if max_size is not None and size > max_size:
            raise Mismatch(f"must not be larger than {max_size} bytes")

    return check


def _acceptance(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a media type fits one of the patterns: `*/*`, `image/*`, `image/png`."""
    exact = frozenset(pattern for pattern in patterns if not pattern.endswith("*"))
    starts = tuple("" if pattern == "*/*" else pattern[:-1] for pattern in patterns if pattern.endswith("/*"))
    return lambda mime: mime in exact or mime.startswith(starts)


def unknown_check(schema: Unknown) -> Check:
    """Any object that is not in truth bytes, a link or a blob."""
    return _unknown


def _unknown(value: Any) -> None:
    if type(value) is not dict or "$bytes" in value or "$link" in value or value.get("$type") == "blob":
        raise Mismatch("must be an object")


def token_check(name: str) -> Check:
    """The token's own name in full."""

    def check(value: Any) -> None:
        if value != name:
            raise Mismatch(f"must be {name}")

    return check
