"""Starter packs: what they show, by whom they are found, who joined by them."""

from typing import Any

import pytest

from freehold.appview.asked import PackNotFound, SignInNeeded
from freehold.protocol.syntax import format_datetime
from support.parish import Parish, Person, Ref

DAY = 86_400_000_000


@pytest.fixture
def circle(parish: Parish) -> list[Person]:
    return [parish.join(name) for name in ("alice", "bob", "carol", "dora")]


def bakers(alice: Person, *members: Person, name: str = "Bakers", **fields: Any) -> tuple[Ref, Ref]:
    people = alice.make_list(name, "referencelist")
    alice.put_on(people, *members)
    return alice.make_pack(name, people, **fields), people


def test_a_starter_pack_shows_its_people_and_feeds(parish: Parish, circle: list[Person]):
    alice, bob, carol, dora = circle
    record = {"did": "did:web:feeds.test", "displayName": "Bread", "createdAt": format_datetime(parish.now)}
    feed = bob.write("app.bsky.feed.generator", record, "bread")
    pack, people = bakers(alice, bob, carol, dora, feeds=[{"uri": feed.uri}])
    dora.become("takendown")
    view = parish.ask("graph.getStarterPack", starterPack=pack.uri)["starterPack"]
    assert view["record"]["name"] == "Bakers"
    assert (view["list"]["uri"], view["list"]["listItemCount"]) == (people.uri, 3)
    assert [item["subject"]["handle"] for item in view["listItemsSample"]] == ["carol.test", "bob.test"]
    assert [one["displayName"] for one in view["feeds"]] == ["Bread"]
    (basic,) = parish.ask("graph.getStarterPacks", uris=[pack.uri, people.uri])["starterPacks"]
    assert (basic["listItemCount"], basic["creator"]["handle"]) == (3, "alice.test")
    assert parish.ask("actor.getProfile", actor="alice.test")["associated"] == {
        "activitySubscription": {"allowSubscriptions": "followers"},
        "starterPacks": 1,
    }
    bob.quote("join us", pack)
    (item,) = parish.ask("feed.getAuthorFeed", actor="bob.test")["feed"]
    assert item["post"]["embed"]["record"]["record"]["name"] == "Bakers"
    alice.delete(pack)
    with pytest.raises(PackNotFound):
        parish.ask("graph.getStarterPack", starterPack=pack.uri)


def test_who_joined_by_a_pack_is_counted_and_told(parish: Parish, circle: list[Person]):
    alice, bob, carol, _ = circle
    pack, _ = bakers(alice, bob)
    bob.profile(joinedViaStarterPack=pack.strong, createdAt=format_datetime(parish.now - 8 * DAY))
    carol.profile(joinedViaStarterPack=pack.strong)
    (view,) = parish.ask("graph.getStarterPacks", uris=[pack.uri])["starterPacks"]
    assert (view["joinedAllTimeCount"], view["joinedWeekCount"]) == (2, 1)
    profile = parish.ask("actor.getProfile", actor="carol.test")
    assert profile["joinedViaStarterPack"]["uri"] == pack.uri
    notes = parish.ask("notification.listNotifications", alice)["notifications"]
    assert [(note["reason"], note["author"]["handle"]) for note in notes] == [
        ("starterpack-joined", "carol.test"),
        ("starterpack-joined", "bob.test"),
    ]
    assert notes[0]["reasonSubject"] == pack.uri
    carol.profile(displayName="Carol")
    (view,) = parish.ask("graph.getStarterPacks", uris=[pack.uri])["starterPacks"]
    assert view["joinedAllTimeCount"] == 1
    assert len(parish.ask("notification.listNotifications", alice)["notifications"]) == 1


def test_packs_of_an_actor_and_whether_somebody_is_in_them(parish: Parish, circle: list[Person]):
    alice, bob, carol, _ = circle
    one, _ = bakers(alice, bob, name="One")
    two, _ = bakers(alice, carol, name="Two")
    listed = parish.ask("graph.getActorStarterPacks", actor="alice.test")["starterPacks"]
    assert [view["uri"] for view in listed] == [two.uri, one.uri]
    page = parish.ask("graph.getActorStarterPacks", actor="alice.test", limit=1)
    rest = parish.ask("graph.getActorStarterPacks", actor="alice.test", cursor=page["cursor"])["starterPacks"]
    assert [view["uri"] for view in rest] == [one.uri]
    mine = parish.ask("graph.getStarterPacksWithMembership", alice, actor="bob.test")["starterPacksWithMembership"]
    assert ["listItem" in found for found in mine] == [False, True]
    with pytest.raises(SignInNeeded):
        parish.ask("graph.getStarterPacksWithMembership", actor="bob.test")


def test_packs_are_found_by_words_those_by_which_most_joined_first(parish: Parish, circle: list[Person]):
    alice, bob, carol, dora = circle
    quiet, _ = bakers(alice, bob, name="Bread and butter")
    loud, _ = bakers(bob, alice, name="Bread of 東京", description="They rise early")
    bakers(dora, alice, name="Cheese")
    carol.profile(joinedViaStarterPack=loud.strong)
    found = parish.ask("graph.searchStarterPacks", q="bread")["starterPacks"]
    assert [view["uri"] for view in found] == [loud.uri, quiet.uri]
    (one,) = parish.ask("graph.searchStarterPacksV2", q="東京 early")["starterPacks"]
    assert one["list"]["listItemCount"] == 1
    page = parish.ask("graph.searchStarterPacksV2", q="bread", limit=1)
    (rest,) = parish.ask("graph.searchStarterPacksV2", q="bread", limit=1, cursor=page["cursor"])["starterPacks"]
    assert rest["uri"] == quiet.uri
    assert parish.ask("graph.searchStarterPacks", q='" ) OR *')["starterPacks"] == []
    bob.block(carol)
    assert [view["uri"] for view in parish.ask("graph.searchStarterPacks", carol, q="bread")["starterPacks"]] == [
        quiet.uri
    ]


def test_whom_to_follow_after_somebody_is_whom_their_followers_follow(parish: Parish, circle: list[Person]):
    alice, bob, carol, dora = circle
    emil = parish.join("emil")
    bob.follow(alice, carol, dora)
    carol.follow(alice, dora, emil)
    shown = parish.ask("graph.getSuggestedFollowsByActor", emil, actor="alice.test")["suggestions"]
    assert [one["handle"] for one in shown] == ["dora.test", "carol.test"]
    emil.mute(dora)
    shown = parish.ask("graph.getSuggestedFollowsByActor", emil, actor="alice.test")["suggestions"]
    assert [one["handle"] for one in shown] == ["carol.test"]
