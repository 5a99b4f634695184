"""Profiles, lists of people and notifications."""

from typing import Any

import pytest

from freehold.appview.asked import AccountHidden, ActorNotFound, SignInNeeded
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import format_datetime
from support.parish import Parish, Person


def handles(actors: list[Any]) -> list[str]:
    return [actor["handle"].removesuffix(".test") for actor in actors]


@pytest.fixture
def circle(parish: Parish) -> list[Person]:
    return [parish.join(name) for name in ("alice", "bob", "carol", "dora")]


def test_a_profile_says_how_the_reader_and_it_stand(parish: Parish, circle: list[Person]):
    alice, bob, carol, _ = circle
    alice.profile(displayName="Alice", description="Baker", website="https://bakery.example", pronouns="she")
    mine, theirs = bob.follow(alice), alice.follow(bob)
    carol.follow(alice)
    bob.follow(carol)
    profile = parish.ask("actor.getProfile", bob, actor="ALICE.test")
    assert (profile["displayName"], profile["followersCount"], profile["followsCount"]) == ("Alice", 2, 1)
    assert profile["viewer"]["following"] == mine.uri
    assert profile["viewer"]["followedBy"] == theirs.uri
    assert handles(profile["viewer"]["knownFollowers"]["followers"]) == ["carol"]
    assert "viewer" not in parish.ask("actor.getProfile", actor=alice.did)
    both = parish.ask("actor.getProfiles", actors=[carol.did, "nobody.test", "alice.test"])
    assert handles(both["profiles"]) == ["carol", "alice"]


def test_a_profile_shows_what_is_declared_and_links_nowhere_but_to_https(parish: Parish, circle: list[Person]):
    alice, *_ = circle
    alice.write("chat.bsky.actor.declaration", {"allowIncoming": "all", "allowGroupInvites": "none"}, "self")
    alice.profile(displayName="Alice", description="", website="http://alice.example")
    shown = parish.ask("actor.getProfile", actor="alice.test")
    assert shown["associated"]["chat"] == {"allowIncoming": "all", "allowGroupInvites": "none"}
    assert not {"website", "description"} & set(shown)
    alice.profile(displayName="Alice", website="https://alice.example")
    assert parish.ask("actor.getProfile", actor="alice.test")["website"] == "https://alice.example"


def test_a_block_hides_the_follows_on_a_profile(parish: Parish, circle: list[Person]):
    alice, bob, *_ = circle
    bob.follow(alice)
    block = alice.block(bob)
    viewer = parish.ask("actor.getProfile", alice, actor="bob.test")["viewer"]
    assert viewer["blocking"] == block.uri
    assert "followedBy" not in viewer
    assert parish.ask("actor.getProfile", bob, actor="alice.test")["viewer"]["blockedBy"] is True
    assert handles(parish.ask("graph.getBlocks", alice)["blocks"]) == ["bob"]


@pytest.mark.parametrize("actor", ["nobody.test", "did:plc:nobody", "not a handle"])
def test_an_unknown_account_is_refused(parish: Parish, circle: list[Person], actor: str):
    circle[0].write("app.bsky.graph.follow", {"subject": "did:plc:nobody", "createdAt": format_datetime(parish.now)})
    for name in ("actor.getProfile", "feed.getAuthorFeed", "graph.getFollows"):
        with pytest.raises(ActorNotFound) as refused:
            parish.ask(name, actor=actor)
        assert (refused.value.name, str(refused.value)) == ("InvalidRequest", "Profile not found")


@pytest.mark.parametrize(
    ("status", "name"),
    [("deactivated", "AccountDeactivated"), ("takendown", "AccountTakedown"), ("suspended", "AccountTakedown")],
)
def test_a_hidden_account_is_refused_by_name(parish: Parish, circle: list[Person], status: str, name: str):
    circle[0].become(status)
    with pytest.raises(AccountHidden) as refused:
        parish.ask("actor.getProfile", actor="alice.test")
    assert refused.value.name == name
    circle[0].become(None)
    assert parish.ask("actor.getProfile", actor="alice.test")["handle"] == "alice.test"
    circle[0].become("deleted")
    with pytest.raises(ActorNotFound):
        parish.ask("actor.getProfile", actor=circle[0].did)


def pages(parish: Parish, call: str, key: str, viewer: Person | None = None, **params: Any) -> list[Any]:
    found, cursor = [], None
    while True:
        answer = parish.ask(call, viewer, limit=2, cursor=cursor, **params)
        found += answer[key]
        cursor = answer.get("cursor")
        if cursor is None:
            return found


