"""Finding feeds, and what people talk about."""

from random import Random
from typing import Any

import pytest

from freehold.appview.labelled import Labelers, Said
from freehold.feeds import own, spoken, trends
from freehold.feeds.sieve import Sieve
from freehold.protocol.syntax import format_datetime
from support.feeding import GENERATOR, FeedingParish
from support.parish import Person, Ref

HOUR = 3_600_000_000
POPULAR = "unspecced.getPopularFeedGenerators"


def declare(person: Person, name: str, description: str = "") -> Ref:
    record = {"did": "did:web:feeds.example", "displayName": name, "description": description}
    return person.write(GENERATOR, {**record, "createdAt": format_datetime(person.parish.now)})


def titles(answer: dict) -> list[str]:
    return [view["displayName"] for view in answer["feeds"]]


def test_the_networks_own_feeds_come_first_then_those_that_most_people_like(parish: FeedingParish):
    alice, bob, carol = [parish.join(name) for name in ("alice", "bob", "carol")]
    ours = [words.title for words in own.WORDS.values()]
    bread, cheese = declare(alice, "Bread", "Loaves and rolls"), declare(bob, "Cheese")
    bob.like(bread), carol.like(cheese), alice.like(cheese)
    assert titles(parish.call(POPULAR, carol)) == [*ours, "Cheese", "Bread"]
    assert titles(parish.call("getSuggestedFeeds")) == [*ours, "Cheese", "Bread"]
    assert titles(parish.call("unspecced.getSuggestedFeeds", limit=2)) == ours[:2]
    first = parish.call(POPULAR, limit=5)
    assert titles(first) + titles(parish.call(POPULAR, limit=5, cursor=first["cursor"])) == [*ours, "Cheese", "Bread"]
    assert "cursor" not in parish.call(POPULAR, limit=6)
    assert titles(parish.call(POPULAR, query="ROLLS loaves")) == ["Bread"]
    assert titles(parish.call(POPULAR, query="photos")) == ["Photos"]
    assert titles(parish.call(POPULAR, query="nothing of the kind")) == []
    carol.block(alice)
    assert titles(parish.call(POPULAR, carol)) == [*ours, "Cheese"]
    alice.become("takendown")
    assert titles(parish.call(POPULAR)) == [*ours, "Cheese"]


@pytest.fixture
def talkers(parish: FeedingParish) -> list[Person]:
    return [parish.join(f"p{n}") for n in range(5)]


def topics(parish: FeedingParish, viewer: Person | None = None) -> list[tuple[str, int, int]]:
    """(tag, posts, people)."""
    found = parish.call("unspecced.getTrends", viewer)["trends"]
    return [(one["topic"], one["postCount"], len(one["actors"])) for one in found]


def test_a_trend_is_what_several_people_say_within_a_day(parish: FeedingParish, talkers: list[Person]):
    for person in talkers[:3]:
        person.post("today", tags=["Fair"])
    for _ in range(9):
        talkers[0].post("me me me", tags=["me"])
    for person in talkers[1:]:
        person.post("old", tags=["yesterday"], at=parish.now - 25 * HOUR)
    for person in talkers[:4]:
        person.post("louder", tags=["bread & cheese"])
    talkers[0].post("again", tags=["fair"])
    assert topics(parish) == [("bread & cheese", 4, 4), ("fair", 4, 3)]
    answer = parish.call("unspecced.getTrendingTopics", limit=1)
    assert [one["link"] for one in answer["topics"]] == ["/hashtag/bread%20%26%20cheese"]
    assert answer["suggested"] == [
        {"topic": "Discover", "displayName": "Discover", "link": f"/profile/{parish.service.did}/feed/discover"}
    ]


def test_a_trend_is_counted_anew_for_each_reader(parish: FeedingParish, talkers: list[Person]):
    for person in talkers[:3]:
        person.post("today", tags=["fair"])
    reader = talkers[4]
    assert topics(parish, reader) == [("fair", 3, 3)]
    reader.mute(talkers[0])
    assert topics(parish, reader) == []
    assert topics(parish) == [("fair", 3, 3)]
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "!no-unauthenticated"}]}
    talkers[1].profile(labels=labels)
    assert topics(parish) == []
    assert topics(parish, talkers[3]) == [("fair", 3, 3)]


ORDINARY = "the bread is at the edge of the oven and the door is open".split()


def talk(person: Person, more: str = "", **given: Any) -> Ref:
    """What anybody says on any day, each time something else of it."""
    words = Random(person.did + str(person.parish.now)).sample(ORDINARY, 6)
    return person.post(" ".join([*words, more]), **given)


@pytest.fixture
def town(parish: FeedingParish) -> list[Person]:
    """Forty people, who talked yesterday and talk today."""
    people = [parish.join(f"t{n}") for n in range(40)]
    for person in people:
        talk(person, at=parish.now - 30 * HOUR)
        talk(person)
    return people


def test_words_that_many_say_suddenly_are_a_trend_and_say_why(parish: FeedingParish, town: list[Person]):
    for _ in range(60):
        talk(town[0], "Look at me!")
    for person in town[:6]:
        talk(person, "a fox, again")
    assert topics(parish) == []
    for person in town[:16]:
        talk(person, f"Harbour wall at the edge! https://example.com/flood @{town[0].handle}")
    (trend,) = parish.call("unspecced.getTrends")["trends"]
    assert (trend["topic"], trend["link"]) == ("harbour wall", "/search?q=%22harbour%20wall%22")
    assert trend["description"] == "16 people said this lately, nobody as long before."
    assert trend["postCount"] == 16
    reader = town[30]
    for person in town[:10]:
        reader.mute(person)
    assert topics(parish, reader) == []


def test_what_is_always_said_and_what_the_owner_hides_is_none(parish: FeedingParish, town: list[Person]):
    for person in town[:12]:
        talk(person, "market day", at=parish.now - 28 * HOUR)
    for person in town[:16]:
        talk(person, "market day")
    assert topics(parish) == []
    posts = [talk(person, "cheap pills") for person in town[:16]]
    assert [topic for topic, *_ in topics(parish)] == ["cheap pills"]
    own = frozenset({"did:web:labeler"})
    spam = [Said("did:web:labeler", {"val": "spam"}, None, None)]
    parish.views.labelers = Labelers(own, own)
    parish.index.memory.labels_of = lambda tx, subjects: {post.uri: spam for post in posts[:8]}
    parish.feeds = parish.feeds_with(Sieve())
    assert topics(parish) == []


def test_a_tag_and_its_words_are_one_topic(parish: FeedingParish, town: list[Person]):
    for person in town[:16]:
        talk(person, "flood warning", tags=["flood"])
    assert [topic for topic, *_ in topics(parish)] == ["flood"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don’t #tag it, @ana.test: re-read https://x.example/y!", ["don’t", "it", "re-read"]),
        ("地震です", ["地震", "震で", "です"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("안녕하세요 여러분", ["안녕하세요", "여러분"]),
        ("สวัสดี 2026 x " + "y" * 41, []),
    ],
)
def test_words_are_found_in_any_language_that_parts_them(text: str, words: list[str]):
    assert [word for word in spoken.words_of(text) if word] == words


def test_trends_look_at_the_newest_posts_only(
    parish: FeedingParish, talkers: list[Person], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(trends, "LOOKS", 3)
    for person in talkers[:4]:
        person.post("today", tags=["fair"])
    talkers[4].post("something else")
    assert topics(parish) == []
