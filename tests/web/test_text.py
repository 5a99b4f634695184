"""Text: what becomes a link, and what never becomes HTML."""

import pytest
from markupsafe import Markup

from freehold.web.text import Ways, facets, first_link, graphemes, is_web_address, render, tidy, web_address

WAYS = Ways(profile=lambda did: "/@" + did, tag=lambda tag: "/search?q=%23" + tag)


async def known(handle: str) -> str | None:
    return {"amina.linden.example": "did:plc:amina", "sam.example": "did:plc:sam"}.get(handle)


async def marked(text: str) -> list[tuple[str, str]]:
    """(text under the facet, what it leads to)"""
    raw = text.encode()
    found = []
    for facet in await facets(text, known, ".linden.example"):
        feature = facet["features"][0]
        start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
        found.append((raw[start:end].decode(), feature.get("uri") or feature.get("did") or feature.get("tag")))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://a.example/x.", [("https://a.example/x", "https://a.example/x")]),
        ("(https://a.example/x_(y))", [("https://a.example/x_(y)", "https://a.example/x_(y)")]),
        ("« https://a.example »", [("https://a.example", "https://a.example")]),
        ("www.a.example!", [("www.a.example", "https://www.a.example")]),
        ("a.example/b?c=d#e", [("a.example/b?c=d#e", "https://a.example/b?c=d#e")]),
        ("https://a.example/é", [("https://a.example/é", "https://a.example/%C3%A9")]),
        ("and/or, 1.2/3, e.g. this", []),
        ("javascript:alert(1) https://user:pw@a.example", []),
        ("👩‍👩‍👧 @amina and @sam.example", [("@amina", "did:plc:amina"), ("@sam.example", "did:plc:sam")]),
        ("mail me@amina.linden.example or @nobody", []),
        ("hello @amina, #frost!", [("@amina", "did:plc:amina"), ("#frost", "frost")]),
        ("#1 #2026 #été a#b #!", [("#été", "été")]),
    ],
)
async def test_links_mentions_and_tags_are_found_by_bytes(text: str, expected: list[tuple[str, str]]) -> None:
    assert await marked(text) == expected


async def test_the_first_link_is_the_one_for_the_card() -> None:
    found = await facets("#a https://one.example https://two.example", known, "")
    assert first_link(found) == "https://one.example"


def test_what_people_see_is_counted() -> None:
    assert graphemes("é👩‍👩‍👧🇫🇷") == 3


def test_typed_text_is_tidied() -> None:
    assert tidy("  a\r\n\r\n\r\n\r\nb \n") == "a\n\nb"


def test_no_html_of_a_writer_passes() -> None:
    html = render("<script>alert(1)</script> & <b>", [], WAYS)
    assert html == "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;</p>"
    assert isinstance(html, Markup)


def link(uri: str, start: int, end: int) -> dict[str, object]:
    feature = {"$type": "app.bsky.richtext.facet#link", "uri": uri}
    return {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}


def test_links_say_where_they_lead_and_hand_nothing_on() -> None:
    html = render("é bank.example", [link("https://evil.example/", 3, 15)], WAYS)
    assert '<a href="https://evil.example/" rel="nofollow noopener ugc">bank.example</a>' in html
    assert "(evil.example)" in html


@pytest.mark.parametrize(
    "uri", ["javascript:alert(1)", "data:text/html,x", "https://a b", "https:///x", "//a.example", "http://[", 7]
)
def test_only_web_addresses_become_links(uri: object) -> None:
    assert not is_web_address(uri)
    assert "<a" not in render("here", [link(uri, 0, 4)], WAYS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "facet",
    [None, 7, {}, {"index": None, "features": []}, link("https://a.example", 1, 2), link("https://a.example", 3, 99),
     link("https://a.example", 4, 2), {"index": {"byteStart": "0", "byteEnd": 2}, "features": [{}]}],
)  # fmt: skip
def test_broken_facets_are_passed_over(facet: object) -> None:
    assert render("éa b", [facet], WAYS) == "<p>éa b</p>"


def test_overlapping_facets_draw_the_first() -> None:
    html = render("abcdef", [link("https://a.example", 0, 4), link("https://b.example", 2, 6)], WAYS)
    assert "a.example" in html
    assert "b.example" not in html


def test_paragraphs_and_lines_are_kept() -> None:
    assert render("a\nb\n\nc", [], WAYS) == "<p>a<br>b</p><p>c</p>"


def test_found_words_are_marked_even_between_brackets() -> None:
    ways = Ways(WAYS.profile, WAYS.tag, ("tram", "&"))
    assert render("A Tram & <x>", [], ways) == "<p>A <mark>Tram</mark> <mark>&amp;</mark> &lt;x&gt;</p>"


def test_addresses_are_made_canonical() -> None:
    assert web_address("HTTPS://Bücher.example/ä b") == "https://xn--bcher-kva.example/%C3%A4%20b"
    assert web_address("https://localhost:99999") is None


async def test_long_hostile_text_takes_linear_time() -> None:
    """So long that more than linear time would run into the suite's own limit."""
    for text in ("@" * 300_000, "#" * 300_000, "a." * 150_000 + "/", "www." * 70_000, "(" * 150_000 + ")" * 150_000):
        assert len(await facets(text, known, "")) <= 1
