"""What people talk about now: tags that several of them used within a day.

Counted are people, not posts, so that nobody makes a trend alone; and only among the newest posts, so that it costs the
same in any network.
Source: app.bsky.unspecced.getTrends, getTrendingTopics; the link of a topic is a path of the official web client
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from urllib.parse import quote

from freehold.appview import present
from freehold.appview.moments import TIE_BITS, text_of
from freehold.appview.page import Page
from freehold.appview.pieces import Json
from freehold.feeds.window import newest

LOOKS = 1_000
DAY_MICROS = 86_400 * 1_000_000
PEOPLE_LEAST = 3
TOPICS_KEPT = 100
PEOPLE_SHOWN = 5


@dataclass(slots=True)
class Topic:
    """A tag. people: actors to how many posts of theirs carry it, the last to use it first. began: micros of the first
    of these posts."""

    tag: str
    began: int = 0
    people: Counter[int] = field(default_factory=Counter)


def read(page: Page) -> list[Topic]:
    """The topics of the last day, those of most people first, before any reader is considered."""
    since = page.tx.now - DAY_MICROS
    topics: defaultdict[str, Topic] = defaultdict(lambda: Topic(""))
    for seen in newest(page.tx, LOOKS):
        at = seen.moment >> TIE_BITS
        if at < since:
            break
        for tag in seen.post.tags:
            topic = topics[tag]
            topic.tag, topic.began = tag, at
            topic.people[seen.actor] += 1
    found = [topic for topic in topics.values() if len(topic.people) >= PEOPLE_LEAST]
    return sorted(found, key=lambda topic: (-len(topic.people), -topic.people.total(), topic.tag))[:TOPICS_KEPT]


def trends(page: Page, topics: list[Topic], limit: int) -> Json:
    """app.bsky.unspecced.getTrends: those that stand when only whom the reader may see is counted."""
    return {"trends": [_trend(page, topic, people) for topic, people in _for_reader(page, topics, limit)]}


def trending_topics(page: Page, topics: list[Topic], limit: int, feeds: dict[str, str]) -> Json:
    """app.bsky.unspecced.getTrendingTopics. feeds: name to at-uri of what is suggested beside."""
    found = [_topic(topic) for topic, _ in _for_reader(page, topics, limit)]
    suggested = []
    for name, uri in feeds.items():
        _, _, did, _, rkey = uri.split("/")
        suggested.append({"topic": name, "displayName": name, "link": f"/profile/{did}/feed/{rkey}"})
    return {"topics": found, "suggested": suggested[:limit]}


def _for_reader(page: Page, topics: list[Topic], limit: int) -> list[tuple[Topic, list[int]]]:
    page.load_actors({actor for topic in topics for actor in topic.people})
    page.load_states()
    found = []
    for topic in topics:
        people = [actor for actor in topic.people if _is_seen(page, actor)]
        if len(people) >= PEOPLE_LEAST:
            found.append((topic, people))
    return sorted(found, key=lambda one: -len(one[1]))[:limit]


def _is_seen(page: Page, actor: int) -> bool:
    if not page.active(actor) or page.circle.shuns(actor):
        return False
    return bool(page.viewer) or not page.actors[actor].members_only


def _topic(topic: Topic) -> Json:
    return {"topic": topic.tag, "displayName": topic.tag, "link": f"/hashtag/{quote(topic.tag, safe='')}"}


def _trend(page: Page, topic: Topic, people: list[int]) -> Json:
    return {
        **_topic(topic),
        "startedAt": text_of(topic.began),
        "postCount": sum(topic.people[actor] for actor in people),
        "actors": [present.basic(page, actor) for actor in people[:PEOPLE_SHOWN]],
    }
