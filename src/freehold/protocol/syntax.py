"""The shapes of identifiers and of the other strings that a lexicon can ask for by `format`.

In comes any text; out comes yes or no, or its parts. Nothing here looks anything up.
Every check is linear in the length of its text, and lengths are checked first.
Source: https://atproto.com/specs/lexicon#string-formats and the pages it names; RFC 3339, RFC 3986, RFC 5646
"""

import re
from base64 import b32decode, b32encode
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from freehold.protocol.refused import Refused

DISALLOWED_TLDS = frozenset({"alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion"})
"""Top-level domains in which a handle never resolves. `test` resolves in development only."""

MAX_URI = 8192
"""Longest URI or AT-URI, in bytes."""

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_LETTER_LABEL = r"[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DID = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]")
_HANDLE = re.compile(rf"(?:{_LABEL}\.)+{_LETTER_LABEL}")
_NSID = re.compile(rf"{_LETTER_LABEL}(?:\.{_LABEL})+\.[a-zA-Z][a-zA-Z0-9]{{0,62}}")
_RKEY = re.compile(r"[a-zA-Z0-9._:~-]{1,512}")
_TID = re.compile(r"[2-7a-j][2-7a-z]{12}")
_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,80}:(?://)?[^\s\x00-\x1f\x7f/][^\s\x00-\x1f\x7f]*")
_DATETIME = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]+))?"
    r"(?:Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)
