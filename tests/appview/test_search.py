"""Posts by words and filters, and people by name."""

from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from freehold.appview import people_search, search_hits
from freehold.appview.asked import BadQuery
from freehold.protocol.syntax import format_datetime
from freehold.protocol.tid import tid_encode
from freehold.store import tx
from support.ledger import ledger
from support.parish import SECOND, START, Parish


def found(answer: Any) -> list[str]:
    return [post["record"]["text"] for post in answer["posts"]]


@pytest.fixture
def market(parish: Parish) -> Parish:
    alice, bob = parish.join("alice"), parish.join("bob")
    alice.follow(bob)
    tag = {"$type": "app.bsky.richtext.facet#tag", "tag": "Bread"}
    link = {"$type": "app.bsky.richtext.facet#link", "uri": "https://www.bakery.example/rolls/"}
    mention = {"$type": "app.bsky.richtext.facet#mention", "did": alice.did}
    index = {"byteStart": 0, "byteEnd": 2}
    alice.post("Fresh bread today", langs=["en-GB"], facets=[{"index": index, "features": [tag]}])
    bob.post("Today no bread, but café", langs=["fr"], facets=[{"index": index, "features": [link]}])
    first = bob.post("Hello, have a look", facets=[{"index": index, "features": [mention]}])
    picture = {
        "$type": "blob",
        "ref": {"$link": "bafkreifskvh5tebejswctoq667cukg3kckiyelpvczalte7rc6frdyh3ku"},
        "mimeType": "image/png",
        "size": 9,
    }
    images = {"$type": "app.bsky.embed.images", "images": [{"alt": "A striped cat", "image": picture}]}
    alice.post("pictured", reply=(first, first), embed=images)
    alice.post("京都でパンを焼く", tags=["パン"], langs=["ja"])
    return parish


@pytest.mark.parametrize(
    ("q", "texts"),
    [
        ("bread", ["Today no bread, but café", "Fresh bread today"]),
        ("BREAD fresh", ["Fresh bread today"]),
        ('"no bread"', ["Today no bread, but café"]),
        ('"bread no"', []),
        ("bread -cafe", ["Fresh bread today"]),
        ("cafe", ["Today no bread, but café"]),
        ("#bread", ["Fresh bread today"]),
        ("from:bob.test today", ["Today no bread, but café"]),
        ("from:@nobody.test today", []),
        ("mentions:alice.test", ["Hello, have a look"]),
        ("lang:en", ["Fresh bread today"]),
        ("domain:bakery.example", ["Today no bread, but café"]),
        ("cat", ["pictured"]),
        ("パン", ["京都でパンを焼く"]),
        ("#パン", ["京都でパンを焼く"]),
        ("-from:alice.test", ["Hello, have a look", "Today no bread, but café"]),
        ("zebra", []),
    ],
)
def test_what_a_person_types(market: Parish, q: str, texts: list[str]):
    assert found(market.ask("feed.searchPosts", q=q)) == texts
    assert sorted(found(market.ask("feed.searchPostsV2", query=q))) == sorted(texts)


@pytest.mark.parametrize(
    "q", ['"', "a\0b", "NEAR(", "text:", "marks : x", "(", "*", "' OR 1", "a AND", "^bread", "-", '""']
)
def test_no_words_break_the_search(market: Parish, q: str):
    with suppress(BadQuery):
        market.ask("feed.searchPosts", q=q)
    with suppress(BadQuery):
        market.ask("feed.searchPostsV2", query=q, sort="recent")
    market.ask("actor.searchActors", q=q)


