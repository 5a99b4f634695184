"""What people talk about now: tags that several of them used within a day, and words that many use suddenly.

Counted are people, not posts, so that nobody makes a trend alone; and only among the newest posts and as many of the
day before, so that it costs the same in any network. What the network's labeler hides is not counted. Each topic says
why it is one.
Source: app.bsky.unspecced.getTrends, getTrendingTopics; the link of a topic is a path of the official web client
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from freehold.appview import present
from freehold.appview.moments import text_of
from freehold.appview.page import Page
from freehold.appview.pieces import Json
from freehold.feeds.spoken import Ear, Said, Spoken
from freehold.feeds.window import Seen, newest

LOOKS = 1_000
WORD_LOOKS = 500
DAY_MICROS = 86_400 * 1_000_000
BEFORE_MICROS = 600 * 1_000_000
PEOPLE_LEAST = 3
TOPICS_KEPT = 100
PEOPLE_SHOWN = 5
HIDING = frozenset({"!hide", "!takedown", "spam"})


@dataclass(slots=True)
class Topic:
    """A tag or words. people: actors to how many posts of theirs are of it, the last to speak first. began: micros of
    the first of these posts. least: how many people make it a topic. before: of words, how many people used them
    before; None for a tag."""

    name: str
    began: int = 0
    people: Counter[int] = field(default_factory=Counter)
    posts: set[int] = field(default_factory=set)
    least: int = PEOPLE_LEAST
    before: int | None = None

    @property
    def link(self) -> str:
        """Where its posts are found."""
        if self.before is None:
            return f"/hashtag/{quote(self.name, safe='')}"
        wanted = f'"{self.name}"' if " " in self.name else self.name
        return f"/search?q={quote(wanted, safe='')}"

    def why(self, people: int) -> str:
        """The reason, in words. people: whom the reader may see."""
        if self.before is None:
            return f"{people} people used this tag within a day."
        return f"{people} people said this lately, {self.before or 'nobody'} as long before."


class Listener:
    """Hears what people talk about. hiding: labelers by whose labels something is not counted."""

    def __init__(self, hiding: Collection[str]) -> None:
        self._hiding, self._ear = frozenset(hiding), Ear()
        self._before: tuple[int, list[Said]] = (0, [])

    def topics(self, page: Page) -> list[Topic]:
        """The topics of the last day, those of most people first, before any reader is considered."""
        yesterday = page.tx.now - DAY_MICROS
        now = self._shown(page, [seen for seen in newest(page.tx, LOOKS) if seen.at >= yesterday])
        tags = [topic for topic in _tags(now) if len(topic.people) >= PEOPLE_LEAST]
        before = self._said_before(page, yesterday)
        spoken = self._ear.stand_out(_said(now[:WORD_LOOKS]), before, [topic.posts for topic in tags])
        found = [*tags, *map(_topic_of, spoken)]
        return sorted(found, key=lambda one: (-len(one.people), -one.people.total(), one.name))[:TOPICS_KEPT]

    def _said_before(self, page: Page, moment: int) -> list[Said]:
        """What was said before a moment (micros), or some minutes earlier."""
        if not 0 <= moment - self._before[0] < BEFORE_MICROS:
            self._before = moment, _said(self._shown(page, newest(page.tx, WORD_LOOKS, before=moment)))
        return self._before[1]

    def _shown(self, page: Page, seen: Sequence[Seen]) -> list[Seen]:
        """Those of which no labeler that counts says that they are not to be shown."""
        subjects = list({uri for one in seen for uri in (one.post.uri, one.post.author)})
        said = page.memory.labels_of(page.tx, subjects)
        hidden = {
            subject
            for subject, labels in said.items()
            if any(label.src in self._hiding and label.view["val"] in HIDING for label in labels)
        }
        return [one for one in seen if hidden.isdisjoint((one.post.uri, one.post.author))]


def _tags(seen: Sequence[Seen]) -> list[Topic]:
    topics: defaultdict[str, Topic] = defaultdict(lambda: Topic(""))
    for one in seen:
        for tag in one.post.tags:
            topic = topics[tag]
            topic.name, topic.began = tag, one.at
            topic.people[one.actor] += 1
            topic.posts.add(one.id)
    return list(topics.values())


def _said(seen: Sequence[Seen]) -> list[Said]:
    return [Said(one.actor, one.id, one.at, one.post.text) for one in seen]


def _topic_of(spoken: Spoken) -> Topic:
    return Topic(spoken.words, spoken.began, spoken.people, spoken.posts, spoken.least, spoken.before)


def trends(page: Page, topics: list[Topic], limit: int) -> Json:
    """app.bsky.unspecced.getTrends: those that stand when only whom the reader may see is counted."""
    return {"trends": [_trend(page, topic, people) for topic, people in _for_reader(page, topics, limit)]}


def trending_topics(page: Page, topics: list[Topic], limit: int, feeds: dict[str, str]) -> Json:
    """app.bsky.unspecced.getTrendingTopics. feeds: name to at-uri of what is suggested beside."""
    found = [_topic(topic, people) for topic, people in _for_reader(page, topics, limit)]
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
        if len(people) >= topic.least:
            found.append((topic, people))
    return sorted(found, key=lambda one: -len(one[1]))[:limit]


def _is_seen(page: Page, actor: int) -> bool:
    if not page.active(actor) or page.circle.shuns(actor):
        return False
    return bool(page.viewer) or not page.actors[actor].members_only


def _topic(topic: Topic, people: list[int]) -> Json:
    return {"topic": topic.name, "displayName": topic.name, "description": topic.why(len(people)), "link": topic.link}


def _trend(page: Page, topic: Topic, people: list[int]) -> Json:
    return {
        **_topic(topic, people),
        "startedAt": text_of(topic.began),
        "postCount": sum(topic.people[actor] for actor in people),
        "actors": [present.basic(page, actor) for actor in people[:PEOPLE_SHOWN]],
    }
