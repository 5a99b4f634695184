"""Resting, waking, ending; other handles; changes of one's own identity.

Source: https://atproto.com/guides/account-lifecycle, https://atproto.com/specs/handle
"""

import httpx
import pytest

from freehold.identity.handles import Handles
from freehold.pds import reserved_keys
from freehold.pds.membership import Application
from freehold.protocol import plc
from freehold.protocol.keys import K256Key
from freehold.protocol.syntax import format_datetime
from support.inside import HOUR, calling, opened
from support.mailbox import mailbox
from support.nameserver import nameserver
from support.network import PASSWORD, Caller, Person, refused
from support.pictures import png

SERVER, IDENTITY = "com.atproto.server.", "com.atproto.identity."
ADDRESS = "mei@mail.example"


# --- resting and waking


async def test_the_status_counts_what_is_here(alice):
    ref = await alice.post_picture(await alice.upload(png(8, 8)))
    await alice.do("app.bsky.actor.putPreferences", preferences=[{"$type": "app.bsky.actor.defs#x"}])
    status = await alice.get(SERVER + "checkAccountStatus")
    assert (status["repoCommit"], status["repoRev"]) == (ref.commit, ref.rev)
    del status["repoCommit"], status["repoRev"]
    assert status == {
        "activated": True,
        "validDid": True,
        "repoBlocks": 3,
        "indexedRecords": 1,
        "privateStateValues": 1,
        "expectedBlobs": 1,
        "importedBlobs": 1,
    }


async def test_an_account_whose_did_points_elsewhere_cannot_wake(site, alice):
    await alice.deactivate()
    await site.truth.write(
        lambda tx: site.register.change(
            tx,
            alice.did,
            services={"atproto_pds": {"type": "AtprotoPersonalDataServer", "endpoint": "https://x.example"}},
        )
    )
    assert (await alice.get(SERVER + "checkAccountStatus"))["validDid"] is False
    with refused("InvalidRequest", say="PDS"):
        await alice.activate()
    await site.truth.write(lambda tx: site.register.repoint(tx, alice.did))
    other = K256Key.from_raw(b"\7" * 32).did_key
    await site.truth.write(lambda tx: site.register.change(tx, alice.did, verificationMethods={"atproto": other}))
    with refused("InvalidRequest", say="key"):
        await alice.activate()
    key = site.key_of(site.accounts.one(alice.did)).did_key
    await site.truth.write(lambda tx: site.register.change(tx, alice.did, verificationMethods={"atproto": key}))
    await alice.activate()
    assert (await alice.get(SERVER + "getSession"))["active"] is True


async def test_a_resting_account_is_deleted_after_its_time_unless_it_woke(http, site, clock, alice, bob):
    later = format_datetime(clock() + HOUR)
    with refused("InvalidRequest", say="future"):
        await alice.do(SERVER + "deactivateAccount", deleteAfter="2020-01-01T00:00:00.000Z")
    for person in (alice, bob):
        await person.do(SERVER + "deactivateAccount", deleteAfter=later)
    await site.sweep()
    await bob.activate()
    clock.pass_by(2 * HOUR)
    await site.sweep()
    assert site.accounts.find(alice.did) is None
    await bob.renew()
    await bob.deactivate()  # the old time counts no more
    await site.sweep()
    assert site.accounts.one(bob.did).status == "deactivated"


# --- ending


async def test_without_an_address_the_password_ends_the_account(http, site, alice):
    await alice.do(SERVER + "requestAccountDelete")
    with refused("AuthenticationRequired", 401):
        await Caller(http).do(SERVER + "deleteAccount", did=alice.did, password="not the password", token="")
    await Caller(http).do(SERVER + "deleteAccount", did=alice.did, password=PASSWORD, token="")
    assert site.accounts.find(alice.did) is None


async def test_with_an_address_the_code_is_needed_too(tmp_path, shared, clock):
    async with mailbox() as box:
        with opened(tmp_path / "town", shared, clock, **box.settings) as site:
            async with calling(site) as http:
                mei = await Person.join(http, "mei", email=ADDRESS)
                given = {"did": mei.did, "password": PASSWORD}
                with refused("InvalidToken"):
                    await Caller(http).do(SERVER + "deleteAccount", **given, token="")
                await mei.do(SERVER + "requestAccountDelete")
                await Caller(http).do(SERVER + "deleteAccount", **given, token=await box.code())
                assert site.accounts.find(mei.did) is None
                with site.truth.reading() as tx:
                    assert tx.one("SELECT count(*) FROM confirmation") == (0,)


# --- handles


async def test_another_handle_of_the_network_is_said_by_did_stream_and_views(http, site, alice, bob):
    seq = site.log.last
    await alice.do(IDENTITY + "updateHandle", handle="Alison.test")
    assert [event.kind for event in site.log.read(seq)] == ["identity"]
    document = (await alice.get(IDENTITY + "resolveDid", did=alice.did))["didDoc"]
    assert document["alsoKnownAs"] == ["at://alison.test"]
    assert (await bob.get("app.bsky.actor.getProfile", actor="alison.test"))["did"] == alice.did
    assert (await bob.get(IDENTITY + "resolveIdentity", identifier=alice.did))["handle"] == "alison.test"
    with refused("HandleNotFound"):
        await bob.get(IDENTITY + "resolveHandle", handle="alice.test")


