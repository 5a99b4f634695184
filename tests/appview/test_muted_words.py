"""Which posts hold a word that a reader mutes: as the official client finds them, so that apps and pages agree."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from freehold.appview.muted_words import KIND, MutedWord, met, standing

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
COMPARE = Path(__file__).parents[1] / "node" / "muted.mjs"

FOUND = [
    ("frost", "Frost tonight."),
    ("frost", "(frost)"),
    ("FROST", "so much frost!"),
    ("its", "it's late"),
    ("frost", "black-frost on the road"),
    ("first frost", "The FIRST frost came"),
    ("c++", "I like c++ a lot"),
    ("é", "café"),
    ("and/or", "one and/or the other"),
    ("#", "what # is this"),
]
NOT_FOUND = [
    ("frost", "defrosted"),
    ("frost", "frosty"),
    ("first frost", "the first black frost"),
    ("or", "one and/or the other"),
    ("andor", "one and/or the other"),
    ("frost", ""),
]


def post(text: str = "", **more: Any) -> dict[str, Any]:
    embed = more.pop("embed", None)
    return {"record": {"text": text, **more}, **({"embed": embed} if embed else {})}


def tagged(tag: str) -> list[dict[str, Any]]:
    feature = {"$type": "app.bsky.richtext.facet#tag", "tag": tag}
    return [{"index": {"byteStart": 0, "byteEnd": 1}, "features": [feature]}]


def holds(word: str, view: dict[str, Any], **how: Any) -> bool:
    return bool(met([MutedWord("1", word.lower(), **how)], view, followed=False))


@pytest.mark.parametrize(("word", "text"), FOUND)
def test_a_word_is_found(word: str, text: str) -> None:
    assert holds(word, post(text))


@pytest.mark.parametrize(("word", "text"), NOT_FOUND)
def test_a_part_of_another_word_is_not_it(word: str, text: str) -> None:
    assert not holds(word, post(text))


def test_where_words_have_no_spaces_between_them_any_place_counts() -> None:
    assert holds("霜", post("今夜は霜が降りる", langs=["ja"]))
    assert holds("霜が", post("今夜は霜が降りる", langs=["ja"]))
    assert not holds("霜が", post("今夜は霜が降りる", langs=["fr"]))


def test_one_meant_as_a_hashtag_is_found_as_one_only() -> None:
    assert holds("frost", post("x", facets=tagged("Frost")), in_text=False)
    assert holds("frost", post("x", tags=["Frost"]), in_text=False)
    assert not holds("frost", post("frost"), in_text=False)


def test_pictures_cards_and_quotes_are_part_of_a_post() -> None:
    picture = {"images": [{"alt": "Frost on glass"}]}
    card = {"external": {"title": "Weather", "description": "Frost tonight"}}
    quote = {"record": {"value": {"text": "frost"}, "embeds": [picture]}}
    deeper = {"record": {"value": {"text": "x"}, "embeds": [{"record": {"value": {"text": "frost"}}}]}}
    for embed in (picture, card, quote, {"media": picture, "record": quote}, {"items": [{"alt": "frost"}]}):
        assert holds("frost", post("x", embed=embed))
    assert not holds("frost", post("x", embed=deeper))


def test_those_whom_one_follows_may_be_let_through() -> None:
    mild = [MutedWord("1", "frost", of_all=False)]
    assert met(mild, post("frost"), followed=False) == "frost"
    assert met(mild, post("frost"), followed=True) == ""


def test_words_end_with_their_time_and_nonsense_is_passed_over() -> None:
    def item(word: object, until: object = None) -> dict[str, object]:
        return {"id": "1", "value": word, "targets": ["content", "tag"], "expiresAt": until}

    later, before = (NOW + timedelta(hours=1)).isoformat(), (NOW - timedelta(hours=1)).isoformat()
    items = [
        item(" Frost "),
        item("ice", later),
        item("snow", before),
        item("hail", "soon"),
        item(7),
        None,
        {},
        item(""),
    ]
    given = [{"$type": "app.bsky.actor.defs#other"}, {"$type": KIND, "items": items}, {"$type": KIND, "items": 7}]
    assert [one.word for one in standing(given, NOW)] == ["frost", "ice"]
    for odd in (None, 7, {"record": 7}, {"record": {"text": 7, "facets": [7], "tags": 7}}, {"embed": {"images": 7}}):
        assert met(standing(given, NOW), odd if isinstance(odd, dict) else {}, followed=False) == ""


@pytest.mark.node
def test_the_official_client_finds_the_same(node: Path) -> None:
    dice = Random(7)
    parts = [
        "frost",
        "Ice",
        "it's",
        "s",
        "black-ice",
        "c++",
        "(ice)",
        "«frost»",
        "ice.",
        "é",
        "霜が",
        "first frost",
        "#ice",
    ]
    texts = [" ".join(dice.choices(parts, k=dice.randint(1, 5))) for _ in range(300)]
    asked = [{"word": dice.choice(parts), "text": text, "lang": dice.choice(["en", "ja"])} for text in texts]
    asked += [{"word": word, "text": text, "lang": "en"} for word, text in [*FOUND, *NOT_FOUND]]
    told = subprocess.run([node, COMPARE], input=json.dumps(asked), capture_output=True, text=True, check=True)
    ours = [holds(one["word"], post(one["text"], langs=[one["lang"]])) for one in asked]
    assert [one for one, mine, theirs in zip(asked, ours, json.loads(told.stdout), strict=True) if mine != theirs] == []
