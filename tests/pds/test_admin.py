"""What operators do through the protocol: invitations, addresses, handles, letters; and the token that opens it.

Source: lexicons com.atproto.admin.*, com.atproto.server.*InviteCode*
"""

import pytest

from freehold.settings import BadSetting
from freehold.site.place import admin_token
from support.inside import calling, opened
from support.mailbox import mailbox
from support.network import PASSWORD, Caller, Operator, Person, refused

ADMIN, SERVER = "com.atproto.admin.", "com.atproto.server."
TOKEN = "a-long-token-of-the-operator"


def invitation_only(site):
    """Let the network ask for invitations, as one that is not for development does."""
    site.members._open_to_all = False
    choices = site.network.choices
    return site.truth.write(
        lambda tx: site.network.choose(tx, type(choices)(**_fields(choices) | {"join": "invite", "claimed_at": 1}))
    )


def _fields(choices):
    return {name: getattr(choices, name) for name in choices.__struct_fields__}


async def test_codes_say_who_made_them_and_who_joined_by_them(http, site, operator, alice):
    [own] = (await operator.do(SERVER + "createInviteCodes", codeCount=1, useCount=2, forAccounts=[alice.did]))["codes"]
    await operator.do(SERVER + "createInviteCode", useCount=1)
    [code] = own["codes"]
    await invitation_only(site)
    bob = await Person.join(http, "bob", inviteCode=code.upper())
    [mine] = (await alice.get(SERVER + "getAccountInviteCodes"))["codes"]
    assert (mine["code"], mine["createdBy"], mine["available"], mine["disabled"]) == (code, alice.did, 2, False)
    assert [use["usedBy"] for use in mine["uses"]] == [bob.did]
    newest = await operator.get(ADMIN + "getInviteCodes", limit=1)
    assert [one["createdBy"] for one in newest["codes"]] == ["admin"]
    then = await operator.get(ADMIN + "getInviteCodes", limit=1, cursor=newest["cursor"])
    assert [one["code"] for one in then["codes"]] == [code]
    used = await operator.get(ADMIN + "getInviteCodes", sort="usage", limit=1)
    assert [one["code"] for one in used["codes"]] == [code]


async def test_disabled_codes_let_nobody_in(http, site, operator, alice):
    first = (await operator.do(SERVER + "createInviteCode", useCount=5))["code"]
    second = (await operator.do(SERVER + "createInviteCode", useCount=5, forAccount=alice.did))["code"]
    await operator.do(ADMIN + "disableInviteCodes", codes=[first], accounts=[alice.did])
    await invitation_only(site)
    for code in (first, second):
        with refused("InvalidInviteCode"):
            await Person.join(http, "bob", inviteCode=code)
    with refused("InvalidRequest"):
        await operator.do(ADMIN + "disableInviteCodes", accounts=["admin"])


async def test_a_member_may_be_kept_from_inviting(operator, alice):
    await operator.do(ADMIN + "disableAccountInvites", account=alice.did)
    assert (await operator.get(ADMIN + "getAccountInfo", did=alice.did))["invitesDisabled"] is True
    with refused("InvitesDisabled", 403):
        await operator.do(SERVER + "createInviteCode", useCount=1, forAccount=alice.did)
    await operator.do(ADMIN + "enableAccountInvites", account=alice.did)
    assert await operator.do(SERVER + "createInviteCode", useCount=1, forAccount=alice.did)


async def test_what_an_erased_member_invited_is_forgotten(site, operator, alice):
    await operator.do(SERVER + "createInviteCode", useCount=1, forAccount=alice.did)
    await operator.do(ADMIN + "disableAccountInvites", account=alice.did)
    await operator.do(ADMIN + "deleteAccount", did=alice.did)
    with site.truth.reading() as tx:
        assert (tx.run("SELECT * FROM invite"), tx.run("SELECT * FROM invite_ban")) == ([], [])


async def test_addresses_and_handles_are_changed_for_members(http, operator, alice, bob):
    await operator.do(ADMIN + "updateAccountEmail", account="alice.test", email="alice@mail.example")
    with refused("EmailNotAvailable"):
        await operator.do(ADMIN + "updateAccountEmail", account=bob.did, email="alice@mail.example")
    [found] = (await operator.get(ADMIN + "searchAccounts", email="ALICE@mail.example"))["accounts"]
    assert (found["did"], found["email"]) == (alice.did, "alice@mail.example")
    await operator.do(ADMIN + "updateAccountHandle", did=alice.did, handle="alison.test")
    assert (await bob.get("com.atproto.identity.resolveHandle", handle="alison.test"))["did"] == alice.did


async def test_all_accounts_are_paged_through(operator, alice, bob):
    found, cursor = [], None
    while True:
        page = await operator.get(ADMIN + "searchAccounts", limit=2, **({"cursor": cursor} if cursor else {}))
        found += [account["did"] for account in page["accounts"]]
        cursor = page.get("cursor")
        if cursor is None:
            break
    assert found[-2:] == [alice.did, bob.did]
    assert len(found) == len(set(found)) == 5  # with the network's own services