@pytest.mark.parametrize(
    ("handle", "name"),
    [("bob.test", "HandleNotAvailable"), ("admin.test", "HandleNotAvailable"), ("a.test", "InvalidHandle"),
     ("a.b.test", "UnsupportedDomain"), ("alice.invalid", "InvalidHandle")],
)  # fmt: skip
async def test_a_handle_that_cannot_be_had_is_refused(alice, bob, handle, name):
    with refused(name):
        await alice.do(IDENTITY + "updateHandle", handle=handle)


async def test_a_domain_of_ones_own_must_name_the_account_in_the_dns(tmp_path, shared, clock):
    records: dict[str, list[str]] = {}
    with opened(tmp_path / "town", shared, clock, dev_mode=False, domain="town.example") as site:
        async with nameserver(records) as dns, calling(site) as http:
            site.identity._outside, site.identity._handles = True, Handles(site.client, dns, scheme="http")
            mei, other = [await _admitted(site, http, name) for name in ("mei", "otto")]
            records["_atproto.mei.org"] = [f'"did={other.did}"']
            with refused("InvalidHandle", say="another account"):
                await mei.do(IDENTITY + "updateHandle", handle="mei.org")
            del records["_atproto.mei.org"]
            with refused("InvalidHandle", say=f"did={mei.did}"):
                await mei.do(IDENTITY + "updateHandle", handle="mei.org")
            records["_atproto.mei.org"] = [f'"did={mei.did}"']
            await mei.do(IDENTITY + "updateHandle", handle="mei.org")
            shown = await mei.do(IDENTITY + "refreshIdentity", identifier="mei.org")
            assert (shown["did"], shown["handle"]) == (mei.did, "mei.org")
            assert shown["didDoc"]["alsoKnownAs"] == ["at://mei.org"]
            with refused("HandleNotAvailable"):
                await other.do(IDENTITY + "updateHandle", handle="mei.org")


async def _admitted(site, http: httpx.AsyncClient, name: str) -> Person:
    await site.members.admit(Application(f"{name}.town.example", PASSWORD), role="member")
    return Person(http, await Caller(http).do(SERVER + "createSession", identifier=name, password=PASSWORD))


# --- one's own identity


async def test_without_an_address_the_password_signs_a_change_of_identity(http, site, alice):
    own = K256Key.from_raw(b"\5" * 32)
    good = await alice.get(IDENTITY + "getRecommendedDidCredentials")
    await alice.do(IDENTITY + "requestPlcOperationSignature")
    changes = {"rotationKeys": [own.did_key, *good["rotationKeys"]]}
    with refused("InvalidToken", say="password"):
        await alice.do(IDENTITY + "signPlcOperation", token="not it", **changes)
    signed = (await alice.do(IDENTITY + "signPlcOperation", token=PASSWORD, **changes))["operation"]
    await alice.do(IDENTITY + "submitPlcOperation", operation=signed)
    log = (await http.get(f"/plc/{alice.did}/log/audit")).json()
    plc.validate_log(log)
    assert log[-1]["operation"]["rotationKeys"][0] == own.did_key
    assert site.log.read(site.log.last - 1)[0].kind == "identity"


async def test_an_operation_that_would_break_the_account_is_refused(alice):
    async def signed(**changes):
        return (await alice.do(IDENTITY + "signPlcOperation", token=PASSWORD, **changes))["operation"]

    for changes in (
        {"rotationKeys": [K256Key.from_raw(b"\5" * 32).did_key]},
        {"alsoKnownAs": ["at://other.test"]},
        {"services": {"atproto_pds": {"type": "AtprotoPersonalDataServer", "endpoint": "https://x.example"}}},
        {"verificationMethods": {"atproto": K256Key.from_raw(b"\5" * 32).did_key}},
    ):
        with refused("InvalidRequest"):
            await alice.do(IDENTITY + "submitPlcOperation", operation=await signed(**changes))
    with refused("InvalidRequest"):
        await alice.do(IDENTITY + "submitPlcOperation", operation={"type": "nonsense"})


async def test_a_signing_key_is_reserved_once_for_a_did(http, site):
    did = "did:plc:" + "a" * 24
    first = (await Caller(http).do_with(SERVER + "reserveSigningKey", {"did": did}))["signingKey"]
    assert (await Caller(http).do_with(SERVER + "reserveSigningKey", {"did": did}))["signingKey"] == first
    other = (await Caller(http).do_with(SERVER + "reserveSigningKey", {}))["signingKey"]
    assert other != first
    assert other.startswith("did:key:zQ3s")
    key = await site.truth.write(lambda tx: reserved_keys.take(tx, site.seal, did))
    assert key.did_key == first
    assert await site.truth.write(lambda tx: reserved_keys.take(tx, site.seal, did)) is None
