"""Timelines, author feeds and what their posts show."""

from typing import Any

import pytest

from freehold.appview.asked import ActorNotFound, BadCursor, BlockedActor, BlockedByActor
from freehold.protocol.syntax import format_datetime
from support.parish import SECOND, START, Parish, Person

PICTURE = {
    "$type": "blob",
    "ref": {"$link": "bafkreifskvh5tebejswctoq667cukg3kckiyelpvczalte7rc6frdyh3ku"},
    "mimeType": "image/jpeg",
    "size": 1000,
}
IMAGES = {"$type": "app.bsky.embed.images", "images": [{"alt": "Bread", "image": PICTURE}]}
VIDEO = {"$type": "app.bsky.embed.video", "video": {**PICTURE, "mimeType": "video/mp4"}, "alt": "A loaf rises"}
CARD = {
    "$type": "app.bsky.embed.external",
    "external": {"uri": "https://bakery.example/", "title": "Bakery", "description": "Open at six", "thumb": PICTURE},
}


def texts(answer: Any) -> list[str]:
    return [item["post"]["record"]["text"] for item in answer["feed"]]


def home(parish: Parish, person: Person, **params: Any) -> list[str]:
    return texts(parish.ask("feed.getTimeline", person, **params))


def people(parish: Parish, *names: str) -> list[Person]:
    return [parish.join(name) for name in names]


def test_home_shows_those_whom_the_reader_follows_and_the_reader(parish: Parish):
    alice, bob, carol = people(parish, "alice", "bob", "carol")
    alice.follow(bob)
    bob.post("from bob")
    carol.post("from carol")
    alice.post("from alice")
    assert home(parish, alice) == ["from alice", "from bob"]
    assert home(parish, carol) == ["from carol"]
    alice.follow(carol)
    assert home(parish, alice) == ["from alice", "from carol", "from bob"]


def test_home_shows_replies_only_among_those_whom_the_reader_knows(parish: Parish):
    alice, bob, carol, dora = people(parish, "alice", "bob", "carol", "dora")
    alice.follow(bob, carol)
    stranger, friend, own = dora.post("d"), carol.post("c"), alice.post("a")
    bob.post("to a stranger", reply=(stranger, stranger))
    bob.post("to a friend", reply=(friend, friend))
    bob.post("to me", reply=(own, own))
    first = bob.post("my thread")
    second = bob.post("goes on", reply=(first, first))
    dora.post("a stranger's word", reply=(own, own))
    alice.post("my word to a stranger", reply=(stranger, stranger))
    bob.post("to a stranger in a friend's thread", reply=(friend, dora.post("x", reply=(friend, friend))))
    dora_in_thread = dora.post("y", reply=(first, second))
    bob.post("to a stranger in my thread", reply=(first, dora_in_thread))
    shown = home(parish, alice)
    assert shown[::-1] == [
        "c",
        "a",
        "to a friend",
        "to me",
        "my thread",
        "goes on",
        "my word to a stranger",
        "to a stranger in a friend's thread",
    ]


def test_a_repost_says_who_and_shows_the_post_as_it_is(parish: Parish):
    alice, bob, carol = people(parish, "alice", "bob", "carol")
    alice.follow(bob)
    post = carol.post("news")
    repost = bob.repost(post)
    (item,) = parish.ask("feed.getTimeline", alice)["feed"]
    assert item["post"]["uri"] == post.uri
    assert item["post"]["repostCount"] == 1
    assert item["reason"]["by"]["did"] == bob.did
    assert item["reason"]["uri"] == repost.uri
    bob.delete(repost)
    assert home(parish, alice) == []


def test_a_deleted_post_goes_from_every_feed(parish: Parish):
    alice, bob = people(parish, "alice", "bob")
    alice.follow(bob)
    post = bob.post("oops")
    alice.repost(post)
    assert home(parish, alice) == ["oops", "oops"]
    bob.delete(post)
    assert home(parish, alice) == []
    assert texts(parish.ask("feed.getAuthorFeed", actor="alice.test")) == []