@pytest.mark.parametrize("word", ["bread ", "-bread ", "#bread ", "from:alice.test "])
def test_a_search_as_long_as_a_book_is_refused(market: Parish, word: str):
    assert market.ask("feed.searchPosts", q=word * 99)["posts"] is not None
    with pytest.raises(BadQuery):
        market.ask("feed.searchPosts", q=word * 20_000)
    assert market.ask("actor.searchActors", q=word * 20_000)["actors"] == []
    with pytest.raises(BadQuery):
        market.ask("feed.searchPostsV2", hashtags=[str(n) for n in range(2_000)])


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"authors": ["alice.test"]}, 3),
        ({"authors": ["alice.test", "bob.test"]}, 5),
        ({"excludeAuthors": ["alice.test"]}, 2),
        ({"hashtags": ["bread"], "query": "fresh"}, 1),
        ({"excludeHashtags": ["Bread"]}, 4),
        ({"domains": ["bakery.example"]}, 1),
        ({"urls": ["https://www.bakery.example/rolls"]}, 1),
        ({"mentions": ["alice.test"]}, 1),
        ({"languages": ["fr", "ja"]}, 2),
        ({"hasMedia": True}, 1),
        ({"hasVideo": True}, 0),
        ({"repliesOnly": True}, 1),
        ({"excludeReplies": True}, 4),
        ({"following": True}, 2),
        ({"since": "2030-01-01"}, 0),
        ({"until": "2030-01-01"}, 5),
    ],
)
def test_filters(market: Parish, filters: dict[str, Any], count: int):
    alice = next(iter(market.people.values()))
    if set(filters) == {"until"}:
        filters = {**filters, "query": "-zebra"}
    if set(filters) == {"since"}:
        filters = {**filters, "query": "bread"}
    for sort in ("recent", "top"):
        assert len(market.ask("feed.searchPostsV2", alice, sort=sort, **filters)["posts"]) == count


def test_threads_and_embeds_are_filters_too(market: Parish):
    bob = list(market.people.values())[1]
    root = next(ref for ref in bob.records if b"have a look" in bob.records[ref][1])
    uri = f"at://{bob.did}/{root}"
    assert found(market.ask("feed.searchPostsV2", threadRootUri=uri)) == ["pictured"]
    assert found(market.ask("feed.searchPostsV2", replyParentUri=uri)) == ["pictured"]
    assert found(market.ask("feed.searchPostsV2", replyParentUri=f"at://{bob.did}/app.bsky.feed.post/none")) == []
    post = bob.post("plain")
    bob.quote("quoting", post)
    assert found(market.ask("feed.searchPostsV2", embeddedAtUris=[post.uri])) == ["quoting"]


def test_a_search_for_nothing_is_refused(market: Parish):
    with pytest.raises(BadQuery):
        market.ask("feed.searchPostsV2")
    with pytest.raises(BadQuery):
        market.ask("feed.searchPosts", q=" ")


def test_the_newest_first_and_the_best_first_page_by_page(parish: Parish):
    alice, bob = parish.join("alice"), parish.join("bob")
    posts = [alice.post(f"bread {n}") for n in range(7)]
    bob.like(posts[2])
    for sort, first in (("recent", "bread 6"), ("top", "bread 2")):
        seen, cursor = [], None
        while True:
            answer = parish.ask("feed.searchPostsV2", query="bread", sort=sort, limit=3, cursor=cursor)
            seen += found(answer)
            cursor = answer.get("cursor")
            if cursor is None:
                break
        assert seen[0] == first
        assert sorted(seen) == [f"bread {n}" for n in range(7)]


def ranked(parish: Parish, limit: int = 2, **asked: Any) -> list[str]:
    """What is found, the best first, to the end, by pages."""
    seen, cursor = [], None
    while True:
        answer = parish.ask("feed.searchPostsV2", sort="top", limit=limit, cursor=cursor, **asked)
        seen += found(answer)
        cursor = answer.get("cursor")
        if cursor is None:
            return seen


def test_what_readers_did_puts_a_post_weeks_later_among_all_there_are(parish: Parish):
    people = [parish.join(f"p{n}") for n in range(5)]
    liked, loved, plain = (people[0].post(f"bread {word}") for word in ("liked", "loved", "plain"))
    people[1].like(liked)
    for person in people[:4]:
        person.like(loved)
    parish.now += 8 * 86_400 * SECOND
    people[0].post("bread fresh")
    assert ranked(parish, query="bread") == ["bread loved", "bread fresh", "bread liked", "bread plain"]
    middle = format_datetime(parish.now - 86_400 * SECOND)
    assert ranked(parish, query="bread", until=middle) == ["bread loved", "bread liked", "bread plain"]
    assert ranked(parish, query="bread", since=middle) == ["bread fresh"]
    again = people[2].like(plain)
    assert ranked(parish, query="bread")[-2:] == ["bread plain", "bread liked"]
    people[2].delete(again)
    assert ranked(parish, query="bread")[-1] == "bread plain"


