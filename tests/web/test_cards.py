"""Link cards are read from a page's head, and only text is taken."""

from freehold.web.backend import Fetched
from freehold.web.cards import card_of, read_card
from support.village import PIXEL, Village

PAGE = """<html><head><meta charset=utf-8><title>Plain</title>
<meta property="og:title" content="Night &amp; trams &lt;b&gt;"><meta property="og:description" content="  Three
 lines. "><meta property="og:image" content="/pic.png"></head><body><meta property="og:image" content="/other.png">"""


def page(body: str, kind: str = "text/html; charset=utf-8") -> Fetched:
    return Fetched("https://a.example/x", kind, body.encode())


def test_the_open_graph_names_come_first() -> None:
    found = read_card(page(PAGE))
    assert found is not None
    card, picture = found
    assert (card.title, card.description) == ("Night & trams <b>", "Three lines.")
    assert picture == "https://a.example/pic.png"


def test_a_page_without_names_shows_its_title_or_host() -> None:
    titled, bare = read_card(page("<title> A  b </title>")), read_card(page("hello"))
    assert titled is not None
    assert titled[0].title == "A b"
    assert bare is not None
    assert (bare[0].title, bare[1]) == ("a.example", None)


def test_what_is_no_page_has_no_card() -> None:
    assert read_card(page("%PDF", "application/pdf")) is None


def test_a_picture_with_a_strange_address_is_left_out() -> None:
    found = read_card(page('<meta property="og:image" content="javascript:x">'))
    assert found is not None
    assert found[1] is None


def test_unknown_charsets_and_endless_titles_are_survived() -> None:
    found = read_card(page(f"<title>{'x' * 9000}</title>", "text/html; charset=klingon"))
    assert found is not None
    assert len(found[0].title) == 200


async def test_a_card_is_made_even_when_its_picture_fails(village: Village) -> None:
    village.pages["https://a.example/x"] = page(PAGE)
    card = await card_of(village, "did:plc:mei", "https://a.example/x")
    assert card is not None
    assert card.picture is None
    village.pages["https://a.example/pic.png"] = Fetched("https://a.example/pic.png", "image/png", PIXEL)
    card = await card_of(village, "did:plc:mei", "https://a.example/x")
    assert card is not None
    assert card.picture is not None
    assert await card_of(village, "did:plc:mei", "https://gone.example/") is None