@pytest.mark.parametrize("act", ["mute", "block", "blocked by", "takedown"])
def test_whoever_is_muted_blocked_or_gone_is_not_shown(parish: Parish, act: str):
    alice, bob, carol = people(parish, "alice", "bob", "carol")
    alice.follow(bob, carol)
    post = bob.post("from bob")
    carol.repost(post)
    carol.post("to bob", reply=(post, post))
    assert len(home(parish, alice)) == 3
    if act == "mute":
        alice.mute(bob)
    elif act == "takedown":
        bob.become("takendown")
    else:
        alice.block(bob) if act == "block" else bob.block(alice)
    left = home(parish, alice)
    assert "from bob" not in left
    assert ("to bob" in left) == (act in ("mute", "takedown"))


def test_pages_hold_every_item_once_however_many_share_a_moment(parish: Parish):
    alice, *others = people(parish, "alice", *(f"p{n}" for n in range(5)))
    alice.follow(*others)
    for n in range(6):
        for other in others:
            other.post(f"{other.name} {n}", at=START + n // 3 * SECOND)
    seen: list[str] = []
    cursor = None
    while True:
        answer = parish.ask("feed.getTimeline", alice, limit=4, cursor=cursor)
        seen += texts(answer)
        cursor = answer.get("cursor")
        if cursor is None:
            break
    assert sorted(seen) == sorted(f"p{p} {n}" for p in range(5) for n in range(6))


def test_home_goes_on_from_disk_where_memory_ends(parish: Parish, monkeypatch: pytest.MonkeyPatch):
    alice, bob, carol = people(parish, "alice", "bob", "carol")
    alice.follow(bob, carol)
    for n in range(12):
        (bob, carol)[n % 2].post(str(n))
    parish.settle()
    monkeypatch.setattr("freehold.appview.index.ITEMS_IN_MEMORY", 4)
    parish.index._load()
    assert len(parish.index.memory.chains) <= 5
    first = parish.ask("feed.getTimeline", alice, limit=8)
    second = parish.ask("feed.getTimeline", alice, limit=8, cursor=first["cursor"])
    assert texts(first) + texts(second) == [str(n) for n in reversed(range(12))]


def test_an_author_feed_by_its_filters(parish: Parish):
    alice, bob = people(parish, "alice", "bob")
    other = bob.post("bob's")
    first = alice.post("first")
    second = alice.post("second", reply=(first, first))
    alice.post("to bob", reply=(other, other))
    between = bob.post("between", reply=(first, second))
    after = alice.post("after bob", reply=(first, between))
    alice.post("after myself after bob", reply=(first, after))
    alice.post("pictures", embed=IMAGES)
    alice.post("moving", embed=VIDEO)
    alice.repost(other)

    def feed(filter: str) -> list[str]:
        return texts(parish.ask("feed.getAuthorFeed", bob, actor="alice.test", filter=filter))

    assert len(feed("posts_with_replies")) == 8
    assert feed("posts_no_replies") == ["bob's", "moving", "pictures", "first"]
    assert feed("posts_with_media") == ["pictures"]
    assert feed("posts_with_video") == ["moving"]
    assert feed("posts_and_author_threads") == ["bob's", "moving", "pictures", "second", "first"]


def test_a_pinned_post_comes_first_and_once(parish: Parish):
    (alice,) = people(parish, "alice")
    pinned = alice.post("pinned")
    alice.post("later")
    alice.profile(displayName="Alice", pinnedPost=pinned.strong)
    answer = parish.ask("feed.getAuthorFeed", alice, actor="alice.test", includePins=True)
    assert texts(answer) == ["pinned", "later"]
    assert answer["feed"][0]["reason"]["$type"] == "app.bsky.feed.defs#reasonPin"
    assert answer["feed"][0]["post"]["viewer"]["pinned"] is True
    assert parish.ask("actor.getProfile", actor="alice.test")["pinnedPost"]["uri"] == pinned.uri


def test_a_blocked_feed_is_refused_by_name(parish: Parish):
    alice, bob = people(parish, "alice", "bob")
    alice.block(bob)
    with pytest.raises(BlockedActor):
        parish.ask("feed.getAuthorFeed", alice, actor="bob.test")
    with pytest.raises(BlockedByActor):
        parish.ask("feed.getAuthorFeed", bob, actor="alice.test")


def test_likes_are_shown_to_their_owner_alone(parish: Parish):
    alice, bob = people(parish, "alice", "bob")
    for n in range(3):
        alice.like(bob.post(str(n)))
    first = parish.ask("feed.getActorLikes", alice, actor="alice.test", limit=2)
    assert texts(first) == ["2", "1"]
    assert texts(parish.ask("feed.getActorLikes", alice, actor="alice.test", cursor=first["cursor"])) == ["0"]
    with pytest.raises(ActorNotFound):
        parish.ask("feed.getActorLikes", bob, actor="alice.test")


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 30, "", "١"])
def test_a_cursor_of_somebody_else_is_refused(parish: Parish, cursor: str):
    alice = parish.join("alice")
    with pytest.raises(BadCursor):
        parish.ask("feed.getTimeline", alice, cursor=cursor)
    with pytest.raises(BadCursor):
        parish.ask("graph.getFollowers", alice, actor="alice.test", cursor=f"{cursor}.1")


