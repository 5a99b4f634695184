"""Codes beside the password: from an app, from paper, by e-mail; used once, guessed seldom, never needed by an app
password.

Source: RFC 6238; lexicons com.atproto.server.createSession, updateEmail
"""

import pyotp
import pytest

from freehold.pds import totp
from freehold.pds.second_factor import FactorNeeded, WrongFactor
from freehold.protocol.refused import Refused
from support.inside import HOUR, SECOND, calling, opened
from support.mailbox import mailbox
from support.network import PASSWORD, Caller, Person, refused

SERVER = "com.atproto.server."
SIGN_IN = SERVER + "createSession"
STEP = 30 * SECOND


class Phone:
    """A member's authenticator app, on the network's clock."""

    def __init__(self, secret, clock):
        self.app, self.clock = pyotp.TOTP(secret), clock

    def code(self, steps=0):
        return self.app.at(self.clock() // SECOND, counter_offset=steps)


async def set_up(site, clock, did):
    """Turn codes on; the app and the backup codes."""
    account = site.accounts.one(did)
    await site.second_factor.begin(account, PASSWORD)
    phone = Phone(site.second_factor.begun(account), clock)
    codes = await site.second_factor.confirm(account, phone.code())
    clock.pass_by(STEP)
    return phone, codes


async def sign_in(http, code=None, name="alice"):
    given = {} if code is None else {"authFactorToken": code}
    return await Caller(http).do(SIGN_IN, identifier=name, password=PASSWORD, **given)


def test_the_codes_are_those_of_the_rfc():
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238, appendix B, its last six digits
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037"), (20000000000, "353130")):
        step = seconds // 30
        assert totp.matching_step(secret, code, step, after=0) == step
        assert totp.matching_step(secret, f"{code[:3]} {code[3:]}", step + 1, after=0) == step
        assert totp.matching_step(secret, code, step - 1, after=0) == step
        assert totp.matching_step(secret, code, step + 2, after=0) is None
        assert totp.matching_step(secret, code, step, after=step) is None
    assert totp.matching_step(secret, "२८७०८२", 1, after=0) is None


async def test_the_password_alone_no_longer_signs_in(site, http, clock, alice):
    phone, _ = await set_up(site, clock, alice.did)
    with refused("AuthFactorTokenRequired", 401):
        await sign_in(http)
    with refused("AuthFactorTokenRequired", 401):
        await sign_in(http, " ")
    with refused("InvalidToken", say="Token is invalid"):
        await sign_in(http, "000000" if phone.code() != "000000" else "000001")
    assert (await sign_in(http, phone.code()))["did"] == alice.did


async def test_a_wrong_password_hears_nothing_of_codes(site, http, clock, alice):
    await set_up(site, clock, alice.did)
    with refused("AuthenticationRequired", 401):
        await Caller(http).do(SIGN_IN, identifier="alice", password="wrong password")


async def test_a_code_counts_once_and_so_does_every_earlier_one(site, http, clock, alice):
    phone, _ = await set_up(site, clock, alice.did)
    late, now = phone.code(-1), phone.code()
    await sign_in(http, now)
    for used in (now, late):
        with refused("InvalidToken"):
            await sign_in(http, used)
    await sign_in(http, phone.code(1))  # a clock that is half a minute ahead


async def test_a_backup_code_counts_once_however_it_is_typed(site, http, clock, alice):
    _, codes = await set_up(site, clock, alice.did)
    assert len(set(codes)) == 10
    await sign_in(http, f" {codes[0].upper().replace('-', ' ')} ")
    with refused("InvalidToken"):
        await sign_in(http, codes[0])
    assert site.second_factor.backup_codes_left(site.accounts.one(alice.did)) == 9


async def test_backup_codes_belong_to_one_account(site, http, clock, alice, bob):
    _, codes = await set_up(site, clock, alice.did)
    await set_up(site, clock, bob.did)
    with refused("InvalidToken"):
        await sign_in(http, codes[0], "bob")
    await sign_in(http, codes[0])


async def test_new_backup_codes_end_the_old_ones(site, http, clock, alice):
    _, codes = await set_up(site, clock, alice.did)
    account = site.accounts.one(alice.did)
    with pytest.raises(Refused, match="not right"):
        await site.second_factor.renew_backup_codes(account, "wrong password")
    new = await site.second_factor.renew_backup_codes(account, PASSWORD)
    with refused("InvalidToken"):
        await sign_in(http, codes[1])
    await sign_in(http, new[1])


async def test_wrong_codes_are_few_and_a_restart_does_not_forget_them(tmp_path, shared, clock):
    with opened(tmp_path / "town", shared, clock) as site:
        async with calling(site) as http:
            alice = await Person.join(http, "alice")
            phone, codes = await set_up(site, clock, alice.did)
            for _ in range(10):
                with refused("InvalidToken"):
                    await sign_in(http, "wrong")
    with opened(tmp_path / "town", shared, clock) as site:
        async with calling(site) as http:
            for right in (phone.code(), codes[0]):
                with refused("RateLimitExceeded", 429):
                    await sign_in(http, right)
            clock.pass_by(HOUR)
            await sign_in(http, phone.code())
            clock.pass_by(6 * HOUR)
            await site.sweep()
            with site.truth.reading() as tx:
                assert tx.one("SELECT count(*) FROM tries") == (0,)


async def test_an_app_password_asks_for_no_code(site, http, clock, alice):
    text = (await alice.do(SERVER + "createAppPassword", name="phone"))["password"]
    await set_up(site, clock, alice.did)
    assert (await Caller(http).do(SIGN_IN, identifier="alice", password=text))["did"] == alice.did


async def test_codes_count_only_once_the_first_was_typed(site, http, clock, alice):
    account = site.accounts.one(alice.did)
    with pytest.raises(Refused, match="not right"):
        await site.second_factor.begin(account, "wrong password")
    await site.second_factor.begin(account, PASSWORD)
    first = site.second_factor.begun(account)
    await sign_in(http)
    with pytest.raises(WrongFactor):
        await site.second_factor.confirm(account, "000000")
    await site.second_factor.begin(account, PASSWORD)  # once more, from the start
    assert site.second_factor.begun(account) != first
    await set_up(site, clock, alice.did)
    assert site.second_factor.begun(account) is None
    with pytest.raises(Refused, match="Begin anew"):
        await site.second_factor.begin(account, PASSWORD)


async def test_turning_it_off_needs_the_password_and_a_code(site, http, clock, alice):
    phone, _ = await set_up(site, clock, alice.did)
    account = site.accounts.one(alice.did)
    with pytest.raises(Refused, match="not right"):
        await site.second_factor.turn_off(account, "wrong password", phone.code())
    with pytest.raises(FactorNeeded):
        await site.second_factor.turn_off(account, PASSWORD, "")
    with pytest.raises(WrongFactor):
        await site.second_factor.turn_off(account, PASSWORD, "nonsense")
    await site.second_factor.turn_off(account, PASSWORD, phone.code())
    await sign_in(http)
    with site.truth.reading() as tx:
        assert tx.one("SELECT (SELECT count(*) FROM authenticator) + (SELECT count(*) FROM backup_code)") == (0,)


async def test_secrets_and_codes_lie_sealed(site, clock, alice):
    phone, codes = await set_up(site, clock, alice.did)
    with site.truth.reading() as tx:
        rows = repr(tx.run("SELECT * FROM authenticator")) + repr(tx.run("SELECT * FROM backup_code"))
    assert all(secret not in rows for secret in (phone.app.secret, *codes, *(code.replace("-", "") for code in codes)))


async def test_an_account_without_an_address_is_deleted_by_password_and_code(site, http, clock, alice):
    phone, _ = await set_up(site, clock, alice.did)
    await alice.do(SERVER + "requestAccountDelete")
    with refused("InvalidToken"):
        await Caller(http).do(SERVER + "deleteAccount", did=alice.did, password=PASSWORD, token="anything")
    await Caller(http).do(SERVER + "deleteAccount", did=alice.did, password=PASSWORD, token=phone.code())
    with site.truth.reading() as tx:
        assert tx.one("SELECT (SELECT count(*) FROM authenticator) + (SELECT count(*) FROM backup_code)") == (0,)


async def test_the_operator_can_turn_it_off(site, http, clock, alice):
    await set_up(site, clock, alice.did)
    await site.second_factor.drop_all(site.accounts.one(alice.did))
    await sign_in(http)


# --- a browser's two steps


async def test_a_browser_is_asked_in_a_second_step(site, clock, alice):
    phone, _ = await set_up(site, clock, alice.did)
    halfway = await site.signing_in.browser("alice", PASSWORD)
    assert halfway.way == site.signing_in.way_of(halfway.ticket) == "app"
    with pytest.raises(WrongFactor):
        await site.signing_in.second_step(halfway.ticket, "nonsense")
    assert (await site.signing_in.second_step(halfway.ticket, phone.code())).did == alice.did


async def test_the_second_step_ends_with_time_and_with_the_password(site, clock, alice):
    phone, codes = await set_up(site, clock, alice.did)
    halfway = await site.signing_in.browser("alice", PASSWORD)
    for ticket in ("", "nonsense", halfway.ticket[:-4] + "AAAA", "é"):
        with pytest.raises(Refused, match="took too long"):
            await site.signing_in.second_step(ticket, phone.code())
    clock.pass_by(11 * 60 * SECOND)
    with pytest.raises(Refused, match="took too long"):
        await site.signing_in.second_step(halfway.ticket, phone.code())
    again = await site.signing_in.browser("alice", PASSWORD)
    await site.members.set_password(site.accounts.one(alice.did), "another password")
    with pytest.raises(Refused, match="took too long"):
        await site.signing_in.second_step(again.ticket, codes[0])


# --- codes by mail


@pytest.fixture
async def box():
    async with mailbox() as box:
        yield box


@pytest.fixture
async def town(tmp_path, shared, clock, box):
    """A network that sends mail: its site and its client."""
    with opened(tmp_path / "town", shared, clock, **box.settings) as site:
        async with calling(site) as http:
            yield site, http


@pytest.fixture
async def mei(town, box):
    """A member whose address is confirmed."""
    mei = await Person.join(town[1], "mei", email="mei@mail.example")
    await mei.do(SERVER + "requestEmailConfirmation")
    await mei.do(SERVER + "confirmEmail", email="mei@mail.example", token=await box.code())
    return mei


async def test_a_code_comes_by_mail_where_the_member_wants_it(town, mei, box, clock):
    _, http = town
    assert (await mei.get(SERVER + "getSession"))["emailAuthFactor"] is False
    await mei.do(SERVER + "updateEmail", email="Mei@mail.example", emailAuthFactor=True)
    session = await mei.get(SERVER + "getSession")
    assert (session["emailAuthFactor"], session["emailConfirmed"]) == (True, True)
    with refused("AuthFactorTokenRequired", 401, say="sent to your email"):
        await sign_in(http, name="mei")
    code = await box.code()
    with refused("InvalidToken"):
        await sign_in(http, "AAAA-AAAA", "mei")
    assert (await sign_in(http, code.lower(), "mei"))["did"] == mei.did
    with refused("InvalidToken"):
        await sign_in(http, code, "mei")


async def test_codes_by_mail_end_by_a_code_or_with_the_address(town, mei, box):
    await mei.do(SERVER + "updateEmail", email="mei@mail.example", emailAuthFactor=True)
    with refused("TokenRequired"):
        await mei.do(SERVER + "updateEmail", email="mei@mail.example", emailAuthFactor=False)
    await mei.do(SERVER + "requestEmailUpdate")
    code = await box.code()
    await mei.do(SERVER + "updateEmail", email="mei@mail.example", emailAuthFactor=False, token=code)
    session = await mei.get(SERVER + "getSession")
    assert (session["emailAuthFactor"], session["emailConfirmed"]) == (False, True)
    await mei.do(SERVER + "updateEmail", email="mei@mail.example", emailAuthFactor=True)
    town[0].confirmations._sent_lately = lambda *_: False
    await mei.do(SERVER + "requestEmailUpdate")
    await mei.do(SERVER + "updateEmail", email="other@mail.example", token=await box.code())
    session = await mei.get(SERVER + "getSession")
    assert (session["emailAuthFactor"], session["emailConfirmed"]) == (False, False)
    await sign_in(town[1], name="mei")


async def test_codes_go_to_confirmed_addresses_only(town):
    bob = await Person.join(town[1], "bob", email="bob@mail.example")
    with refused("InvalidEmail", say="Confirm"):
        await bob.do(SERVER + "updateEmail", email="bob@mail.example", emailAuthFactor=True)


async def test_codes_by_mail_fail_closed_when_the_network_sends_none_any_more(tmp_path, shared, clock, town, mei):
    site, _ = town
    await mei.do(SERVER + "updateEmail", email="mei@mail.example", emailAuthFactor=True)
    site.letters._server = None
    with refused("EmailDisabled", 503):
        await sign_in(town[1], name="mei")
