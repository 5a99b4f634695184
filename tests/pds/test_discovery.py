"""What clients and relays ask about a host: which repositories, which names are free, whether a report arrived.

Source: lexicons com.atproto.sync.*, com.atproto.temp.*, com.atproto.moderation.createReport
"""

import pytest

from freehold.moderation import reports
from freehold.pds.service_auth import service_token
from support.inside import SECOND
from support.network import Caller, Person, refused

COLLECTION, AVAILABLE = "com.atproto.sync.listReposByCollection", "com.atproto.temp.checkHandleAvailability"
REPORT = "com.atproto.moderation.createReport"
ACCOUNT = {"$type": "com.atproto.admin.defs#repoRef", "did": "did:web:a.example"}
SPAM = "com.atproto.moderation.defs#reasonSpam"


async def test_repositories_are_found_by_what_they_hold(http, operator, alice, bob):
    carol = await Person.join(http, "carol")
    for person in (alice, bob, carol):
        await person.post("hello")
    like = await bob.like(await alice.post("like me"))

    async def holding(collection, **more):
        found = await Caller(http).get(COLLECTION, collection=collection, **more)
        return [repo["did"] for repo in found["repos"]], found.get("cursor")

    assert await holding("app.bsky.feed.post") == ([alice.did, bob.did, carol.did], None)
    first, cursor = await holding("app.bsky.feed.post", limit=2)
    assert (first, await holding("app.bsky.feed.post", cursor=cursor)) == ([alice.did, bob.did], ([carol.did], None))
    assert await holding("app.bsky.feed.like") == ([bob.did], None)
    assert await holding("app.bsky.feed.pos") == ([], None)
    await bob.delete(like)
    assert await holding("app.bsky.feed.like") == ([], None)
    await operator.set_takedown(alice.did, True)
    assert await holding("app.bsky.feed.post") == ([bob.did, carol.did], None)
    with refused("InvalidRequest"):
        await holding("app.bsky.feed.post", cursor="nonsense")


async def test_a_free_name_is_said_and_others_are_proposed_for_a_taken_one(http, alice):
    free = await Caller(http).get(AVAILABLE, handle="carol.test")
    assert free["result"]["$type"].endswith("#resultAvailable")
    taken = (await Caller(http).get(AVAILABLE, handle="Alice.test"))["result"]
    assert [one["handle"] for one in taken["suggestions"]][:2] == ["alice2.test", "alice3.test"]
    reserved = (await Caller(http).get(AVAILABLE, handle="admin.test"))["result"]
    assert reserved["$type"].endswith("#resultUnavailable")
    with refused("UnsupportedDomain"):
        await Caller(http).get(AVAILABLE, handle="alice.example.com")
    assert await alice.get("com.atproto.temp.checkSignupQueue") == {"activated": True}


# --- reports


async def test_a_report_is_kept_sealed(site, alice, bob):
    post = await alice.post("buy now")
    subject = {"$type": "com.atproto.repo.strongRef", **post.strong}
    said = await bob.do(REPORT, reasonType=SPAM, reason="for the third time", subject=subject)
    assert (said["reportedBy"], said["reason"], said["subject"]) == (bob.did, "for the third time", subject)
    account = {"$type": "com.atproto.admin.defs#repoRef", "did": alice.did}
    await bob.do(REPORT, reasonType=SPAM, subject=account, modTool={"name": "bsky-web/chrome"})
    with site.truth.reading() as tx:
        first, second = reports.read(tx, site.seal, 0, 10)
        kept = repr(tx.run("SELECT * FROM sealed_report"))
    assert not any(secret in kept for secret in ("third time", alice.did, bob.did, "reasonSpam"))
    assert (first.reporter, first.subject.uri, first.words) == (bob.did, post.uri, "for the third time")
    assert (second.id, second.subject.did, second.words) == (first.id + 1, alice.did, None)
    told = [event for event in site.log.read_private(0) if event.kind == "report"]
    assert [event.body["id"] for event in told] == [first.id, second.id]
    assert not any(secret in repr(told) for secret in ("third time", alice.did, bob.did))
    await site.private_caught_up()


@pytest.mark.parametrize(
    ("reason", "subject", "name"),
    [
        ("com.example.defs#other", ACCOUNT, "InvalidReasonType"),
        (SPAM, {"$type": "com.example.thing", "did": "did:web:a.example"}, "InvalidRequest"),
    ],
)
async def test_a_report_of_nothing_known_is_refused(bob, reason, subject, name):
    with refused(name):
        await bob.do(REPORT, reasonType=reason, subject=subject)


async def test_a_member_of_another_host_reports_to_our_labeler(http, site, alice, bob):
    now, account = site.clock() // SECOND, site.accounts.one(bob.did)
    token = service_token(
        key=site.key_of(account),
        issuer=bob.did,
        audience=f"{site.services.labeler}#atproto_labeler",
        method=REPORT,
        now=now,
        until=None,
        nonce="x",
    )
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": alice.did}
    said = await Caller(http, token).do(REPORT, reasonType=SPAM, subject=subject)
    assert said["reportedBy"] == bob.did
    with refused("AuthMissing", 401):
        await Caller(http).do(REPORT, reasonType=SPAM, subject=subject)
