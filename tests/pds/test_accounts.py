"""Joining, signing in, leaving: what is allowed, what is refused and by which name, what stays behind.

Source: https://atproto.com/specs/account, lexicons com.atproto.server.*
"""

import asyncio
import threading

import pytest

from freehold.pds.passwords import AT_ONCE, Passwords
from support.inside import HOUR, calling, opened
from support.network import PASSWORD, Caller, Operator, Person, Refusal, now, refused
from support.pictures import png

CREATE, SIGN_IN = "com.atproto.server.createAccount", "com.atproto.server.createSession"


# --- names


@pytest.mark.parametrize(
    ("handle", "name"),
    [
        ("alice.test", "HandleNotAvailable"),
        ("ALICE.test", "HandleNotAvailable"),
        ("admin.test", "HandleNotAvailable"),
        ("www.test", "HandleNotAvailable"),
        ("appview.test", "HandleNotAvailable"),
        ("al.test", "InvalidHandle"),
        ("a" * 41 + ".test", "InvalidHandle"),
        ("alice.example.com", "UnsupportedDomain"),
        ("al.ice.test", "UnsupportedDomain"),
        ("alice", "InvalidRequest"),
        ("al ice.test", "InvalidRequest"),
        ("-alice.test", "InvalidRequest"),
    ],
)
async def test_a_handle_that_cannot_be_had_is_refused_by_name(alice, http, handle, name):
    with refused(name):
        await Caller(http).do(CREATE, handle=handle, password=PASSWORD)


async def test_of_two_who_want_one_handle_at_once_one_gets_it(http, site):
    both = [Person.join(http, "carol"), Person.join(http, "Carol")]
    got = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(one) for one in got if isinstance(one, Refusal)) == [Refusal]
    [lost] = [one for one in got if isinstance(one, Refusal)]
    assert lost.name == "HandleNotAvailable"
    assert site.accounts.find("carol.test") is not None


@pytest.mark.parametrize("password", ["short", "x" * 257])
async def test_a_weak_password_is_refused(http, password):
    with refused("InvalidPassword"):
        await Caller(http).do(CREATE, handle="carol.test", password=password)


async def test_no_password_and_a_did_that_is_not_proven_are_refused(http):
    with refused("InvalidPassword"):
        await Caller(http).do(CREATE, handle="carol.test")
    with refused("InvalidRequest", say="plcOp"):
        await Caller(http).do(CREATE, handle="carol.test", password=PASSWORD, plcOp={})
    with refused("AuthMissing", 401):
        await Caller(http).do(CREATE, handle="carol.test", password=PASSWORD, did="did:plc:" + "a" * 24)


async def test_a_mail_address_is_optional_belongs_to_one_and_signs_in(http):
    carol = await Person.join(http, "carol", email="Carol@Example.com")
    session = await carol.get("com.atproto.server.getSession")
    assert session["email"] == "Carol@Example.com"
    signed_in = await Caller(http).do(SIGN_IN, identifier="carol@example.COM", password=PASSWORD)
    assert signed_in["did"] == carol.did
    with refused("EmailNotAvailable"):
        await Person.join(http, "dave", email="CAROL@example.com")
    with refused("InvalidEmail"):
        await Person.join(http, "dave", email="carol at home")


# --- passwords


async def test_signing_in_takes_a_handle_its_first_part_or_a_did(http, alice):
    for identifier in ("alice.test", "Alice.Test", "@alice.test", "alice", alice.did):
        session = await Caller(http).do(SIGN_IN, identifier=identifier, password=PASSWORD)
        assert session["did"] == alice.did


async def test_wrong_password_and_unknown_account_are_not_told_apart(http, alice, monkeypatch):
    verified = []
    verify = Passwords._verify
    monkeypatch.setattr(Passwords, "_verify", lambda *given: (verified.append(given[1]), verify(*given))[1])
    said = []
    for identifier in ("alice.test", "nobody.test", "nobody@example.com", "appview.test"):
        with pytest.raises(Refusal) as caught:
            await Caller(http).do(SIGN_IN, identifier=identifier, password="not the password")
        said.append((caught.value.status, caught.value.name, caught.value.say))
    assert set(said) == {(401, "AuthenticationRequired", "The name or the password is not right.")}
    assert len(verified) == 4  # the work of argon2 was done each time
    assert {stored.rpartition("$")[0].rpartition("$")[0] for stored in verified} == {"$argon2id$v=19$m=64,t=1,p=1"}


async def test_at_most_two_passwords_are_hashed_at_a_time(shared, monkeypatch):
    lock, running, most = threading.Lock(), [], []
    together = threading.Barrier(AT_ONCE)

    def verify(*given):
        with lock:
            running.append(1)
            most.append(len(running))
        together.wait(10)
        with lock:
            running.pop()
        return True

    monkeypatch.setattr(Passwords, "_verify", verify)
    assert await asyncio.gather(*(shared.passwords.check("stored", "given") for _ in range(8))) == [True] * 8
    assert max(most) == AT_ONCE == 2


