"""An account comes from another host by the official calls: proven, silent until it wakes, then whole.

Source: https://atproto.com/guides/account-migration
"""

import msgspec
import pytest

from freehold.pds import invites
from freehold.pds.service_auth import service_token as signed_token
from freehold.protocol.cid import Cid
from freehold.protocol.keys import K256Key
from support import moving
from support.inside import SECOND
from support.moving import IDENTITY, REPO, SERVER
from support.network import PASSWORD, Caller, Person, refused
from support.pictures import png
from support.servers import answer, pages

PREFERENCE = {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": False}


@pytest.fixture
async def mei(there):
    return await Person.join(there, "mei")


async def password():
    """What stands in the place of a code where no mail is sent."""
    return PASSWORD


async def test_an_account_moves_with_all_that_it_has(there, here, old, new, mei):
    otto = await Person.join(there, "otto")
    theirs = await otto.post("before")
    like, follow = await mei.like(theirs), await mei.follow(otto)
    picture = await mei.post_picture(await mei.upload(png(8, 8)), "my picture")
    await mei.do("app.bsky.actor.putPreferences", preferences=[PREFERENCE])

    def told():
        return [event.kind for event in new.log.read(0) if event.did == mei.did]

    moved = await moving.enter(mei, here, "mei.test")
    await moving.copy_repository(mei, moved)
    assert len(await moving.copy_blobs(mei, moved)) == 1
    assert await moving.copy_preferences(mei, moved) == [PREFERENCE]
    assert told() == [], "nothing is told of an account that has not moved yet"
    with refused("InvalidRequest", say="PDS"):
        await moved.activate()
    await moving.point_identity(mei, moved, password)
    await moved.activate()
    await mei.deactivate()
    assert told() == ["identity", "identity", "account", "sync"]  # the first by submitPlcOperation
    for ref in (like, follow, picture):
        read = await Caller(here).get(REPO + "getRecord", repo=mei.did, collection=ref.collection, rkey=ref.rkey)
        assert read["cid"] == ref.cid
    status = await moved.get(SERVER + "checkAccountStatus")
    assert (status["activated"], status["validDid"]) == (True, True)
    assert (status["importedBlobs"], status["privateStateValues"]) == (1, 1)
    await moved.post("after")
    feed = (await moved.get("app.bsky.feed.getAuthorFeed", actor=mei.did))["feed"]
    assert [item["post"]["record"]["text"] for item in feed] == ["after", "my picture"]


async def test_the_did_must_be_proven_for_this_host_and_this_call(there, here, new, mei):
    given = {"did": mei.did, "handle": "mei.test", "password": PASSWORD}
    with refused("AuthMissing", 401, say="getServiceAuth"):
        await Caller(here).do(SERVER + "createAccount", **given)
    otto = await Person.join(there, "otto")
    token = await moving.service_token(otto, Caller(here))
    with refused("AuthMissing", 401):
        await Caller(here, token).do(SERVER + "createAccount", **given)
    other_call = await moving.service_token(mei, Caller(here), "com.atproto.moderation.createReport")
    with refused("BadJwtLexiconMethod", 401):
        await Caller(here, other_call).do(SERVER + "createAccount", **given)
    other_host = await moving.service_token(mei, Caller(there))
    with refused("BadJwtAudience", 401):
        await Caller(here, other_host).do(SERVER + "createAccount", **given)
    assert new.accounts.find(mei.did) is None


async def test_the_key_that_was_reserved_signs_for_the_account(here, new, mei):
    reserved = (await Caller(here).do(SERVER + "reserveSigningKey", did=mei.did))["signingKey"]
    moved = await moving.enter(mei, here, "mei.test")
    wanted = await moved.get(IDENTITY + "getRecommendedDidCredentials")
    assert wanted["verificationMethods"] == {"atproto": reserved}
    assert wanted["alsoKnownAs"] == ["at://mei.test"]


async def test_an_account_from_before_is_told_how_it_comes_back(there, here, old, new, mei):
    moved = await moving.enter(mei, here, "mei.test")
    await moving.move(mei, moved, password)
    here_again = await Person.join(here, "somebody")
    with refused("AlreadyExists", say="already"):
        await moving.enter(moved, here, "mei2.test")
    await moved.post("while away")
    with refused("AlreadyExists", say="deactivated, as mei.test"):
        await moving.enter(moved, there, "mei3.test")
    session = await Caller(there).do(SERVER + "createSession", identifier="mei.test", password=PASSWORD)
    assert session["active"] is False
    back = Person(there, session)
    await moving.move(moved, back, password)
    feed = (await back.get("app.bsky.feed.getAuthorFeed", actor=mei.did))["feed"]
    assert [item["post"]["record"]["text"] for item in feed] == ["while away"]
    assert new.accounts.one(mei.did).status == "deactivated"
    assert here_again.did != mei.did


async def test_names_are_given_as_to_anybody_who_joins(there, here, mei):
    await Person.join(here, "taken")
    for handle, name in [("taken.test", "HandleNotAvailable"), ("mei.elsewhere.example", "InvalidHandle")]:
        with refused(name):
            await moving.enter(mei, here, handle)


async def test_who_needs_an_invitation_to_join_needs_one_to_move_in(there, here, new, mei, monkeypatch):
    monkeypatch.setattr(new.members, "_open_to_all", False)
    for join, name, status in [("closed", "SignUpClosed", 403), ("invite", "InvalidInviteCode", 400)]:
        choices = msgspec.structs.replace(new.network.choices, join=join)
        await new.truth.write(lambda tx, choices=choices: new.network.choose(tx, choices))
        with refused(name, status):
            await moving.enter(mei, here, "mei.test")
    code = await new.truth.write(lambda tx: invites.make(tx, 0, 1))
    assert (await moving.enter(mei, here, "mei.test", inviteCode=code)).did == mei.did


async def test_an_identity_of_ones_own_domain_moves_in_too(here, new):
    key = K256Key.from_raw(b"\5" * 32)
    given: dict[str, bytes] = {}
    async with pages(given) as origin:
        did = "did:web:" + origin.removeprefix("http://").replace("127.0.0.1", "localhost").replace(":", "%3A")
        method = {"id": "#atproto", "type": "Multikey", "controller": did}
        document = {
            "id": did,
            "alsoKnownAs": ["at://mei.test"],
            "verificationMethod": [{**method, "publicKeyMultibase": key.did_key.removeprefix("did:key:")}],
            "service": [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": origin}],
        }
        given["/.well-known/did.json"] = answer(200, msgspec.json.encode(document))
        token = signed_token(
            key=key, issuer=did, audience=new.host_did, method=SERVER + "createAccount",
            now=new.clock() // SECOND, until=None, nonce="one",
        )  # fmt: skip
        session = await Caller(here, token).do(SERVER + "createAccount", did=did, handle="mei.test", password=PASSWORD)
        moved = Person(here, session)
        with refused("InvalidRequest", say="PDS"):
            await moved.activate()
        wanted = await moved.get(IDENTITY + "getRecommendedDidCredentials")
        document["verificationMethod"] = [
            {**method, "publicKeyMultibase": wanted["verificationMethods"]["atproto"].removeprefix("did:key:")}
        ]
        document["service"] = [{**document["service"][0], "serviceEndpoint": new.place.base_url}]
        given["/.well-known/did.json"] = answer(200, msgspec.json.encode(document))
        await moved.activate()
        assert Cid.parse((await moved.post("by my own name")).cid)