async def test_a_letter_to_a_member_is_sent_or_refused_by_name(tmp_path, shared, operator, alice):
    given = {"recipientDid": alice.did, "senderDid": alice.did, "content": "Hello.", "subject": "One\r\nBcc: x@y.z"}
    with refused("InvalidRequest", say="no e-mail address"):
        await operator.do(ADMIN + "sendEmail", **given)
    await operator.do(ADMIN + "updateAccountEmail", account=alice.did, email="alice@mail.example")
    with refused("EmailDisabled"):
        await operator.do(ADMIN + "sendEmail", **given)
    async with mailbox() as box:
        with opened(tmp_path / "other", shared, **box.settings) as site:
            async with calling(site) as http:
                mei = await Person.join(http, "mei", email="mei@mail.example")
                assert await Operator(http).do(ADMIN + "sendEmail", **given | {"recipientDid": mei.did}) == {
                    "sent": True
                }
                letter = await box.next()
    assert (letter["To"], letter["Subject"], letter["Bcc"]) == ("mei@mail.example", "One Bcc: x@y.z", None)
    assert letter.get_content().strip() == "Hello."


async def test_members_call_no_admin_method(alice):
    with refused("AuthMissing", 401):
        await alice.get(ADMIN + "searchAccounts")
    with refused("AuthMissing", 401):
        await Caller(alice.http).get(ADMIN + "getInviteCodes")


# --- the token


def test_the_token_is_in_a_file_that_nobody_else_reads(tmp_path):
    assert admin_token(tmp_path, "") == ""
    with pytest.raises(BadSetting, match="cannot be read"):
        admin_token(tmp_path, "token")
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o640)
    with pytest.raises(BadSetting, match="chmod 600"):
        admin_token(tmp_path, "token")
    file.chmod(0o600)
    assert admin_token(tmp_path, "token") == TOKEN
    file.write_text(PASSWORD[:10])
    with pytest.raises(BadSetting, match="24 characters"):
        admin_token(tmp_path, "token")


async def test_the_token_opens_the_admin_methods_of_a_network_that_others_reach(tmp_path, shared):
    folder = tmp_path / "town"
    folder.mkdir()
    (folder / "token").touch(0o600)
    (folder / "token").write_text(TOKEN)
    with opened(folder, shared, dev_mode=False, domain="town.example", admin_token_file="token") as site:
        site.admin_password = admin_token(site.directory, site.settings.admin_token_file)
        async with calling(site) as http:
            headers = {"host": "town.example"}
            right = await http.get("/xrpc/com.atproto.admin.searchAccounts", auth=("admin", TOKEN), headers=headers)
            wrong = await http.get("/xrpc/com.atproto.admin.searchAccounts", auth=("admin", "x" * 28), headers=headers)
    assert (right.status_code, wrong.status_code) == (200, 401)


async def test_an_account_is_given_a_key_that_was_reserved_here(operator, alice, bob, verified):
    update = ADMIN + "updateAccountSigningKey"
    key = (await alice.do(SERVER + "reserveSigningKey", did=alice.did))["signingKey"]
    with refused("InvalidRequest"):  # it is for alice
        await operator.do(update, did=bob.did, signingKey=key)
    await operator.do(update, did=alice.did, signingKey=key)
    await operator.do(update, did=alice.did, signingKey=key)  # a second time changes nothing
    document = (await alice.http.get(f"/plc/{alice.did}")).json()
    assert [method["publicKeyMultibase"] for method in document["verificationMethod"]] == [key.removeprefix("did:key:")]
    await verified(alice)
    nobody = (await alice.do_with(SERVER + "reserveSigningKey", {}))["signingKey"]
    await operator.do(update, did=bob.did, signingKey=nobody)
    with refused("InvalidRequest"):
        await operator.do(update, did=alice.did, signingKey=nobody)
    with refused("AuthMissing", 401):
        await alice.do(update, did=alice.did, signingKey=key)


async def test_a_takedown_that_ends_wakes_nobody_who_rested(site, operator, alice):
    def status():
        return site.accounts.one(alice.did).status

    async def say(**what):
        await operator.do(ADMIN + "updateSubjectStatus", subject=subject, **what)

    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": alice.did}
    await alice.do(SERVER + "deactivateAccount", deleteAfter="2100-01-01T00:00:00Z")
    await say(takedown={"applied": True})
    await say(takedown={"applied": True})
    assert status() == "takendown"
    await say(takedown={"applied": False})
    assert status() == "deactivated"
    with site.truth.reading() as tx:
        assert tx.one("SELECT delete_after IS NOT NULL FROM account WHERE did = :did", did=alice.did) == (1,)
    await say(takedown={"applied": False})
    assert status() == "deactivated"


async def test_waking_an_account_lifts_no_takedown(site, operator, alice):
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": alice.did}
    await operator.do(ADMIN + "updateSubjectStatus", subject=subject, takedown={"applied": True})
    for resting, then in ((True, "deactivated"), (False, None)):
        await operator.do(ADMIN + "updateSubjectStatus", subject=subject, deactivated={"applied": resting})
        assert site.accounts.one(alice.did).status == "takendown"
        with site.truth.reading() as tx:
            assert tx.one("SELECT beneath FROM account WHERE did = :did", did=alice.did) == (then,)
    await operator.do(ADMIN + "updateSubjectStatus", subject=subject, takedown={"applied": False})
    assert site.accounts.one(alice.did).active
