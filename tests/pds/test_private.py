"""What a member sets for themselves: kept as it was given, told in the private log only, within limits."""

import pytest

from support.network import now, refused

PUT, GET = "app.bsky.actor.putPreferences", "app.bsky.actor.getPreferences"
ADULT = {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": True}


async def test_preferences_are_kept_as_they_were_put_also_those_that_nobody_knows(alice, bob):
    unknown = {"$type": "app.bsky.actor.defs#somethingNewPref", "deep": {"er": [1, "two", None]}}
    await alice.do(PUT, preferences=[ADULT, unknown])
    assert (await alice.get(GET))["preferences"] == [ADULT, unknown]
    await alice.do(PUT, preferences=[unknown])
    assert (await alice.get(GET))["preferences"] == [unknown]
    assert (await bob.get(GET))["preferences"] == []


@pytest.mark.parametrize("wrong", [{"enabled": True}, {"$type": "com.example.pref"}, {"$type": 5}, "a text"])
async def test_a_preference_must_be_one_of_the_apps(alice, wrong):
    await alice.do(PUT, preferences=[ADULT])
    with refused("InvalidRequest"):
        await alice.do(PUT, preferences=[wrong])
    assert (await alice.get(GET))["preferences"] == [ADULT]


async def test_preferences_have_a_limit(alice):
    large = ADULT | {"more": "x" * 500_000}
    with refused("InvalidRequest", say="500 kB"):
        await alice.do(PUT, preferences=[large])


async def test_nobody_mutes_themselves(alice):
    for me in (alice.did, alice.handle):
        with refused("InvalidRequest"):
            await alice.do("app.bsky.graph.muteActor", actor=me)
    with refused("HandleNotFound"):
        await alice.do("app.bsky.graph.muteActor", actor="nobody.test")


async def test_each_private_act_is_told_in_the_private_log_and_no_other(alice, bob, site):
    public, private = site.log.last, site.log.last_private
    await alice.do("app.bsky.graph.muteActor", actor=bob.did)
    await alice.do("app.bsky.graph.muteActor", actor=bob.did)
    await alice.do("app.bsky.graph.unmuteActor", actor=bob.did)
    await alice.do("app.bsky.notification.updateSeen", seenAt=now())
    await alice.do(PUT, preferences=[ADULT])
    told = site.log.read_private(private)
    assert [event.kind for event in told] == ["mute", "mute", "mute", "seen", "preference"]
    assert {event.did for event in told} == {alice.did}
    assert [event.body.get("on") for event in told[:3]] == [True, True, False]
    assert told[4].body == {}  # not what it is, only that it changed
    assert site.log.last == public
    assert [event.seq for event in told] == list(range(private + 1, private + 6))


async def test_the_private_log_cannot_enter_the_firehose_nor_the_other_way(site):
    insert = "INSERT INTO {} VALUES (99, :kind, 'did:x', 0{}, x'00')"
    for table, more, kind in (("event", ", 0", "mute"), ("private_event", "", "commit")):
        with pytest.raises(Exception, match="CHECK"):
            await site.truth.write(lambda tx, t=table, m=more, k=kind: tx.run(insert.format(t, m), kind=k))
