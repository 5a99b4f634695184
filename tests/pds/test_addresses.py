"""Members' mail addresses, with a real mail server: codes that work once and expire, and nothing without a server.

Source: lexicons com.atproto.server.*Email*, *Password*
"""

import pytest

from freehold.net.mail import BadMailServer, MailServer
from freehold.settings import BadSetting, load
from support.inside import SECOND, calling, opened
from support.mailbox import mailbox
from support.network import PASSWORD, Caller, Person, refused

SERVER = "com.atproto.server."
ADDRESS = "mei@mail.example"
NEW = "another good password"


@pytest.fixture
async def box():
    async with mailbox() as box:
        yield box


@pytest.fixture
async def post(tmp_path, shared, clock, box):
    """A network that sends mail: its client."""
    with opened(tmp_path / "town", shared, clock, **box.settings) as site:
        async with calling(site) as http:
            yield http


@pytest.fixture
async def mei(post):
    return await Person.join(post, "mei", email=ADDRESS)


async def test_an_address_is_confirmed_by_the_code_that_was_sent_to_it(mei, box, clock):
    assert (await mei.get(SERVER + "getSession"))["emailConfirmed"] is False
    await mei.do(SERVER + "requestEmailConfirmation")
    letter = await box.next()
    assert (letter["To"], letter["From"]) == (ADDRESS, "town@town.example")
    clock.pass_by(61 * SECOND)
    await mei.do(SERVER + "requestEmailConfirmation")
    code = await box.code()
    with refused("InvalidEmail"):
        await mei.do(SERVER + "confirmEmail", email="other@mail.example", token=code)
    with refused("InvalidToken"):
        await mei.do(SERVER + "confirmEmail", email=ADDRESS, token="AAAA-AAAA")
    await mei.do(SERVER + "confirmEmail", email=ADDRESS, token=code.lower())
    assert (await mei.get(SERVER + "getSession"))["emailConfirmed"] is True
    with refused("InvalidToken"):  # once
        await mei.do(SERVER + "confirmEmail", email=ADDRESS, token=code)


async def test_a_confirmed_address_is_changed_by_a_code_sent_there_an_unconfirmed_one_without(mei, box):
    assert (await mei.do(SERVER + "requestEmailUpdate")) == {"tokenRequired": False}
    await mei.do(SERVER + "updateEmail", email="mei@second.example")
    await mei.do(SERVER + "requestEmailConfirmation")
    await mei.do(SERVER + "confirmEmail", email="mei@second.example", token=await box.code())
    assert (await mei.do(SERVER + "requestEmailUpdate")) == {"tokenRequired": True}
    code = await box.code()
    with refused("TokenRequired"):
        await mei.do(SERVER + "updateEmail", email=ADDRESS)
    with refused("InvalidToken"):
        await mei.do(SERVER + "updateEmail", email=ADDRESS, token="nonsense")
    await mei.do(SERVER + "updateEmail", email=ADDRESS, token=code)
    session = await mei.get(SERVER + "getSession")
    assert (session["email"], session["emailConfirmed"]) == (ADDRESS, False)


async def test_an_address_of_somebody_else_cannot_be_had(post, mei):
    bob = await Person.join(post, "bob", email="bob@mail.example")
    with refused("EmailNotAvailable"):
        await bob.do(SERVER + "updateEmail", email=ADDRESS.upper())
    with refused("InvalidEmail"):
        await bob.do(SERVER + "updateEmail", email="no address")


async def test_a_forgotten_password_is_set_anew_and_every_session_ends(post, mei, box):
    await Caller(post).do(SERVER + "requestPasswordReset", email="nobody@mail.example")  # says nothing of who is here
    await Caller(post).do(SERVER + "requestPasswordReset", email=ADDRESS)
    code = await box.code()
    assert box.empty
    with refused("InvalidPassword"):
        await Caller(post).do(SERVER + "resetPassword", token=code, password="short")
    await Caller(post).do(SERVER + "resetPassword", token=code, password=NEW)
    with refused("ExpiredToken"):
        await mei.renew()
    with refused("AuthenticationRequired", 401):
        await Caller(post).do(SERVER + "createSession", identifier="mei", password=PASSWORD)
    assert await Caller(post).do(SERVER + "createSession", identifier=ADDRESS, password=NEW)
    with refused("InvalidToken"):
        await Caller(post).do(SERVER + "resetPassword", token=code, password=NEW)


async def test_a_code_expires_and_a_newer_one_replaces_it(post, mei, box, clock):
    await Caller(post).do(SERVER + "requestPasswordReset", email=ADDRESS)
    first = await box.code()
    await Caller(post).do(SERVER + "requestPasswordReset", email=ADDRESS)  # too soon: nothing is sent
    clock.pass_by(61 * SECOND)
    await Caller(post).do(SERVER + "requestPasswordReset", email=ADDRESS)
    second = await box.code()
    assert box.empty
    with refused("InvalidToken"):
        await Caller(post).do(SERVER + "resetPassword", token=first, password=NEW)
    clock.pass_by(31 * 60 * SECOND)
    with refused("ExpiredToken"):
        await Caller(post).do(SERVER + "resetPassword", token=second, password=NEW)


async def test_a_code_for_one_thing_is_none_for_another(mei, box):
    await mei.do(SERVER + "requestEmailConfirmation")
    code = await box.code()
    with refused("InvalidToken"):
        await mei.do(SERVER + "resetPassword", token=code, password=NEW)


async def test_a_letter_that_is_turned_away_is_sent_again_and_lies_sealed_meanwhile(tmp_path, shared, clock, box):
    box.refuse = 1
    with opened(tmp_path / "town", shared, clock, **box.settings) as site:
        async with calling(site) as http:
            mei = await Person.join(http, "mei", email=ADDRESS)
        await site.addresses.ask_to_confirm(site.accounts.one(mei.did))
        with site.truth.reading() as tx:
            [(payload,)] = tx.run("SELECT payload FROM job WHERE kind = 'send letter'")
        assert ADDRESS.encode() not in payload
        assert await site.jobs.run_due() == 1
        assert box.empty
        clock.pass_by(60 * SECOND)
        await site.jobs.run_due()
        assert await box.code()


@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("requestEmailConfirmation", {}),
        ("confirmEmail", {"email": ADDRESS, "token": "x"}),
        ("requestEmailUpdate", {}),
        ("updateEmail", {"email": ADDRESS}),
        ("requestPasswordReset", {"email": ADDRESS}),
        ("resetPassword", {"token": "x", "password": NEW}),
    ],
)
async def test_a_network_without_a_mail_server_says_so(alice, verb, given):
    with refused("EmailDisabled", say="sends no e-mail"):
        await alice.do(SERVER + verb, **given)


def test_mail_settings_go_together_and_the_server_is_a_url(tmp_path):
    for text in ('smtp_url = "smtp://h"', 'mail_from = "a@b.c"', 'smtp_url = "http://h"\nmail_from = "a@b.c"'):
        (tmp_path / "settings.toml").write_text(text)
        with pytest.raises(BadSetting):
            load(tmp_path)
    assert MailServer.at("smtps://me:s%40crets@mail.example") == ("mail.example", 465, True, "me", "s@crets")
    with pytest.raises(BadMailServer):
        MailServer.at("smtp://host:port")
