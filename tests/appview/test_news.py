"""What is news to a reader, and what is not: reposts that led somebody to a post, what is gone, what they hid."""

from typing import Any

import pytest

from freehold.appview.labelled import NO_LABELERS, Labelers, Said
from freehold.protocol.syntax import format_datetime
from support.parish import LIKE, REPOST, Parish, Person, Ref
from support.reference.truth import POSTGATE, THREADGATE


@pytest.fixture
def circle(parish: Parish) -> list[Person]:
    return [parish.join(name) for name in ("alice", "bob", "carol")]


def told(parish: Parish, person: Person) -> list[tuple[str, str, str | None]]:
    notes = parish.ask("notification.listNotifications", person)["notifications"]
    assert parish.ask("notification.getUnreadCount", person)["count"] == len(notes)
    return [
        (note["reason"], note["author"]["handle"].removesuffix(".test"), note.get("reasonSubject")) for note in notes
    ]


def by_way_of(person: Person, collection: str, post: Ref, repost: Ref) -> Ref:
    at = format_datetime(person.parish.now)
    return person.write(collection, {"subject": post.strong, "via": repost.strong, "createdAt": at})


def test_whoever_reposts_hears_of_likes_and_reposts_by_way_of_it(parish: Parish, circle: list[Person]):
    alice, bob, carol = circle
    post = alice.post("bread")
    repost = bob.repost(post)
    by_way_of(carol, LIKE, post, repost)
    again = by_way_of(carol, REPOST, post, repost)
    assert told(parish, bob) == [("repost-via-repost", "carol", repost.uri), ("like-via-repost", "carol", repost.uri)]
    assert [reason for reason, _, _ in told(parish, alice)] == ["repost", "like", "repost"]
    carol.delete(again)
    assert [reason for reason, _, _ in told(parish, bob)] == ["like-via-repost"]
    bob.delete(repost)
    assert told(parish, bob) == []


def test_nobody_is_told_of_a_like_by_way_of_a_repost_of_something_else(parish: Parish, circle: list[Person]):
    alice, bob, carol = circle
    repost = bob.repost(alice.post("bread"))
    by_way_of(carol, LIKE, carol.post("look at me"), repost)
    assert told(parish, bob) == []


def test_what_is_about_a_deleted_post_is_no_news(parish: Parish, circle: list[Person]):
    alice, bob, _ = circle
    post = alice.post("bread")
    bob.like(post)
    bob.post("yes", reply=(post, post))
    bob.follow(alice)
    assert [reason for reason, _, _ in told(parish, alice)] == ["follow", "reply", "like"]
    alice.delete(post)
    assert [reason for reason, _, _ in told(parish, alice)] == ["follow"]


@pytest.mark.parametrize("hider", ["alice", "bob"])
def test_replies_that_the_reader_hid_are_no_news_to_them(parish: Parish, circle: list[Person], hider: str):
    alice, bob, carol = circle
    post = (alice if hider == "alice" else bob).post("bread")
    between = alice.post("salt", reply=(post, post))
    reply = carol.post("rude", reply=(post, between))
    record: dict[str, Any] = {"post": post.uri, "hiddenReplies": [reply.uri], "createdAt": format_datetime(parish.now)}
    (alice if hider == "alice" else bob).write(THREADGATE, record, post.rkey)
    heard = [reason for reason, who, _ in told(parish, alice) if who == "carol"]
    assert heard == ([] if hider == "alice" else ["reply"])


def test_a_reply_that_the_gate_does_not_admit_is_no_news_to_anybody(parish: Parish, circle: list[Person]):
    alice, bob, carol = circle
    post = alice.post("bread")
    between = bob.post("salt", reply=(post, post))
    rule = {"$type": f"{THREADGATE}#followingRule"}
    record: dict[str, Any] = {"post": post.uri, "allow": [rule], "createdAt": format_datetime(parish.now)}
    alice.write(THREADGATE, record, post.rkey)
    alice.follow(bob)
    carol.post("rude", reply=(post, between))
    carol.quote("look at this", post)
    assert [note for note in told(parish, bob) if note[1] == "carol"] == []
    assert [note[:2] for note in told(parish, alice)] == [("quote", "carol"), ("reply", "bob")]
    alice.follow(carol)
    assert ("reply", "carol", between.uri) in told(parish, bob)


def test_a_quote_that_was_detached_is_no_news(parish: Parish, circle: list[Person]):
    alice, bob, _ = circle
    post = alice.post("bread")
    quote = bob.quote("look at this", post)
    assert [note[:2] for note in told(parish, alice)] == [("quote", "bob")]
    record: dict[str, Any] = {"post": post.uri, "createdAt": format_datetime(parish.now)}
    alice.write(POSTGATE, {**record, "detachedEmbeddingUris": [quote.uri]}, post.rkey)
    assert told(parish, alice) == []


def test_a_notice_says_what_is_said_of_the_post(parish: Parish, circle: list[Person]):
    alice, bob, _ = circle
    post = alice.post("bread")
    own = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "graphic-media"}]}
    reply = bob.post("salt", reply=(post, post), labels=own)
    src, at = "did:plc:labeler2222222222222222", format_datetime(parish.now)
    said = Said(src, {"src": src, "uri": reply.uri, "val": "!hide", "cts": at}, None, None)
    parish.index.memory.labels_of = lambda tx, subjects: {reply.uri: [said]} if reply.uri in subjects else {}
    parish.views.labelers = Labelers(heard=frozenset({src}))
    for _ in range(2):  # made, and kept
        (note,) = parish.ask("notification.listNotifications", alice)["notifications"]
        assert [label["val"] for label in note["labels"]] == ["graphic-media", "!hide"]
    parish.views.labelers = NO_LABELERS
    (note,) = parish.ask("notification.listNotifications", alice)["notifications"]
    assert [label["val"] for label in note["labels"]] == ["graphic-media"]


def test_mentions_in_a_muted_thread_are_no_news(parish: Parish, circle: list[Person]):
    alice, bob, carol = circle
    post = bob.post("bread")
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": alice.did}
    facets = [{"index": {"byteStart": 0, "byteEnd": 1}, "features": [feature]}]
    carol.post("@alice", reply=(post, post), facets=facets)
    assert [reason for reason, _, _ in told(parish, alice)] == ["mention"]
    alice.mute(post)
    assert told(parish, alice) == []
