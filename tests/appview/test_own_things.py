"""What a member keeps for themselves, in their own views and in nobody else's: bookmarks, subscriptions, choices."""

from typing import Any

import pytest

from freehold.appview.asked import SignInNeeded
from freehold.protocol.syntax import format_datetime
from support.ledger import ledger
from support.parish import SECOND, Parish, Person


@pytest.fixture
def circle(parish: Parish) -> list[Person]:
    return [parish.join(name) for name in ("alice", "bob", "carol", "dora")]


def texts(answer: Any) -> list[str]:
    return [item["post"]["record"]["text"] for item in answer["feed"]]


def heard(parish: Parish, person: Person, **params: Any) -> list[tuple[str, str]]:
    notes = parish.ask("notification.listNotifications", person, **params)["notifications"]
    return [(note["reason"], note["author"]["handle"].removesuffix(".test")) for note in notes]


def test_saved_posts_are_the_readers_own_and_say_what_became_of_each(parish: Parish, circle: list[Person]):
    alice, bob, carol, dora = circle
    kept, gone, walled = bob.post("kept"), bob.post("gone"), dora.post("behind a wall")
    for post in (kept, gone, walled):
        alice.save(post)
    bob.delete(gone)
    dora.block(alice)
    answer = parish.ask("bookmark.getBookmarks", alice)["bookmarks"]
    assert [one["item"]["$type"].partition("#")[2] for one in answer] == ["blockedPost", "notFoundPost", "postView"]
    assert [one["subject"]["uri"] for one in answer] == [walled.uri, gone.uri, kept.uri]
    assert answer[2]["item"]["viewer"]["bookmarked"] is True
    assert parish.ask("bookmark.getBookmarks", bob)["bookmarks"] == []
    for reader in (bob, carol, None):
        (view,) = parish.ask("feed.getPosts", reader, uris=[kept.uri])["posts"]
        assert not view.get("viewer", {}).get("bookmarked", False)
        assert "bookmarkCount" not in view
    page = parish.ask("bookmark.getBookmarks", alice, limit=2)
    (rest,) = parish.ask("bookmark.getBookmarks", alice, limit=2, cursor=page["cursor"])["bookmarks"]
    assert rest["subject"]["uri"] == kept.uri
    alice.save(kept, on=False)
    assert len(parish.ask("bookmark.getBookmarks", alice)["bookmarks"]) == 2
    with pytest.raises(SignInNeeded):
        parish.ask("bookmark.getBookmarks")


def test_posts_of_whom_the_reader_subscribes_to_are_told_from_then_on(parish: Parish, circle: list[Person]):
    alice, bob, carol, _ = circle
    alice.follow(bob)
    own = alice.post("mine")
    bob.post("before")
    alice.subscribe(bob)
    first = bob.post("after")
    bob.repost(own)
    bob.post("an answer", reply=(first, first))
    carol.like(own)
    assert heard(parish, alice) == [("like", "carol"), ("repost", "bob"), ("subscribed-post", "bob")]
    assert heard(parish, carol) == []
    (note,) = parish.ask("notification.listNotifications", alice, reasons=["subscribed-post"])["notifications"]
    assert (note["uri"], note["isRead"]) == (first.uri, False)
    assert parish.ask("notification.getUnreadCount", alice)["count"] == 3
    assert parish.ask("actor.getProfile", alice, actor="bob.test")["viewer"]["activitySubscription"] == {
        "post": True,
        "reply": False,
    }
    (listed,) = parish.ask("notification.listActivitySubscriptions", alice)["subscriptions"]
    assert listed["handle"] == "bob.test"
    assert parish.ask("notification.listActivitySubscriptions", bob)["subscriptions"] == []
    alice.subscribe(bob, replies=True)
    bob.post("another", reply=(first, first))
    assert heard(parish, alice)[0] == ("subscribed-post", "bob")
    alice.seen()
    assert parish.ask("notification.getUnreadCount", alice)["count"] == 0
    alice.subscribe(bob, posts=False)
    assert ("subscribed-post", "bob") not in heard(parish, alice)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_what_was_done_and_what_was_posted_come_in_one_order_page_by_page(
    parish: Parish, circle: list[Person], limit: int
):
    alice, bob, carol, _ = circle
    alice.follow(bob)
    alice.subscribe(bob)
    own = alice.post("mine")
    at = parish.now + SECOND
    for n in range(6):
        post = bob.post(f"number {n}", at=at if n % 2 else None)
        carol.write("app.bsky.feed.like", {"subject": post.strong, "createdAt": format_datetime(at)})
        bob.write("app.bsky.feed.like", {"subject": alice.post(f"{n}").strong, "createdAt": format_datetime(at)})
        bob.repost(own)
        bob.repost(post)
    whole = parish.ask("notification.listNotifications", alice, limit=100)
    assert "cursor" not in whole
    found, cursor = [], None
    while True:
        page = parish.ask("notification.listNotifications", alice, limit=limit, cursor=cursor)
        found += page["notifications"]
        cursor = page.get("cursor")
        if cursor is None:
            break
    assert found == whole["notifications"]
    assert len(found) == 13
    assert len({note["uri"] for note in found}) == 13