def test_a_post_with_likes_is_ranked_by_its_new_words_and_not_when_it_is_gone(parish: Parish):
    alice = parish.join("alice")
    post = alice.post("first words")
    alice.like(post)
    alice.write("app.bsky.feed.post", {"text": "second", "createdAt": format_datetime(parish.now)}, post.rkey)
    assert ranked(parish, query="words") == []
    assert ranked(parish, query="second") == ["second"]
    alice.delete(post)
    assert ranked(parish, query="second") == []
    alice.write("app.bsky.feed.post", {"text": "third", "createdAt": format_datetime(parish.now)}, post.rkey)
    assert ranked(parish, query="third -second") == ["third"]  # back in the row that the like has held


def test_two_posts_that_would_stand_at_one_place_are_both_found(parish: Parish):
    alice, bob = parish.join("alice"), parish.join("bob")
    early, late = START - 14 * 86_400 * SECOND, START - 7 * 86_400 * SECOND
    same = tid_encode(START, 7)
    posts = [
        person.write("app.bsky.feed.post", {"text": f"bread {at}", "createdAt": format_datetime(at)}, same)
        for person, at in ((alice, early), (bob, late))
    ]
    alice.like(posts[1])
    for _ in range(2):
        alice.quote("look", posts[0])
    assert sorted(ranked(parish, limit=1, query="bread")) == [f"bread {early}", f"bread {late}"]


def test_words_that_never_meet_are_looked_for_once_and_not_for_long(parish: Parish, monkeypatch):
    alice = parish.join("alice")
    alice.like(alice.post("bread and butter"))
    for n in range(30):
        alice.post(f"bread {n}")
        alice.post(f"butter {n}")
    for sort in ("recent", "top"):
        assert found(parish.ask("feed.searchPostsV2", query="bread butter", sort=sort)) == ["bread and butter"]
        assert parish.ask("feed.searchPostsV2", query="bread -bread", sort=sort) == {"posts": []}
    monkeypatch.setattr(tx, "_STEPS", 1)
    monkeypatch.setattr(search_hits, "TRY_NANOS", 0)
    monkeypatch.setattr(search_hits, "STRETCHES_NANOS", 0)
    for sort in ("recent", "top"):
        with pytest.raises(BadQuery, match="too hard to find"):
            parish.ask("feed.searchPostsV2", query="bread -bread", sort=sort)
    monkeypatch.undo()
    assert len(found(parish.ask("feed.searchPostsV2", query="bread", sort="recent"))) == 25


ASKED = ("bread", "bread butter", '"bread butter"', "bread -butter", "bread -bread", "bread from:alice.test")


def test_what_takes_too_long_is_found_in_one_stretch_of_time_after_the_other(parish: Parish, monkeypatch):
    alice, bob = parish.join("alice"), parish.join("bob")
    for n in range(40):
        post = (alice, bob)[n % 2].post(("bread butter", "butter bread", "bread", "butter")[n % 4] + f" {n}")
        for person in (alice, bob)[: n % 3]:
            person.like(post)
        parish.now += (n % 6) * 20_000 * SECOND  # some in a stretch of 4.8 hours, some days apart

    def pages(query: str, sort: str, **bounds: str) -> tuple[list[str], int]:
        seen, cursor, count = list[str](), None, 0
        while cursor is not None or not count:
            asked = {"query": query, "sort": sort, "limit": 4, "cursor": cursor, **bounds}
            answer = parish.ask("feed.searchPostsV2", **asked)
            seen, cursor, count = seen + found(answer), answer.get("cursor"), count + 1
        return seen, count

    asked = [(query, sort) for query in ASKED for sort in ("recent", "top")]
    expected = [pages(*one)[0] for one in asked]
    since = format_datetime(START + 200_000 * SECOND)
    bounded = pages("bread", "recent", since=since)
    monkeypatch.setattr(tx, "_STEPS", 1)
    monkeypatch.setattr(search_hits, "TRY_NANOS", 0)
    assert [pages(*one)[0] for one in asked] == expected
    assert pages("bread", "recent", since=since) == bounded
    monkeypatch.setattr(search_hits, "STRETCHES_NANOS", 300_000)  # so many that a page ends before it is full
    for one, posts in zip(asked, expected, strict=True):
        with suppress(BadQuery):
            assert pages(*one)[0] == posts


