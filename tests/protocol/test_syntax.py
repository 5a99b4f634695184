"""Identifiers and string formats, against the official vectors and by rule."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol import syntax
from freehold.protocol.cid import Cid
from freehold.protocol.syntax import AtUri, InvalidSyntax

CHECKS = {
    "atidentifier": syntax.is_at_identifier,
    "aturi": syntax.is_at_uri,
    "datetime": syntax.is_datetime,
    "did": syntax.is_did,
    "handle": syntax.is_handle,
    "language": syntax.is_language,
    "nsid": syntax.is_nsid,
    "recordkey": syntax.is_rkey,
    "tid": syntax.is_tid,
}
DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"


def test_the_official_syntax_vectors_hold(vectors: Path) -> None:
    seen = set()
    for file in sorted((vectors / "interop" / "syntax").glob("*.txt")):
        name, _, verdict = file.stem.split("_")
        if name not in CHECKS:
            continue
        for line in file.read_text().split("\n"):
            if line and not line.startswith("#"):
                assert CHECKS[name](line) is (verdict == "valid"), f"{file.name}: {line!r}"
        seen.add(name)
    assert {"did", "handle", "nsid", "recordkey", "tid", "language", "atidentifier"} <= seen


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (f"at://{DID}", AtUri(DID)),
        ("at://alice.example.com/app.bsky.feed.post", AtUri("alice.example.com", "app.bsky.feed.post")),
        (f"at://{DID}/app.bsky.feed.post/self", AtUri(DID, "app.bsky.feed.post", "self")),
        (f"at://{DID}/app.bsky.feed.post/a:b~c._-", AtUri(DID, "app.bsky.feed.post", "a:b~c._-")),
    ],
)
def test_an_at_uri_comes_apart_and_together(text: str, parts: AtUri) -> None:
    assert syntax.parse_at_uri(text) == parts
    assert str(parts) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "at://",
        "at:///app.bsky.feed.post",
        f"at://{DID}/",
        f"at://{DID}/app.bsky.feed.post/",
        f"at://{DID}/app.bsky.feed.post/a/b",
        f"at://{DID}//self",
        f"at://{DID}/post/self",
        f"at://{DID}/app.bsky.feed.post/..",
        f"at://{DID}/app.bsky.feed.post/a%20b",
        f"at://{DID}#/frag",
        f"at://{DID}?query",
        f"at:{DID}",
        f"AT://{DID}",
        f" at://{DID}",
        f"at://{DID}\n",
        "at://alice",
        f"at://{DID}/app.bsky.feed.post/" + "a" * 8200,
    ],
)
def test_what_is_not_an_at_uri_is_refused(text: str) -> None:
    assert not syntax.is_at_uri(text)
    with pytest.raises(InvalidSyntax):
        syntax.parse_at_uri(text)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1985-04-12T23:20:50.123Z", 482196050123000),
        ("1985-04-12T23:20:50.123456789012345678Z", 482196050123456),
        ("2000-02-29T00:00:00+05:30", 951762600000000),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("0000-01-01T00:00:00Z", -62167219200000000),
        ("0000-02-29T00:00:00.5Z", -62162121599500000),
        ("9999-12-31T23:59:59.999999Z", 253402300799999999),
        ("2023-01-01T00:00:00+00:00", 1672531200000000),
        ("2023-01-01T00:00:00-12:45", 1672577100000000),
    ],
)
def test_a_datetime_is_read_to_the_microsecond(text: str, micros: int) -> None:
    assert syntax.parse_datetime(text) == micros
    assert syntax.is_datetime(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1985-04-12",
        "1985-04-12T23:20Z",
        "1985-04-12T23:20:50",
        "1985-04-12T23:20:50.Z",
        "1985-04-12T23:20:50,1Z",
        "1985-04-12t23:20:50Z",
        "1985-04-12T23:20:50z",
        "1985-04-12 23:20:50Z",
        "1985-04-12T23:20:50-00:00",
        "1985-04-12T23:20:50.000-00:00",
        "1985-04-12T23:20:50+0000",
        "1985-04-12T23:20:50+24:00",
        "1985-04-12T24:00:00Z",
        "1985-04-12T23:60:00Z",
        "1985-04-12T23:59:60Z",
        "1985-00-12T23:20:50Z",
        "1985-13-12T23:20:50Z",
        "1985-04-00T23:20:50Z",
        "1985-04-31T23:20:50Z",
        "2023-02-29T23:20:50Z",
        "-985-04-12T23:20:50Z",
        "+001985-04-12T23:20:50Z",
        "0000-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "1985-04-12T23:20:50.123Z\n",
        "１985-04-12T23:20:50Z",
        "1985-04-12T23:20:50." + "1" * 50 + "Z",
    ],
)
def test_what_is_not_a_datetime_is_refused(text: str) -> None:
    assert not syntax.is_datetime(text)
    with pytest.raises(InvalidSyntax):
        syntax.parse_datetime(text)


@given(st.integers(-62135596800, 253402300799), st.integers(0, 999))
def test_what_we_write_as_a_datetime_reads_back(seconds: int, millis: int) -> None:
    micros = (seconds * 1000 + millis) * 1000
    assert syntax.parse_datetime(syntax.format_datetime(micros)) == micros


@pytest.mark.parametrize("text", ["https://example.com/a?b#c", "at://x", "did:plc:abc", "dns:example.com", "a+b.c-1:x"])
def test_a_uri_of_any_scheme_passes(text: str) -> None:
    assert syntax.is_uri(text)


@pytest.mark.parametrize(
    "text", ["", "example.com", "https:", "https://", "https:// x", "1a:b", "a:b c", "a:\nb", "a:b\n"]
)
def test_what_is_not_a_uri_is_refused(text: str) -> None:
    assert not syntax.is_uri(text)
    assert not syntax.is_uri("https://e.com/" + "ü" * 4096)


def test_a_cid_of_any_codec_and_hash_is_a_cid() -> None:
    sha1_dag_pb = Cid(b"\x01\x70\x11\x14" + bytes(20))
    assert syntax.is_cid_text(str(Cid.of_cbor(b"x")))
    assert syntax.is_cid_text(str(sha1_dag_pb))
    assert syntax.is_cid_text("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi")
    for wrong in (
        "",
        "b",
        "bafy",
        str(Cid.of_cbor(b"x"))[:-1],
        str(Cid.of_cbor(b"x")).upper(),
        str(Cid.of_cbor(b"x")) + "a",
        "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR",
        "é" * 59,
        str(Cid(b"\x01\x71\x12\x21" + bytes(32))),
        str(Cid(b"\x01\xf1\x00\x12\x20" + bytes(32))),
    ):
        assert not syntax.is_cid_text(wrong), wrong


@pytest.mark.parametrize("text", ["en", "zh-Hant-TW", "i-klingon", "x-private", "de-CH-x-a-b", "sl-rozaj-biske-1994"])
def test_language_tags_pass(text: str) -> None:
    assert syntax.is_language(text)


@pytest.mark.parametrize(
    "text", ["", "e", "EN", "en_GB", "en-", "en--GB", "en-x", "x", "en-a", "en-a-x", "en\n", "i-none"]
)
def test_what_is_not_a_language_tag_is_refused(text: str) -> None:
    assert not syntax.is_language(text)


def test_no_text_takes_long_to_check() -> None:
    """So long that a check in more than linear time would run into the suite's own limit."""
    hostile = ["a" * 1_000_000, "a." * 500_000, "a-" * 500_000, "did:a:" + "%" * 1_000_000, "en" + "-abcde" * 200_000]
    hostile += ["at://" + "a." * 500_000, "https:" + "/" * 1_000_000, "1" * 1_000_000, "a.b." + "c-" * 500_000]
    for text in hostile:
        for check in (*CHECKS.values(), syntax.is_uri, syntax.is_cid_text):
            assert check(text) in (True, False)