def test_pictures_videos_and_cards_have_addresses(parish: Parish):
    (alice,) = people(parish, "alice")
    refs = [alice.post(str(n), embed=embed) for n, embed in enumerate((IMAGES, VIDEO, CARD))]
    views = [post["embed"] for post in parish.ask("feed.getPosts", uris=[ref.uri for ref in refs])["posts"]]
    cid = PICTURE["ref"]["$link"]
    assert views[0]["images"][0]["fullsize"] == f"https://pictures.test/feed_fullsize/{alice.did}/{cid}"
    assert views[1]["playlist"] == f"https://pictures.test/video_playlist/{alice.did}/{cid}"
    assert views[2]["external"]["thumb"].startswith("https://pictures.test/feed_thumbnail/")


def embedded(parish: Parish, uri: str, viewer: Person | None = None) -> Any:
    (post,) = parish.ask("feed.getPosts", viewer, uris=[uri])["posts"]
    return post["embed"]["record"]


def test_a_quote_shows_the_post_or_why_not(parish: Parish):
    alice, bob, carol = people(parish, "alice", "bob", "carol")
    post = alice.post("said", embed=IMAGES)
    quote = bob.quote("look", post)
    shown = embedded(parish, quote.uri, carol)
    assert shown["value"]["text"] == "said"
    assert shown["quoteCount"] == 1
    assert shown["embeds"][0]["$type"] == "app.bsky.embed.images#view"
    block = alice.block(carol)
    assert embedded(parish, quote.uri, carol)["$type"] == "app.bsky.embed.record#viewBlocked"
    assert embedded(parish, quote.uri)["$type"] == "app.bsky.embed.record#viewRecord"
    alice.delete(block)
    wall = alice.block(bob)
    assert embedded(parish, quote.uri, carol)["$type"] == "app.bsky.embed.record#viewBlocked"
    alice.delete(wall)
    gate = {"post": post.uri, "createdAt": format_datetime(parish.now), "detachedEmbeddingUris": [quote.uri]}
    alice.write("app.bsky.feed.postgate", gate, post.rkey)
    assert embedded(parish, quote.uri, carol)["$type"] == "app.bsky.embed.record#viewDetached"
    alice.delete(post)
    assert embedded(parish, quote.uri, carol)["$type"] == "app.bsky.embed.record#viewNotFound"


def test_a_list_in_a_post_says_that_a_block_is_before_it(parish: Parish):
    alice, bob, carol = people(parish, "alice", "bob", "carol")
    bakers = alice.make_list("Bakers", "curatelist")
    look = bob.quote("look", bakers)
    assert embedded(parish, look.uri, carol)["name"] == "Bakers"
    block = alice.block(carol)
    shown = embedded(parish, look.uri, carol)
    assert (shown["$type"], shown["uri"]) == ("app.bsky.embed.record#viewBlocked", bakers.uri)
    assert shown["author"]["viewer"]["blockedBy"] is True
    alice.delete(block)
    alice.delete(bakers)
    assert embedded(parish, look.uri, carol)["$type"] == "app.bsky.embed.record#viewNotFound"


def test_a_pinned_reply_says_what_it_answers(parish: Parish):
    alice, bob = people(parish, "alice", "bob")
    post = alice.post("asked")
    pinned = bob.post("answered", reply=(post, post))
    bob.profile(pinnedPost=pinned.strong)
    first = parish.ask("feed.getAuthorFeed", actor=bob.did, includePins=True)["feed"][0]
    assert first["reason"]["$type"] == "app.bsky.feed.defs#reasonPin"
    assert (first["post"]["uri"], first["reply"]["parent"]["uri"]) == (pinned.uri, post.uri)


