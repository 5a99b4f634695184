"""What strangers wrote into their records is drawn, or left out; it never breaks a page."""

from typing import Any

import pytest

from freehold.web.present import Presenter
from freehold.web.speech import Speech
from freehold.web.untrusted import moment
from support.village import NOW, Village, iso

NONSENSE: list[Any] = [None, 7, -1, "", "x", [], [None], [7], {}, {"values": 7}, {"values": [7]}, [{"index": 1}], True]


@pytest.fixture
def show(village: Village) -> Presenter:
    return Presenter(village.face, village.mei, Speech("en"), NOW)


@pytest.mark.parametrize("field", ["text", "createdAt", "langs", "labels", "reply", "facets", "tags", "embed"])
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_a_record_full_of_nonsense_is_drawn(show: Presenter, village: Village, field: str, nonsense: Any) -> None:
    ref = village.post(village.amina, "Frost")
    view = village.view(village.said[ref.uri], village.mei)
    view["record"] = {**view["record"], field: nonsense}
    view.pop("embed", None)
    assert show.post(view).by.name == "Amina"


@pytest.mark.parametrize("record", NONSENSE)
def test_a_record_that_is_nonsense_is_drawn(show: Presenter, village: Village, record: Any) -> None:
    ref = village.post(village.amina, "Frost")
    view = village.view(village.said[ref.uri], village.mei) | {"record": record}
    assert show.post(view).html == ""


def test_nobody_posts_from_the_future(show: Presenter, village: Village) -> None:
    ref = village.post(village.amina, "Tomorrow", createdAt="2099-01-01T00:00:00Z")
    assert show.post(village.view(village.said[ref.uri], None)).when == "now"
    for odd in ("0000-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "never", None):
        assert moment(odd, iso(NOW)) <= NOW


def test_names_cannot_turn_the_page_around_or_hide(show: Presenter, village: Village) -> None:
    person = show.person({"did": "did:plc:x", "handle": "handle.invalid", "displayName": "\u202eevil\u0000 \u2067x"})
    assert person.name == "evil x"
    assert person.url == "/@did:plc:x"
    assert person.at == "@did:plc:x"


def test_pictures_come_from_web_addresses_and_ours_lose_their_host(show: Presenter) -> None:
    assert show.own("http://village.test/img/a") == "/img/a"
    assert show.own("https://cdn.example/a") == "https://cdn.example/a"
    assert show.own("http://village.test.evil.example/a") == "http://village.test.evil.example/a"
    for odd in ("javascript:x", "/relative", None, 7, "data:image/png;base64,x"):
        assert show.own(odd) is None


def test_an_unknown_embed_and_a_lost_quote_are_no_fault(show: Presenter, village: Village) -> None:
    ref = village.post(village.amina, "Frost")
    view = village.view(village.said[ref.uri], None)
    for embed in ({"$type": "org.example.new#view"}, {}, {"$type": "app.bsky.embed.images#view", "images": [{}]}):
        post = show.post(view | {"embed": embed})
        assert (post.pictures, post.card, post.quoted) == ((), None, None)
    lost = {"$type": "app.bsky.embed.record#view", "record": {"$type": "app.bsky.embed.record#viewNotFound"}}
    quoted = show.post(view | {"embed": lost}).quoted
    assert quoted is not None
    assert quoted.gone == "The quoted post is no longer there."