def bobs_standing(parish: Parish, reader: Person) -> Any:
    return parish.ask("actor.getProfile", reader, actor="bob.test")["viewer"]


@pytest.mark.parametrize("allows", ["followers", "mutuals", "none"])
def test_who_posts_says_who_may_subscribe(parish: Parish, circle: list[Person], allows: str):
    alice, bob, carol, dora = circle
    bob.write("app.bsky.notification.declaration", {"allowSubscriptions": allows}, "self")
    alice.follow(bob)
    carol.follow(bob)
    bob.follow(carol)
    for person in (alice, carol, dora):
        person.subscribe(bob)
    bob.post("news")
    told = {person.name for person in (alice, carol, dora) if ("subscribed-post", "bob") in heard(parish, person)}
    assert told == {"followers": {"alice", "carol"}, "mutuals": {"carol"}, "none": set()}[allows]
    shown = {one.name for one in (alice, carol, dora) if "activitySubscription" in bobs_standing(parish, one)}
    assert shown == told, "nor does the bell ring on a profile that lets nobody hear it"
    associated = parish.ask("actor.getProfile", actor="bob.test")["associated"]
    assert associated["activitySubscription"] == {"allowSubscriptions": allows}
    bob.write("app.bsky.notification.declaration", {"allowSubscriptions": "none"}, "self")
    assert "activitySubscription" not in bobs_standing(parish, carol), "as bob says just now"


def test_what_a_member_does_not_want_in_the_list_is_not_in_it(parish: Parish, circle: list[Person]):
    alice, bob, carol, _ = circle
    post = alice.post("hello")
    alice.follow(bob)
    for person in (bob, carol):
        person.like(post)
        person.repost(post)
    alice.keep(2, "like", {"include": "all", "list": False, "push": True})
    alice.keep(2, "repost", {"include": "follows", "list": True, "push": True})
    assert heard(parish, alice) == [("repost", "bob")]
    assert parish.ask("notification.getUnreadCount", alice)["count"] == 1
    alice.keep(2, "like", None)
    assert len(heard(parish, alice)) == 3


def test_the_reposts_or_the_quotes_of_somebody_can_be_muted_alone(parish: Parish, circle: list[Person]):
    alice, bob, carol, _ = circle
    alice.follow(bob)
    strange = carol.post("strange")
    bob.repost(strange)
    bob.quote("look", strange)
    bob.post("plain")
    alice.keep(3, bob.did, (True, False, parish.now))
    assert texts(parish.ask("feed.getTimeline", alice)) == ["plain", "look"]
    viewer = parish.ask("actor.getProfile", alice, actor="bob.test")["viewer"]
    assert (viewer["muted"], viewer["mutedOnlyReposts"], viewer["mutedOnlyQuoteposts"]) == (False, True, False)
    assert parish.ask("graph.getMutes", alice)["mutes"] == [], "it is for those who are muted whole"
    alice.keep(3, bob.did, (False, True, parish.now))
    assert texts(parish.ask("feed.getTimeline", alice)) == ["plain", "strange"]
    alice.keep(3, bob.did, None)
    assert len(texts(parish.ask("feed.getTimeline", alice))) == 3


def test_nothing_of_it_is_written_into_the_index(parish: Parish, circle: list[Person]):
    alice, bob, carol, _ = circle
    alice.follow(bob)
    post = bob.post("news")
    shunned = carol.make_list("Shunned")
    alice.subscribe(bob)
    bob.post("told to alice alone")
    parish.settle()
    before = ledger(parish.index_db)
    alice.save(post)
    alice.mute(shunned)
    alice.keep(3, carol.did, (True, True, parish.now))
    assert heard(parish, alice) == [("subscribed-post", "bob")]
    assert ledger(parish.index_db) == before
    assert before["notification"] == [row for row in before["notification"] if row[2] == "follow"]
