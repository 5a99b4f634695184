"""What an actor does just now, as others see it: until it runs out, and not for those whose labeler took it away."""

import pytest

from freehold.appview.labelled import TAKEDOWN, Labelers, Said
from freehold.appview.live import Live

STATUS = "app.bsky.actor.status"
LINK = {"uri": "https://example.org/alice", "title": "Baking", "description": "Bread, live"}
HOUR = 3_600_000_000


def status(minutes=30, **fields):
    embed = {"$type": "app.bsky.embed.external", "external": LINK}
    return {"status": f"{STATUS}#live", "durationMinutes": minutes, "embed": embed} | fields


def shown(parish, viewer, actor):
    return parish.ask("actor.getProfile", viewer, actor=actor.did).get("status")


@pytest.fixture
def pair(parish):
    return parish.join("alice"), parish.join("bob")


def test_who_is_live_says_so_wherever_they_appear_until_it_runs_out(parish, pair):
    alice, bob = pair
    ref, post = alice.write(STATUS, status(), "self"), alice.post("come and see")
    told = shown(parish, bob, alice)
    assert (told["uri"], told["cid"], told["status"]) == (ref.uri, ref.cid, f"{STATUS}#live")
    assert told["embed"] == {"$type": "app.bsky.embed.external#view", "external": LINK}
    assert told["isActive"] is True
    assert told["labels"] == []
    (seen,) = parish.ask("feed.getPosts", bob, uris=[post.uri])["posts"]
    assert seen["author"]["status"] == told
    assert parish.ask("actor.searchActors", None, q="alice")["actors"][0]["status"] == told
    parish.now += HOUR
    assert shown(parish, bob, alice) == told | {"isActive": False}
    alice.delete(ref)
    assert shown(parish, bob, alice) is None


@pytest.mark.parametrize(("minutes", "lasts"), [(1, 5), (30, 30), (10_000, 240)])
def test_it_lasts_as_long_as_they_say_within_bounds(parish, pair, minutes, lasts):
    alice, bob = pair
    alice.write(STATUS, status(minutes), "self")
    shown(parish, bob, alice)
    began = parish.clock()
    parish.now += lasts * HOUR // 60 - 60_000_000 - (parish.clock() - began)
    assert shown(parish, bob, alice)["isActive"] is True
    parish.now += 120_000_000
    assert shown(parish, bob, alice)["isActive"] is False


def test_one_that_does_not_run_out_says_nothing_of_an_end(parish, pair):
    alice, bob = pair
    record = status()
    del record["durationMinutes"], record["embed"]
    alice.write(STATUS, record, "self")
    alice.write(STATUS, status(), "other")
    assert shown(parish, bob, alice).keys() == {"uri", "cid", "status", "record", "labels"}


def test_a_labelers_word_on_it_counts_for_those_who_listen():
    label = Said("did:web:l", {"val": TAKEDOWN, "src": "did:web:l"}, None, None)
    live = Live({"status": "x"}, None, (label,))
    heard, redacting = frozenset({"did:web:l"}), frozenset({"did:web:l"})
    assert live.shown(Labelers(heard), 0) == {"status": "x", "labels": [label.view]}
    assert live.shown(Labelers(heard, redacting), 0) is None
    assert live.shown(Labelers(), 0) == {"status": "x", "labels": []}
