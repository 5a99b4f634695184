"""Finding feeds, and what people talk about."""

import pytest

from freehold.feeds import own, trends
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


def test_trends_look_at_the_newest_posts_only(
    parish: FeedingParish, talkers: list[Person], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(trends, "LOOKS", 3)
    for person in talkers[:4]:
        person.post("today", tags=["fair"])
    talkers[4].post("something else")
    assert topics(parish) == []
