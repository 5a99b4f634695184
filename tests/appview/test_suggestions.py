"""Whom a reader could follow: friends of friends first, then those whom most people follow."""

from support.parish import Parish, Person


def handles(parish: Parish, viewer: Person | None = None, **params: object) -> list[str]:
    return [one["handle"].partition(".")[0] for one in parish.ask("actor.getSuggestions", viewer, **params)["actors"]]


def test_friends_of_friends_come_first_then_the_most_followed(parish: Parish):
    alice, bob, carol, near, star, *fans = [
        parish.join(name) for name in ("alice", "bob", "carol", "near", "star", "f1", "f2", "f3")
    ]
    alice.follow(bob, carol)
    bob.follow(near, star), carol.follow(near)
    for fan in fans:
        fan.follow(star)
    assert handles(parish, alice)[:2] == ["near", "star"]
    assert not {"alice", "bob", "carol"} & set(handles(parish, alice))
    assert handles(parish)[0] == "star"
    carol.follow(star)
    bob.follow(fans[0]), carol.follow(fans[0]), alice.mute(fans[0])
    assert handles(parish, alice)[:2] == ["near", "star"]
    assert "f1" not in handles(parish, alice)
    near.block(alice)
    star.become("takendown")
    assert handles(parish, alice) == ["f3", "f2"]
    everyone = handles(parish)
    first = parish.ask("actor.getSuggestions", limit=3)
    assert handles(parish, limit=3) + handles(parish, limit=9, cursor=first["cursor"]) == everyone
    explored = parish.ask("unspecced.getSuggestedUsersForExplore", alice, limit=1)["actors"]
    assert [one["handle"] for one in explored] == ["f3.test"]
    parish.people[explored[0]["did"]].profile(description="News of the harbour")
    for category, expected in (("news", ["f3.test"]), ("gardens", [])):
        found = parish.ask("unspecced.getSuggestedUsersForExplore", alice, category=category)["actors"]
        assert [one["handle"] for one in found] == expected


def test_starter_packs_by_which_people_joined_come_first(parish: Parish):
    alice, bob, carol = [parish.join(name) for name in ("alice", "bob", "carol")]
    people = alice.make_list(purpose="referencelist")
    used, unused = alice.make_pack("used", people), alice.make_pack("unused", people)
    carol.profile(joinedViaStarterPack=used.strong, displayName="Carol")
    packs = parish.ask("unspecced.getSuggestedStarterPacks", bob)["starterPacks"]
    assert [pack["uri"] for pack in packs] == [used.uri, unused.uri]
    bob.block(alice)
    assert parish.ask("unspecced.getSuggestedStarterPacks", bob) == {"starterPacks": []}