def test_lists_of_people_page_by_page_even_at_one_moment(parish: Parish):
    alice, *others = (parish.join(name) for name in ("alice", *(f"p{n}" for n in range(5))))
    at = format_datetime(parish.now - 1_000_000)
    post = alice.post("hello")
    for other in others:
        other.write("app.bsky.graph.follow", {"subject": alice.did, "createdAt": at})
        alice.write("app.bsky.graph.follow", {"subject": other.did, "createdAt": at})
        other.write("app.bsky.feed.like", {"subject": post.strong, "createdAt": at})
        other.write("app.bsky.feed.repost", {"subject": post.strong, "createdAt": at})
        alice.mute(other)
    everyone = {f"p{n}" for n in range(5)}
    for call, key, params in (
        ("graph.getFollowers", "followers", {"actor": "alice.test"}),
        ("graph.getFollows", "follows", {"actor": "alice.test"}),
        ("graph.getMutes", "mutes", {}),
        ("feed.getRepostedBy", "repostedBy", {"uri": post.uri}),
    ):
        found = handles(pages(parish, call, key, alice, **params))
        assert len(found) == 5
        assert set(found) == everyone
    likes = pages(parish, "feed.getLikes", "likes", alice, uri=post.uri)
    assert set(handles([like["actor"] for like in likes])) == everyone
    assert parish.ask("feed.getLikes", uri=post.uri, cid=post.cid)["cid"] == post.cid
    assert parish.ask("feed.getLikes", uri=f"at://{alice.did}/app.bsky.feed.post/none")["likes"] == []


def test_quotes_of_a_post(parish: Parish, circle: list[Person]):
    alice, bob, carol, _ = circle
    post = alice.post("hello")
    bob.quote("one", post)
    carol.quote("two", post)
    carol.quote("three", post)
    found = pages(parish, "feed.getQuotes", "posts", uri=post.uri)
    assert [view["record"]["text"] for view in found] == ["three", "two", "one"]
    bob.block(alice)
    found = pages(parish, "feed.getQuotes", "posts", uri=post.uri)
    assert [view["record"]["text"] for view in found] == ["three", "two"], "a block parts a quote from its post"


def test_known_followers_are_those_whom_the_reader_follows(parish: Parish, circle: list[Person]):
    alice, bob, carol, dora = circle
    for person in (bob, carol, dora):
        person.follow(alice)
    dora.follow(bob, carol)
    assert set(handles(pages(parish, "graph.getKnownFollowers", "followers", dora, actor="alice.test"))) == {
        "bob",
        "carol",
    }


def test_relationships(parish: Parish, circle: list[Person]):
    alice, bob, carol, dora = circle
    mine, theirs, block = alice.follow(bob), carol.follow(alice), alice.block(dora)
    others = ["bob.test", carol.did, dora.did, "nobody.test"]
    found = parish.ask("graph.getRelationships", actor="alice.test", others=others)
    assert found["actor"] == alice.did
    assert found["relationships"][0]["following"] == mine.uri
    assert found["relationships"][1]["followedBy"] == theirs.uri
    assert found["relationships"][2]["blocking"] == block.uri
    assert found["relationships"][3]["notFound"] is True


def test_suggestions_are_the_most_followed_whom_the_reader_does_not_follow(parish: Parish, circle: list[Person]):
    alice, bob, carol, dora = circle
    bob.follow(carol, dora)
    alice.follow(carol)
    carol.follow(dora)
    assert handles(parish.ask("actor.getSuggestions", alice)["actors"]) == ["dora", "bob"]


def test_a_mute_stands_on_the_profile_and_ends(parish: Parish, circle: list[Person]):
    alice, bob, *_ = circle
    alice.mute(bob)
    assert parish.ask("actor.getProfile", alice, actor="bob.test")["viewer"]["muted"] is True
    alice.mute(bob, on=False)
    assert parish.ask("actor.getProfile", alice, actor="bob.test")["viewer"]["muted"] is False
    assert parish.ask("graph.getMutes", alice)["mutes"] == []


# -- notifications -----------------------------------------------------------------------------------------------


def reasons(parish: Parish, person: Person, **params: Any) -> list[str]:
    return [note["reason"] for note in parish.ask("notification.listNotifications", person, **params)["notifications"]]