def answers_to_the_end(parish: Parish, reader: Any, **asked: Any) -> list[list[str]]:
    """Page by page."""
    answers = [parish.ask("feed.searchPostsV2", reader, **asked)]
    while "cursor" in answers[-1]:
        answers.append(parish.ask("feed.searchPostsV2", reader, cursor=answers[-1]["cursor"], **asked))
    return [found(answer) for answer in answers]


@pytest.mark.parametrize(("at_once", "marked"), [(0, 0), (0, 300), (40, 300)])
def test_many_authors_are_looked_for_among_the_hits_or_by_their_marks(
    parish: Parish, monkeypatch: pytest.MonkeyPatch, at_once: int, marked: int
):
    monkeypatch.setattr(search_hits, "_LOOKS", 4)
    monkeypatch.setattr(search_hits, "_LOOKS_MOST", 8)
    monkeypatch.setattr(search_hits, "_FIRST_LOOKS", 2)
    monkeypatch.setattr(search_hits, "MARK_LOOKS", 1)
    monkeypatch.setattr(search_hits, "MARKED_AT_ONCE", at_once)
    monkeypatch.setattr(search_hits, "MARKED_MOST", marked)
    people = [parish.join(f"p{n}") for n in range(14)]
    for person in people:
        person.like(person.post(f"bread {person.name}"))
    reader = people[-1]
    reader.follow(*people[:3], people[11])
    dids = [person.did for person in people[2:12]]
    answers = {
        sort: parish.ask("feed.searchPostsV2", reader, query="bread", authors=dids, sort=sort, limit=3)
        for sort in ("recent", "top")
    }
    for sort, answer in answers.items():
        assert found(answer) == ["bread p11", "bread p10", "bread p9"]
        later = parish.ask(
            "feed.searchPostsV2", reader, query="bread", authors=dids, sort=sort, limit=20, cursor=answer["cursor"]
        )
        assert found(later)[:5] == [f"bread p{n}" for n in (8, 7, 6, 5, 4)]
        for asked, texts in (({"authors": dids}, ["p11", "p2"]), ({"excludeAuthors": dids}, ["p1", "p0"])):
            pages = answers_to_the_end(parish, reader, sort=sort, following=True, **asked)
            assert [text for page in pages for text in page] == [f"bread {text}" for text in texts]
            assert len(pages) == 1 or not marked
        nobody = parish.ask("feed.searchPostsV2", people[0], query="bread", following=True, sort=sort)
        assert nobody == {"posts": []}
    with pytest.raises(BadQuery):
        parish.ask("feed.searchPostsV2", query="bread", authors=dids * 31)


def test_pages_of_the_best_pass_over_many_that_stood_before(parish: Parish, monkeypatch):
    monkeypatch.setattr(search_hits, "_LOOKS", 4)
    alice = parish.join("alice")
    posts = [alice.post(f"bread {n}") for n in range(24)]
    for post in posts[4:]:
        alice.like(post)
    expected = [f"bread {n}" for n in (*range(23, 3, -1), 3, 2, 1, 0)]
    assert ranked(parish, limit=1, query="bread") == expected
    assert ranked(parish, limit=7, query="bread") == expected


def test_a_post_is_found_by_its_new_words_only_and_not_when_it_is_gone(parish: Parish):
    alice = parish.join("alice")
    post = alice.post("first words")
    alice.write("app.bsky.feed.post", {"text": "second", "createdAt": format_datetime(parish.now)}, post.rkey)
    assert found(parish.ask("feed.searchPosts", q="words")) == []
    assert found(parish.ask("feed.searchPosts", q="second")) == ["second"]
    alice.delete(post)
    assert found(parish.ask("feed.searchPosts", q="second")) == []