async def test_guessing_at_one_account_is_stopped(tmp_path, shared, clock):
    with opened(tmp_path / "town", shared, clock, dev_mode=False) as site:
        async with calling(site) as http:
            names = []
            for _ in range(60):
                with pytest.raises(Refusal) as caught:
                    await Caller(http).do(SIGN_IN, identifier="alice.test", password="a guess")
                names.append((caught.value.status, caught.value.name))
    assert names[0] == (401, "AuthenticationRequired")
    assert names[-1] == (429, "RateLimitExceeded")


async def test_a_network_without_an_owner_takes_nobody(tmp_path, shared):
    with opened(tmp_path / "town", shared, dev_mode=False) as site:
        async with calling(site) as http:
            with refused("SignUpClosed", 403):
                await Person.join(http, "carol")


async def test_an_invitation_is_good_for_so_many(tmp_path, shared):
    with opened(tmp_path / "town", shared, dev_mode=False) as site:
        choices = site.network.choices
        invited = type(choices)(claimed_at=1, join="invite", base_url=choices.base_url, handle_domain=".test")
        await site.truth.write(lambda tx: site.network.choose(tx, invited))
        async with calling(site) as http:
            assert (await Caller(http).get("com.atproto.server.describeServer"))["inviteCodeRequired"] is True
            code = (await Operator(http).do("com.atproto.server.createInviteCode", useCount=1))["code"]
            with refused("InvalidInviteCode"):
                await Person.join(http, "carol", inviteCode="abc")
            await Person.join(http, "carol", inviteCode=code.upper())
            with refused("InvalidInviteCode"):
                await Person.join(http, "dave", inviteCode=code)
            assert site.accounts.find("dave.test") is None


# --- status


async def test_an_account_that_is_not_active_shows_nothing_of_itself(http, alice, bob, operator):
    picture = await alice.upload(png(20, 20))
    post = await alice.post_picture(picture)
    cid = picture["ref"]["$link"]
    image = f"/img/feed_thumbnail/{alice.did}/{cid}"
    assert (await http.get(image)).status_code == 200
    for act, name in ((alice.deactivate, "RepoDeactivated"), (taking_down(operator, alice), "RepoTakendown")):
        await act()
        rkey = post.rkey
        for nsid, asked in (
            ("com.atproto.sync.getRepo", {"did": alice.did}),
            ("com.atproto.sync.getRecord", {"did": alice.did, "collection": "app.bsky.feed.post", "rkey": rkey}),
            ("com.atproto.sync.getLatestCommit", {"did": alice.did}),
            ("com.atproto.sync.getBlocks", {"did": alice.did, "cids": post.cid}),
            ("com.atproto.sync.getBlob", {"did": alice.did, "cid": cid}),
            ("com.atproto.sync.listBlobs", {"did": alice.did}),
            ("com.atproto.repo.describeRepo", {"repo": alice.did}),
            ("com.atproto.repo.listRecords", {"repo": alice.handle, "collection": "app.bsky.feed.post"}),
            ("com.atproto.repo.getRecord", {"repo": alice.did, "collection": "app.bsky.feed.post", "rkey": rkey}),
        ):
            with refused(name):
                await bob.car(nsid, **asked)
        assert (await http.get(image)).status_code == 400
        assert (await http.get("/.well-known/atproto-did", headers={"host": "alice.test"})).status_code == 404
        status = await bob.get("com.atproto.sync.getRepoStatus", did=alice.did)
        assert (status["active"], "rev" in status) == (False, False)
        if name == "RepoDeactivated":
            await alice.activate()
    await operator.set_takedown(alice.did, False)
    assert (await http.get(image)).status_code == 200
    assert (await bob.get("com.atproto.sync.getRepoStatus", did=alice.did))["active"] is True


def taking_down(operator, person):
    return lambda: operator.set_takedown(person.did, True)


async def test_who_deactivated_themselves_can_sign_in_but_not_write(http, alice):
    await alice.deactivate()
    session = await Caller(http).do(SIGN_IN, identifier="alice.test", password=PASSWORD)
    assert (session["active"], session["status"]) == (False, "deactivated")
    with refused("RepoDeactivated"):
        await alice.post("not now")
    await alice.activate()
    assert (await alice.post("now")).uri


