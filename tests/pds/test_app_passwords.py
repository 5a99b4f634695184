"""App passwords: what they open, what stays shut, and that one which is revoked ends at once.

Source: https://atproto.com/specs/xrpc#app-passwords, lexicons com.atproto.server.*
"""

import pytest

from support.network import PASSWORD, Caller, Person, refused

CREATE = "com.atproto.server.createAppPassword"
LIST, REVOKE = "com.atproto.server.listAppPasswords", "com.atproto.server.revokeAppPassword"
SERVICE_AUTH = "com.atproto.server.getServiceAuth"
PUT, GET = "app.bsky.actor.putPreferences", "app.bsky.actor.getPreferences"
BIRTHDAY = {"$type": "app.bsky.actor.defs#personalDetailsPref", "birthDate": "1990-05-05T00:00:00.000Z"}
ADULT = {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": False}


async def made(person, name="a phone", **more):
    return (await person.do(CREATE, name=name, **more))["password"]


async def by_app(http, person, **more):
    """The person's app, signed in by an app password of its own."""
    given = {"identifier": person.handle, "password": await made(person, **more)}
    return Person(http, await Caller(http).do("com.atproto.server.createSession", **given))


async def test_an_app_password_is_shown_once_listed_and_opens_the_account(http, alice):
    text = await made(alice)
    assert [len(part) for part in text.split("-")] == [4, 4, 4, 4]
    [listed] = (await alice.get(LIST))["passwords"]
    assert (listed["name"], listed["privileged"], "password" in listed) == ("a phone", False, False)
    session = await Caller(http).do("com.atproto.server.createSession", identifier="alice", password=text)
    app = Person(http, session)
    await app.post("from the phone")
    await app.renew()
    await app.post("and later")


async def test_two_of_one_name_are_refused(alice):
    await made(alice)
    with refused("DuplicateAppPassword"):
        await made(alice)
    with refused("InvalidRequest"):
        await made(alice, name="  ")


async def test_it_opens_no_other_account_and_no_page(http, site, alice, bob):
    text = await made(alice)
    with refused("AuthenticationRequired", 401):
        await Caller(http).do("com.atproto.server.createSession", identifier="bob", password=text)
    with pytest.raises(Exception, match="not right"):
        await site.signing_in.browser("alice", text)


@pytest.mark.parametrize("privileged", [False, True])
async def test_account_management_is_refused_with_it(http, alice, privileged):
    app = await by_app(http, alice, privileged=privileged)
    for nsid, given in (
        (CREATE, {"name": "another"}),
        (REVOKE, {"name": "a phone"}),
        ("com.atproto.server.deactivateAccount", {}),
    ):
        with refused("InvalidToken", say="Bad token scope"):
            await app.do_with(nsid, given)
    with refused("InvalidToken"):
        await app.get(LIST)


async def test_only_a_privileged_one_reaches_for_messages(http, alice):
    plain, high = await by_app(http, alice), await by_app(http, alice, name="chat", privileged=True)
    asked = {"aud": "did:web:chat.example", "lxm": "chat.bsky.convo.listConvos"}
    assert (await high.get(SERVICE_AUTH, **asked))["token"]
    with refused("InvalidToken", say="Bad token method"):
        await plain.get(SERVICE_AUTH, **asked)
    with refused("InvalidToken"):
        await plain.get(SERVICE_AUTH, aud="did:web:chat.example")
    assert (await plain.get(SERVICE_AUTH, aud="did:web:video.example", lxm="app.bsky.video.uploadVideo"))["token"]


async def test_personal_preferences_are_hidden_from_it_and_survive_it(http, alice):
    await alice.do(PUT, preferences=[BIRTHDAY, ADULT])
    app = await by_app(http, alice)
    assert (await app.get(GET))["preferences"] == [ADULT]
    with refused("InvalidRequest", say="authorization"):
        await app.do(PUT, preferences=[BIRTHDAY])
    await app.do(PUT, preferences=[])
    assert (await alice.get(GET))["preferences"] == [BIRTHDAY]


async def test_revoking_one_ends_its_sessions_at_once_and_no_others(http, alice):
    gone, stays = await by_app(http, alice, name="lost"), await by_app(http, alice, name="kept")
    await gone.post("still here")
    await alice.do(REVOKE, name="lost")
    with refused("ExpiredToken"):
        await gone.post("no more")
    with refused("ExpiredToken"):
        await gone.renew()
    await stays.renew()
    await stays.post("here")
    assert [one["name"] for one in (await alice.get(LIST))["passwords"]] == ["kept"]
    await alice.do(REVOKE, name="lost")  # once more is no harm


async def test_an_erased_account_leaves_none_behind(site, operator, alice):
    await made(alice)
    await operator.do("com.atproto.admin.deleteAccount", did=alice.did)
    with site.truth.reading() as tx:
        assert tx.one("SELECT count(*) FROM app_password") == (0,)


async def test_the_text_itself_is_not_stored(site, alice):
    text = await made(alice)
    with site.truth.reading() as tx:
        [row] = tx.run("SELECT * FROM app_password")
    assert text not in repr(row)
    assert PASSWORD not in repr(row)