def test_each_thing_that_others_do_is_told_once(parish: Parish, circle: list[Person]):
    alice, bob, carol, _ = circle
    post = alice.post("hello")
    bob.follow(alice)
    bob.like(post)
    bob.repost(post)
    bob.quote("look", post)
    mention = {"$type": "app.bsky.richtext.facet#mention", "did": alice.did}
    bob.post("@alice", facets=[{"index": {"byteStart": 0, "byteEnd": 6}, "features": [mention, mention]}])
    answer = bob.post("re", reply=(post, post))
    carol.post("re re", reply=(post, answer))
    alice.like(post)
    alice.post("own", reply=(post, post))
    assert reasons(parish, alice) == ["reply", "reply", "mention", "quote", "repost", "like", "follow"]
    assert reasons(parish, bob) == ["reply"]
    assert reasons(parish, alice, reasons=["like", "follow"]) == ["like", "follow"]
    assert parish.ask("notification.getUnreadCount", alice)["count"] == 7
    first = parish.ask("notification.listNotifications", alice, limit=3)
    rest = parish.ask("notification.listNotifications", alice, cursor=first["cursor"])
    assert len(first["notifications"]) + len(rest["notifications"]) == 7
    like = next(note for note in rest["notifications"] if note["reason"] == "like")
    assert like["reasonSubject"] == post.uri
    assert like["record"]["subject"]["uri"] == post.uri


def test_what_was_seen_is_read(parish: Parish, circle: list[Person]):
    alice, bob, *_ = circle
    post = alice.post("hello")
    bob.like(post)
    alice.seen()
    bob.repost(post)
    answer = parish.ask("notification.listNotifications", alice)
    assert [note["isRead"] for note in answer["notifications"]] == [False, True]
    assert "seenAt" in answer
    assert parish.ask("notification.getUnreadCount", alice)["count"] == 1
    later = format_datetime(parish.now)
    assert parish.ask("notification.getUnreadCount", alice, seenAt=later)["count"] == 0


def test_who_was_muted_before_anybody_heard_of_them_is_muted(parish: Parish, circle: list[Person]):
    alice = circle[0]
    stranger = Person(parish, "stranger")
    alice.mute(stranger)
    assert parish.ask("actor.getProfile", alice, actor="bob.test")["viewer"]["muted"] is False
    with parish.index_db.reading() as tx:
        assert tx.one("SELECT 1 FROM actor WHERE did = :did", did=stranger.did) is None
    parish.join("stranger")
    assert parish.ask("actor.getProfile", alice, actor="stranger.test")["viewer"]["muted"] is True


def test_the_muted_and_the_blocked_are_not_heard(parish: Parish, circle: list[Person]):
    alice, bob, carol, dora = circle
    post = alice.post("hello")
    for person in (bob, carol, dora):
        person.like(post)
    assert len(reasons(parish, alice)) == 3
    alice.mute(bob)
    carol.block(alice)
    assert len(reasons(parish, alice)) == 1
    assert parish.ask("notification.getUnreadCount", alice)["count"] == 1
    assert reasons(parish, alice, priority=True) == []
    alice.follow(dora)
    assert reasons(parish, alice, priority=True) == ["like"]


def test_a_muted_thread_is_silent(parish: Parish, circle: list[Person]):
    alice, bob, carol, _ = circle
    post, other = alice.post("hello"), alice.post("other")
    answer = bob.post("re", reply=(post, post))
    alice.mute(post)
    carol.post("re re", reply=(post, answer))
    carol.like(post)
    carol.like(other)
    assert reasons(parish, alice) == ["like"]
    (view,) = parish.ask("feed.getPosts", alice, uris=[answer.uri])["posts"]
    assert view["viewer"]["threadMuted"] is True
    alice.mute(post, on=False)
    assert len(reasons(parish, alice)) == 4


def test_strangers_have_no_lists_of_their_own(parish: Parish, circle: list[Person]):
    for call in ("notification.listNotifications", "notification.getUnreadCount", "graph.getMutes", "graph.getBlocks"):
        with pytest.raises(SignInNeeded):
            parish.ask(call)


def test_followers_and_follows_are_listed_by_their_followers_too_to_the_end(parish: Parish):
    alice, bob, carol, dora = (parish.join(name) for name in ("alice", "bob", "carol", "dora"))
    for one in (bob, carol, dora):
        one.follow(alice)
        alice.follow(one)
    dora.follow(bob)
    carol.follow(bob)
    dora.follow(carol)
    for name, key in (("getFollowers", "followers"), ("getFollows", "follows")):
        found, cursor = [], None
        while len(found) < 4:
            page = parish.ask(f"graph.{name}", dora, actor=alice.did, limit=2, sort="top", cursor=cursor)
            found += [one["handle"] for one in page[key]]
            cursor = page.get("cursor")
            if cursor is None:
                break
        assert found == ["bob.test", "carol.test", "dora.test"]


def test_another_order_of_the_timeline_is_refused(parish: Parish):
    alice = parish.join("alice")
    assert parish.ask("feed.getTimeline", alice, algorithm="reverse-chronological") == {"feed": []}
    with pytest.raises(Refused, match="reverse-chronological"):
        parish.ask("feed.getTimeline", alice, algorithm="best")
