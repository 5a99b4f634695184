"""What a member sets for themselves: kept as it was given, told in the private log only, within limits."""

import pytest

from freehold.moderation import reports
from freehold.pds import private
from support.inside import calling, opened
from support.network import Person, now, refused

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
    assert [event.body for event in (*told[:3], told[4])] == [{}] * 4  # not what it is, only that it changed
    assert site.log.last == public
    assert [event.seq for event in told] == list(range(private + 1, private + 6))


async def test_the_private_log_cannot_enter_the_firehose_nor_the_other_way(site):
    insert = "INSERT INTO {} VALUES (99, :kind, 'did:x', 0{}, x'00')"
    for table, more, kind in (("event", ", 0", "mute"), ("private_event", "", "commit")):
        with pytest.raises(Exception, match="CHECK"):
            await site.truth.write(lambda tx, t=table, m=more, k=kind: tx.run(insert.format(t, m), kind=k))


async def test_nothing_of_it_lies_in_the_clear_also_not_what_an_older_freehold_wrote(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        async with calling(site) as http:
            alice, bob = await Person.join(http, "alice"), await Person.join(http, "bob")
            await alice.do("com.atproto.moderation.createReport", **report_of(bob))
        with site.truth.reading() as tx:
            (report,) = reports.read(tx, site.seal, 0, 10)
        mark = site.accounts.password_of(site.accounts.one(alice.did))
        await site.truth.write(lambda tx: written_in_the_clear(tx, site.seal, alice.did, bob.did, mark))
    assert b"in the clear" in (tmp_path / "town/truth.db").read_bytes()
    with opened(tmp_path / "town", shared) as site, site.truth.reading() as tx:
        account = site.accounts.one(alice.did)
        assert private.preferences(tx, site.seal, account) == [{"$type": "app.bsky.in the clear"}]
        assert private.mutes(tx, site.seal, account.id) == [(bob.did, 5)]
        assert private.who_mute(tx) == [alice.did]
        assert site.accounts.password_of(account) == mark
        old, again = reports.read(tx, site.seal, 0, 10)
        assert (old, again) == (report, old._replace(id=9, words="said", reason_type="in the clear", at=7))
    for secret in (b"in the clear", b"$argon2id$"):
        assert secret not in (tmp_path / "town/truth.db").read_bytes()


def report_of(person):
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": person.did}
    return {"reasonType": "com.atproto.moderation.defs#reasonSpam", "subject": subject}


def written_in_the_clear(tx, seal, did, other, phc):
    """As it was before these were sealed."""
    (id,) = tx.one("SELECT id FROM account WHERE did = :did", did=did)
    body = b'[{"$type":"app.bsky.in the clear"}]'
    tx.run("INSERT INTO preference (account, body) VALUES (:id, :body)", id=id, body=body)
    tx.run("CREATE TABLE mute (account BIGINT NOT NULL, subject TEXT NOT NULL, created_at BIGINT NOT NULL)")
    tx.run("INSERT INTO mute VALUES (:id, :other, 5)", id=id, other=other)
    tx.run("UPDATE account SET password = :phc WHERE id = :id", id=id, phc=phc)
    tx.run(
        "CREATE TABLE report (id INTEGER, reporter TEXT, did TEXT, uri TEXT, cid TEXT, reason_type TEXT, words BLOB,"
        " tool BLOB, created_at BIGINT)"
    )
    tx.run(
        "INSERT INTO report VALUES (9, :did, :other, NULL, NULL, 'in the clear', :words, NULL, 7)",
        did=did,
        other=other,
        words=seal.seal(reports.PURPOSE, b"said"),
    )
