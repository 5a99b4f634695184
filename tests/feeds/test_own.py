"""The network's own feeds: what stands where, why it is there, and who is not shown."""

import pytest

from freehold.appview.asked import BadCursor, UnknownFeed
from freehold.feeds import own
from freehold.feeds.feeds import PUBLIC_DISCOVER
from freehold.feeds.ranking import stands_at
from freehold.protocol.cid import Cid
from support.feeding import FeedingParish, texts
from support.parish import SECOND, START, Person

HOUR = 3600 * SECOND
DAY = 24 * HOUR


def people(parish: FeedingParish, *names: str) -> list[Person]:
    return [parish.join(name) for name in names]


def pictures(n: int) -> dict[str, object]:
    blob = {"$type": "blob", "ref": {"$link": str(Cid.of_raw(b"bread"))}, "mimeType": "image/jpeg", "size": 5}
    images = [{"alt": "", "image": blob}] * n
    return {"$type": "app.bsky.embed.images", "images": images}


def test_the_feed_that_official_clients_fall_back_on_is_our_discover(parish: FeedingParish):
    alice, bob = people(parish, "alice", "bob")
    assert parish.call("getFeed", feed=PUBLIC_DISCOVER) == {"feed": []}
    liked = alice.post("liked")
    alice.post("not liked")
    bob.like(liked)
    for viewer in (None, bob):
        answer = parish.call("getFeed", viewer, feed=PUBLIC_DISCOVER)
        assert texts(answer) == ["liked", "not liked"]
        assert [item["feedContext"] for item in answer["feed"]] == ["1 like", "New"]
        assert answer == parish.feed("discover", viewer)
    view = parish.call("getFeedGenerator", bob, feed=PUBLIC_DISCOVER)
    assert (view["isOnline"], view["isValid"], view["view"]["uri"]) == (True, True, PUBLIC_DISCOVER)
    assert view["view"]["creator"]["did"] == parish.service.did
    both = parish.call("getFeedGenerators", bob, feeds=[PUBLIC_DISCOVER, parish.feeds.uri("photos"), "at://x/y/z"])
    assert {one["uri"] for one in both["feeds"]} == {PUBLIC_DISCOVER, parish.feeds.uri("photos")}


def test_a_feed_that_nobody_makes_is_refused_by_name(parish: FeedingParish):
    (alice,) = people(parish, "alice")
    for uri in (
        f"at://{alice.did}/app.bsky.feed.generator/x",
        parish.feeds.uri("other"),
        f"at://{parish.service.did}/app.bsky.graph.list/discover",
    ):
        with pytest.raises(UnknownFeed):
            parish.call("getFeed", alice, feed=uri)
        with pytest.raises(UnknownFeed):
            parish.call("getFeedSkeleton", alice, feed=uri)
    by_handle = f"at://{parish.service.handle}/app.bsky.feed.generator/discover"
    assert parish.call("getFeed", alice, feed=by_handle) == {"feed": []}


def test_in_discover_each_doubling_of_what_a_post_got_makes_it_six_hours_newer(parish: FeedingParish):
    alice, bob, carol, *fans = people(parish, "alice", "bob", "carol", *(f"fan{n}" for n in range(3)))
    parish.now = START + DAY
    old = alice.post("seven likes, 17 hours ago", at=START + DAY - 17 * HOUR)
    older = bob.post("an echo, a reply and a quote, 17 hours ago", at=START + DAY - 17 * HOUR - SECOND)
    carol.post("nothing, now")
    bob.post("nothing, 18 hours ago", at=START + DAY - 18 * HOUR)
    fans[0].post("nothing, 9 hours ago", at=START + DAY - 9 * HOUR)
    for fan in (alice, bob, carol, parish.service, *fans):
        fan.like(old)
    fans[0].repost(older)
    fans[1].post("so it is", reply=(older, older))
    fans[2].quote("look", older)
    answer = parish.feed("discover", alice)
    assert texts(answer) == [
        "seven likes, 17 hours ago",
        "look",
        "nothing, now",
        "an echo, a reply and a quote, 17 hours ago",
        "nothing, 9 hours ago",
        "nothing, 18 hours ago",
    ]
    told = dict(zip(texts(answer), parish.reasons("discover", alice), strict=True))
    assert told["seven likes, 17 hours ago"] == "7 likes"
    assert told["an echo, a reply and a quote, 17 hours ago"] == "1 echo, 1 reply, 1 quote"
    assert stands_at(0, 7, 6) == 3 * 6 * HOUR
    assert stands_at(0, 5, 6) < 17 * HOUR


