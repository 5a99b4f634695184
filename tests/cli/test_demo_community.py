"""The demo's community is believable, whole, and the same for the same seed."""

import re
from collections import Counter

import pytest

from freehold.cli.demo import community as story
from freehold.cli.demo.art import SCENES
from freehold.cli.demo.community import DAY, Echoed, Followed, Joined, Liked, Posted, community
from freehold.cli.demo.people import PEOPLE
from freehold.cli.demo.words import PAGES, everything_said

UNTIL = 1_790_000_000_000_000


@pytest.fixture(scope="module")
def town() -> story.Community:
    return community("a seed", until=UNTIL)


def of(town: story.Community, kind: type) -> list:
    return [event for event in town.events if isinstance(event, kind)]


def test_the_same_seed_tells_the_same_story_and_another_one_another(town) -> None:
    assert community("a seed", until=UNTIL) == town
    assert community("another", until=UNTIL) != town


def test_sixty_people_each_with_a_face_of_their_own() -> None:
    assert len({person.handle for person in PEOPLE}) == len(PEOPLE) == 60
    assert len({person.look or person.emblem for person in PEOPLE}) == 60
    assert all(re.fullmatch(r"[a-z]{3,18}", person.handle) for person in PEOPLE)
    assert all(len(person.about) <= 256 for person in PEOPLE)


def test_all_happens_in_order_within_the_days(town) -> None:
    times = [event.at for event in town.events]
    assert times == sorted(times)
    assert times[0] >= UNTIL - 14 * DAY
    assert times[-1] < UNTIL


def test_nobody_acts_before_joining_or_on_what_is_not_there_yet(town) -> None:
    members, posts = set(), {}
    for event in town.events:
        if isinstance(event, Joined):
            members.add(event.who)
        assert event.who in members
        if isinstance(event, Followed):
            assert event.whom in members
        elif isinstance(event, Posted):
            assert {event.root, event.parent, event.quotes} - {None} <= set(posts)
            assert event.root == (posts[event.parent].root or event.parent if event.parent else None)
            posts[event.key] = event
        elif isinstance(event, Liked | Echoed):
            assert event.key in posts


def test_nothing_happens_twice(town) -> None:
    pairs = Counter((type(event), event.who, getattr(event, "whom", None) or event.key) for event in town.events[60:])
    assert set(pairs.values()) == {1}


def test_the_posts_are_many_varied_and_fit(town) -> None:
    posts = of(town, Posted)
    assert len(posts) >= 400
    assert len({post.text for post in posts}) == len(posts)
    assert all(0 < len(post.text) <= 300 for post in posts)
    assert {post.who for post in posts} == {person.handle for person in PEOPLE}
    assert 0.08 < sum(post.language == "fr" for post in posts) / len(posts) < 0.3
    assert sum(post.quotes is not None for post in posts) >= 5
    sentences = Counter(s for post in posts for s in re.split(r"(?<=[.?!:]) ", post.text) if len(s) > 12)
    assert [sentence for sentence, times in sentences.items() if times > 1] == []


def test_pictures_are_of_known_motifs_at_most_four_and_described(town) -> None:
    posts = of(town, Posted)
    assert sum(bool(post.pictures) for post in posts) >= 40
    assert all(len(post.pictures) <= 4 for post in posts)
    assert all(sketch.motif in SCENES and len(sketch.alt) > 20 for post in posts for sketch in post.pictures)


def test_every_named_account_and_quote_exists() -> None:
    handles = {person.handle for person in PEOPLE}
    said = [one for page in everything_said().values() for one in page]
    assert {one.who for one in said} <= handles
    assert {name for one in said for name in re.findall(r"@(\w+)", one.text)} <= handles
    names = {one.name for one in said}
    assert {one.quotes for one in said} <= names | {None}
    assert len(said) == sum(len(re.findall(r"(?m)^[=>]", talk)) for talk in PAGES.values())


def test_people_follow_by_interest(town) -> None:
    interests = {person.handle: person.interests for person in PEOPLE}
    follows = of(town, Followed)
    alike = sum(bool(interests[f.who] & interests[f.whom]) for f in follows) / len(follows)
    everyone = [(a, b) for a in interests for b in interests if a != b]
    by_chance = sum(bool(interests[a] & interests[b]) for a, b in everyone) / len(everyone)
    assert alike > by_chance + 0.15
    assert min(Counter(follow.who for follow in follows).values()) >= 3
    assert 500 < len(follows) < 1800


def test_likes_have_a_few_favourites_and_the_whole_stays_writable(town) -> None:
    likes = Counter(like.key for like in of(town, Liked))
    assert max(likes.values()) >= 15
    assert len(of(town, Echoed)) >= 80
    assert len(town.events) < 6000


@pytest.mark.parametrize("people", [2, 20])
def test_a_smaller_town_is_whole_too(people) -> None:
    town = community(1, people=people, days=3, until=UNTIL)
    keys = {post.key for post in of(town, Posted)}
    assert len(town.people) == people
    assert all({p.parent, p.root, p.quotes} - {None} <= keys for p in of(town, Posted))
    assert all(event.at >= UNTIL - 3 * DAY for event in town.events)


@pytest.mark.parametrize(
    ("month", "season"), [(0, "winter"), (3, "spring"), (6, "summer"), (10, "autumn"), (11, "winter")]
)
def test_pictures_show_the_season(month, season) -> None:
    assert story._season(int((20 * 365.2425 + month * 30.44 + 15) * DAY)) == season


def test_a_head_that_is_misspelt_is_named() -> None:
    from freehold.cli.demo.words import _read_page

    with pytest.raises(ValueError, match="not the head of a post: = rosa @x"):
        list(_read_page("page", "= rosa @x\nhello"))