async def test_who_was_taken_down_is_out_at_once(http, alice, operator):
    await operator.set_takedown(alice.did, True)
    with refused("AccountTakedown", 401):
        await alice.post("not any more")
    with refused("AccountTakedown", 401):
        await Caller(http).do(SIGN_IN, identifier="alice.test", password=PASSWORD)
    with refused("AuthenticationRequired", 401):
        await Caller(http).do(SIGN_IN, identifier="alice.test", password="a guess")
    await operator.set_takedown(alice.did, False)
    alice.token = alice.refresh_token
    with refused("ExpiredToken"):  # every session ended with the takedown
        await alice.do("com.atproto.server.refreshSession")


async def test_the_operator_needs_the_password(http, alice):
    with refused("AuthMissing", 401):
        await Caller(http).get("com.atproto.admin.getAccountInfo", did=alice.did)
    with refused("AuthMissing", 401):
        await alice.get("com.atproto.admin.getAccountInfo", did=alice.did)


# --- leaving


async def test_a_deleted_account_leaves_no_row_and_no_file(http, site, alice, bob, operator):
    await alice.post_picture(await alice.upload(png(20, 20)))
    await alice.upload(b"named by nothing", "application/x-anything")
    shared_file = await bob.upload(png(30, 30))
    await bob.post_picture(shared_file)
    await alice.post_picture(await alice.upload(png(30, 30)))
    await alice.do("app.bsky.graph.muteActor", actor=bob.did)
    await alice.do("app.bsky.notification.updateSeen", seenAt=now())
    preference = {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": True}
    await alice.do("app.bsky.actor.putPreferences", preferences=[preference])
    await site.members.start_web(site.accounts.one("alice.test"))
    account = site.accounts.one(alice.did)
    assert rows_of(site, account) > 12
    await operator.do("com.atproto.admin.deleteAccount", did=alice.did)
    assert rows_of(site, account) == 0
    assert [str(cid) for cid in site.files.cids()] == [shared_file["ref"]["$link"]]
    with refused("RepoNotFound"):
        await bob.car("com.atproto.sync.getRepo", did=alice.did)
    with refused("InvalidToken"):
        await alice.post("a ghost")
    with refused("AccountNotFound"):
        await operator.do("com.atproto.admin.deleteAccount", did=alice.did)
    assert (await Person.join(http, "alice")).did != alice.did


def rows_of(site, account):
    """How many rows of every table of the truth belong to this account."""
    count = 0
    with site.truth.reading() as tx:
        for (table,) in tx.run("SELECT name FROM sqlite_master WHERE type = 'table'"):
            columns = {row[1] for row in tx.run(f"PRAGMA table_info ({table})")}
            column = "id" if table == "account" else next(iter({"account", "repo"} & columns), None)
            if column is not None:
                count += tx.one(f"SELECT count(*) FROM {table} WHERE {column} = :id", id=account.id)[0]
    return count


async def test_what_was_deleted_is_in_no_file_once_the_window_has_passed(tmp_path, shared, clock):
    word = "unrepeatablewordofalice"
    with opened(tmp_path / "town", shared, clock) as site:
        async with calling(site) as http:
            alice = await Person.join(http, "alice")
            for n in range(5):
                await alice.delete(await alice.post(f"{word} {n}"))
            await alice.post("what stays")
            clock.pass_by(73 * HOUR)
            alice = Person(http, await Caller(http).do(SIGN_IN, identifier="alice", password=PASSWORD))
            await alice.post("and later")
            await alice.get("app.bsky.feed.getTimeline")
            await site.sweep()
    for name in ("truth.db", "truth.db-wal"):
        path = tmp_path / "town" / name
        assert not path.exists() or word.encode() not in path.read_bytes(), name


async def test_secrets_are_sealed_from_the_first_row(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        async with calling(site) as http:
            alice = await Person.join(http, "alice", email="alice@mail.example")
            key = site.key_of(site.accounts.one(alice.did)).raw
            token = alice.refresh_token
    held = b"".join(path.read_bytes() for path in (tmp_path / "town").rglob("*") if path.is_file())
    for secret in (PASSWORD.encode(), b"alice@mail.example", key, token.encode(), token.split(".")[2].encode()):
        assert secret not in held


# --- names that lead here


async def test_a_members_handle_is_answered_for_under_its_own_name(http, alice):
    found = await http.get("/.well-known/atproto-did", headers={"host": "alice.test"})
    assert (found.text, found.headers["content-type"]) == (alice.did, "text/plain; charset=utf-8")
    assert (await http.get("/.well-known/atproto-did", headers={"host": "ALICE.test:8000"})).text == alice.did
    assert (await http.get("/.well-known/atproto-did", headers={"host": "nobody.test"})).status_code == 404
    assert (await http.get("/.well-known/atproto-did")).status_code == 404
    resolved = await Caller(http).get("com.atproto.identity.resolveHandle", handle="Alice.Test")
    assert resolved == {"did": alice.did}
    with refused("HandleNotFound"):
        await Caller(http).get("com.atproto.identity.resolveHandle", handle="nobody.test")