def test_one_author_does_not_fill_a_page_of_discover(parish: FeedingParish):
    alice, bob = people(parish, "alice", "bob")
    bob.post("bob, an hour ago", at=parish.now - HOUR)
    for n in range(3):
        alice.post(f"alice {n}")
    assert texts(parish.feed("discover")) == ["alice 0", "bob, an hour ago", "alice 1", "alice 2"]


def test_discover_finds_what_the_active_like_however_old(parish: FeedingParish, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(own, "DISCOVER_LOOKS", 3)
    alice, bob, *others = people(parish, "alice", "bob", "carol", "dora", "emil")
    found, lost = alice.post("found"), alice.post("lost")
    for n, one in enumerate(others):
        one.post(f"newest {n}")
    others[0].like(found)
    bob.like(lost)
    assert set(texts(parish.feed("discover"))) == {"found", "newest 0", "newest 1", "newest 2"}


@pytest.mark.parametrize("name", ["discover", "friends", "photos", "local"])
@pytest.mark.parametrize("act", ["mute", "block", "blocked by", "takedown"])
def test_whoever_is_muted_blocked_or_gone_is_in_no_feed(parish: FeedingParish, name: str, act: str):
    alice, bob, carol = people(parish, "alice", "bob", "carol")
    alice.follow(carol)
    carol.like(bob.post("from bob", embed=pictures(1)))
    carol.like(parish.service.post("from elsewhere", embed=pictures(1)))
    assert "from bob" in texts(parish.feed(name, alice))
    {"mute": alice.mute, "block": alice.block, "blocked by": lambda _: bob.block(alice)}.get(
        act, lambda _: bob.become("takendown")
    )(bob)
    assert texts(parish.feed(name, alice)) == ["from elsewhere"]


def test_strangers_get_every_feed_but_not_whoever_wants_members_only(parish: FeedingParish):
    alice, bob = people(parish, "alice", "bob")
    alice.profile(labels={"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "!no-unauthenticated"}]})
    alice.post("for members", embed=pictures(1))
    bob.post("for all", embed=pictures(2))
    for name in own.WORDS:
        assert texts(parish.feed(name)) == ["for all"]
        assert set(texts(parish.feed(name, bob))) >= {"for members"}


def test_popular_with_friends_is_what_they_like_and_says_how_many(parish: FeedingParish):
    alice, bob, carol, dora, stranger = people(parish, "alice", "bob", "carol", "dora", "stranger")
    bob.profile(displayName="Bob Baker")
    alice.follow(bob, carol, dora)
    three, echoed, mixed, one, none, hers = [
        stranger.post(text) for text in ("three", "echoed", "mixed", "one", "none")
    ] + [alice.post("hers")]
    for friend in (bob, carol, dora):
        friend.like(three)
    bob.repost(three)
    for friend in (bob, carol):
        friend.repost(echoed)
    bob.like(mixed), carol.repost(mixed)
    bob.like(one)
    stranger.like(none)
    bob.like(hers)
    bob.like(stranger.post("an answer", reply=(one, one)))
    shown = dict(zip(texts(parish.feed("friends", alice)), parish.reasons("friends", alice), strict=True))
    assert shown == {
        "three": "Liked by 3 people you follow",
        "mixed": "Liked or echoed by 2 people you follow",
        "echoed": "Echoed by 2 people you follow",
        "one": "Liked by Bob Baker, whom you follow",
    }
    assert list(shown) == ["three", "mixed", "echoed", "one"]
    alice.mute(carol)
    dora.become("takendown")
    assert parish.reasons("friends", alice)[0] == "Liked by Bob Baker, whom you follow"


def test_of_many_friends_a_few_likes_of_each_are_looked_at(parish: FeedingParish, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(own, "FRIENDS_LOOKS", 8)
    alice, bob, carol = people(parish, "alice", "bob", "carol")
    alice.follow(bob, carol)
    for n in range(6):
        bob.like(carol.post(str(n)))
    assert texts(parish.feed("friends", alice)) == ["5", "4", "3", "2"]
    monkeypatch.setattr(own, "FRIENDS", 1)
    carol.like(bob.post("of the one who is more active"))
    assert texts(parish.feed("friends", alice)) == ["5", "4", "3", "2", "1", "0"]


def test_who_follows_nobody_has_discover_instead_and_is_told_its_reasons(parish: FeedingParish):
    alice, bob = people(parish, "alice", "bob")
    bob.like(alice.post("liked"))
    assert parish.feed("friends", bob) == parish.feed("discover", bob)
    assert parish.reasons("friends") == ["1 like"]


def test_photos_are_posts_with_pictures_the_newest_first(parish: FeedingParish):
    alice, bob = people(parish, "alice", "bob")
    first = alice.post("one", embed=pictures(1))
    alice.post("words")
    bob.repost(first)
    bob.post("an answer", embed=pictures(1), reply=(first, first))
    bob.post("three", embed=pictures(3))
    assert texts(parish.feed("photos")) == ["three", "one"]
    assert parish.reasons("photos") == ["It shows 3 pictures", "It shows a picture"]


def test_local_is_what_members_of_this_network_say(parish: FeedingParish):
    alice, bob = people(parish, "alice", "bob")
    parish.away.add("bob")
    alice.post("here")
    bob.post("from elsewhere")
    assert texts(parish.feed("local", alice)) == ["here"]
    assert parish.reasons("local") == ["By a member of the parish"]


@pytest.mark.parametrize("name", ["discover", "friends", "photos", "local"])
def test_pages_hold_every_item_once_whatever_happens_in_between(
    parish: FeedingParish, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(own, "DISCOVER_LOOKS", 200)
    alice, bob, carol = people(parish, "alice", "bob", "carol")
    alice.follow(bob, carol)
    said = [(bob, carol)[n % 2].post(str(n), at=START + n // 3 * SECOND, embed=pictures(1)) for n in range(12)]
    for ref in said:
        carol.like(ref)
    late = iter(range(99))
    found = parish.pages(name, alice, 5, lambda: bob.post(f"late {next(late)}", embed=pictures(1)) and None)
    assert len(set(found)) == len(found)
    assert {text for text in found if text.isdigit()} == {str(n) for n in range(12)}


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5.x", "9" * 30, "١"])
@pytest.mark.parametrize("name", ["discover", "photos"])
def test_a_cursor_that_none_of_our_answers_gave_is_refused(parish: FeedingParish, name: str, cursor: str):
    with pytest.raises(BadCursor):
        parish.feed(name, cursor=cursor)


def test_other_services_are_given_uris_with_reasons(parish: FeedingParish):
    alice, bob = people(parish, "alice", "bob")
    posts = [alice.post(str(n)) for n in range(3)]
    bob.like(posts[0])
    answer = parish.call("getFeedSkeleton", bob, feed=parish.feeds.uri("local"), limit=2)
    assert [item["post"] for item in answer["feed"]] == [posts[2].uri, posts[1].uri]
    assert answer["feed"][0]["feedContext"] == "By a member of the parish"
    rest = parish.call("getFeedSkeleton", feed=parish.feeds.uri("local"), cursor=answer["cursor"])
    assert [item["post"] for item in rest["feed"]] == [posts[0].uri]
    described = parish.feeds.describe_feed_generator()
    assert described["did"] == parish.service.did
    assert {one["uri"] for one in described["feeds"]} == {parish.feeds.uri(name) for name in own.WORDS}
