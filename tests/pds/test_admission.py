"""Who may join: invitations, proofs of work, somebody's word; and the line before the door."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from freehold.pds import invites, proof_of_work
from freehold.pds.admission import MAX_WORDS
from freehold.pds.applicants import NotInLine
from freehold.pds.membership import Application, StillWaiting, WrongPassword
from freehold.pds.proof_of_work import ProofOfWork, ProofRequired, StaleProof
from freehold.protocol.keys import K256Key
from freehold.site import Shared, Site
from freehold.store.tx import Tx
from support.inside import HOUR, SECOND, Clock, calling, opened
from support.joining import choose, worked
from support.network import PASSWORD, Caller, Person, Refusal, refused

CREATE, QUEUE = "com.atproto.server.createAccount", "com.atproto.temp.checkSignupQueue"
DAY = 24 * HOUR


@pytest.fixture
def site(tmp_path, shared: Shared, clock: Clock) -> Iterator[Site]:
    with opened(tmp_path / "town", shared, clock, dev_mode=False) as site:
        yield site


@pytest.fixture
async def http(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    await choose(site, join="open")
    async with calling(site) as http:
        yield http


async def apply(http, name: str, **more) -> Person:
    return await Person.join(http, name, **more)


def invite(tx: Tx) -> str:
    return invites.make(tx, 0)


# --- the line


async def test_beyond_so_many_an_hour_people_wait_and_the_line_moves_by_itself(site, http, clock):
    await choose(site, join="open", hourly=2)
    people = [await apply(http, name) for name in ("anna", "bela", "cleo", "dora", "emil")]
    waits = [await person.get(QUEUE) for person in people]
    assert [one["activated"] for one in waits] == [True, True, False, False, False]
    assert [one.get("placeInQueue") for one in waits] == [None, None, 1, 2, 3]
    assert 3_590_000 < waits[2]["estimatedTimeMs"] <= 3_600_000
    assert 7_190_000 < waits[4]["estimatedTimeMs"] <= 7_200_000
    clock.pass_by(HOUR)
    await site.admission.move()
    waits = [await person.get(QUEUE) for person in people]
    assert [one["activated"] for one in waits] == [True, True, True, True, False]
    assert waits[4]["placeInQueue"] == 1


async def test_who_waits_is_nowhere_and_can_do_nothing_until_let_in(site, http):
    await choose(site, join="ask")
    before = site.log.last
    cleo = await apply(http, "cleo")
    assert site.log.last == before
    assert site.accounts.find(cleo.did) is None
    assert (await http.get(f"/plc/{cleo.did}")).status_code == 404
    session = await cleo.get("com.atproto.server.getSession")
    assert (session["did"], session["handle"], session["active"]) == (cleo.did, "cleo.test", False)
    for nsid in ("com.atproto.server.checkAccountStatus", "app.bsky.feed.getTimeline"):
        with refused("InvalidToken", say="Bad token scope"):
            await cleo.get(nsid)
    with refused("InvalidToken", say="Bad token scope"):
        await cleo.post("let me")
    with refused("InvalidToken", say="Bad token scope"):
        await cleo.do("com.atproto.server.activateAccount")
    with refused("RepoNotFound"):
        await cleo.get("com.atproto.sync.getRepoStatus", did=cleo.did)
    await site.admission.let_in(cleo.did)
    assert (await cleo.get(QUEUE)) == {"activated": True}
    with refused("InvalidToken", say="Bad token scope"):
        await cleo.post("with the old token")
    await cleo.renew()
    await cleo.post("here I am")
    assert (await http.get(f"/plc/{cleo.did}")).status_code == 200
    assert site.accounts.one(cleo.did).role == "member"


async def test_names_and_addresses_in_the_line_are_taken(site, http):
    anna = await apply(http, "anna")
    await choose(site, join="ask")
    await apply(http, "cleo", email="cleo@example.org")
    assert not site.members.is_free("cleo.test")
    with refused("HandleNotAvailable"):
        await apply(http, "cleo")
    with refused("EmailNotAvailable"):
        await apply(http, "klio", email="CLEO@example.org")
    with refused("HandleNotAvailable"):
        await anna.do("com.atproto.identity.updateHandle", handle="cleo.test")
    code = await site.truth.write(invite)
    with refused("HandleNotAvailable"):
        await apply(http, "cleo", inviteCode=code)


async def test_an_invitation_goes_past_the_line_and_no_further(site, http):
    await choose(site, join="ask", proof=True)
    code = await site.truth.write(invite)
    gert = await apply(http, "gert", inviteCode=code)
    assert (await gert.get(QUEUE)) == {"activated": True}
    with refused("InvalidInviteCode"):
        await apply(http, "hugo", inviteCode=code)
    await choose(site, join="closed")
    with refused("SignUpClosed", 403):
        await apply(http, "hugo", inviteCode=await site.truth.write(invite))


async def test_how_long_it_takes_is_told_once_there_is_a_pace_to_tell_it_from(site, http, clock):
    await choose(site, join="ask")
    people = [await apply(http, f"person{n}") for n in range(5)]
    for person in people[:3]:
        assert (await site.admission.standing(people[4].did)).seconds is None
        await site.admission.let_in(person.did)
        clock.pass_by(HOUR)
    told = await site.admission.standing(people[4].did)
    assert told.turn == 2
    assert 2 * 3_600 <= told.seconds < 2 * 3_600 + 60


async def test_who_is_declined_is_told_at_the_next_sign_in_and_forgotten_after(site, http, clock):
    await choose(site, join="ask")
    cleo = await apply(http, "cleo", email="cleo@example.org")
    await site.admission.decline(cleo.did, "We know each other here by name.")
    with refused("ApplicationDeclined", 403, "by name"):
        await Caller(http).do("com.atproto.server.createSession", identifier="cleo.test", password=PASSWORD)
    with refused("ApplicationDeclined", 403):
        await cleo.get(QUEUE)
    with site.truth.reading() as tx:
        assert tx.one("SELECT mail, words, signing_key, genesis FROM applicant") == (None, None, None, None)
    with pytest.raises(NotInLine):
        site.admission.named("nobody")
    clock.pass_by(15 * DAY)
    await site.sweep()
    assert site.admission.find(cleo.did) is None
    with refused("AuthenticationRequired", 401):
        await Caller(http).do("com.atproto.server.createSession", identifier="cleo.test", password=PASSWORD)
    assert site.members.is_free("cleo.test")


async def test_who_never_comes_back_is_forgotten_and_who_looks_is_not(site, http, clock):
    await choose(site, join="ask")
    cleo, dora = await apply(http, "cleo"), await apply(http, "dora")
    clock.pass_by(20 * DAY)
    dora = Person(http, await Caller(http).do("com.atproto.server.createSession", identifier="dora", password=PASSWORD))
    assert (await dora.get(QUEUE))["placeInQueue"] == 2
    clock.pass_by(15 * DAY)
    await site.sweep()
    assert site.admission.find(cleo.did) is None
    assert [one.handle for one in site.admission.line()] == ["dora.test"]


async def test_who_waits_can_sign_in_by_password_and_no_other(site, http):
    await choose(site, join="ask")
    cleo = await apply(http, "cleo", email="cleo@example.org")
    for identifier in ("cleo", "@cleo.test", "cleo@example.org", cleo.did):
        with pytest.raises(StillWaiting):
            await site.members.check_password(identifier, PASSWORD)
        with pytest.raises(WrongPassword):
            await site.members.check_password(identifier, "not the password")
    told = await Caller(http).do("com.atproto.server.createSession", identifier="cleo", password=PASSWORD)
    assert (told["did"], told["active"]) == (cleo.did, False)


async def test_a_restart_keeps_the_line_in_order(tmp_path, shared, clock):
    with opened(tmp_path / "town", shared, clock, dev_mode=False) as site:
        await choose(site, join="ask")
        for name in ("cleo", "anna", "bela"):
            await site.admission.join(Application(f"{name}.test", PASSWORD, words=f"I am {name}. " + "x" * MAX_WORDS))
    with opened(tmp_path / "town", shared, clock, dev_mode=False) as site:
        line = site.admission.line()
        assert [one.handle for one in line] == ["cleo.test", "anna.test", "bela.test"]
        assert line[0].words.startswith("I am cleo. x")
        assert len(line[0].words) == MAX_WORDS
        await site.admission.withdraw(line[0].did)
        assert [one.handle for one in site.admission.line()] == ["anna.test", "bela.test"]


async def test_a_network_that_moved_lets_in_under_its_new_name(tmp_path, shared, clock):
    with opened(tmp_path / "town", shared, clock, dev_mode=False) as site:
        await choose(site, join="ask")
        did = (await site.admission.join(Application("cleo.test", PASSWORD))).account.did
    with opened(tmp_path / "town", shared, clock, dev_mode=False, domain="town.example") as site:
        assert not site.members.is_free("cleo.town.example")
        account = await site.admission.let_in(site.admission.named("cleo").did)
        assert (account.did, account.handle) == (did, "cleo.town.example")
        document = await site.identity.did_document(did)
        assert (document.handles, document.pds) == (("cleo.town.example",), "https://town.example")


async def test_who_waited_while_the_host_key_was_replaced_gets_an_identity_with_the_new_one(site, http):
    await choose(site, join="ask")
    old = (await site.admission.join(Application("cleo.test", PASSWORD))).account.did
    site.register._host_key = K256Key.from_raw(b"\7" * 32)
    account = await site.admission.let_in(old)
    assert account.did != old
    log = (await http.get(f"/plc/{account.did}/data")).json()
    assert log["rotationKeys"] == site.register.rotation_keys
    told = await Caller(http).do("com.atproto.server.createSession", identifier="cleo", password=PASSWORD)
    assert (told["did"], told["active"]) == (account.did, True)


async def test_what_people_say_lies_sealed(site, http):
    await choose(site, join="ask")
    await site.admission.join(Application("cleo.test", PASSWORD, "cleo@example.org", words="the lighthouse keeper"))
    assert site.admission.line()[0].words == "the lighthouse keeper"
    site.truth.write_sync(lambda tx: None)
    for file in site.directory.glob("truth.db*"):
        data = file.read_bytes()
        assert b"lighthouse" not in data
        assert b"cleo@example" not in data


# --- proof of work


async def test_joining_takes_a_proof_that_counts_once(site, http):
    await choose(site, join="open", proof=True, proof_bits=12)
    with pytest.raises(Refusal) as no:
        await apply(http, "anna")
    assert (no.value.status, no.value.name, "/join" in no.value.say) == (400, "ProofRequired", True)
    challenge = no.value.headers["proof-of-work"]
    proof = worked(challenge)
    anna = await apply(http, "anna", verificationCode=proof)
    assert (await anna.get(QUEUE)) == {"activated": True}
    with refused("StaleProof"):
        await apply(http, "bela", verificationCode=proof)
    with refused("ProofRequired"):
        await apply(http, "bela", verificationCode=worked(challenge).replace(challenge[:2], "11", 1))


async def test_apps_that_cannot_work_are_told_to_ask_for_a_code(site, http):
    describe = "com.atproto.server.describeServer"
    for choice, wanted in (({"join": "open"}, False), ({"join": "ask"}, False), ({"join": "invite"}, True)):
        await choose(site, **choice)
        assert (await Caller(http).get(describe))["inviteCodeRequired"] is wanted
    await choose(site, join="open", proof=True)
    assert (await Caller(http).get(describe))["inviteCodeRequired"] is True


async def test_who_waits_can_take_the_request_back_by_the_protocols_call(site, http):
    await choose(site, join="ask")
    cleo = await apply(http, "cleo")
    delete = "com.atproto.server.deleteAccount"
    with refused("AuthenticationRequired", 401):
        await cleo.do(delete, did=cleo.did, password="not mine", token="-")
    await cleo.do(delete, did=cleo.did, password=PASSWORD, token="-")
    assert site.admission.line() == []
    assert site.members.is_free("cleo.test")


async def test_a_proof_is_not_lost_with_a_slip_in_the_form(site, http):
    await choose(site, join="open", proof=True, proof_bits=12)
    await apply(http, "anna", verificationCode=worked(site.admission.challenge()))
    proof = worked(site.admission.challenge())
    with refused("HandleNotAvailable"):
        await apply(http, "anna", verificationCode=proof)
    await apply(http, "anna2", verificationCode=proof)


def test_a_challenge_is_signed_and_grows_old(site, clock):
    proofs = ProofOfWork(site.seal, clock)
    proof = worked(proofs.challenge(12))
    assert proofs.check(proof).seed == proof.split(".")[2]
    for wrong in ("", "x", proof[:-1] + ("0" if proof[-1] != "0" else "1"), proof.replace(".", ",", 1)):
        with pytest.raises(ProofRequired):
            proofs.check(wrong)
    seed = proof.split(".")[2]
    with pytest.raises(ProofRequired):
        proofs.check(proof.replace(seed, seed[::-1]))
    clock.pass_by(1_801 * SECOND)
    with pytest.raises(StaleProof):
        proofs.check(proof)


def test_the_work_grows_with_the_crowd(site):
    def crowd(tx):
        for n in range(proof_of_work.LOAD_STEP * 4):
            proof_of_work.use(tx, proof_of_work.Proof(str(n), 9_999_999_999))

    with site.truth.reading() as tx:
        assert proof_of_work.rise(tx) == 0
    site.truth.write_sync(crowd)
    with site.truth.reading() as tx:
        assert proof_of_work.rise(tx) == 3


async def test_who_moves_here_needs_an_invitation_where_others_wait_or_work(site, http):
    mover = Application("mover.test", PASSWORD)
    assert not site.admission.by_invitation(mover)
    for choice in ({"join": "ask"}, {"join": "invite"}, {"join": "open", "proof": True}):
        await choose(site, **choice)
        assert site.admission.by_invitation(mover)