def test_since_and_until_bound_the_time(parish: Parish):
    alice = parish.join("alice")
    for n in range(4):
        alice.post(f"bread {n}")
    middle = format_datetime(parish.now - SECOND)
    assert found(parish.ask("feed.searchPosts", q="bread", since=middle)) == ["bread 3", "bread 2"]
    assert found(parish.ask("feed.searchPosts", q="bread", until=middle)) == ["bread 1", "bread 0"]


def test_people_are_found_by_the_beginnings_of_their_names(parish: Parish):
    alice, alina, bob = parish.join("alice"), parish.join("alina"), parish.join("bob")
    bob.profile(displayName="Robert Ali Müller", description="Baker in 京都")
    alice.profile(displayName="Alice")
    bob.follow(alina)

    def typed(q: str, viewer: Any = None) -> list[str]:
        return [actor["handle"] for actor in parish.ask("actor.searchActorsTypeahead", viewer, q=q)["actors"]]

    assert typed("al")[0] == "alina.test"
    assert sorted(typed("al")) == ["alice.test", "alina.test", "bob.test"]
    assert typed("alice")[0] == "alice.test"
    assert typed("@ali", bob)[0] == "alina.test"
    assert typed("muller") == ["bob.test"]
    assert typed("baker") == []
    assert typed('"*') == []
    searched = parish.ask("actor.searchActors", q="baker")["actors"]
    assert [actor["handle"] for actor in searched] == ["bob.test"]
    assert [actor["handle"] for actor in parish.ask("actor.searchActors", q="京")["actors"]] == ["bob.test"]
    bob.become("deactivated")
    assert typed("muller") == []


def test_where_more_people_begin_so_than_are_looked_at_friends_and_the_well_known_are_found(parish: Parish):
    for n in range(people_search.CANDIDATES + 5):
        parish.join(f"ann{n}")
    bob, friend, rising, star = (parish.join(name) for name in ("bob", "annabel", "annemarie", "annika"))
    bob.follow(friend)
    fans = [parish.join(name) for name in ("carla", "dora")]
    last = fans[0].follow(rising, star)
    fans[1].follow(star)
    asked = partial(parish.ask, "actor.searchActorsTypeahead", q="ann")

    def typed(viewer: Any = None, q: str = "ann") -> list[str]:
        return [actor["handle"] for actor in asked(viewer, q=q, limit=3)["actors"]]

    assert typed(bob) == ["annabel.test", "annika.test", "annemarie.test"]
    assert typed()[0] == "annika.test"
    assert typed(q="ann304")[0] == "ann304.test"
    fans[0].delete(last)
    fans[1].follow(rising)
    assert typed()[0] == "annemarie.test"
    rising.profile(displayName="Rose")
    parish.settle()
    well_known = {(term, did) for term, did, *_ in ledger(parish.index_db)["actor_top"]}
    assert well_known == {(term, rising.did) for term in ("annemarie", "test", "rose")}


def test_where_too_many_begin_so_to_be_gone_through_names_are_found_by_their_first_letters(
    parish: Parish, monkeypatch: pytest.MonkeyPatch
):
    for n in range(40):
        parish.join(f"p{n}").profile(displayName=("Ann Smith", "Ann Smiley", "Änn Smîth")[n % 3])
    monkeypatch.setattr(people_search, "BEGINNINGS_NANOS", 0)

    def typed(q: str) -> set[str]:
        return {actor["displayName"] for actor in parish.ask("actor.searchActorsTypeahead", q=q, limit=50)["actors"]}

    assert typed("ann smit") == {"Ann Smith", "Änn Smîth"}
    assert typed("ann smi") == {"Ann Smith", "Ann Smiley", "Änn Smîth"}
    assert typed("smile") == {"Ann Smiley"}
    monkeypatch.setattr(people_search, "PATIENCE_NANOS", 0)
    assert typed("ann smi") == set()