_LANGUAGE = re.compile(
    r"[a-z]{2,3}(?:-[a-zA-Z]{3}){0,3}(?:-[a-zA-Z]{4})?(?:-(?:[a-zA-Z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-zA-Z0-9]{5,8}|[0-9][a-zA-Z0-9]{3}))*)"
    r"(?P<extensions>(?:-[0-9A-WY-Za-wy-z](?:-[a-zA-Z0-9]{2,8})+)*)"
    r"(?:-[xX](?:-[a-zA-Z0-9]{1,8})+)?"
)
_PRIVATE_LANGUAGE = re.compile(r"[xX](?:-[a-zA-Z0-9]{1,8})+")
_OLD_LANGUAGES = re.compile(
    r"art-lojban|cel-gaulish|en-GB-oed|no-(?:bok|nyn)|sgn-(?:BE-FR|BE-NL|CH-DE)|zh-(?:guoyu|hakka|min|min-nan|xiang)"
    r"|i-(?:ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)"
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_GREGORIAN_CYCLE = 146_097 * 86_400_000_000  # 400 years in microseconds: the calendar repeats
_FIRST_MICROS = -62_167_219_200_000_000  # 0000-01-01T00:00:00Z
_LAST_MICROS = 253_402_300_799_999_999  # 9999-12-31T23:59:59.999999Z


class InvalidSyntax(Refused):
    """A text that does not have the form it should have."""


class AtUri(NamedTuple):
    """An AT-URI in parts. `collection` and `rkey` are empty where the URI ends before them."""

    authority: str
    collection: str = ""
    rkey: str = ""

    def __str__(self) -> str:
        return "at://" + "/".join(part for part in self if part)


def is_did(text: str) -> bool:
    """A DID of any method, at most 2048 characters."""
    return len(text) <= 2048 and _DID.fullmatch(text) is not None


def is_handle(text: str) -> bool:
    """A domain name fit for a handle, in any case. Says nothing of DISALLOWED_TLDS: such handles are well formed."""
    return len(text) <= 253 and _HANDLE.fullmatch(text) is not None


def is_at_identifier(text: str) -> bool:
    """A DID or a handle."""
    return is_did(text) or is_handle(text)


def is_nsid(text: str) -> bool:
    """A namespaced identifier, such as `app.bsky.feed.post`, without fragment."""
    return len(text) <= 317 and _NSID.fullmatch(text) is not None


def is_rkey(text: str) -> bool:
    """A record key, 1 to 512 characters."""
    return _RKEY.fullmatch(text) is not None and text not in (".", "..")


def is_tid(text: str) -> bool:
    """A timestamp identifier: 13 characters, highest bit 0."""
    return _TID.fullmatch(text) is not None


def is_uri(text: str) -> bool:
    """A URI of any scheme, at most 8192 bytes, without spaces or control characters."""
    return len(text) <= MAX_URI and _URI.fullmatch(text) is not None and len(text.encode(errors="replace")) <= MAX_URI


def is_cid_text(text: str) -> bool:
    """A CIDv1 in base32 of any codec and hash: foreign records may link to what is not of this protocol."""
    if not 8 <= len(text) <= 256 or text[0] != "b" or not text.isascii() or text != text.lower():
        return False
    try:
        raw = b32decode(text[1:].upper() + "=" * (-(len(text) - 1) % 8))
    except ValueError:
        return False
    return "b" + b32encode(raw).decode().lower().rstrip("=") == text and is_cid_bytes(raw)


def is_cid_bytes(raw: bytes) -> bool:
    """Version 1, then codec, hash function and digest length as shortest varints, then just such a digest."""
    at, fields = 0, []
    for _ in range(4):
        value, shift = 0, 0
        while True:
            if at >= len(raw) or shift > 56:
                return False
            byte = raw[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        if byte == 0 and shift > 7:
            return False
        fields.append(value)
    return fields[0] == 1 and fields[3] == len(raw) - at


def is_at_uri(text: str) -> bool:
    """An AT-URI as parse_at_uri takes it."""
    return _at_uri_parts(text) is not None


def parse_at_uri(text: str) -> AtUri:
    """Take `at://AUTHORITY[/COLLECTION[/RKEY]]` apart. Query, fragment and trailing slash are not allowed in records.

    Raises InvalidSyntax.
    """
    parts = _at_uri_parts(text)
    if parts is None:
        raise InvalidSyntax("That is not a valid AT-URI.", given=text[:200])
    return parts


def _at_uri_parts(text: str) -> AtUri | None:
    if len(text) > MAX_URI or not text.startswith("at://"):
        return None
    authority, *path = text[5:].split("/", 3)
    if len(path) > 2 or not is_at_identifier(authority):
        return None
    if path and not is_nsid(path[0]):
        return None
    if len(path) == 2 and not is_rkey(path[1]):
        return None
    return AtUri(authority, *path)


def is_datetime(text: str) -> bool:
    """A datetime as parse_datetime takes it."""
    return _micros(text) is not None


def parse_datetime(text: str) -> int:
    """Microseconds since 1970 UTC; finer digits are cut off. Negative before 1970.

    Takes what RFC 3339 and ISO 8601 both allow, from year 0000 to 9999, at most 64 characters, zone mandatory and not
    `-00:00`, no leap second. Raises InvalidSyntax.
    """
    micros = _micros(text)
    if micros is None:
        raise InvalidSyntax(
            "That is not a valid date and time. They look like 2026-11-21T20:02:11.123Z.", given=text[:80]
        )
    return micros


def _micros(text: str) -> int | None:
    match = _DATETIME.fullmatch(text) if len(text) <= 64 else None
    if match is None or text.endswith("-00:00"):
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    try:  # read in a later cycle of the calendar, because Python's begins with year 1
        moment = datetime(int(year) % 400 + 2000, int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
    micros = (moment - _EPOCH) // _MICROSECOND + (int(year) // 400 - 5) * _GREGORIAN_CYCLE
    if fraction is not None:
        micros += int(fraction[:6].ljust(6, "0"))
    if sign is not None:
        offset = (int(zone_hours) * 60 + int(zone_minutes)) * 60_000_000
        micros += offset if sign == "-" else -offset
    return micros if _FIRST_MICROS <= micros <= _LAST_MICROS else None


def format_datetime(micros: int) -> str:
    """The one form that we write, `2026-11-21T20:02:11.123Z`. micros: since 1970 UTC, years 0001 to 9999."""
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def is_language(text: str) -> bool:
    """A language tag by BCP 47, at most 128 characters: language in lower case, no variant or extension named twice."""
    if len(text) > 128:
        return False
    match = _LANGUAGE.fullmatch(text)
    if match is None:
        return _OLD_LANGUAGES.fullmatch(text) is not None or _PRIVATE_LANGUAGE.fullmatch(text) is not None
    variants = match["variants"].lower().split("-")
    singletons = [part for part in match["extensions"].lower().split("-") if len(part) == 1]
    return len(set(variants)) == len(variants) and len(set(singletons)) == len(singletons)