def test_a_repost_names_its_version_so_that_a_like_by_way_of_it_can(parish: Parish):
    alice, bob = people(parish, "alice", "bob")
    repost = bob.repost(alice.post("said"))
    (item,) = parish.ask("feed.getAuthorFeed", actor=bob.did)["feed"]
    assert (item["reason"]["uri"], item["reason"]["cid"]) == (repost.uri, repost.cid)


def test_a_quote_with_pictures_shows_both_and_a_quote_in_a_quote(parish: Parish):
    alice, bob = people(parish, "alice", "bob")
    inner = alice.quote("outer", alice.post("inner"))
    embed = {
        "$type": "app.bsky.embed.recordWithMedia",
        "record": {"$type": "app.bsky.embed.record", "record": inner.strong},
        "media": IMAGES,
    }
    both = bob.post("both", embed=embed)
    (post,) = parish.ask("feed.getPosts", uris=[both.uri])["posts"]
    assert post["embed"]["media"]["$type"] == "app.bsky.embed.images#view"
    outer = post["embed"]["record"]["record"]
    assert outer["value"]["text"] == "outer"
    assert outer["embeds"][0]["record"]["value"]["text"] == "inner"


def test_a_declared_feed_is_shown_liked_and_embedded(parish: Parish):
    alice, bob = people(parish, "alice", "bob")
    at = format_datetime(parish.now)
    feed = alice.write(
        "app.bsky.feed.generator", {"did": "did:web:feeds.example", "displayName": "Bread", "createdAt": at}, "bread"
    )
    bob.like(feed)
    (view,) = parish.ask("feed.getActorFeeds", bob, actor="alice.test")["feeds"]
    assert (view["uri"], view["likeCount"]) == (feed.uri, 1)
    assert view["viewer"]["like"].startswith(f"at://{bob.did}/app.bsky.feed.like/")
    assert embedded(parish, bob.quote("try this", feed).uri)["displayName"] == "Bread"
    assert parish.ask("actor.getProfile", actor="alice.test")["associated"]["feedgens"] == 1


def test_the_networks_labeller_is_shown(parish: Parish):
    (alice,) = people(parish, "alice")
    record = {"policies": {"labelValues": ["rude"]}, "createdAt": format_datetime(parish.now)}
    alice.write("app.bsky.labeler.service", record, "self")
    (view,) = parish.ask("labeler.getServices", dids=[alice.did, "did:plc:other"])["views"]
    assert "policies" not in view
    (view,) = parish.ask("labeler.getServices", dids=[alice.did], detailed=True)["views"]
    assert view["policies"]["labelValues"] == ["rude"]


def test_what_the_reader_did_with_a_post_stands_on_it(parish: Parish):
    alice, bob = people(parish, "alice", "bob")
    post = alice.post("hello")
    like, repost = bob.like(post), bob.repost(post)
    (view,) = parish.ask("feed.getPosts", bob, uris=[post.uri])["posts"]
    assert (view["viewer"]["like"], view["viewer"]["repost"]) == (like.uri, repost.uri)
    (view,) = parish.ask("feed.getPosts", alice, uris=[post.uri])["posts"]
    assert "like" not in view["viewer"]
    assert "viewer" not in parish.ask("feed.getPosts", uris=[post.uri])["posts"][0]


def test_an_authors_own_labels_stand_on_the_post(parish: Parish):
    (alice,) = people(parish, "alice")
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "nudity"}]}
    post = alice.post("art", labels=labels)
    (view,) = parish.ask("feed.getPosts", uris=[post.uri])["posts"]
    assert [(label["src"], label["val"]) for label in view["labels"]] == [(alice.did, "nudity")]


def test_strangers_do_not_read_whoever_wants_members_only(parish: Parish):
    alice, bob = people(parish, "alice", "bob")
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "!no-unauthenticated"}]}
    post = alice.post("among us")
    alice.profile(labels=labels, pinnedPost=post.strong)
    for viewer, shown in ((bob, ["among us"]), (None, [])):
        for pins in (False, True):
            assert texts(parish.ask("feed.getAuthorFeed", viewer, actor="alice.test", includePins=pins)) == shown
        assert len(parish.ask("feed.getPosts", viewer, uris=[post.uri])["posts"]) == len(shown)
